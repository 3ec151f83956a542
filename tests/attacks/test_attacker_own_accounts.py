"""One owner's accounts against the fund and the rounding: what a pair of accounts takes is less than its fees."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ballast.chain.local import ANY_STEP, LocalChain
from ballast.chain.protocol import Protocol
from ballast.errors import ContractError
from ballast.testing import Market, Trader
from ballast.units import WAD, from_wad

SIZE = 100
LOT = "0.00001"


def encode(function: Any) -> bytes:
    return bytes.fromhex(function._encode_transaction_data()[2:])


def wealth(attacker: Trader) -> Decimal:
    return from_wad(attacker.wealth(0, 1, 2))


def pair_at_the_edge(chain: LocalChain, attacker: Trader) -> None:
    """100 ETH long in account 0 at initial margin, short in account 1; account 2 is to liquidate."""
    for index, amount in enumerate((60_000, 300_000, 300_000)):
        chain.deposit(attacker.sub_account(index), "USDC", amount, minted=False)
    chain.fill(attacker.sub_account(1), attacker.account, "ETH-PERP", SIZE)
    health = attacker.health
    spare = int(from_wad(health.equity - health.initial)) - 1
    chain.withdraw(attacker.account, "USDC", spare)


@pytest.mark.parametrize(("gap", "fund"), [("0.08", 10_000_000), ("0.095", 10_000_000), ("0.0985", 10_000)])
def test_liquidate__own_pair_after_a_gap__fees_exceed_the_funds_part(
    gap: str,
    fund: int,
    protocol: Protocol,
    ballast_chain: LocalChain,
    market: Market,
    attacker: Trader,
) -> None:
    """The fund pays where next to no equity is left; the fees are more, or the cap of the day is less."""
    ballast_chain.fund_insurance(fund)
    before = wealth(attacker)
    pair_at_the_edge(ballast_chain, attacker)
    market.pump("ETH", Decimal(3000) * (1 - Decimal(gap)))
    ballast_chain.liquidate(attacker.account, attacker.sub_account(2))
    market.pump("ETH", 3000)  # the wallet holds ETH: read at the same price
    closed = ballast_chain.protocol.position(attacker.account, "ETH-PERP")
    assert closed < SIZE * WAD
    assert wealth(attacker) < before


def test_liquidate__a_gap_that_takes_all_margin__gain_stays_within_the_step_cap(
    protocol: Protocol, ballast_chain: LocalChain, market: Market, attacker: Trader
) -> None:
    """The one case that pays: all equity gone in one update, and nobody else came. The step's cap bounds it."""
    fund = 10_000_000
    ballast_chain.fund_insurance(fund)
    before = wealth(attacker)
    pair_at_the_edge(ballast_chain, attacker)
    market.pump("ETH", Decimal(3000) * (1 - Decimal("0.0985")))
    maintenance = from_wad(attacker.health.maintenance)
    ballast_chain.liquidate(attacker.account, attacker.sub_account(2))
    market.pump("ETH", 3000)
    assert wealth(attacker) - before <= maintenance * Decimal("0.05")
    paid = fund - Decimal(protocol.house.functions.totals(protocol.token("USDC").address).call()[3]) / 10**6
    assert paid <= maintenance * Decimal("0.05")


