"""Correlation and tail dependence: found again from samples that were drawn with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ballast.errors import UsageError
from ballast.market.dependence import Correlation, fit_degrees, nearest_correlation, require_positive_definite

MATRIX = np.array([[1.0, 0.8, 0.5], [0.8, 1.0, 0.3], [0.5, 0.3, 1.0]])
NAMES = ("BTC", "ETH", "SOL")
PLAIN = Correlation(decay=1.0, shrinkage=0.0)


def drawn(days: int, degrees: float, seed: int = 1, matrix: Any = MATRIX) -> Any:
    source = np.random.default_rng(seed)
    normal = source.standard_normal((days, len(matrix))) @ np.linalg.cholesky(matrix).T
    return normal * np.sqrt(degrees / source.chisquare(degrees, (days, 1)))


def test_of__many_days__is_the_matrix() -> None:
    assert PLAIN.of(drawn(200_000, 60), NAMES) == pytest.approx(MATRIX, abs=0.01)


def test_of__complete_days__is_the_textbooks_about_zero() -> None:
    z = drawn(500, 8)
    norms = np.sqrt((z**2).sum(axis=0))
    assert PLAIN.of(z, NAMES) == pytest.approx(z.T @ z / np.outer(norms, norms))


def test_of__a_young_asset__pairs_are_of_common_days() -> None:
    z = drawn(3_000, 8)
    z[:2_000, 2] = np.nan
    found = PLAIN.of(z, NAMES)
    assert found[0, 1] == pytest.approx(PLAIN.of(z[:, :2], NAMES[:2])[0, 1])
    assert found[0, 2] == pytest.approx(PLAIN.of(z[2_000:], NAMES)[0, 2])


def test_of__decay__follows_what_changed() -> None:
    other = np.where(np.eye(3, dtype=bool), 1.0, 0.0)
    z = np.concatenate((drawn(2_000, 30), drawn(500, 30, matrix=other)))
    assert abs(Correlation(0.98, 0.0).of(z, NAMES)[0, 1]) < 0.2
    assert PLAIN.of(z, NAMES)[0, 1] > 0.5


def test_of__shrinkage__draws_to_the_mean_and_keeps_it() -> None:
    z = drawn(1_000, 8)
    plain, all_ = PLAIN.of(z, NAMES), Correlation(1.0, 1.0).of(z, NAMES)
    off = ~np.eye(3, dtype=bool)
    assert all_[off] == pytest.approx(np.full(6, plain[off].mean()))
    assert Correlation(1.0, 0.5).of(z, NAMES) == pytest.approx((plain + all_) / 2)


def test_stressed__markets_that_fall_together__is_higher() -> None:
    source = np.random.default_rng(5)
    z = source.standard_normal((4_000, 3))
    crash = source.random(4_000) < 0.08
    z[crash] = -3 + 0.5 * z[crash]
    assert (PLAIN.stressed(z, NAMES)[~np.eye(3, dtype=bool)] > PLAIN.of(z, NAMES)[~np.eye(3, dtype=bool)] + 0.1).all()


def test_nearest_correlation__pairs_that_contradict__is_one() -> None:
    impossible = np.array([[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1.0]])
    found = nearest_correlation(impossible)
    assert np.linalg.eigvalsh(found).min() > -1e-12
    assert np.diag(found) == pytest.approx([1, 1, 1])
    assert nearest_correlation(MATRIX) is not MATRIX
    assert nearest_correlation(MATRIX) == pytest.approx(MATRIX)


@pytest.mark.parametrize("degrees", [3.0, 6.0])
def test_fit_degrees__drawn_with__finds_them(degrees: float) -> None:
    assert fit_degrees(drawn(6_000, degrees), MATRIX) == pytest.approx(degrees, rel=0.15)


def test_fit_degrees__normal__are_many() -> None:
    assert fit_degrees(drawn(6_000, 1e6), MATRIX) > 25


def test_of__the_same_asset_twice__is_singular() -> None:
    z = drawn(500, 8)[:, [0, 1, 0]]
    with pytest.raises(UsageError, match=r"singular; BTC and SOL have 1\.0+, leave one of them out"):
        PLAIN.of(z, NAMES)


def test_of__bad_input__is_named() -> None:
    z = drawn(500, 8)
    z[59:, 1] = np.nan
    with pytest.raises(UsageError, match="BTC and ETH have 59 days together; give 60 or more"):
        PLAIN.of(z, NAMES)
    with pytest.raises(UsageError, match="decay 0"):
        Correlation(decay=0)
    with pytest.raises(UsageError, match="shrinkage 2"):
        Correlation(shrinkage=2)
    with pytest.raises(UsageError, match="not finite"):
        require_positive_definite(np.full((2, 2), np.nan), NAMES[:2])
    with pytest.raises(UsageError, match="59 days have every asset"):
        fit_degrees(z, MATRIX)
