"""``batch``: calls in order, one check of each touched account at the end. Branches: ``test_batch.tree``."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import pytest
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.types import TxReceipt

from ballast.chain.local import ANY_STEP, LocalChain
from ballast.testing import Market, Trader
from tests.contracts.ledger.tools import (
    HOUR,
    MAX,
    PERP_CONFIG,
    WAD,
    calls_of,
    encode,
    fund,
    logged,
    reverts,
)

pytestmark = pytest.mark.ballast(check=False)

MILLION = 10**6


@pytest.fixture
def run(chain: LocalChain, house: Contract) -> Callable[..., TxReceipt]:
    """Sends one batch of calls as an owner."""

    def send(owner: Trader, *calls: ContractFunction) -> TxReceipt:
        return chain.send(house.functions.batch(calls_of(*calls)), owner.address)

    return send


@pytest.fixture
def borrower(chain: LocalChain, lender: Trader, make_account: Callable[..., Trader]) -> Trader:
    """10 ETH in the account, 100,000 USDC in the wallet."""
    made = make_account(collateral={"ETH": 10}, name="borrower")
    fund(chain, chain.protocol.token("USDC"), made, 100_000 * MILLION)
    return made


def take(chain: LocalChain, owner: Trader, symbol: str, amount: int, index: int = 0) -> ContractFunction:
    token = chain.protocol.token(symbol).address
    return chain.protocol.house.functions.withdraw(owner.sub_account(index), token, amount, owner.address)


def bring(chain: LocalChain, owner: Trader, symbol: str, amount: int, index: int = 0) -> ContractFunction:
    token = chain.protocol.token(symbol).address
    return chain.protocol.house.functions.deposit(owner.sub_account(index), token, amount)


# ---------------------------------------------------------------- calls and results


def test_batch__empty__does_nothing(house: Contract, run: Callable[..., TxReceipt], stranger: Trader) -> None:
    assert house.functions.batch([]).call({"from": stranger.address}) == []
    assert run(stranger)["logs"] == []


def test_batch__results__are_each_calls(chain: LocalChain, house: Contract, depositor: Trader) -> None:
    weth = chain.protocol.token("ETH").address
    calls = calls_of(house.functions.priceOf(weth), take(chain, depositor, "ETH", 1), house.functions.tokenCount())
    found = house.functions.batch(calls).call({"from": depositor.address})
    assert [int.from_bytes(part, "big") for part in found] == [3_000 * WAD, 0, 4]
    assert found[1] == b""


def test_batch__a_call_fails__reverts_with_its_error_and_undoes_all(
    chain: LocalChain, house: Contract, run: Callable[..., TxReceipt], depositor: Trader
) -> None:
    with reverts("Ledger_ZeroAmount"):
        run(depositor, take(chain, depositor, "ETH", WAD), take(chain, depositor, "ETH", 0))
    assert chain.protocol.balance(depositor.account, "ETH") == 10 * WAD


def test_batch__unknown_selector__reverts(chain: LocalChain, house: Contract, depositor: Trader) -> None:
    for data in (b"", b"\x01", b"\xde\xad\xbe\xef"):
        with reverts(""):
            chain.send(house.functions.batch([data]), depositor.address)


# ---------------------------------------------------------------- for its caller


def test_batch__strangers_withdrawal__reverts(
    chain: LocalChain, run: Callable[..., TxReceipt], depositor: Trader, stranger: Trader
) -> None:
    with reverts("Ledger_NotOwner", account=depositor.account, caller=stranger.address):
        run(stranger, take(chain, depositor, "ETH", 1))


def test_batch__governance__only_by_who_may(
    chain: LocalChain, house: Contract, run: Callable[..., TxReceipt], stranger: Trader
) -> None:
    perp = 2 << 28 | 2 << 20 | 99
    listing = house.functions.listMarket(perp, "ETH-PERP-99", tuple(PERP_CONFIG.values()))
    status = house.functions.setMarketStatus(perp, True)
    with reverts("AccessManagedUnauthorized", caller=stranger.address):
        run(stranger, listing, status)
    chain.send(house.functions.batch(calls_of(listing, status)), chain.governor)
    assert house.functions.marketOf(perp).call()[0][-1] is True


# ---------------------------------------------------------------- one check at the end


@pytest.mark.ballast(check=True)
def test_batch__below_margin_on_the_way__passes(
    chain: LocalChain, run: Callable[..., TxReceipt], borrower: Trader
) -> None:
    # 90,000 against 30,000 of collateral, and back
    run(
        borrower,
        take(chain, borrower, "USDC", 90_000 * MILLION),
        bring(chain, borrower, "USDC", 70_000 * MILLION),
    )
    assert -20_001 * MILLION < chain.protocol.balance(borrower.account, "USDC") <= -20_000 * MILLION


def test_batch__in_either_order__ends_the_same(
    chain: LocalChain, run: Callable[..., TxReceipt], borrower: Trader
) -> None:
    ends = set()
    calls = [
        take(chain, borrower, "USDC", 30_000 * MILLION),
        bring(chain, borrower, "USDC", 10_000 * MILLION),
        take(chain, borrower, "ETH", WAD),
    ]
    for order in permutations(calls):
        snapshot = chain.snapshot()
        run(borrower, *order)
        debt = -chain.protocol.balance(borrower.account, "USDC")
        assert 20_000 * MILLION <= debt <= 20_000 * MILLION + 1_000  # rounding, and seconds of interest
        ends.add(chain.protocol.balance(borrower.account, "ETH"))
        chain.revert(snapshot)
    assert ends == {9 * WAD}


def test_batch__below_margin_at_the_end__reverts(
    chain: LocalChain, run: Callable[..., TxReceipt], borrower: Trader
) -> None:
    with reverts("Ledger_BelowInitialMargin", account=borrower.account):
        run(
            borrower,
            take(chain, borrower, "USDC", 90_000 * MILLION),
            bring(chain, borrower, "USDC", 62_000 * MILLION),
        )
    assert borrower.wallet("USDC") == 100_000


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_batch__any_touched_account_below_margin__reverts(
    chain: LocalChain, run: Callable[..., TxReceipt], borrower: Trader, order: tuple[int, ...]
) -> None:
    """Wherever the account that has too little stands in the list."""
    borrower.deposit("ETH", 10, index=1)
    borrower.deposit("ETH", "0.04", index=2)
    calls = [
        take(chain, borrower, "USDC", 100 * MILLION, index=0),
        take(chain, borrower, "USDC", 100 * MILLION, index=1),
        take(chain, borrower, "USDC", 100 * MILLION, index=2),
    ]
    with reverts("Ledger_BelowInitialMargin", account=borrower.sub_account(2)):
        run(borrower, *(calls[i] for i in order))


def test_batch__same_account_twice__is_checked_once(
    chain: LocalChain, house: Contract, run: Callable[..., TxReceipt], borrower: Trader
) -> None:
    receipt = run(borrower, *(take(chain, borrower, "USDC", MILLION) for _ in range(5)))
    single = run(borrower, take(chain, borrower, "USDC", MILLION))
    assert len(logged(house, "Withdrawn", receipt)) == 5
    # five checks would cost five times one check of some 60,000
    assert receipt["gasUsed"] < 3 * single["gasUsed"]


# ---------------------------------------------------------------- nested


def test_batch__nested__is_checked_at_the_outer_end(
    chain: LocalChain, house: Contract, run: Callable[..., TxReceipt], borrower: Trader
) -> None:
    inner = house.functions.batch(calls_of(take(chain, borrower, "USDC", 27_000 * MILLION)))
    with reverts("Ledger_BelowInitialMargin", account=borrower.account):
        run(borrower, inner)
    run(borrower, inner, bring(chain, borrower, "USDC", 10_000 * MILLION))
    deeper = house.functions.batch(calls_of(house.functions.batch(calls_of(inner))))
    with reverts("Ledger_BelowInitialMargin", account=borrower.account):
        run(borrower, deeper, bring(chain, borrower, "USDC", 15_000 * MILLION))
    run(borrower, deeper, bring(chain, borrower, "USDC", 25_000 * MILLION))


# ---------------------------------------------------------------- before and after


@pytest.fixture
def weak(market: Market, borrower: Trader) -> Trader:
    """Below initial, above maintenance margin."""
    borrower.withdraw("USDC", 23_900)
    market.set_price("ETH", 2_900)
    health = borrower.health
    assert health.maintenance < health.equity < health.initial
    return borrower


def test_batch__weak_account_leaves_and_returns__passes(
    chain: LocalChain, run: Callable[..., TxReceipt], weak: Trader
) -> None:
    chain.send(chain.protocol.token("ETH").functions.approve(chain.protocol.house.address, MAX), weak.address)
    run(weak, take(chain, weak, "ETH", 9 * WAD), bring(chain, weak, "ETH", 9 * WAD))
    assert chain.protocol.balance(weak.account, "ETH") == 10 * WAD


def test_batch__weak_account_loses__reverts(chain: LocalChain, run: Callable[..., TxReceipt], weak: Trader) -> None:
    chain.send(chain.protocol.token("ETH").functions.approve(chain.protocol.house.address, MAX), weak.address)
    with reverts("Ledger_ExcessFell", account=weak.account):
        run(weak, take(chain, weak, "ETH", 9 * WAD), bring(chain, weak, "ETH", 9 * WAD - 10**15))


def test_batch__weak_account_brings_more__passes(
    chain: LocalChain, run: Callable[..., TxReceipt], weak: Trader
) -> None:
    run(weak, take(chain, weak, "ETH", WAD), bring(chain, weak, "USDC", 3_000 * MILLION))
    assert weak.position("ETH-PERP") == 0
    assert chain.protocol.balance(weak.account, "ETH") == 9 * WAD


# ---------------------------------------------------------------- views


def test_batch__view_of_what_is_half_done__reverts(
    chain: LocalChain, house: Contract, run: Callable[..., TxReceipt], borrower: Trader
) -> None:
    usdc = chain.protocol.token("USDC").address
    for view in (
        house.functions.health(borrower.account),
        house.functions.balanceOf(borrower.account, usdc),
        house.functions.totals(usdc),
    ):
        for call in (view, house.functions.batch([encode(view)])):
            with reverts("Ledger_Locked"):
                run(borrower, take(chain, borrower, "USDC", 1), call)


# ---------------------------------------------------------------- deferred checks


@pytest.mark.parametrize("what", ["liquidate", "flag"])
def test_batch__account_with_a_deferred_check__is_neither_flagged_nor_liquidated(
    chain: LocalChain, house: Contract, run: Callable[..., TxReceipt], borrower: Trader, what: str
) -> None:
    """Attack 10: make oneself unhealthy and take the reward oneself."""
    borrower.deposit("USDC", 50_000, index=1)
    step = (borrower.account, borrower.sub_account(1), WAD, 0, 2**255 - 1, ANY_STEP, b"")
    then = house.functions.liquidate(step) if what == "liquidate" else house.functions.flag(borrower.account)
    with reverts("Liquidation_CheckDeferred", account=borrower.account):
        run(borrower, take(chain, borrower, "USDC", 28_000 * MILLION), then)


# ---------------------------------------------------------------- dead feeds


def test_batch__free_account_with_dead_feeds__leaves_with_everything(
    chain: LocalChain, house: Contract, run: Callable[..., TxReceipt], depositor: Trader
) -> None:
    depositor.deposit("BTC", 1)
    chain.warp(48 * HOUR)
    run(depositor, *(take(chain, depositor, symbol, MAX) for symbol in ("ETH", "USDC", "BTC")))
    assert house.functions.accountOf(depositor.account).call()[0] == 0
    assert [depositor.wallet(symbol) for symbol in ("ETH", "USDC", "BTC")] == [10, 1_000, 1]


def test_batch__dead_feeds_and_a_debt_at_the_end__reverts(
    chain: LocalChain, run: Callable[..., TxReceipt], borrower: Trader
) -> None:
    chain.warp(48 * HOUR)
    with reverts("Oracle_Stale"):
        run(borrower, take(chain, borrower, "USDC", 1))
    # a debt that is gone when the batch ends needs no price
    run(borrower, take(chain, borrower, "USDC", MILLION), bring(chain, borrower, "USDC", 2 * MILLION))
