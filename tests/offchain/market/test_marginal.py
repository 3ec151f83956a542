"""One asset's distribution: its observations in the middle, and tails that go on beyond them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import genpareto
from scipy.stats import t as student

from ballast.errors import UsageError
from ballast.market.marginal import Marginal

Z = student(4).rvs(20_000, random_state=1)


def test_quantile__middle__is_the_observations() -> None:
    found = Marginal.of(Z, "X")
    u = np.array([0.1, 0.5, 0.9])
    assert found.quantile(u) == pytest.approx(np.quantile(Z, u), abs=2e-3)


def test_quantile__tails__are_those_drawn_from() -> None:
    found = Marginal.of(Z, "X")
    for u in (0.005, 0.001, 0.999, 0.995):
        assert float(found.quantile(np.array([u]))[0]) == pytest.approx(float(student(4).ppf(u)), rel=0.1)
    assert 0.15 < found.lower.shape < 0.4, "a t of four degrees has a shape of 1/4"


def test_quantile__rising_probabilities__rise_and_go_beyond_what_was_seen() -> None:
    found = Marginal.of(Z[:1_000], "X")
    values = found.quantile(np.linspace(1e-6, 1 - 1e-6, 50_001))
    assert (np.diff(values) >= 0).all()
    assert values[0] < Z[:1_000].min()
    assert values[-1] > Z[:1_000].max()


def test_tail__quantile__is_the_generalised_pareto() -> None:
    tail = Marginal.of(Z, "X").upper
    share = np.array([0.04, 0.01, 0.001])
    expected = tail.threshold + genpareto(tail.shape, scale=tail.scale).isf(share / tail.share)
    assert tail.quantile(share) == pytest.approx(expected)


def test_tail__thin__is_an_exponential() -> None:
    """Bounded observations would have a negative shape, an end: it is not believed."""
    tail = Marginal.of(np.random.default_rng(1).uniform(-1, 1, 5_000), "X").upper
    assert tail.shape == 0
    assert tail.quantile(np.array([tail.share]))[0] == pytest.approx(tail.threshold)


def test_of__bad_input__is_named() -> None:
    with pytest.raises(UsageError, match="marginal: SOL has 199 observations; give 200 or more"):
        Marginal.of(np.append(Z[:199], np.nan), "SOL")
    with pytest.raises(UsageError, match=r"share 0\.5 of a tail"):
        Marginal.of(Z, "SOL", share=0.5)
