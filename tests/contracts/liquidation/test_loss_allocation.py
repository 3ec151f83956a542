"""LossAllocation.sol: insurance, winners, lenders, in that order. Branches: test_loss_allocation.tree."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import pytest

from ballast.units import QUOTE_UNIT, WAD
from tests.contracts.liquidation.census import Census, census, census_at
from tests.contracts.liquidation.scenes import Scenes

UNIT = 10**6


@dataclass
class Outcome:
    """One liquidation of an insolvent account, with everybody's wealth before and after."""

    before: Census
    after: Census
    step: dict[str, Any]
    loss: dict[str, Any]
    written: dict[int, dict[str, int]]

    def insured(self) -> int:
        """What insurance lost to the loss alone."""
        return self.before.insurance - self.after.insurance - self.step["fundReward"]

    def won(self, *accounts: int) -> int:
        """What unsettled profits of these accounts fell by."""
        return sum(
            value - self.after.unsettled[key] for key, value in self.before.unsettled.items() if key[0] in accounts
        )

    def lent(self, symbol: str, *accounts: int) -> int:
        """What deposits of these accounts fell by, token units."""
        return sum(
            max(0, value) - max(0, self.after.balances[key])
            for key, value in self.before.balances.items()
            if key[0] in accounts and key[1] == symbol
        )


def close(scenes: Scenes, account: int, liquidator: int, others: tuple[int, ...], **options: Any) -> Outcome:
    """Liquidates in the second of the latest block; checks what holds whoever bears the loss."""
    now = scenes.chain.now()
    accounts = (account, liquidator, *others)
    before = census_at(scenes, accounts, now)
    scenes.next_block_at(now)
    receipt = scenes.chain.liquidate(account, liquidator, **options)
    after = census(scenes, accounts)
    loss = scenes.event(receipt, "LossAllocated")
    parts = ("insurance", "winners", "deposits", "uncovered")
    assert loss["loss"] == sum(loss[part] for part in parts), "I6: the parts are the loss"
    assert after.held == before.held, "no token moves"
    written: dict[int, dict[str, int]] = {}
    for event in scenes.events(receipt, "DebtWrittenOff"):
        sums = written.setdefault(event["token"], {"amount": 0, "fromDeposits": 0, "uncovered": 0})
        for name in sums:
            sums[name] += event[name]
    return Outcome(before, after, scenes.event(receipt, "Liquidated"), loss, written)


def require_gone(scenes: Scenes, account: int) -> None:
    """Nothing is left of the account: no debt, no position, no flag."""
    health = scenes.chain.health(account)
    assert (health.maintenance, health.equity) == (0, 0)
    assert scenes.house.functions.accountOf(account).call()[:2] == [0, 0]
    assert scenes.liquidation_state(account)[0] == 0


# ------------------------------------------------------------ the order


@pytest.fixture
def mixed(scenes: Scenes) -> tuple[int, int]:
    """A loser of 10 ETH against 21,000 USDC and long 5 ETH-PERP, and the winner; at 1,900 it is worth -7,500."""
    scenes.free_trading()
    loser = scenes.borrower("loser", owes={"USDC": 21_000}, ETH=10)
    winner = scenes.open("winner", USDC=50_000)
    scenes.chain.fill(winner, loser, "ETH-PERP", 5)
    scenes.price(ETH=1_900)
    return loser, winner


#: Insurance at hand, and what it, the winner (lost to it: 5,500) and the lenders then bear of 7,500 USDC.
SPLITS = [
    (20_000, 7_500, 0, 0),
    (7_000, 7_000, 500, 0),
    (2_000, 2_000, 5_500, 0),
    (1_000, 1_000, 5_500, 1_000),
    (0, 0, 5_500, 2_000),
]


