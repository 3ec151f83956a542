"""The guards that protect money, each on and off: without it the same attack takes something. ``test_guards.tree``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from web3.contract import Contract

from ballast.chain.artifacts import artifact
from ballast.chain.local import LocalChain, Number
from ballast.units import account_id, from_wad
from tests.contracts.ledger.tools import (
    HOUR,
    MAX,
    WAD,
    calls_of,
    compiled,
    deploy,
    encode,
    fund,
    list_token,
    reverts,
    selector,
)
from tests.support.mutants import Mutant, mutant_chain

pytestmark = pytest.mark.ballast(check=False)

MILLION = 10**6
HOUSE = ("Clearinghouse", "contracts/Clearinghouse.sol")
GATE = "contracts/ledger/Gate.sol"
CUSTODY = "contracts/ledger/Custody.sol"
CHECK = "contracts/ledger/HealthCheck.sol"

RULES_OFF = Mutant(
    "no gate, insurance lent, and no rule for free, deviating, weak and paused accounts",
    *HOUSE,
    passages=(
        (GATE, "if (entered != IDLE && entered != INNER && entered != uint256(uint160(msg.sender)))", "if (false)"),
        (CUSTODY, "        if (amount > available) revert Ledger_Illiquid(bank.token, amount, available);\n", ""),
        (CHECK, "        if (isFree && words.options == 0) return _clearFlag(account);\n", ""),
        (CHECK, "        if (isFree && !_optionsGrow(~uint256(0), prior, words)) return _clearFlag(account);\n", ""),
        (
            CHECK,
            "|| paused || current.deviating != 0 || current.stale != 0) {",
            "|| paused) {",
        ),
        (CHECK, "        if (current.equity + int256(fees) < before.equity) {", "        if (false) {"),
        (CHECK, "            else _requireNoMoreRisk(account, before, current, fees);\n", ""),
    ),
)
ENTRY_OFF = Mutant(
    "no check at the end, credit as asked, operators withdraw",
    *HOUSE,
    passages=(
        ("contracts/Clearinghouse.sol", "if (_isOutermost(entered)) _checkTouched();", ""),
        (CUSTODY, "received = token.balanceOf(address(this)) - before;", "received = amount;"),
        (
            "contracts/Clearinghouse.sol",
            "        _requireOwner(account);\n        if (to == address(0)) revert Ledger_ZeroAddress();\n",
            "        if (!_mayTrade(account, msg.sender)) revert Ledger_NotOwner(account, msg.sender);\n",
        ),
    ),
)
VIEWS_OPEN = Mutant(
    "views answer while something is half done",
    "LedgerViews",
    "contracts/ledger/LedgerViews.sol",
    passages=(
        (GATE, "        if (state != IDLE && state != uint256(uint160(msg.sender))) revert Ledger_Locked();\n", ""),
    ),
)
BUDGET_OFF = Mutant(
    "no operator's budget",
    "Trading",
    "contracts/markets/Trading.sol",
    passages=(("contracts/ledger/Accounts.sol", "if (spent + lossWad > budget) {", "if (false) {"),),
)
PROFIT_CREDITED = Mutant(
    "all unsettled profit is credited",
    "MarginEngine",
    "contracts/risk/MarginEngine.sol",
    passages=(
        (
            "contracts/risk/StandardModel.sol",
            "return uint256(profitWad) > other ? uint256(profitWad) - other : 0;",
            "return 0;",
        ),
    ),
)


@pytest.fixture(scope="module")
def _rules_off() -> Iterator[LocalChain]:
    with mutant_chain(RULES_OFF) as chain:
        yield chain


@pytest.fixture(scope="module")
def _entry_off() -> Iterator[LocalChain]:
    with mutant_chain(ENTRY_OFF, VIEWS_OPEN) as chain:
        yield chain


def _undone(chain: LocalChain) -> Iterator[LocalChain]:
    snapshot = chain.snapshot()
    yield chain
    chain.revert(snapshot)


@pytest.fixture
def rules_off(_rules_off: LocalChain) -> Iterator[LocalChain]:
    yield from _undone(_rules_off)


@pytest.fixture
def entry_off(_entry_off: LocalChain) -> Iterator[LocalChain]:
    yield from _undone(_entry_off)


def opened(chain: LocalChain, name: str, index: int = 0, **collateral: Number) -> int:
    """An account of an actor with deposits."""
    chain.adopt(chain.actor(name))
    return chain.open(name, index, collateral)


def address(chain: LocalChain, account: int) -> str:
    return str(chain.key_of(account).address)


def take(chain: LocalChain, account: int, token: Contract, amount: int, sender: str | None = None) -> None:
    owner = address(chain, account)
    chain.send(
        chain.protocol.house.functions.withdraw(account, token.address, amount, sender or owner), sender or owner
    )


# ---------------------------------------------------------------- re-entry


def deposit_twice(chain: LocalChain) -> int:
    """A token of which half arrives deposits its own in the middle; returns credit less what is there."""
    house = chain.protocol.house
    token = deploy(chain, compiled("OddToken"))
    list_token(chain, token)
    attacker = opened(chain, "attacker")
    fund(chain, token, address(chain, attacker), 200 * WAD)
    accomplice = account_id(token.address, 0)
    chain.send(token.functions.mint(token.address, 200 * WAD), chain.governor)
    allow = encode(token.functions.approve(house.address, MAX))
    chain.send(token.functions.execute(token.address, allow), chain.governor)
    chain.send(token.functions.setPart(5_000), chain.governor)
    inner = encode(house.functions.deposit(accomplice, token.address, 100 * WAD))
    chain.send(token.functions.setHook(house.address, inner), chain.governor)
    chain.send(house.functions.deposit(attacker, token.address, 100 * WAD), address(chain, attacker))
    credited = sum(house.functions.balanceOf(account, token.address).call() for account in (attacker, accomplice))
    return int(credited - token.functions.balanceOf(house.address).call())


def test_gate__on__nothing_is_credited_twice(chain: LocalChain) -> None:
    assert deposit_twice(chain) == 0


def test_gate__off__more_is_credited_than_there_is(rules_off: LocalChain) -> None:
    assert deposit_twice(rules_off) == 50 * WAD


def look_inside(chain: LocalChain) -> tuple[bool, bytes, int]:
    """What an onlooker reads as an account's equity while a batch lends it a million; and its true equity."""
    house, usdc = chain.protocol.house, chain.protocol.token("USDC")
    opened(chain, "lender", USDC=2_000_000)
    poor, shown = opened(chain, "attacker"), opened(chain, "attacker", 1)
    owner = address(chain, poor)
    token = deploy(chain, "HookToken")
    list_token(chain, token)
    fund(chain, token, owner, WAD)
    chain.send(token.functions.setHook(house.address, encode(house.functions.health(shown))), chain.governor)
    calls = calls_of(
        house.functions.transfer(poor, shown, usdc.address, MILLION * MILLION),
        house.functions.deposit(poor, token.address, WAD),  # the token calls the onlooker
        house.functions.transfer(shown, poor, usdc.address, MAX),
    )
    chain.send(house.functions.batch(calls), owner)
    true = int(house.functions.health(shown).call()[0])
    return token.functions.lastOk().call(), token.functions.lastResult().call(), true


