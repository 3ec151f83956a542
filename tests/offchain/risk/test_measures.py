"""Value at risk and Expected Shortfall against sums written out, and what makes the latter coherent."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from ballast.errors import UsageError
from ballast.risk.measures import component_shortfalls, expected_shortfall, marginal_shortfalls, value_at_risk
from tests.support.fuzz import examples
from tests.support.published import published

LOSSES = np.array([3.0, -1.0, 10.0, 7.0, 0.0])


def exact(losses: list[int], weights: list[int], level: Fraction) -> Fraction:
    """The definition in fractions."""
    left, total, all_ = 1 - level, Fraction(0), sum(weights)
    for loss, weight in sorted(zip(losses, weights, strict=True), reverse=True):
        taken = min(left, Fraction(weight, all_))
        total, left = total + taken * loss, left - taken
    return total / (1 - level)


def test_expected_shortfall__whole_scenarios__is_their_mean() -> None:
    assert expected_shortfall(LOSSES, 0.6) == pytest.approx(8.5)
    assert value_at_risk(LOSSES, 0.6) == 3.0


def test_expected_shortfall__a_part_of_a_scenario__counts_as_that_part() -> None:
    assert expected_shortfall(LOSSES, 0.7) == pytest.approx((10 + 0.5 * 7) / 1.5)
    assert expected_shortfall(LOSSES, 0.9) == pytest.approx(10)
    assert value_at_risk(LOSSES, 0.7) == 7.0
    assert value_at_risk(LOSSES, 0.9) == 10.0


@given(
    cases=st.lists(st.tuples(st.integers(-1000, 1000), st.integers(1, 9)), min_size=1, max_size=40),
    level=st.fractions(Fraction(1, 100), Fraction(99, 100), max_denominator=200),
    weighted=st.booleans(),
)
@examples(200)
def test_expected_shortfall__any__is_the_definition(cases: Any, level: Fraction, weighted: bool) -> None:
    losses = [loss for loss, _ in cases]
    weights = [weight if weighted else 1 for _, weight in cases]
    found = expected_shortfall(np.array(losses, float), float(level), np.array(weights, float) if weighted else None)
    assert float(found) == pytest.approx(float(exact(losses, weights, level)), abs=1e-8)


def test_expected_shortfall__normal__is_published() -> None:
    """A million quantiles in the middle of equal probabilities."""
    losses = norm.ppf((np.arange(1_000_000) + 0.5) / 1_000_000)
    expected = published("backtest")["es975_normal"]
    print(f"ES 97.5 of a normal: {float(expected_shortfall(losses, 0.975)) - expected:.2e}")
    assert expected_shortfall(losses, 0.975) == pytest.approx(expected, abs=5e-6)
    assert value_at_risk(losses, 0.975) == pytest.approx(norm.ppf(0.975), abs=2e-5)


def test_expected_shortfall__many_portfolios__each_its_own() -> None:
    losses = np.random.default_rng(1).standard_t(4, (1_001, 7))
    for measure in (expected_shortfall, value_at_risk):
        alone = [float(measure(losses[:, i], 0.975)) for i in range(7)]
        assert measure(losses, 0.975) == pytest.approx(alone)
        weights = np.random.default_rng(2).random(1_001)
        alone = [float(measure(losses[:, i], 0.975, weights)) for i in range(7)]
        assert measure(losses, 0.975, weights) == pytest.approx(alone)


@given(seed=st.integers(0, 2**32 - 1), level=st.floats(0.5, 0.999), size=st.integers(1, 300))
@examples(200)
def test_expected_shortfall__any_two_portfolios__is_coherent(seed: int, level: float, size: int) -> None:
    first, second = np.random.default_rng(seed).standard_t(3, (2, size))

    def es(losses: Any) -> float:
        return float(expected_shortfall(losses, level))

    tolerance = 1e-9 * (abs(first).max() + abs(second).max())
    assert es(first + second) <= es(first) + es(second) + tolerance
    assert es(3 * first) == pytest.approx(3 * es(first), abs=tolerance)
    assert es(first + 2) == pytest.approx(es(first) + 2, abs=tolerance + 1e-9)
    assert es(np.maximum(first, second)) >= max(es(first), es(second)) - tolerance
    assert es(first) >= float(value_at_risk(first, level)) - tolerance


def test_component_shortfalls__any__add_up_to_the_portfolios() -> None:
    losses = np.random.default_rng(3).standard_t(4, (997, 5))
    for weights in (None, np.random.default_rng(4).random(997)):
        parts = component_shortfalls(losses, 0.97, weights)
        assert parts.sum() == pytest.approx(float(expected_shortfall(losses.sum(axis=1), 0.97, weights)))


def test_marginal_shortfalls__a_little_more__is_what_it_costs() -> None:
    unit = np.random.default_rng(5).standard_t(4, (5_000, 3))
    sizes = np.array([2.0, -1.0, 0.5])
    marginal = marginal_shortfalls(unit * sizes, sizes, 0.975)
    for i in range(3):
        more = sizes.copy()
        more[i] += 1e-7
        change = expected_shortfall(unit @ more, 0.975) - expected_shortfall(unit @ sizes, 0.975)
        assert change / 1e-7 == pytest.approx(marginal[i], rel=1e-4)


@pytest.mark.parametrize("level", [0.0, 1.0, 1.5, -0.1, float("nan")])
def test_measures__confidence_outside__is_refused(level: float) -> None:
    for measure in (value_at_risk, expected_shortfall):
        with pytest.raises(UsageError, match=f"confidence: {level}; give one between 0 and 1"):
            measure(LOSSES, level)


def test_measures__bad_numbers__say_which() -> None:
    with pytest.raises(UsageError, match=r"loss \(1,\) is nan"):
        expected_shortfall(np.array([1.0, np.nan]), 0.9)
    with pytest.raises(UsageError, match=r"loss \(0, 1\) is inf"):
        value_at_risk(np.array([[1.0, np.inf]]), 0.9)
    with pytest.raises(UsageError, match=r"weight 1 is -1\.0"):
        expected_shortfall(LOSSES[:2], 0.9, np.array([1.0, -1.0]))
    with pytest.raises(UsageError, match="give one for each of 5 scenarios"):
        expected_shortfall(LOSSES, 0.9, np.ones(4))
    with pytest.raises(UsageError, match="losses of shape"):
        expected_shortfall(np.array([]), 0.9)
    with pytest.raises(UsageError, match="position 1 has size 0"):
        marginal_shortfalls(np.ones((3, 2)), np.array([1.0, 0.0]), 0.9)