@pytest.mark.parametrize(("insurance", "insured", "won", "lent"), SPLITS)
def test_loss__each_bears_only_when_the_one_before_is_exhausted(
    scenes: Scenes, liquidator: int, mixed: tuple[int, int], insurance: int, insured: int, won: int, lent: int
) -> None:
    loser, winner = mixed
    lender = scenes.lender()
    scenes.set_liquidation(fundStepCap=0)
    if insurance:
        scenes.chain.fund_insurance(insurance)
    out = close(scenes, loser, liquidator, (winner, lender))
    interest = -out.step["equity"] - 7_500 * WAD  # of some seconds, on top
    assert 0 <= interest < WAD // 100
    total = -out.step["equity"]
    dust = 10 * QUOTE_UNIT + 5 * 10**6
    assert 0 <= out.loss["loss"] - total <= dust
    assert out.loss["insurance"] == pytest.approx(min(total, insurance * WAD), abs=QUOTE_UNIT)
    rest = total - out.loss["insurance"]
    assert out.loss["winners"] == pytest.approx(min(rest, 5_500 * WAD), abs=5 * 10**6)
    assert out.loss["deposits"] == pytest.approx(max(0, rest - 5_500 * WAD), abs=dust)
    assert out.loss["uncovered"] == 0
    # each part is what its bearer lost
    assert 0 <= out.insured() - out.loss["insurance"] < QUOTE_UNIT
    assert out.won(winner) == out.loss["winners"], "to the wei"
    written = out.written.get(0, {"amount": 0, "fromDeposits": 0})
    assert written["amount"] == written["fromDeposits"]
    assert written["amount"] * QUOTE_UNIT == pytest.approx(out.loss["deposits"], abs=2 * QUOTE_UNIT)
    assert 0 <= out.lent("USDC", lender, winner, liquidator) - liquidated_cash(out, liquidator) - written["amount"] <= 4
    # and in words
    for found, expected in ((out.loss["insurance"], insured), (out.loss["winners"], won), (out.loss["deposits"], lent)):
        assert abs(found - expected * WAD) <= interest + dust
    require_gone(scenes, loser)
    scenes.require_books("ETH-PERP", (loser, winner, liquidator))


def liquidated_cash(out: Outcome, liquidator: int) -> int:
    """USDC units the liquidator paid for the slice, which its deposit lacks without being a loss."""
    positions = sum(value for (a, _), value in out.after.unsettled.items() if a == liquidator)
    assert positions == 0
    tokens = out.after.equity[liquidator] - out.after.balances[liquidator, "USDC"] * QUOTE_UNIT
    before = out.before.equity[liquidator] - out.before.balances[liquidator, "USDC"] * QUOTE_UNIT
    return (tokens - before) // QUOTE_UNIT


@pytest.mark.parametrize("insurance", [0, 3_000, 20_000])
def test_loss__liquidator__gets_what_it_pays_for_and_the_funds_reward(
    scenes: Scenes, liquidator: int, mixed: tuple[int, int], insurance: int
) -> None:
    """The slice is worth what it costs: whoever closes an insolvent account lives on the fund's reward alone."""
    loser, winner = mixed
    if insurance:
        scenes.chain.fund_insurance(insurance)
    out = close(scenes, loser, liquidator, (winner,))
    # as a lender of 1,000,000 of 11,000,000 it bears its part of what lenders bear
    as_lender = out.loss["deposits"] // 10
    gained = out.after.equity[liquidator] - out.before.equity[liquidator]
    assert -as_lender - WAD // 1_000 <= gained - out.step["fundReward"] <= 0
    assert out.step["accountReward"] == out.step["insuranceFee"] == 0
    assert (out.step["fundReward"] > 0) == (insurance > 7_500)


# ------------------------------------------------------------ debts


def test_loss__insurance_in_usdc_against_a_debt_in_eth__spares_the_lenders_of_eth(
    scenes: Scenes, liquidator: int
) -> None:
    scenes.chain.fund_insurance(100_000)
    loser = scenes.borrower("loser", owes={"ETH": 10}, USDC=36_000)
    lender = scenes.lender()
    scenes.price(ETH=4_000)
    out = close(scenes, loser, liquidator, (lender,))
    assert out.loss["insurance"] == -out.step["equity"] == pytest.approx(4_000 * WAD, rel=1e-5)
    assert out.loss["winners"] == out.loss["deposits"] == 0
    assert not out.written
    assert out.after.deposit_index == out.before.deposit_index
    assert out.lent("ETH", lender) == 0
    # the liquidator has the debt, and the cash for it
    assert out.after.balances[liquidator, "ETH"] == pytest.approx(-10 * WAD, rel=1e-5)
    require_gone(scenes, loser)