def test_views__locked__onlooker_sees_nothing(chain: LocalChain) -> None:
    ok, result, true = look_inside(chain)
    assert (ok, true) == (False, 0)
    assert "0x" + result.hex() == selector("Ledger_Locked()")


def test_views__open__onlooker_sees_a_million_that_is_not_there(entry_off: LocalChain) -> None:
    ok, result, true = look_inside(entry_off)
    assert (ok, true) == (True, 0)
    assert int.from_bytes(result[:32], "big") == MILLION * WAD


# ---------------------------------------------------------------- custody


def everybody_leaves(chain: LocalChain) -> None:
    """Two deposit a token that takes 1% of a transfer, and both withdraw all that they are credited."""
    house = chain.protocol.house
    token = deploy(chain, "FeeToken")
    list_token(chain, token)
    accounts = [opened(chain, name) for name in ("first depositor", "last depositor")]
    for account in accounts:
        fund(chain, token, address(chain, account), 100 * WAD)
        chain.send(house.functions.deposit(account, token.address, 100 * WAD), address(chain, account))
    for account in accounts:
        take(chain, account, token, MAX)


def test_credit__what_arrived__everybody_leaves(chain: LocalChain) -> None:
    everybody_leaves(chain)


def test_credit__what_was_asked__the_last_cannot_leave(entry_off: LocalChain) -> None:
    with reverts("ERC20InsufficientBalance", balance=98 * WAD, needed=100 * WAD):
        everybody_leaves(entry_off)