def test_liquidate__own_insolvent_account_in_many_steps__fund_pays_no_more_than_in_one(
    protocol: Protocol, ballast_chain: LocalChain, market: Market, attacker: Trader
) -> None:
    ballast_chain.fund_insurance(10_000_000)
    ballast_chain.deposit(attacker.sub_account(2), "USDC", 300_000, minted=False)
    pair_at_the_edge(ballast_chain, attacker)
    market.pump("ETH", "2600")
    usdc = protocol.token("USDC").address
    snapshot = ballast_chain.snapshot()
    paid = []
    for fraction in (WAD, WAD // 5):
        for _ in range(40):
            if ballast_chain.protocol.position(attacker.account, "ETH-PERP") == 0:
                break
            try:
                ballast_chain.liquidate(attacker.account, attacker.sub_account(2), max_fraction=fraction)
            except ContractError as error:
                if error.name != "Liquidation_DustRemains":
                    raise
                ballast_chain.liquidate(attacker.account, attacker.sub_account(2))
        paid.append(10_000_000 * 10**6 - protocol.house.functions.totals(usdc).call()[3])
        ballast_chain.revert(snapshot)
        snapshot = ballast_chain.snapshot()
    # the ramp of the seconds that many steps take, and a unit a step
    assert paid[1] <= paid[0] * 1001 // 1000


# I4 counts fees only; the contract also allows what rounding a token's unit may cost, and this test bounds that
@pytest.mark.ballast(skip=["I4"])
def test_batch__many_spot_fills_of_one_lot_in_a_weak_account__leak_is_bounded_by_the_size_sold(
    protocol: Protocol, ballast_chain: LocalChain, market: Market, make_account: Any, attacker: Trader
) -> None:
    """What rounding may cost a weak account is a fixed part of a lot, and a lot is sold once."""
    make_account(collateral={"USDC": "5000000"}, name="lender")
    chain = ballast_chain
    chain.deposit(attacker.account, "BTC", 1, minted=False)
    chain.deposit(attacker.sub_account(1), "USDC", 100_000, minted=False)
    chain.withdraw(attacker.account, "USDC", 47_900)
    market.set_price("BTC", "56000")
    assert attacker.health.equity < attacker.health.maintenance
    before = chain.health(attacker.account).equity

    def sell_lots(count: int, price: str) -> None:
        calls = []
        for _ in range(count):
            made = chain.order(attacker.sub_account(1), "BTC", LOT, price)
            taken = chain.order(attacker.account, "BTC", f"-{LOT}", price)
            calls.append(
                encode(
                    protocol.house.functions.fill(made.as_tuple(), chain.sign(made), taken.as_tuple(), b"", -taken.size)
                )
            )
        chain.send(protocol.house.functions.batch(calls), attacker.address)

    with pytest.raises(ContractError, match="Ledger_EquityFell"):
        sell_lots(20, "55800")
    sell_lots(20, "55840")
    lost = from_wad(before - chain.health(attacker.account).equity)
    sold = 20 * Decimal(LOT) * 56_000
    assert 0 < lost < sold * Decimal("0.004")


def test_batch__views_and_roles__neither_opened_nor_borrowed(
    protocol: Protocol, ballast_chain: LocalChain, attacker: Trader
) -> None:
    """A batch runs as its caller: no role comes with it, and a view inside it sees a locked house."""
    house = protocol.house
    for call in (
        house.functions.unpause(),
        house.functions.setQuoter(attacker.address, True),
        house.functions.setRouter(house.address),
        house.functions.batch([encode(house.functions.setEngine(house.address))]),
    ):
        with pytest.raises(ContractError, match="AccessManagedUnauthorized"):
            ballast_chain.send(house.functions.batch([encode(call)]), attacker.address)
    with pytest.raises(ContractError, match="Ledger_Locked"):
        ballast_chain.send(house.functions.batch([encode(house.functions.health(attacker.account))]), attacker.address)


def test_modules__called_directly__change_nothing_of_the_house(
    protocol: Protocol, ballast_chain: LocalChain, make_account: Any, market: Market, attacker: Trader
) -> None:
    victim = make_account(collateral={"USDC": "40000"}, positions={"ETH-PERP": "100"})
    market.set_price("ETH", "2700")
    (trading, options, settlement, liquidation, listing, views), *_ = protocol.house.functions.modules().call()
    before = (victim.health, victim.balance("USDC"), victim.position("ETH-PERP"))
    step = (victim.account, attacker.account, WAD, 0, 2**200, ANY_STEP, b"")
    house = protocol.house
    data = (
        (settlement, house.functions.settle(victim.account)),
        (options, house.functions.settle(victim.account)),
        (trading, house.functions.cancel(attacker.account, 1)),
        (liquidation, house.functions.liquidate(step)),
        (liquidation, house.functions.flag(victim.account)),
        (listing, house.functions.collect(protocol.token("USDC").address)),
        (views, house.functions.health(victim.account)),
    )
    held = protocol.token("USDC").functions.balanceOf(house.address).call()
    for module, call in data:
        transaction: Any = {
            "from": attacker.address,
            "to": module,
            "data": call._encode_transaction_data(),
            "gas": 2_000_000,
        }
        sent = ballast_chain.w3.eth.send_transaction(transaction)
        ballast_chain.mine(1)
        ballast_chain.w3.eth.wait_for_transaction_receipt(sent, poll_latency=0.01)
    assert (victim.health, victim.balance("USDC"), victim.position("ETH-PERP")) == before
    assert protocol.token("USDC").functions.balanceOf(house.address).call() == held
