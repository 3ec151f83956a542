"""A pair of one owner after a gap: the insolvent side may not pay the other out of lenders' money (attacks 32, 35)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ballast.chain.local import LocalChain
from ballast.errors import ContractError
from ballast.testing import Market, Trader
from ballast.units import WAD
from tests.support.mutants import Mutant, mutant_chain

NO_INSOLVENCY_GUARD = Mutant(
    name="an insolvent account may trade",
    contract="Clearinghouse",
    source="contracts/Clearinghouse.sol",
    passages=(
        (
            "contracts/ledger/HealthCheck.sol",
            "        if (current.equity < 0) revert Ledger_Insolvent(account, current.equity);\n",
            "",
        ),
    ),
)


def open_pair(chain: LocalChain) -> tuple[int, int, int]:
    """A lender, and a long and a short account of one owner, 100 ETH-PERP each way on 40,000 USDC each."""
    lender = chain.open("lender", collateral={"USDC": 5_000_000})
    long = chain.open("pair owner", collateral={"USDC": 40_000})
    short = chain.open("pair owner", index=1, collateral={"USDC": 40_000})
    chain.fill(short, long, "ETH-PERP", 100)
    chain.set_price("ETH", "3900")
    return lender, long, short


def test_fill__insolvent_account_closes_against_its_twin__reverts(
    protocol: object, ballast_chain: LocalChain, market: Market
) -> None:
    _, long, short = open_pair(ballast_chain)
    assert ballast_chain.health(short).equity < 0
    with pytest.raises(ContractError, match="Ledger_Insolvent"):
        ballast_chain.fill(short, long, "ETH-PERP", -100)


def test_fill__without_the_insolvency_guard__lenders_pay_the_twin() -> None:
    with mutant_chain(NO_INSOLVENCY_GUARD) as chain:
        _, long, short = open_pair(chain)
        chain.fill(short, long, "ETH-PERP", -100)
        taken = chain.protocol.balance(long, "USDC")
        chain.withdraw(long, "USDC", None)
        assert taken > 120_000 * 10**6, "80,000 were put in"
        assert chain.health(short).equity < -40_000 * WAD, "the rest is the lenders' loss"


def test_deposit__token_without_a_price_into_a_weak_account__reverts(
    ballast_chain: LocalChain, market: Market, make_account: Callable[..., Trader]
) -> None:
    """One unit of a token whose feed is silent would keep the account from being liquidated."""
    borrower = make_account(collateral={"ETH": "10", "USDC": "-22000"})
    market.set_price("ETH", "2550")
    ballast_chain.warp(26 * 3600)
    ballast_chain.refresh_prices(["USDC", "ETH", "BTC"])
    with pytest.raises(ContractError, match="Oracle_Stale"):
        borrower.deposit("SOL", "0.000000001")
    rescuer = make_account(collateral={"USDC": "1000000"})
    ballast_chain.liquidate(borrower.account, rescuer.account)