def test_withdraw__operators_let_in__leave_with_everything(entry_off: LocalChain) -> None:
    """On: test_operators.py."""
    chain, usdc = entry_off, entry_off.protocol.token("USDC")
    account, operator = opened(chain, "owner", USDC=50_000), address(chain, opened(chain, "operator"))
    grant = chain.protocol.house.functions.setOperator(account, operator, chain.now() + HOUR)
    chain.send(grant, address(chain, account))
    take(chain, account, usdc, MAX, operator)
    assert usdc.functions.balanceOf(operator).call() == 50_000 * MILLION


def test_check_at_the_end__off__whoever_has_nothing_takes_everything(entry_off: LocalChain) -> None:
    """On: test_health_check.py."""
    chain, usdc = entry_off, entry_off.protocol.token("USDC")
    lender, attacker = opened(chain, "lender", USDC=900_000), opened(chain, "attacker")
    take(chain, attacker, usdc, 900_000 * MILLION)
    assert usdc.functions.balanceOf(address(chain, attacker)).call() == 900_000 * MILLION
    with reverts("Ledger_Illiquid", available=0):
        take(chain, lender, usdc, 1)


def test_insurance__lent__is_gone_when_it_is_needed(rules_off: LocalChain) -> None:
    """On: test_withdraw.py."""
    chain, usdc = rules_off, rules_off.protocol.token("USDC")
    chain.fund_insurance(10_000)
    borrower = opened(chain, "borrower", ETH=100)
    take(chain, borrower, usdc, 10_000 * MILLION)
    _, _, _, insurance = chain.protocol.house.functions.totals(usdc.address).call()
    assert insurance == 10_000 * MILLION
    assert usdc.functions.balanceOf(chain.protocol.house.address).call() == 0


# ---------------------------------------------------------------- prices


def borrow_at_a_pushed_price(chain: LocalChain) -> int:
    """ETH at 1.5 times its price for a block; returns what lenders lose when it is back, USDC 1e18."""
    opened(chain, "lender", USDC=5_000_000)
    attacker = opened(chain, "attacker", ETH=100)
    chain.set_price("ETH", 4_500)
    take(chain, attacker, chain.protocol.token("USDC"), 350_000 * MILLION)
    chain.set_price("ETH", 3_000)
    return -chain.health(attacker).equity


def test_deviation__on__nobody_borrows_at_a_pushed_price(chain: LocalChain) -> None:
    with reverts("Ledger_Deviating"):
        borrow_at_a_pushed_price(chain)


def test_deviation__off__lenders_lose(rules_off: LocalChain) -> None:
    assert borrow_at_a_pushed_price(rules_off) >= 50_000 * WAD


def empty_a_weak_account(chain: LocalChain) -> int:
    """A sick account sells 4% under the mark to its owner's other one, and then its loss becomes that of others.

    What the other account has won by the sale, USDC 1e18.
    """
    opened(chain, "lender", USDC=5_000_000)
    maker = opened(chain, "market maker", USDC=1_000_000)
    weak, own = opened(chain, "attacker", USDC=10_000), opened(chain, "attacker", 1, USDC=100_000)
    chain.fill(maker, weak, "ETH-PERP", 30)
    chain.set_price("ETH", 2_700)
    before = chain.health(own).equity
    assert 0 < chain.health(weak).equity < chain.health(weak).maintenance
    price = chain.protocol.mark("ETH-PERP") * 96 // 100 // 10**16 * 10**16
    chain.fill(own, weak, "ETH-PERP", -8, from_wad(price))
    won = chain.health(own).equity - before
    chain.set_price("ETH", 2_565)
    assert chain.health(weak).equity < 0
    return won


def test_equity_falls_by_fees_only__on__a_weak_account_is_not_emptied(chain: LocalChain) -> None:
    with reverts("Ledger_EquityFell"):
        empty_a_weak_account(chain)


