"""Between the expiries of a surface, before the first and after the last."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ballast.errors import UsageError
from ballast.market.surface import Surface
from ballast.market.svi_fit import fit_svi, total_variance

FIRST = np.array([0.01, 0.08, -0.3, 0.02, 0.2])
SECOND = np.array([0.03, 0.10, -0.2, 0.0, 0.3])
SURFACE = Surface.of([0.1, 0.5], [FIRST, SECOND])
K = np.linspace(-0.5, 0.5, 11)


def test_total_variance__at_an_expiry__is_its_slices() -> None:
    assert SURFACE.total_variance(K, 0.1) == pytest.approx(total_variance(FIRST, K))
    assert SURFACE.total_variance(K, 0.5) == pytest.approx(total_variance(SECOND, K))


def test_total_variance__between__is_linear_in_time() -> None:
    expected = 0.75 * total_variance(FIRST, K) + 0.25 * total_variance(SECOND, K)
    assert SURFACE.total_variance(K, 0.2) == pytest.approx(expected)


def test_vols__before_the_first_and_after_the_last__are_constant() -> None:
    assert SURFACE.vols(K, 0.01) == pytest.approx(SURFACE.vols(K, 0.1))
    assert SURFACE.vols(K, 3.0) == pytest.approx(SURFACE.vols(K, 0.5))
    assert SURFACE.total_variance(K, 0.0) == pytest.approx(np.zeros(11))


def test_total_variance__one_expiry__is_in_proportion_to_time() -> None:
    alone = Surface.of([0.5], [SECOND])
    for years in (0.1, 0.5, 2.0):
        assert alone.total_variance(K, years) == pytest.approx(total_variance(SECOND, K) * years / 0.5)


def test_total_variance__later__is_never_less() -> None:
    times = np.linspace(0, 2, 101)
    assert (np.diff(SURFACE.total_variance(K[:, None], times), axis=1) > 0).all()


def test_fit_svi__an_earlier_slice__is_not_crossed() -> None:
    """Quotes of a later expiry with less variance in the wings than the earlier one's."""
    quotes = np.sqrt(total_variance(np.array([0.02, 0.03, 0.0, 0.0, 0.2]), K) / 0.5)
    earlier = fit_svi(K, np.sqrt(total_variance(FIRST, K) / 0.1), 0.1)
    free = fit_svi(K, quotes, 0.5)
    with pytest.raises(UsageError, match="calendar arbitrage"):
        Surface.of([0.1, 0.5], [earlier.parameters, free.parameters])
    held = fit_svi(K, quotes, 0.5, earlier=earlier)
    assert (total_variance(held.parameters, K) >= total_variance(earlier.parameters, K)).all()
    assert held.largest_error > free.largest_error + 1


@pytest.mark.parametrize(
    ("years", "slices", "says"),
    [
        ([0.5, 0.1], [FIRST, SECOND], r"expiry 1: 0\.1 years, after 0\.5; give expiries in order of time, once"),
        ([0.1, 0.1], [FIRST, SECOND], r"expiry 1: 0\.1 years, after 0\.1"),
        ([0.1, np.nan], [FIRST, SECOND], "expiry 1: nan years"),
        ([0.1, 0.5], [SECOND, FIRST], r"expiry 1: total variance .* is below the .*calendar arbitrage"),
        ([0.1], [[-0.5, 0.1, 0, 0, 0.1]], r"expiry 0: total variance -.* at k = -1\.50; give one above 0"),
        ([0.1], [FIRST, SECOND], "shapes"),
        ([], np.empty((0, 5)), "shapes"),
    ],
)
def test_of__not_a_surface__says_why(years: Any, slices: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        Surface.of(years, slices)


def test_of__crossings_allowed__are_taken() -> None:
    assert Surface.of([0.1, 0.5], [SECOND, FIRST], crossings=True).total_variance(0.0, 0.5) == pytest.approx(
        total_variance(FIRST, np.array(0.0))
    )


def test_vols__times_that_are_none__are_refused() -> None:
    with pytest.raises(UsageError, match="expires now has no volatility"):
        SURFACE.vols(0.0, 0.0)
    with pytest.raises(UsageError, match="0 or more"):
        SURFACE.total_variance(0.0, -0.1)
