"""The rule every touched account must satisfy when a call ends, I4. Branches: ``test_health_check.tree``."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.types import TxReceipt

from ballast.chain.local import LocalChain
from ballast.testing import Market, Trader
from ballast.units import decimal_of, from_wad
from tests.contracts.ledger.tools import HOUR, MAX, WAD, calls_of, logged, reverts

pytestmark = pytest.mark.ballast(check=False)

MILLION = 10**6


@pytest.fixture
def maker(lender: Trader, make_account: Callable[..., Trader]) -> Trader:
    """The other side of every trade."""
    return make_account(collateral={"USDC": 5_000_000, "BTC": 10, "ETH": 100}, name="market maker two")


@pytest.fixture
def borrower(lender: Trader, make_account: Callable[..., Trader]) -> Trader:
    """10 ETH at 3,000 (initial margin 6,000) against 5,000 USDC."""
    made = make_account(collateral={"ETH": 10}, name="borrower")
    made.withdraw("USDC", 5_000)
    return made


@pytest.fixture
def trader(chain: LocalChain, maker: Trader, make_account: Callable[..., Trader]) -> Trader:
    """Long 30 ETH-PERP at 3,000 with 10,000 USDC: initial margin 9,000, maintenance margin 5,850."""
    made = make_account(collateral={"USDC": 10_000}, name="trader")
    chain.fill(maker.account, made.account, "ETH-PERP", 30)
    return made


def filling(
    chain: LocalChain, maker: Trader, taker: Trader, symbol: str, size: str | int, price: str | None = None
) -> ContractFunction:
    """The taker's call of a fill for a batch; a positive size buys."""
    made = chain.order(maker.account, symbol, -decimal_of(size), price)
    taken = chain.order(taker.account, symbol, decimal_of(size), from_wad(made.limitPrice))
    return chain.protocol.house.functions.fill(
        made.as_tuple(), chain.sign(made), taken.as_tuple(), b"", abs(taken.size)
    )


def batch(chain: LocalChain, owner: Trader, *calls: ContractFunction) -> TxReceipt:
    return chain.send(chain.protocol.house.functions.batch(calls_of(*calls)), owner.address)


# ---------------------------------------------------------------- covered


def test_check__covered__passes_and_notes_the_block(chain: LocalChain, house: Contract, borrower: Trader) -> None:
    borrower.withdraw("USDC", 1_000)
    assert house.functions.accountOf(borrower.account).call()[3] == chain.w3.eth.block_number
    # a deposit is no risky action
    borrower.deposit("USDC", 1)
    assert house.functions.accountOf(borrower.account).call()[3] < chain.w3.eth.block_number - 1


def test_check__free_account__notes_no_block(house: Contract, depositor: Trader) -> None:
    depositor.withdraw("USDC", 1)
    assert house.functions.accountOf(depositor.account).call()[3] == 0


def test_check__exactly_initial_margin__passes(chain: LocalChain, trader: Trader) -> None:
    """E == IM, to the wei: the perpetual's numbers are exact."""
    health = trader.health
    spare = (health.equity - health.initial) // 10**12
    chain.withdraw(trader.account, "USDC", from_wad(spare * 10**12))
    assert trader.health.equity == trader.health.initial
    with reverts("Ledger_BelowInitialMargin", account=trader.account):
        trader.withdraw("USDC", "0.000001")


# ---------------------------------------------------------------- below initial margin


def test_check__falls_below_initial_margin__reverts(chain: LocalChain, maker: Trader, trader: Trader) -> None:
    with reverts("Ledger_BelowInitialMargin", account=trader.account):
        chain.fill(maker.account, trader.account, "ETH-PERP", 4)


@pytest.fixture
def weak(market: Market, trader: Trader) -> Trader:
    """Between maintenance and initial margin."""
    market.set_price("ETH", 2_920)
    health = trader.health
    assert health.maintenance < health.equity < health.initial
    return trader


@pytest.fixture
def sick(market: Market, trader: Trader) -> Trader:
    """Below maintenance margin, above zero."""
    market.set_price("ETH", 2_790)
    health = trader.health
    assert 0 < health.equity < health.maintenance
    return trader


def test_check__weak_and_excess_falls__reverts(weak: Trader) -> None:
    before = weak.health
    with reverts("Ledger_ExcessFell", account=weak.account, beforeWad=before.equity - before.initial):
        weak.withdraw("USDC", "0.000001")