def test_equity_falls_by_fees_only__off__what_creditors_had_is_taken(rules_off: LocalChain) -> None:
    assert empty_a_weak_account(rules_off) > 850 * WAD


def test_pause__off__borrowing_goes_on(rules_off: LocalChain) -> None:
    """On: test_health_check.py."""
    chain = rules_off
    opened(chain, "lender", USDC=50_000)
    borrower = opened(chain, "borrower", ETH=10)
    chain.send(chain.protocol.house.functions.pause(chain.now() + HOUR), chain.governor)
    take(chain, borrower, chain.protocol.token("USDC"), 20_000 * MILLION)
    assert chain.protocol.balance(borrower, "USDC") < 0


def test_free_accounts__asked_for_prices__dead_feeds_lock_them_in(rules_off: LocalChain) -> None:
    """On: test_leave.py."""
    chain = rules_off
    depositor = opened(chain, "depositor", ETH=10)
    chain.advance(48 * HOUR)
    with reverts("Oracle_Stale"):
        take(chain, depositor, chain.protocol.token("ETH"), MAX)


# ---------------------------------------------------------------- operators


def lose_as_operator(chain: LocalChain) -> int:
    """An operator with 100 USDC a day buys high for the owner, from an account of its own; what it won, USDC 1e18."""
    house = chain.protocol.house
    owner, own = opened(chain, "owner", USDC=100_000), opened(chain, "operator", USDC=100_000)
    operator = chain.key_of(own)
    chain.send(house.functions.setOperator(owner, operator.address, chain.now() + HOUR), address(chain, owner))
    chain.send(house.functions.setOperatorBudget(owner, operator.address, 100 * WAD), address(chain, owner))
    before = chain.health(own).equity
    made = chain.order(own, "ETH-PERP", -50, "3140")
    taken = chain.order(owner, "ETH-PERP", 50, "3140")
    chain.fill_orders(made, chain.sign(made), taken, chain.sign(taken, operator), 50 * WAD)
    return chain.health(own).equity - before


def test_budget__on__the_operator_is_stopped(chain: LocalChain) -> None:
    with reverts("Ledger_OperatorBudget", lossWad=7_078_500_000_000_000_000_000, leftWad=100 * WAD):
        lose_as_operator(chain)


def test_budget__off__the_operator_wins_what_the_owner_loses() -> None:
    with mutant_chain(BUDGET_OFF) as chain:
        assert lose_as_operator(chain) > 6_900 * WAD


# ---------------------------------------------------------------- unsettled profit


def borrow_against_own_profit(chain: LocalChain) -> int:
    """Attack 1: one account sells to the other, the price is pumped for good, the winner borrows. The gain, 1e18.

    The accounts bring 40,000 each and the price doubles, so the loser's 100 ETH-PERP lose 300,000.
    """
    opened(chain, "lender", USDC=5_000_000)
    loser, winner = opened(chain, "attacker", USDC=40_000), opened(chain, "attacker", 1, USDC=40_000)
    chain.fill(loser, winner, "ETH-PERP", 100)
    for price in (3_400, 3_900, 4_400, 5_000, 5_600, 6_000):
        chain.set_price("ETH", price)
        chain.reset_slow_price("ETH")
    health = chain.health(winner)
    # what leaves is other equity, up to which profit counts: of each unit of room half a unit can leave
    room = (health.equity - health.initial) // 2 // 10**12 - 10
    take(chain, winner, chain.protocol.token("USDC"), room)
    wallet = chain.protocol.token("USDC").functions.balanceOf(address(chain, winner)).call() * 10**12
    return int(wallet) - 80_000 * WAD


def test_unsettled_profit__on__leaves_with_less_than_was_brought(chain: LocalChain) -> None:
    assert borrow_against_own_profit(chain) <= 0


def test_unsettled_profit__off__leaves_with_lenders_money() -> None:
    with mutant_chain(PROFIT_CREDITED) as chain:
        assert borrow_against_own_profit(chain) > 50_000 * WAD


def test_mutant_chain__while_it_is_open__others_get_what_is_built() -> None:
    genuine = artifact("Trading")
    with mutant_chain(BUDGET_OFF) as chain:
        assert artifact("Trading") == genuine
        address = chain.deployment.contracts["Trading"]
        assert chain.w3.eth.get_code(address) != b""
