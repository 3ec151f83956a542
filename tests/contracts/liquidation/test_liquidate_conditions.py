"""LiquidationEngine.sol: what stops a liquidation, and what must not. Branches: test_liquidate_conditions.tree."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from web3.contract import Contract

from ballast.errors import ContractError
from ballast.units import QUOTE_UNIT, WAD, account_id
from tests.contracts.liquidation.scenes import Scenes
from tests.contracts.markets.desk import encode, reverts


@pytest.fixture
def weak(scenes: Scenes) -> int:
    """10 ETH against 23,000 USDC at 2,650, which nothing deviates from."""
    account = scenes.borrower(owes={"USDC": 23_000}, ETH=10)
    scenes.price(ETH=2_650)
    return account


@pytest.fixture
def deviating(scenes: Scenes) -> int:
    """10 ETH against 23,000 USDC; ETH has fallen from 3,000 to 2,450 at once."""
    account = scenes.borrower(owes={"USDC": 23_000}, ETH=10)
    scenes.chain.set_price("ETH", 2_450)
    return account


# ------------------------------------------------------------ prices


def test_liquidate__stale_price_of_a_held_asset__reverts(scenes: Scenes, weak: int, liquidator: int) -> None:
    scenes.chain.warp(90_001)
    scenes.chain.refresh_prices(["USDC", "BTC", "SOL"])
    with reverts("Oracle_Stale", asset=2):
        scenes.chain.liquidate(weak, liquidator)
    scenes.chain.refresh_prices(["ETH"])
    scenes.chain.liquidate(weak, liquidator)


def test_liquidate__stale_price_of_another_asset__goes(scenes: Scenes, weak: int, liquidator: int) -> None:
    scenes.chain.warp(90_001)
    scenes.chain.refresh_prices(["USDC", "ETH"])
    assert scenes.step(weak, liquidator).event["fraction"] > 0


def test_liquidate__price_beyond_the_hard_factor__reverts(scenes: Scenes, weak: int, liquidator: int) -> None:
    scenes.chain.set_price("ETH", 529)  # a fifth of the slow price is 530
    with reverts("Oracle_OutsideHardBounds", asset=2):
        scenes.chain.liquidate(weak, liquidator)


def test_liquidate__price_at_its_bound__reverts(scenes: Scenes, weak: int, liquidator: int) -> None:
    scenes.chain.set_price("ETH", "0.1")
    with reverts("Oracle_AtMinAnswer", asset=2):
        scenes.chain.liquidate(weak, liquidator)


def test_liquidate__price_deviates__goes_at_the_fresh_price(scenes: Scenes, deviating: int, liquidator: int) -> None:
    step = scenes.step(deviating, liquidator)
    assert step.event["equity"] == pytest.approx(1_500 * WAD, rel=1e-5)
    assert step.after.is_healthy
    # what raises risk is stopped meanwhile
    with reverts("Ledger_ExcessFell", account=deviating):
        scenes.chain.withdraw(deviating, "ETH", "0.1")


# ------------------------------------------------------------ sequencer and pause


@pytest.fixture
def sequencer(scenes: Scenes) -> Callable[[bool, int], None]:
    """Says whether the sequencer is up, and since when; the grace period is an hour."""
    feed = scenes.deploy("SettableAggregator", 0)

    def say(up: bool, since: int) -> None:
        scenes.chain.send(feed.functions.setRound((1, 0 if up else 1, since, since, 1)), scenes.governor)

    say(True, 1)
    scenes.govern(scenes.protocol.router.functions.setSequencer(feed.address, 3_600))
    return say


def test_liquidate__sequencer_down_and_in_grace__reverts_and_repayment_works(
    scenes: Scenes, weak: int, liquidator: int, sequencer: Callable[[bool, int], None]
) -> None:
    now = scenes.chain.now()
    sequencer(False, now)
    scenes.chain.mine()
    with reverts("Oracle_SequencerDown"):
        scenes.chain.liquidate(weak, liquidator)
    up = scenes.chain.now() + 600
    sequencer(True, up)
    for time in (up + 1, up + 3_599):
        scenes.next_block_at(time)
        with reverts("Oracle_SequencerGrace", liveAt=up + 3_600):
            scenes.chain.liquidate(weak, liquidator)
        again = scenes.chain.snapshot()
        scenes.chain.deposit(weak, "USDC", 100)
        scenes.chain.revert(again)
    assert scenes.step(weak, liquidator, up + 3_600).event["fraction"] > 0


def test_liquidate__paused__goes(scenes: Scenes, weak: int, liquidator: int) -> None:
    scenes.pause()
    step = scenes.step(weak, liquidator)
    assert step.after.equity * 100 >= step.after.maintenance * 115 - WAD
    assert step.gained > 0


# ------------------------------------------------------------ the liquidator, while risk is frozen


@pytest.fixture(params=["paused", "deviating"])
def frozen(scenes: Scenes, request: pytest.FixtureRequest) -> int:
    """An account to liquidate while risk may not rise; the liquidator, who has 1,000 USDC, owes a SOL."""
    scenes.borrower("liquidator", owes={"SOL": 1}, USDC=1_000)
    if request.param == "paused":
        account = scenes.borrower(owes={"USDC": 23_000}, ETH=10)
        scenes.price(ETH=2_500)
        scenes.pause()
    else:
        account = scenes.borrower(owes={"USDC": 23_000}, ETH=10)
        scenes.chain.set_price("ETH", 2_500)
    return account


def batch(scenes: Scenes, account: int, *calls: Any) -> Any:
    """The owner's calls in one go."""
    owner = scenes.owner(account)
    return scenes.chain.send(scenes.house.functions.batch([encode(call) for call in calls]), owner)


