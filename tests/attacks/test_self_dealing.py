"""An owner against the protocol through accounts of his own: together they never gain (attacks 10, 32, 34, 35)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ballast.chain.local import ANY_STEP, LocalChain
from ballast.chain.protocol import Protocol
from ballast.errors import ContractError
from ballast.testing import Market, Trader
from ballast.units import WAD, from_wad
from tests.support.mutants import Mutant, mutant_chain

MAX = 2**256 - 1


def encode(function: Any) -> bytes:
    return bytes.fromhex(function._encode_transaction_data()[2:])


def liquidation(account: int, liquidator: int) -> tuple[Any, ...]:
    return (account, liquidator, WAD, 0, 2**200, ANY_STEP, b"")


def leave_and_liquidate(chain: LocalChain, attacker: Trader) -> None:
    """One batch: borrow far more than the collateral is worth, then liquidate oneself with the other account."""
    house = chain.protocol.house
    usdc = chain.protocol.token("USDC").address
    chain.send(
        house.functions.batch(
            [
                encode(house.functions.withdraw(attacker.account, usdc, 1_000_000 * 10**6, attacker.address)),
                encode(house.functions.liquidate(liquidation(attacker.account, attacker.sub_account(1)))),
            ]
        ),
        attacker.address,
    )


def prepare(chain: LocalChain, make_account: Callable[..., Trader], attacker: Trader) -> None:
    make_account(collateral={"USDC": "5000000"}, name="lender")
    chain.deposit(attacker.account, "ETH", 10, minted=False)
    chain.deposit(attacker.sub_account(1), "USDC", 1_000_000, minted=False)
    chain.fund_insurance(1_000_000)


def test_batch__withdraw_everything_and_liquidate_oneself__reverts(
    protocol: Protocol, ballast_chain: LocalChain, make_account: Callable[..., Trader], attacker: Trader
) -> None:
    prepare(ballast_chain, make_account, attacker)
    before = attacker.wealth()
    with pytest.raises(ContractError, match="Liquidation_CheckDeferred"):
        leave_and_liquidate(ballast_chain, attacker)
    assert attacker.wealth() == before


NO_DEFERRED_GUARD = Mutant(
    name="a batch may liquidate an account whose check is deferred",
    contract="LiquidationEngine",
    source="contracts/liquidation/LiquidationEngine.sol",
    passages=(
        (
            "contracts/liquidation/LiquidationEngine.sol",
            "if (_isTouched(l.account)) revert Liquidation_CheckDeferred(l.account);\n        if (l.maxFraction",
            "if (l.maxFraction",
        ),
    ),
)


def test_batch__without_the_deferred_guard__insurance_is_robbed() -> None:
    with mutant_chain(NO_DEFERRED_GUARD) as chain:
        lender = chain.open("lender", collateral={"USDC": 5_000_000})
        account = chain.open("attacker", collateral={"ETH": 10})
        other = chain.open("attacker", index=1, collateral={"USDC": 1_000_000})
        chain.fund_insurance(1_000_000)
        house, usdc = chain.protocol.house, chain.protocol.token("USDC")
        attacker = chain.key_of(account).address
        calls = [
            encode(house.functions.withdraw(account, usdc.address, 1_000_000 * 10**6, attacker)),
            encode(house.functions.liquidate(liquidation(account, other))),
        ]
        chain.send(house.functions.batch(calls), attacker)
        taken = usdc.functions.balanceOf(attacker).call() * 10**12 + chain.health(other).equity
        # paid in: 10 ETH at 3,000 and 1,000,000 USDC
        assert taken - 1_030_000 * WAD > 900_000 * WAD
        assert house.functions.totals(usdc.address).call()[3] < 100_000 * 10**6
        assert chain.health(lender).equity > 0


@pytest.mark.parametrize("below", ["initial", "maintenance"])
def test_fill__at_the_band_to_ones_own_account_when_weak__reverts(
    below: str,
    protocol: Protocol,
    ballast_chain: LocalChain,
    market: Market,
    make_account: Callable[..., Trader],
    attacker: Trader,
) -> None:
    """Selling cheap to oneself would leave the loss with the weak account, and with insurance in the end."""
    make_account(collateral={"USDC": "5000000"}, name="lender")
    ballast_chain.deposit(attacker.account, "USDC", 10_000, minted=False)
    ballast_chain.deposit(attacker.sub_account(1), "USDC", 100_000, minted=False)
    attacker.trade("ETH-PERP", 30)
    market.set_price("ETH", "2920" if below == "initial" else "2780")
    health = attacker.health
    weak = health.initial if below == "initial" else health.maintenance
    assert health.equity < weak
    before = attacker.wealth()
    mark = ballast_chain.protocol.mark("ETH-PERP")
    cheap = mark * 96 // 100 // 10**16 * 10**16
    with pytest.raises(ContractError, match="Ledger_EquityFell"):
        # the second account's order is the maker: it buys at the band's lower edge
        ballast_chain.fill(attacker.sub_account(1), attacker.account, "ETH-PERP", -3, price=from_wad(cheap))
    assert attacker.wealth() == before
    # the same reduction at mark is welcome
    ballast_chain.fill(attacker.sub_account(1), attacker.account, "ETH-PERP", -3)
    assert attacker.wealth() <= before


def test_settle__winner_before_losers__attackers_never_gain(
    protocol: Protocol, ballast_chain: LocalChain, make_account: Callable[..., Trader], market: Market, attacker: Trader
) -> None:
    """One account wins what the other loses; the winner takes all it can and the loser is left to the others."""
    make_account(collateral={"USDC": "5000000", "ETH": "100"}, name="lender")
    market.set_price("ETH", "3900")
    before = attacker.wealth()  # at the price at which it will be read again
    market.set_price("ETH", "3000")
    ballast_chain.deposit(attacker.account, "USDC", 40_000, minted=False)
    ballast_chain.deposit(attacker.sub_account(1), "USDC", 40_000, minted=False)
    ballast_chain.fill(attacker.sub_account(1), attacker.account, "ETH-PERP", 100)
    market.pump("ETH", "3900")  # a price that nothing deviates from: the profit rule stands alone
    # the long account has 90,000 of profit that nobody has settled: it leaves with its own collateral at the most
    ballast_chain.settle(attacker.account)
    usdc = protocol.token("USDC").address
    # profit counts up to the other equity: 2 * (40,000 - x) must cover the requirement of 39,000
    with pytest.raises(ContractError, match="Ledger_BelowInitialMargin"):
        ballast_chain.withdraw(attacker.account, "USDC", 21_000)
    ballast_chain.withdraw(attacker.account, "USDC", 20_000)
    # the loser is insolvent; whoever closes it, the attacker's accounts together have not gained
    assert ballast_chain.health(attacker.sub_account(1)).equity < 0
    rescuer = make_account(collateral={"USDC": "1000000"}, name="rescuer")
    ballast_chain.liquidate(attacker.sub_account(1), rescuer.account)
    ballast_chain.settle(attacker.account)
    assert attacker.wealth() <= before
    assert protocol.house.functions.totals(usdc).call()[0] >= 5_000_000 * 10**6