@pytest.mark.parametrize("insurance", [0, 5_000])
def test_loss__several_debts__lenders_bear_by_value(scenes: Scenes, liquidator: int, insurance: int) -> None:
    """Owes ETH, SOL and USDC worth 60,000, 30,000 and 12,000 against 2 BTC worth 72,000."""
    scenes.set_liquidation(fundStepCap=0)
    if insurance:
        scenes.chain.fund_insurance(insurance)
    lender = scenes.lender()
    loser = scenes.open("loser", BTC=2, USDC=1)
    for symbol, amount in (("ETH", 10), ("SOL", 100), ("USDC", 12_001)):
        scenes.chain.withdraw(loser, symbol, amount)
    scenes.price(ETH=6_000, SOL=300, BTC=36_000)
    out = close(scenes, loser, liquidator, (lender,))
    total = -out.step["equity"]
    assert total == pytest.approx(30_000 * WAD, rel=1e-3)
    lent = {s: out.lent(s, lender) for s in ("ETH", "SOL")}
    value = {"ETH": lent["ETH"] * 6_000, "SOL": lent["SOL"] * 300 * 10**9}
    rest = total - insurance * WAD
    # insurance pays off USDC first; of the rest ETH and SOL bear theirs by what was owed at the start
    assert value["ETH"] / value["SOL"] == pytest.approx(60 / 30, rel=1e-3)
    assert value["ETH"] == pytest.approx(rest * 60 / 102, rel=1e-3)
    assert sum(w["amount"] for w in out.written.values()) > 0
    assert out.loss["deposits"] == pytest.approx(rest, rel=1e-5)
    assert out.loss["uncovered"] == 0
    require_gone(scenes, loser)


def test_loss__deposit_index__takes_from_depositors_what_was_written_off(scenes: Scenes, liquidator: int) -> None:
    """Odd amounts of several depositors: what the division leaves is less than a unit each, and reserves keep it."""
    lenders = tuple(
        scenes.open(f"lender {i}", USDC=amount) for i, amount in enumerate(("33333.333333", "7.000001", "14999.999999"))
    )
    loser = scenes.open("loser", ETH=10)
    scenes.chain.withdraw(loser, "USDC", 23_456)
    scenes.price(ETH=2_000)
    out = close(scenes, loser, liquidator, lenders)
    amount = out.written[0]["amount"]
    assert amount == out.written[0]["fromDeposits"] == math.ceil(Fraction(-out.step["equity"], QUOTE_UNIT))
    # the liquidator lends as well: its cash after paying for the slice
    paid = liquidated_cash(out, liquidator)
    lost = out.lent("USDC", *lenders, liquidator) - paid
    assert 0 <= lost - amount <= len(lenders) + 2
    for lender in lenders:
        share = out.before.balances[lender, "USDC"] * amount // out.before.lent("USDC")
        assert 0 <= out.lent("USDC", lender) - share <= 2
    assert 0 <= out.after.reserves["USDC"] - out.before.reserves["USDC"] <= len(lenders) + 4
    # a deposit after it is whole
    late = scenes.open("late", USDC=1_000)
    assert 0 <= 1_000 * UNIT - scenes.protocol.balance(late, "USDC") <= 1