def test_check__weak_and_position_grows__reverts(chain: LocalChain, maker: Trader, weak: Trader) -> None:
    with reverts("Ledger_ExcessFell", account=weak.account):
        chain.fill(maker.account, weak.account, "ETH-PERP", 1)


def test_check__weak_and_sells_under_the_mark__reverts(chain: LocalChain, maker: Trader, weak: Trader) -> None:
    """The excess rises, for the requirement falls by more than the loss; the loss itself is refused."""
    price = str(2_920 * 96 // 100)
    with reverts("Ledger_EquityFell", account=weak.account):
        chain.fill(maker.account, weak.account, "ETH-PERP", -3, price)


def test_check__weak_and_sells_a_tick_under_the_mark__reverts(chain: LocalChain, maker: Trader, weak: Trader) -> None:
    with reverts("Ledger_EquityFell", account=weak.account):
        chain.fill(maker.account, weak.account, "ETH-PERP", -3, "2919.99")


@pytest.mark.ballast(check=True)
def test_check__weak_and_reduces_at_mark__passes(chain: LocalChain, maker: Trader, weak: Trader) -> None:
    before = weak.health
    receipt = chain.fill(maker.account, weak.account, "ETH-PERP", -10)
    fee = logged(chain.protocol.house, "Filled", receipt)[0]["takerFee"]
    after = weak.health
    assert after.equity == before.equity - fee * 10**12
    assert after.equity - after.initial > before.equity - before.initial


def test_check__weak_by_an_uncredited_profit_that_it_cashes__makes_no_room_for_risk(
    chain: LocalChain, market: Market, maker: Trader, make_account: Callable[..., Trader]
) -> None:
    """Cash is credited where profit was not, so the excess over initial margin rises; over maintenance it does not."""
    winner = make_account(collateral={"USDC": 3_050}, name="winner")
    chain.fill(maker.account, winner.account, "ETH-PERP", 10)
    market.pump("ETH", 9_000)
    health = winner.health
    assert health.maintenance < health.initial > health.equity > 60_000 * WAD
    cash = filling(chain, maker, winner, "ETH-PERP", "-0.1")
    with reverts("Ledger_ExcessFell", account=winner.account):
        batch(chain, winner, cash, filling(chain, maker, winner, "BTC-PERP", "0.2"))
    batch(chain, winner, cash)


def test_check__insolvent__does_nothing_by_itself(
    chain: LocalChain, market: Market, maker: Trader, trader: Trader
) -> None:
    """Its loss goes to those who must bear it through liquidation; but it can pay in."""
    market.set_price("ETH", 2_650)
    assert trader.health.equity < 0
    with reverts("Ledger_Insolvent", account=trader.account):
        chain.fill(maker.account, trader.account, "ETH-PERP", -10)
    trader.deposit("USDC", 1_000)
    assert trader.health.equity > 0
    chain.fill(maker.account, trader.account, "ETH-PERP", -10)


@pytest.fixture
def aged(chain: LocalChain, borrower: Trader) -> None:
    """The USDC bank's indices are off 1e18, as they are wherever somebody has borrowed."""
    borrower.withdraw("USDC", 15_000)
    chain.warp(30 * 24 * HOUR, refresh=True)


@pytest.mark.parametrize("size", ["-0.01", "-0.37", "-1.23", "-2.5"])
def test_check__weak_and_reduces_at_mark_at_an_odd_index__passes(
    chain: LocalChain, market: Market, maker: Trader, trader: Trader, aged: None, size: str
) -> None:
    """Rounding of the fee and of the loss against the account is no loss of equity."""
    market.set_price("ETH", 2_920)
    assert trader.health.equity < trader.health.initial
    chain.fill(maker.account, trader.account, "ETH-PERP", size)
    assert trader.position("ETH-PERP") < 30


def test_check__weak_and_repays_a_token_debt_at_mark__passes(
    chain: LocalChain, market: Market, maker: Trader, trader: Trader, aged: None
) -> None:
    chain.fill(maker.account, trader.account, "BTC", "-0.03")
    market.set_price("ETH", 2_910)
    assert trader.health.equity < trader.health.initial
    for _ in range(3):
        chain.fill(maker.account, trader.account, "BTC", "0.00777")
    assert trader.balance("BTC") > -1


def test_check__weak_and_sells_above_the_mark__passes(chain: LocalChain, maker: Trader, weak: Trader) -> None:
    chain.fill(maker.account, weak.account, "ETH-PERP", -1, "2950")
    assert weak.position("ETH-PERP") == 29


# ---------------------------------------------------------------- below maintenance margin


@pytest.mark.ballast(check=True)
def test_check__sick_and_reduces_at_mark__passes(chain: LocalChain, maker: Trader, sick: Trader) -> None:
    chain.fill(maker.account, sick.account, "ETH-PERP", -10)
    assert sick.position("ETH-PERP") == 20


def test_check__sick_and_closes__passes(chain: LocalChain, maker: Trader, sick: Trader) -> None:
    chain.fill(maker.account, sick.account, "ETH-PERP", -30)
    assert sick.position("ETH-PERP") == 0


def test_check__sick_and_another_position_grows__reverts(chain: LocalChain, maker: Trader, sick: Trader) -> None:
    """Selling 3 ETH-PERP frees 837 of initial margin; the new position takes 45 of it."""
    with reverts("Ledger_NotReduction", account=sick.account):
        batch(
            chain,
            sick,
            filling(chain, maker, sick, "ETH-PERP", -3),
            filling(chain, maker, sick, "BTC-PERP", "0.01"),
        )


def test_check__weak_and_another_position_grows__passes(chain: LocalChain, maker: Trader, weak: Trader) -> None:
    """Above maintenance margin the excess alone decides."""
    batch(chain, weak, filling(chain, maker, weak, "ETH-PERP", -10), filling(chain, maker, weak, "BTC-PERP", "0.01"))
    assert weak.position("BTC-PERP") > 0


def test_check__sick_and_position_turns__reverts(
    chain: LocalChain, market: Market, maker: Trader, make_account: Callable[..., Trader]
) -> None:
    """Half an ETH short takes less margin than one long: the excess rises, and yet it is a new position."""
    turner = make_account(collateral={"USDC": 10_000}, name="turner")
    chain.fill(maker.account, turner.account, "ETH-PERP", 1)
    chain.fill(maker.account, turner.account, "BTC-PERP", "1.8")
    market.set_price("BTC", 57_300)
    assert 0 < turner.health.equity < turner.health.maintenance
    with reverts("Ledger_NotReduction", account=turner.account):
        chain.fill(maker.account, turner.account, "ETH-PERP", "-1.5")
    chain.fill(maker.account, turner.account, "ETH-PERP", -1)


def test_check__sick_and_a_token_debt_grows__reverts(chain: LocalChain, maker: Trader, sick: Trader) -> None:
    """Sold a little above the mark, so that no rounding lowers equity."""
    with reverts("Ledger_NotReduction", account=sick.account):
        batch(
            chain,
            sick,
            filling(chain, maker, sick, "ETH-PERP", -3),
            filling(chain, maker, sick, "BTC", "-0.001", "60100"),
        )


def test_check__sick_with_a_token_debt_already_that_grows__reverts(
    chain: LocalChain, market: Market, maker: Trader, trader: Trader
) -> None:
    chain.fill(maker.account, trader.account, "BTC", "-0.001")
    market.set_price("ETH", 2_780)
    assert trader.health.equity < trader.health.maintenance
    with reverts("Ledger_NotReduction", account=trader.account):
        batch(
            chain,
            trader,
            filling(chain, maker, trader, "ETH-PERP", -3),
            filling(chain, maker, trader, "BTC", "-0.001", "60100"),
        )
    # repaying it is a reduction
    chain.fill(maker.account, trader.account, "BTC", "0.001")


def test_check__sick_and_pays_in__passes(chain: LocalChain, sick: Trader) -> None:
    sick.deposit("USDC", 5_000)
    assert sick.health.equity > sick.health.maintenance


# ---------------------------------------------------------------- deviation


@pytest.fixture
def deviating(market: Market, borrower: Trader) -> Trader:
    """Covered three times over, at a price 20% above the slow one."""
    market.set_price("ETH", 3_600)
    assert borrower.health.equity > 3 * borrower.health.initial
    return borrower


def test_check__deviating_and_borrows__reverts(chain: LocalChain, deviating: Trader) -> None:
    """Attack 3: a price pushed up lets nobody borrow at it."""
    with reverts("Ledger_Deviating", account=deviating.account, assets=1 << 2):
        deviating.withdraw("USDC", 1)


def test_check__deviating_and_collateral_leaves__reverts(chain: LocalChain, deviating: Trader) -> None:
    with reverts("Ledger_Deviating", account=deviating.account, assets=1 << 2):
        deviating.withdraw("ETH", "0.000001")


def test_check__within_the_allowed_deviation__borrows(market: Market, borrower: Trader) -> None:
    market.set_price("ETH", 3_260)
    borrower.withdraw("USDC", 1)


def test_check__deviating_and_pays_in_after__reverts(
    chain: LocalChain, house: Contract, usdc: Contract, deviating: Trader
) -> None:
    """What is paid in later in the batch does not make up for what left at that price."""
    chain.mint("USDC", deviating.address, 10**10)
    chain.approve(deviating.address, "USDC")
    leave = house.functions.withdraw(deviating.account, usdc.address, MILLION, deviating.address)
    bring = house.functions.deposit(deviating.account, usdc.address, 2 * MILLION)
    for calls in ((leave, bring), (bring, leave)):
        with reverts("Ledger_Deviating", account=deviating.account, assets=1 << 2):
            batch(chain, deviating, *calls)


def test_check__deviating_and_moves_in_after__reverts(
    chain: LocalChain, house: Contract, usdc: Contract, deviating: Trader
) -> None:
    deviating.deposit("USDC", 10, index=1)
    leave = house.functions.withdraw(deviating.account, usdc.address, MILLION, deviating.address)
    into = house.functions.transfer(deviating.sub_account(1), deviating.account, usdc.address, 2 * MILLION)
    with reverts("Ledger_Deviating", account=deviating.account):
        batch(chain, deviating, leave, into)


def test_check__deviating_and_deposits__passes(chain: LocalChain, deviating: Trader) -> None:
    before = deviating.balance("USDC")
    deviating.deposit("USDC", 1_000)
    assert deviating.balance("USDC") - before > 999


@pytest.mark.ballast(check=True)
def test_check__deviating_and_reduces__passes(chain: LocalChain, market: Market, maker: Trader, trader: Trader) -> None:
    market.set_price("ETH", 3_600)
    chain.fill(maker.account, trader.account, "ETH-PERP", -10)
    assert trader.position("ETH-PERP") == 20


def test_check__deviating_and_position_grows__reverts(
    chain: LocalChain, market: Market, maker: Trader, trader: Trader
) -> None:
    market.set_price("ETH", 3_600)
    with reverts("Ledger_Deviating", account=trader.account, assets=1 << 2):
        chain.fill(maker.account, trader.account, "ETH-PERP", 1)


def test_check__deviating_and_ends_below_initial_margin__reverts(chain: LocalChain, deviating: Trader) -> None:
    with reverts("Ledger_BelowInitialMargin", account=deviating.account):
        deviating.withdraw("USDC", 30_000)


def test_check__another_assets_price_deviates__is_not_touched(
    chain: LocalChain, market: Market, lender: Trader, make_account: Callable[..., Trader]
) -> None:
    """Attack 6: accounts that do not hold X are untouched by X's shock."""
    holder = make_account(collateral={"BTC": 1}, name="holder of BTC")
    market.set_price("ETH", 1_000)
    holder.withdraw("USDC", 40_000)
    assert holder.wallet("USDC") == 40_000


# ---------------------------------------------------------------- pause


@pytest.fixture
def pause(chain: LocalChain, house: Contract) -> Callable[[], None]:
    return lambda: chain.send(house.functions.pause(chain.now() + HOUR), chain.governor) and None


def test_check__paused_and_requirement_rises__reverts(
    chain: LocalChain, pause: Callable[[], None], maker: Trader, trader: Trader
) -> None:
    pause()
    with reverts("Ledger_RiskIncreased", account=trader.account):
        chain.fill(maker.account, trader.account, "ETH-PERP", "0.1")


def test_check__paused_and_debt_rises__reverts(pause: Callable[[], None], borrower: Trader) -> None:
    pause()
    with reverts("Ledger_RiskIncreased", account=borrower.account):
        borrower.withdraw("USDC", "0.01")


def test_check__paused_and_collateral_leaves_within_margin__passes(pause: Callable[[], None], borrower: Trader) -> None:
    pause()
    borrower.withdraw("ETH", 5)
    assert borrower.wallet("ETH") == 5
    # initial margin holds as ever
    with reverts("Ledger_BelowInitialMargin", account=borrower.account):
        borrower.withdraw("ETH", 3)


def test_check__paused_and_reduces__passes(
    chain: LocalChain, pause: Callable[[], None], maker: Trader, trader: Trader
) -> None:
    pause()
    chain.fill(maker.account, trader.account, "ETH-PERP", -30)
    assert trader.position("ETH-PERP") == 0


@pytest.mark.parametrize("size", ["-0.01", "-0.37", "-1.23", "-7.77"])
def test_check__paused_and_reduces_with_a_debt_at_an_odd_index__passes(
    chain: LocalChain,
    pause: Callable[[], None],
    market: Market,
    maker: Trader,
    trader: Trader,
    aged: None,
    size: str,
) -> None:
    """A realised loss turns an unsettled one into a debt of as much, but for rounding."""
    trader.deposit("ETH", 10)
    trader.withdraw("USDC", 15_000)
    market.set_price("ETH", 2_950)
    pause()
    chain.fill(maker.account, trader.account, "ETH-PERP", size)
    assert trader.position("ETH-PERP") < 30


def test_check__paused_and_repays__passes(pause: Callable[[], None], borrower: Trader) -> None:
    pause()
    borrower.deposit("USDC", 5_001)
    assert borrower.balance("USDC") > 0


def test_check__paused_and_weak__follows_the_rule_below_margin(
    chain: LocalChain, pause: Callable[[], None], maker: Trader, weak: Trader
) -> None:
    pause()
    with reverts("Ledger_ExcessFell", account=weak.account):
        weak.withdraw("USDC", 1)
    chain.fill(maker.account, weak.account, "ETH-PERP", -1)


def test_check__pause_is_over__passes(chain: LocalChain, pause: Callable[[], None], borrower: Trader) -> None:
    pause()
    chain.warp(HOUR, refresh=True)
    borrower.withdraw("USDC", 1)
    assert borrower.wallet("USDC") == 5_001


# ---------------------------------------------------------------- unusable prices


def test_check__price_unusable__reverts_with_the_guards_error(chain: LocalChain, borrower: Trader) -> None:
    """The token's own feed dies: everything that touches it stops, nothing else does."""
    chain.warp(24 * HOUR + 2 * HOUR)
    chain.refresh_prices(["USDC", "BTC", "SOL"])
    with reverts("Oracle_Stale", asset=2):
        borrower.withdraw("USDC", 1)
    with reverts("Oracle_Stale", asset=2):
        chain.protocol.house.functions.healthFactor(borrower.account).call()


# ---------------------------------------------------------------- flags


@pytest.mark.parametrize(("paid_in", "cleared"), [(1_000, False), (3_000, True)])
def test_check__flagged__clears_at_the_target_only(
    chain: LocalChain, house: Contract, maker: Trader, sick: Trader, paid_in: int, cleared: bool
) -> None:
    chain.send(house.functions.flag(sick.account), chain.governor)
    sick.deposit("USDC", 5_000 if cleared else paid_in + 1_000)
    chain.fill(maker.account, sick.account, "ETH-PERP", "-0.01")
    health = sick.health
    target = house.functions.liquidationConfig().call()[0]
    assert health.equity >= health.maintenance
    assert (health.equity * WAD >= health.maintenance * target) is cleared
    assert (house.functions.liquidationStateOf(sick.account).call()[0] == 0) is cleared


def test_healthFactor__is_equity_over_maintenance_rounded_down(
    house: Contract, market: Market, depositor: Trader, sick: Trader
) -> None:
    health = sick.health
    assert house.functions.healthFactor(sick.account).call() == health.equity * WAD // health.maintenance
    market.set_price("ETH", 2_600)
    assert sick.health.equity < 0
    assert house.functions.healthFactor(sick.account).call() == 0


def test_healthFactor__nothing_required__is_the_types_maximum(house: Contract, stranger: Trader) -> None:
    stranger.deposit("USDC", 1)
    assert house.functions.healthFactor(stranger.account).call() == MAX
