from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

from ballast.checks.view import Health
from ballast.demo.replay import Frame
from ballast.demo.summary import cents
from ballast.demo.tally import GasUse, Liquidation, Tally, delay_of
from ballast.market import PricePoint

ACCOUNT = 7


def _frame(index: int, block: int, equity: int | None) -> Frame:
    point = PricePoint(0, index, date(2020, 3, 12), {"ETH": Decimal(200)})
    healths = {} if equity is None else {ACCOUNT: Health(equity, 20, 10)}
    return Frame(index, block, point, healths, 0)


def _frames(*equities: int | None) -> list[Frame]:
    return [_frame(index, 100 + index, equity) for index, equity in enumerate(equities)]


def test_delay_of__healthy_until_the_block_before__zero() -> None:
    assert delay_of(_frames(15, 10, 15), 2, ACCOUNT) == 0


def test_delay_of__unhealthy_for_two_blocks__two() -> None:
    assert delay_of(_frames(5, 10, 9, 3, 15), 4, ACCOUNT) == 2


def test_delay_of__breach_before_an_earlier_recovery__does_not_count() -> None:
    assert delay_of(_frames(5, 5, 10, 5, 15), 4, ACCOUNT) == 1


def test_delay_of__account_that_could_not_be_valued__counts_from_the_first_reading() -> None:
    assert delay_of(_frames(None, 9, 15), 2, ACCOUNT) == 1
    assert delay_of(_frames(15), 0, ACCOUNT) == 0


def test_delay_of__blocks_between_points__count() -> None:
    frames = [_frame(0, 100, 15), _frame(1, 101, 5), _frame(2, 140, 15)]
    assert delay_of(frames, 2, ACCOUNT) == 39


def _step(account: int, delay: int, reward: int, fund: int) -> Liquidation:
    return Liquidation(
        account=account,
        block=1,
        frame=0,
        fraction=10**18,
        factor=Fraction(1, 2),
        delay=delay,
        collateral=100,
        notional=50,
        symbol="ETH",
        reward=reward,
        fund_reward=fund,
        loss=0,
    )


def _tally(*steps: Liquidation, worst: Fraction = Fraction(1, 2)) -> Tally:
    borne = {"insurance": 40, "winners": 30, "deposits": 2, "uncovered": 1}
    return Tally(steps, GasUse(3, 1, 9), GasUse(1, 0, 4), borne, worst, 0, 30)


def test_tally__sums__count_accounts_once_and_gas_of_liquidations_only() -> None:
    found = _tally(_step(1, 0, 10, 3), _step(1, 2, 20, 0), _step(2, 1, 5, 1))
    assert found.accounts == 2
    assert found.profit == 10 + 20 + 5 - 9
    assert found.holding == 30 - 35
    assert found.insurance_used == 40 + 3 + 1
    assert found.bad_debt == 73
    assert (found.collateral_sold, found.positions_closed) == (300, 150)
    assert (found.longest_delay, found.mean_delay) == (2, 1)


def test_tally__nothing_liquidated__zeros() -> None:
    found = _tally()
    assert (found.accounts, found.longest_delay, found.mean_delay, found.profit) == (0, 0, 0, -9)


def test_tally__negative_equity__health_factor_is_zero_as_the_contract_says() -> None:
    assert _tally(worst=Fraction(-3, 2)).worst_factor == 0
    assert _tally().worst_factor == Fraction(1, 2)


def test_cents__half_a_cent__to_the_even_one() -> None:
    assert str(cents(1_005 * 10**15)) == "1.00"
    assert str(cents(1_015 * 10**15)) == "1.02"
    assert str(cents(-(10**15))) == "-0.00"