def test_loss__of_all_that_was_lent__leaves_a_bank_that_goes_on(scenes: Scenes) -> None:
    """Lent out to the last, for 300 days, against ETH worth next to nothing: deposits and reserves bear it all."""
    rich = scenes.open("liquidator", BTC=100)
    lender = scenes.open("lender", USDC="1200.5")
    borrowers = [scenes.open(f"borrower {i}", ETH="0.1") for i in range(6)]
    for borrower in borrowers:
        scenes.chain.withdraw(borrower, "USDC", 200)
    scenes.chain.warp(300 * 86_400, refresh=True)
    for price in (700, 150, 40, 10, 3):
        scenes.price(ETH=price)
    lent = scenes.protocol.balance(lender, "USDC")
    written = 0
    for borrower in borrowers:
        out = close(scenes, borrower, rich, (lender,))
        written += out.written[0]["fromDeposits"]
        require_gone(scenes, borrower)
    assert 0 <= lent - written <= len(borrowers)
    require_bank(scenes, lender)


def require_bank(scenes: Scenes, lender: int) -> None:
    """A bank whose deposits were wiped out adds up, takes deposits, lends and is repaid."""
    assert scenes.protocol.balance(lender, "USDC") <= 2
    bank = scenes.bank("USDC")
    deposits, borrows, reserves, insurance = scenes.house.functions.totals(scenes.protocol.token("USDC").address).call()
    assert deposits - borrows + reserves + insurance + bank["pools"] == bank["held"], "I2"
    late = scenes.open("late", USDC=5_000)
    assert 0 <= 5_000 * UNIT - scenes.protocol.balance(late, "USDC") <= 1
    debtor = scenes.open("debtor", BTC=1)
    scenes.chain.withdraw(debtor, "USDC", 4_000)
    scenes.chain.deposit(debtor, "USDC", 4_001)
    scenes.chain.withdraw(late, "USDC", 4_999)


@pytest.mark.parametrize("count", [1, 3])
def test_loss__above_all_deposits__is_uncovered_and_nothing_reverts(scenes: Scenes, count: int) -> None:
    """Losses of positions were settled into debts while their collateral was good; then the collateral crashed."""
    scenes.free_trading()
    rich = scenes.open("liquidator", BTC=100)
    lender, winner = scenes.open("lender", USDC="100.123457"), scenes.open("winner", BTC=10)
    losers = [scenes.open(f"loser {i}", ETH=10) for i in range(count)]
    for loser in losers:
        scenes.chain.fill(winner, loser, "BTC-PERP", 1)
    scenes.price(BTC=45_000)
    for loser in losers:
        scenes.chain.settle(loser)
    for price in (1_000, 250):
        scenes.price(ETH=price)
    uncovered = 0
    for loser in losers:
        out = close(scenes, loser, rich, (lender, winner))
        uncovered += out.loss["uncovered"]
        assert out.loss["winners"] == 0
        assert out.loss["deposits"] + out.loss["uncovered"] == out.loss["loss"]
        assert out.after.uncovered["USDC"] - out.before.uncovered["USDC"] == out.written[0]["uncovered"]
        require_gone(scenes, loser)
    assert uncovered == pytest.approx(count * 12_500 * WAD - 100 * WAD, rel=1e-3)
    assert scenes.bank("USDC")["uncovered"] * QUOTE_UNIT == pytest.approx(uncovered, abs=10 * QUOTE_UNIT)
    # what the liquidator borrowed to close them is a debt like any other
    scenes.open("liquidator", USDC=100_000)
    require_bank(scenes, lender)


def test_loss__at_full_utilisation__does_not_revert(scenes: Scenes) -> None:
    rich = scenes.open("liquidator", BTC=100)
    lender = scenes.open("lender", USDC=24_000)
    loser = scenes.open("loser", ETH=10)
    scenes.chain.withdraw(loser, "USDC", 23_999)
    scenes.chain.withdraw(rich, "USDC", 1)
    assert scenes.bank("USDC")["held"] == 0
    scenes.price(ETH=1_500)
    out = close(scenes, loser, rich, (lender,))
    assert out.loss["deposits"] == out.loss["loss"] == pytest.approx(8_999 * WAD, rel=1e-5)
    assert out.lent("USDC", lender) == pytest.approx(8_999 * UNIT, rel=1e-5)
    assert scenes.bank("USDC")["held"] == 0
    require_gone(scenes, loser)