def withdraw(scenes: Scenes, account: int, symbol: str, units: int) -> Any:
    token = scenes.protocol.token(symbol).address
    return scenes.house.functions.withdraw(account, token, units, scenes.owner(account))


def deposit(scenes: Scenes, account: int, symbol: str, whole: int) -> Any:
    scenes.mint_to(scenes.owner(account), whole, symbol)
    token = scenes.protocol.token(symbol)
    return scenes.house.functions.deposit(account, token.address, whole * 10 ** scenes.protocol.decimals(symbol))


@pytest.mark.parametrize("part", [1, 3])
def test_frozen__liquidator__sells_the_slice(scenes: Scenes, frozen: int, part: int) -> None:
    scenes.chain.fund_insurance(10_000)
    account = scenes.open("liquidator", ETH=2)
    taken = scenes.step_then_undo(frozen, scenes.open("probe", USDC=1_000_000))["fraction"] * 10
    usdc = deposit(scenes, account, "USDC", taken * 2_500 // part // WAD + 1)
    batch(
        scenes, account, scenes.liquidate_call(frozen, account), withdraw(scenes, account, "ETH", taken // part), usdc
    )
    kept = scenes.protocol.balance(account, "ETH")
    assert kept == pytest.approx(2 * WAD + taken - taken // part, rel=1e-4)
    assert scenes.chain.health(frozen).is_healthy or scenes.liquidation_state(frozen)[1] == 1


def test_frozen__liquidator__without_a_sale_just_holds_it(scenes: Scenes, frozen: int, liquidator: int) -> None:
    assert scenes.step(frozen, liquidator).gained > 0


@pytest.mark.parametrize("order", ["after", "before"])
def test_frozen__liquidator__borrows_beyond_the_slice__reverts(scenes: Scenes, frozen: int, order: str) -> None:
    """A step of any size must not be the way to borrow at a price that nobody else may borrow at."""
    account = scenes.open("liquidator")
    usdc = deposit(scenes, account, "USDC", 200_000)
    step = scenes.liquidate_call(frozen, account, fraction=WAD // 1_000)
    borrow = withdraw(scenes, account, "ETH", 10 * WAD)
    calls = (step, borrow, usdc) if order == "after" else (borrow, step, usdc)
    with pytest.raises(ContractError, match=r"Ledger_(BeyondSlice|Deviating|RiskIncreased)"):
        batch(scenes, account, *calls)
    assert scenes.protocol.token("ETH").functions.balanceOf(scenes.owner(account)).call() == 0


def test_frozen__liquidator__borrows_another_token__reverts(scenes: Scenes, frozen: int) -> None:
    account = scenes.open("liquidator")
    usdc = deposit(scenes, account, "USDC", 200_000)
    step = scenes.liquidate_call(frozen, account, fraction=WAD // 1_000)
    with reverts("Ledger_BeyondSlice", account=account):
        batch(scenes, account, step, withdraw(scenes, account, "BTC", 10**8), usdc)


def test_frozen__liquidator__withdraws_other_collateral__reverts(scenes: Scenes, frozen: int) -> None:
    account = scenes.open("liquidator", BTC=1)
    usdc = deposit(scenes, account, "USDC", 200_000)
    step = scenes.liquidate_call(frozen, account, fraction=WAD // 1_000)
    with reverts("Ledger_BeyondSlice", account=account):
        batch(scenes, account, step, withdraw(scenes, account, "BTC", 10**8), usdc)


def test_frozen__liquidator__brings_collateral_in_exchange__reverts(scenes: Scenes, frozen: int) -> None:
    """What comes in at a pumped price is no better than what goes out at a fallen one."""
    account = scenes.open("liquidator", USDC=60_000)
    btc = deposit(scenes, account, "BTC", 1)
    step = scenes.liquidate_call(frozen, account, fraction=WAD // 1_000)
    with reverts("Ledger_BeyondSlice", account=account):
        batch(scenes, account, step, btc, withdraw(scenes, account, "USDC", 50_000 * 10**6))


def test_frozen__liquidator__lets_equity_go__reverts(scenes: Scenes, frozen: int, liquidator: int) -> None:
    step = scenes.liquidate_call(frozen, liquidator)
    with reverts("Ledger_EquityFell", account=liquidator):
        batch(scenes, liquidator, step, withdraw(scenes, liquidator, "USDC", 10_000 * 10**6))


def test_frozen__liquidator__may_lose_the_rounding_and_no_more(scenes: Scenes, frozen: int, liquidator: int) -> None:
    """A cent below what it had: what rounding may cost it in a step without reward."""
    snapshot = scenes.chain.snapshot()
    gained = scenes.step(frozen, liquidator).gained // QUOTE_UNIT
    scenes.chain.revert(snapshot)
    step = scenes.liquidate_call(frozen, liquidator)
    for beyond, passes in ((2, False), (-2, True)):
        now = scenes.chain.now()
        scenes.next_block_at(now)
        out = withdraw(scenes, liquidator, "USDC", gained + 10_000 + beyond)
        if passes:
            batch(scenes, liquidator, step, out)
        else:
            with reverts("Ledger_EquityFell", account=liquidator):
                batch(scenes, liquidator, step, out)


def test_frozen__liquidator__trades__reverts(scenes: Scenes, frozen: int, liquidator: int) -> None:
    other = scenes.open("liquidator", 1, USDC=100_000)
    for symbol, size in (("BTC-PERP", "0.1"), ("ETH-PERP", -1), ("SOL", 1)):
        made = scenes.chain.order(other, symbol, -Decimal(size))
        taken = scenes.chain.order(liquidator, symbol, size)
        fill = scenes.house.functions.fill(made.as_tuple(), b"", taken.as_tuple(), b"", abs(taken.size))
        with reverts("Trade_LiquidatorRestricted", account=liquidator):
            batch(scenes, liquidator, scenes.liquidate_call(frozen, liquidator), fill)


def test_frozen__liquidator__below_initial_margin__reverts(scenes: Scenes, frozen: int) -> None:
    poor = scenes.open("poor", USDC=10)
    with reverts("Ledger_BelowInitialMargin", account=poor):
        scenes.chain.liquidate(frozen, poor)


def test_frozen__account_that_acted_before__is_not_excused_as_a_liquidators(scenes: Scenes, frozen: int) -> None:
    """First a borrowing, then a step: the account was touched as an owner's and stays one."""
    account = scenes.open("liquidator", USDC=100_000)
    step = scenes.liquidate_call(frozen, account, fraction=WAD // 1_000)
    with pytest.raises(ContractError, match=r"Ledger_(Deviating|RiskIncreased)"):
        batch(scenes, account, withdraw(scenes, account, "ETH", WAD), step)


# ------------------------------------------------------------ markets and caps


def test_liquidate__closed_market_above_its_cap__goes(scenes: Scenes, liquidator: int) -> None:
    account = scenes.trader(positions={"ETH-PERP": 37}, USDC=12_345)
    scenes.price(ETH=2_810)
    scenes.set_market("ETH-PERP", openInterestCap=0)
    scenes.govern(scenes.house.functions.setMarketStatus(scenes.protocol.instrument("ETH-PERP"), True))
    assert scenes.step(account, liquidator).event["fraction"] > WAD // 10


def test_liquidate__caps_of_zero__goes(scenes: Scenes, weak: int) -> None:
    poor = scenes.open("poor", BTC=1)  # pays by borrowing USDC
    for symbol in ("USDC", "ETH"):
        scenes.set_token(symbol, borrowCap=0, supplyCap=0)
    step = scenes.step(weak, poor)
    assert scenes.protocol.balance(poor, "USDC") < 0
    assert step.after.is_healthy


# ------------------------------------------------------------ hostile tokens and owners


def list_token(scenes: Scenes, contract: Contract, like: str = "ETH") -> int:
    """Lists a token of an asset that is priced already, with its rates."""
    house, engine = scenes.house.functions, scenes.protocol.engine.functions
    model = scenes.protocol.token(like).address
    config = list(scenes._named("bankOf", model)[1].values())
    number = house.tokenCount().call()
    scenes.govern(house.listToken(contract.address, tuple(config)))
    rates = engine.tokenRates(scenes.bank(like)["id"]).call()
    scenes.govern(engine.setTokenRates(number, rates))
    return int(number)


def hostile_account(scenes: Scenes, contract: Contract) -> int:
    """10 of the token, which is worth what ETH is, against 23,000 USDC; at 2,650."""
    list_token(scenes, contract)
    scenes.lender()
    account = scenes.open("borrower")
    owner = scenes.owner(account)
    scenes.chain.send(contract.functions.mint(owner, 10 * WAD), owner)
    scenes.chain.send(contract.functions.approve(scenes.house.address, 2**256 - 1), owner)
    scenes.chain.send(scenes.house.functions.deposit(account, contract.address, 10 * WAD), owner)
    scenes.chain.withdraw(account, "USDC", 23_000)
    scenes.price(ETH=2_650)
    return account


def balance(scenes: Scenes, account: int, contract: Contract) -> int:
    return int(scenes.house.functions.balanceOf(account, contract.address).call())


@pytest.mark.ballast(skip=["I12"])
@pytest.mark.parametrize("blocked", ["house", "owner", "liquidator"])
def test_liquidate__token_blocks_somebody__goes(scenes: Scenes, liquidator: int, blocked: str) -> None:
    token = scenes.deploy("BlocklistToken")
    account = hostile_account(scenes, token)
    who = {
        "house": scenes.house.address,
        "owner": scenes.owner(account),
        "liquidator": scenes.owner(liquidator),
    }[blocked]
    scenes.chain.send(token.functions.setBlocked(who, True), scenes.governor)
    scenes.chain.liquidate(account, liquidator)
    assert balance(scenes, liquidator, token) > WAD
    assert scenes.chain.health(account).is_healthy
    # the payout is pulled, and pulled by whom the token lets
    if blocked == "house":
        with pytest.raises(ContractError):
            scenes.chain.send(
                scenes.house.functions.withdraw(liquidator, token.address, 1, who), scenes.owner(liquidator)
            )


@pytest.mark.ballast(skip=["I12"])
def test_liquidate__token_with_a_hook__is_not_called(scenes: Scenes, liquidator: int) -> None:
    token = scenes.deploy("HookToken")
    account = hostile_account(scenes, token)
    # an armed hook would try to flag, and remember that it was called
    scenes.chain.send(
        token.functions.setHook(scenes.house.address, encode(scenes.house.functions.flag(account))), scenes.governor
    )
    scenes.chain.liquidate(account, liquidator)
    assert token.functions.lastResult().call() == b""
    assert not token.functions.lastOk().call()
    assert balance(scenes, liquidator, token) > WAD


def test_liquidate__owner_is_a_contract_that_refuses_everything__goes(scenes: Scenes, liquidator: int) -> None:
    """A token contract as owner: it has no function that the protocol could call, and would revert on any."""
    scenes.lender()
    wallet = scenes.deploy("ContractOwner", scenes.governor)
    account = account_id(wallet.address, 0)
    usdc, eth = scenes.protocol.token("USDC"), scenes.protocol.token("ETH")
    house = scenes.house

    def act(function: Any) -> None:
        scenes.govern(wallet.functions.execute(function.address, encode(function)))

    scenes.chain.mint("ETH", wallet.address, 10 * WAD)
    act(eth.functions.approve(house.address, 2**256 - 1))
    act(house.functions.deposit(account, eth.address, 10 * WAD))
    act(house.functions.withdraw(account, usdc.address, 23_000 * 10**6, wallet.address))
    scenes.price(ETH=2_650)
    # from now on every call to the owner reverts
    scenes.chain.rpc("anvil_setCode", wallet.address, "0x60006000fd")
    scenes.chain.send(scenes.liquidate_call(account, liquidator), scenes.owner(liquidator))
    assert scenes.chain.health(account).is_healthy


# ------------------------------------------------------------ dust


def test_liquidator__sent_dust__cannot_be_blocked(scenes: Scenes, weak: int, liquidator: int) -> None:
    """Only its owner adds a token; a unit of what it holds changes nothing."""
    attacker = scenes.owner(scenes.open("attacker", USDC=1))
    house = scenes.house.functions
    for symbol in ("BTC", "SOL", "ETH"):
        token = scenes.protocol.token(symbol)
        scenes.chain.mint(symbol, attacker, 10)
        scenes.chain.approve(attacker, symbol)
        with reverts("Ledger_ThirdPartyToken", account=liquidator):
            scenes.chain.send(house.deposit(liquidator, token.address, 1), attacker)
    scenes.mint_to(attacker, 1)
    dust = house.deposit(liquidator, scenes.protocol.token("USDC").address, 1)
    mined = scenes.in_one_block((dust, attacker), (scenes.liquidate_call(weak, liquidator), scenes.owner(liquidator)))
    assert [m.error for m in mined] == [None, None]


def test_account__sent_a_unit_just_before__is_liquidated_all_the_same(
    scenes: Scenes, weak: int, liquidator: int
) -> None:
    """Terms that were just right a block ago, an expected step among them, still are."""
    terms = scenes.step_then_undo(weak, liquidator)
    owner = scenes.owner(weak)
    scenes.mint_to(owner, 1)
    repay = scenes.house.functions.deposit(weak, scenes.protocol.token("USDC").address, 1)
    fraction, paid = terms["fraction"] * 999 // 1_000, terms["paid"] + WAD
    call = scenes.house.functions.liquidate((weak, liquidator, WAD, fraction, paid, 0, b""))
    mined = scenes.in_one_block((repay, owner), (call, scenes.owner(liquidator)))
    assert [m.error for m in mined] == [None, None]
    assert scenes.chain.health(weak).is_healthy
