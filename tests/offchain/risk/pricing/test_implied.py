"""Volatilities found again from values, as far as a value in double precision determines them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ballast.errors import UsageError
from ballast.risk.pricing import Market, Options, first_order, implied_vols
from ballast.risk.pricing.reference import implied_vol_of, value_of

MANY = 100_000


def scattered(seed: int, count: int = MANY) -> tuple[Any, Any, Any]:
    """Strikes for a forward of 1, years, vols: moneyness 0.2 to 5, an hour to three years, 1% to 500%."""
    source = np.random.default_rng(seed)
    ranges = ((0.2, 5), (1 / 8_760, 3), (0.01, 5))
    return tuple(np.exp(source.uniform(np.log(low), np.log(high), count)) for low, high in ranges)


@pytest.mark.parametrize("outside", [True, False])
def test_implied_vols__of_values__are_the_vols(outside: bool) -> None:
    """Within 1e-12 or what four units in the value's last place are worth, whichever is larger."""
    strikes, years, vols = scattered(seed=1)
    calls = (strikes > 1) == outside
    options = Options.of(strikes, years, calls)
    found = first_order(options, Market.of(1.0, vols))
    known = found.vega > 1e-6
    again = implied_vols(found.value[known], Options.of(strikes[known], years[known], calls[known]), 1.0)
    errors = np.abs(again - vols[known])
    place = np.spacing(found.value[known]) / found.vega[known]
    print(
        f"{'out of' if outside else 'in'} the money: largest error {errors.max():.2e}, {np.mean(errors > 1e-12):.2e} of"
        f" {len(errors)} beyond 1e-12, at most {np.max(errors / np.maximum(place, 1e-12 / 4)):.2f} last places"
    )
    assert known.sum() > MANY / 4
    assert (errors <= np.maximum(1e-12, 4 * place)).all()


def test_implied_vols__far_in_the_wings__are_found_too() -> None:
    """Values down to 1e-300 of the forward, where vega is far below 1e-6."""
    strikes, years, vols = scattered(seed=2)
    options = Options.of(strikes, years, strikes > 1)
    found = first_order(options, Market.of(1.0, vols))
    known = (found.value > 1e-300) & (found.vega / np.maximum(found.value, 1e-300) > 1e-6)
    again = implied_vols(found.value[known], Options.of(strikes[known], years[known], strikes[known] > 1), 1.0)
    place = np.spacing(found.value[known]) / found.vega[known]
    assert known.sum() > found.value.size / 3
    assert (np.abs(again - vols[known]) <= np.maximum(1e-10, 4 * place)).all()


def test_implied_vols__rates_and_forwards__change_nothing() -> None:
    options = Options.of([90.0, 110.0, 100.0], [0.1, 0.5, 1.0], [True, False, True])
    vols = np.array([0.3, 0.9, 0.5])
    market = Market.of([100.0, 105.0, 100.0], vols, 0.08)
    found = implied_vols(first_order(options, market).value, options, market.forwards, 0.08)
    assert found == pytest.approx(vols, abs=1e-13)


def test_implied_vols__one_at_a_time__are_those_of_bisection() -> None:
    source = np.random.default_rng(3)
    for _ in range(200):
        strike, years, vol = source.uniform(0.7, 1.4), source.uniform(0.05, 2), source.uniform(0.2, 1.5)
        price = value_of(strike, years, True, 1.0, vol)
        found = implied_vols(price, Options.of(strike, years, True), 1.0)[0]
        assert found == pytest.approx(implied_vol_of(price, strike, years, True, 1.0), abs=1e-9)


def test_implied_vols__only_what_is_in_the_money__is_zero() -> None:
    assert implied_vols([10.0, 0.0], Options.of([90.0, 110.0], 1.0, True), 100.0).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("price", "call", "words"),
    [
        ([12.0, 9.0], True, r"prices\[1\]: 9.0 has no volatility; give at least 10.0, and less than 100.0"),
        ([12.0, 100.0], True, r"prices\[1\]: 100.0"),
        ([1.0, 90.0], False, r"prices\[1\]: 90.0 has no volatility; give at least 0.0, and less than 90.0"),
        ([12.0, np.nan], True, r"prices\[1\]: nan"),
        ([12.0, -1.0], True, r"prices\[1\]: -1.0"),
    ],
)
def test_implied_vols__impossible_price__says_which(price: Any, call: bool, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        implied_vols(price, Options.of([90.0, 90.0], 1.0, call), 100.0)


def test_implied_vols__no_time__is_refused() -> None:
    with pytest.raises(UsageError, match=r"years: 0\.0; give a finite number above 0"):
        implied_vols(12.0, Options.of(90.0, 0.0, True), 100.0)