# ------------------------------------------------------------ parts of an account


@pytest.mark.parametrize("insurance", [0, 1_000, 20_000])
def test_loss__limited_step__allocates_its_part(
    scenes: Scenes, liquidator: int, mixed: tuple[int, int], insurance: int
) -> None:
    loser, winner = mixed
    scenes.set_liquidation(fundStepCap=0)
    if insurance:
        scenes.chain.fund_insurance(insurance)
    equity = scenes.chain.health(loser).equity
    out = close(scenes, loser, liquidator, (winner, scenes.lender()), max_fraction=WAD // 4)
    part = -equity // 4
    assert out.loss["loss"] == pytest.approx(part, rel=1e-6)
    assert out.loss["insurance"] == pytest.approx(min(part, insurance * WAD), rel=1e-6)
    assert out.loss["winners"] == pytest.approx(min(part - out.loss["insurance"], 5_500 * WAD // 4), rel=1e-6)
    assert out.won(winner) == out.loss["winners"]
    after = scenes.chain.health(loser)
    # the loss allocated is gone from the account: what is left of it is as bad as before
    assert after.equity == pytest.approx(equity * 3 // 4, rel=1e-3)
    scenes.require_books("ETH-PERP", (loser, winner, liquidator))
    out = close(scenes, loser, liquidator, (winner, scenes.lender()))
    require_gone(scenes, loser)


def test_loss__positions_only__is_the_winners_alone(scenes: Scenes, liquidator: int) -> None:
    scenes.free_trading()
    lender = scenes.lender()
    loser, winner = scenes.open("loser", USDC=3_100), scenes.open("winner", USDC=50_000)
    scenes.chain.fill(winner, loser, "ETH-PERP", 10)
    scenes.price(ETH=2_500)
    out = close(scenes, loser, liquidator, (winner, lender))
    assert out.loss["winners"] == out.loss["loss"] == 1_900 * WAD
    assert out.lent("USDC", lender) == 0
    assert scenes.unsettled(winner, "ETH-PERP") == 3_100 * WAD
    require_gone(scenes, loser)
    # what the loser had is in the pool, and the winner's to draw
    assert scenes.market("ETH-PERP")["pool"] == 3_100 * UNIT
    scenes.chain.settle(winner)
    assert scenes.protocol.balance(winner, "USDC") == 53_100 * UNIT
    scenes.require_books("ETH-PERP", (loser, winner, liquidator))


def test_loss__profit_elsewhere__counts_and_only_losing_markets_bear(scenes: Scenes, liquidator: int) -> None:
    scenes.free_trading()
    loser = scenes.open("loser", USDC=8_000)
    eth_winner, btc_loser = scenes.open("eth winner", USDC=90_000), scenes.open("btc loser", USDC=90_000)
    scenes.chain.fill(eth_winner, loser, "ETH-PERP", 10)
    scenes.chain.fill(btc_loser, loser, "BTC-PERP", "0.5")
    scenes.price(ETH=2_000, BTC=62_000)
    equity = 8_000 - 10_000 + 1_000
    assert scenes.chain.health(loser).equity == equity * WAD
    out = close(scenes, loser, liquidator, (eth_winner, btc_loser))
    assert out.loss["winners"] == out.loss["loss"] == -equity * WAD
    assert out.won(eth_winner) == -equity * WAD
    assert out.won(btc_loser) == 0
    # the profit of 1,000 is a claim: nobody has paid it in yet
    assert scenes.unsettled(loser, "BTC-PERP") == 1_000 * WAD
    assert scenes.protocol.balance(loser, "USDC") == -1_000 * UNIT
    assert scenes.chain.health(loser).equity == 0
    scenes.chain.settle(btc_loser)
    scenes.chain.settle(loser)
    require_gone(scenes, loser)
    for symbol in ("ETH-PERP", "BTC-PERP"):
        scenes.require_books(symbol, (loser, eth_winner, btc_loser, liquidator))


def test_loss__two_losing_markets__each_markets_winners_bear_its_part(scenes: Scenes, liquidator: int) -> None:
    scenes.free_trading()
    loser = scenes.open("loser", USDC=9_000)
    eth_winner, btc_winner = scenes.open("eth winner", USDC=90_000), scenes.open("btc winner", USDC=90_000)
    scenes.chain.fill(eth_winner, loser, "ETH-PERP", 10)
    scenes.chain.fill(btc_winner, loser, "BTC-PERP", 1)
    scenes.price(ETH=2_300, BTC=54_000)  # 7,000 and 6,000 lost, 4,000 of it not there
    out = close(scenes, loser, liquidator, (eth_winner, btc_winner))
    assert out.loss["winners"] == pytest.approx(4_000 * WAD, abs=20 * 10**6)
    assert out.won(eth_winner) == pytest.approx(4_000 * WAD * 7 // 13, abs=10**8)
    assert out.won(btc_winner) == pytest.approx(4_000 * WAD * 6 // 13, abs=10**8)
    assert out.won(eth_winner, btc_winner) == out.loss["winners"]
    require_gone(scenes, loser)


def test_loss__claim_of_the_loser_in_the_losing_market__is_netted_first(scenes: Scenes, liquidator: int) -> None:
    """What its own market owes the loser is no other winner's: it is used up before anybody bears anything."""
    scenes.free_trading()
    loser = scenes.open("loser", ETH=10)
    lender = scenes.lender()
    scenes.chain.withdraw(loser, "USDC", 19_000)
    first, second = scenes.open("first", USDC=100_000), scenes.open("second", USDC=100_000)
    scenes.chain.fill(first, loser, "ETH-PERP", 1)
    scenes.price(ETH=3_300)
    scenes.chain.fill(second, loser, "ETH-PERP", -1)
    assert scenes.unsettled(loser, "ETH-PERP") == 300 * WAD
    scenes.chain.fill(first, loser, "ETH-PERP", 10)
    scenes.price(ETH=2_000)
    winners = (first,)
    out = close(scenes, loser, liquidator, (first, second, lender))
    total = -out.step["equity"]
    assert out.loss["loss"] == pytest.approx(total, abs=20 * QUOTE_UNIT)
    assert out.loss["winners"] == pytest.approx(total, abs=10**9)
    assert out.won(*winners) == out.loss["winners"]
    assert out.lent("USDC", lender) <= 20
    scenes.require_books("ETH-PERP", (loser, first, second, liquidator))
    require_gone(scenes, loser)


def test_settle__claim_of_an_account_that_interest_made_insolvent__repays_its_lenders(
    scenes: Scenes, liquidator: int
) -> None:
    """Its losses it may not settle, what a pool owes it is paid: else its debt would grow beside the cash."""
    perp = "ETH-PERP"
    scenes.free_trading()
    other = scenes.open("other", USDC=500_000)
    account = scenes.borrower(owes={"USDC": 45_000}, BTC=1)
    scenes.chain.fill(account, other, perp, 5)
    scenes.price(ETH=2_400, BTC=40_000)
    scenes.chain.liquidate(account, liquidator)
    claim, debt = scenes.unsettled(account, perp), -scenes.protocol.balance(account, "USDC")
    assert claim == pytest.approx(debt * QUOTE_UNIT, abs=10 * QUOTE_UNIT)
    assert claim > 2_000 * WAD
    scenes.chain.warp(3_600, refresh=True)
    assert scenes.chain.health(account).equity < 0
    scenes.chain.settle(account)  # nothing is in the pool yet
    assert scenes.unsettled(account, perp) == claim
    scenes.chain.settle(other)
    scenes.chain.settle(account)
    assert scenes.unsettled(account, perp) == 0
    assert -QUOTE_UNIT * scenes.protocol.balance(account, "USDC") < WAD // 10, "an hour's interest"
    scenes.chain.liquidate(account, liquidator)
    assert scenes.protocol.balance(account, "USDC") == 0
