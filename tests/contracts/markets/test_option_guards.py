"""Each guard of options planted out, and the loss. Branches: test_option_guards.tree. With them: the other files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from ballast.units import WAD
from tests.contracts.markets.options import CALL, FUTURE, LABEL, OptionDesk
from tests.support.mutants import Mutant, mutant_chain

OPTIONS = "contracts/markets/OptionTrading.sol"
SETTLEMENT = "contracts/markets/Settlement.sol"
CHECK = "contracts/ledger/HealthCheck.sol"
ENGINE = "contracts/risk/MarginEngine.sol"
DEVIATING_ONLY = "|| current.deviating != 0) {\n            Health"

NO_FRESH_FILL = Mutant(
    "fills at whatever the arrays were",
    "OptionTrading",
    OPTIONS,
    passages=((OPTIONS, "if (stale) revert IRiskArraysErrors.RiskArrays_Stale(expiry);", ""),),
)
NO_FRESH_END = Mutant(
    "credit on stale arrays",
    "Clearinghouse",
    "contracts/Clearinghouse.sol",
    passages=((CHECK, "|| current.deviating != 0 || current.stale != 0) {\n            Health", DEVIATING_ONLY),),
)
NO_SOLVENCY = Mutant(
    "an insolvent short is settled like any",
    "Settlement",
    SETTLEMENT,
    passages=(
        (SETTLEMENT, "bool settled = _settleOptions(account, false);", "bool settled = _settleOptions(account, true);"),
    ),
)
NO_ISOLATION = Mutant(
    "isolated is a name",
    "MarginEngine",
    ENGINE,
    passages=((ENGINE, "        _requireIsolated(portfolio);\n", ""),),
)


@contextmanager
def without(*mutants: Mutant) -> Iterator[OptionDesk]:
    with mutant_chain(*mutants) as chain:
        desk = OptionDesk(chain)
        desk.list_options()
        yield desk


def test_fill__without_fresh_arrays__sells_the_principals_options_at_an_old_mark() -> None:
    """The spot has risen by a fifth; the band is around a mark that knows nothing of it but by its slope at 2%."""
    with without(NO_FRESH_FILL) as desk:
        principal, attacker = desk.open("principal", USDC=200_000), desk.open("attacker", USDC=200_000)
        operator = desk.owner(attacker)
        grant = desk.house.functions.setOperator(principal, operator, desk.chain.now() + 10**6)
        desk.chain.send(grant, desk.owner(principal))
        desk.chain.options.set_surface("ETH", LABEL, 1.1)  # volatility has nearly doubled, and nobody has refreshed
        old = desk.protocol.mark(CALL)
        made, taken = desk.chain.order(principal, CALL, -20), desk.chain.order(attacker, CALL, 20)
        key = desk.chain.key_of(attacker)
        made, taken = replace(made, limitPrice=old), replace(taken, limitPrice=old)
        desk.match(made, taken, maker_sig=desk.chain.sign(made, key), taker_sig=b"", sender=operator)
        before = desk.chain.health(attacker).equity
        desk.chain.options.refresh("ETH", LABEL)
        gained = desk.chain.health(attacker).equity - before
        assert gained > 20 * 200 * WAD


def test_withdraw__without_fresh_arrays_at_the_end__takes_credit_on_what_is_owed_more() -> None:
    """Short calls, and volatility has nearly doubled: the arrays do not know it yet."""
    with without(NO_FRESH_END) as desk:
        desk.lender()
        account = desk.open("borrower", USDC=200_000)
        desk.chain.choose_model(account, 1)
        desk.chain.fill(account, desk.maker(), CALL, 60)
        desk.chain.options.set_surface("ETH", LABEL, 1.15)
        desk.chain.warp(601, refresh=True)
        free = desk.chain.health(account)
        desk.chain.withdraw(account, "USDC", (free.equity - free.initial) // WAD - 1)
        before = desk.chain.health(account).equity
        desk.chain.options.refresh("ETH", LABEL)
        after = desk.chain.health(account)
        assert before - after.equity > 10_000 * WAD
        assert not after.is_healthy


def test_settle__without_the_solvency_check__lenders_pay_what_the_short_owes() -> None:
    with without(NO_SOLVENCY) as desk:
        desk.lender()
        seller, winner = desk.open("seller", USDC=8_000), desk.open("winner", USDC=100_000)
        desk.chain.fill(seller, winner, CALL, 10)
        desk.expire(5_000)
        desk.fix()
        owed = -desk.chain.health(seller).equity
        assert owed > 5_000 * WAD
        desk.govern(desk.house.functions.settle(seller))
        debt = -desk.protocol.balance(seller, "USDC")
        assert debt * 10**12 >= owed  # lent by depositors, to an account that has nothing


def test_fill__without_isolation__one_markets_loss_reaches_anothers_collateral() -> None:
    with without(NO_ISOLATION) as desk:
        account = desk.open("isolated", USDC=20_000)
        desk.chain.choose_model(account, 2)
        for name in (CALL, FUTURE, "ETH-PERP"):
            desk.chain.fill(desk.maker(), account, name, 1)
        assert desk.house.functions.accountOf(account).call()[1:3] == [2, 2]
