"""Tests of forecasts against published numbers, and against forecasts that are right or wrong by design."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import norm
from scipy.stats import t as student

from ballast.errors import UsageError
from ballast.risk.backtests import (
    acerbi_szekely,
    christoffersen,
    conditional_coverage,
    hits_of,
    kupiec,
    traffic_light,
    zone_limits,
)
from tests.support.published import published


@pytest.fixture(scope="module")
def numbers() -> dict[str, Any]:
    return published("backtest")


def test_kupiec__250_days_at_99__is_published(numbers: dict[str, Any]) -> None:
    for hits, ratio in numbers["kupiec_lr_T250_p01"].items():
        found = kupiec(int(hits), 250, 0.99).ratio
        print(f"Kupiec {hits} of 250: {found - ratio:.1e}")
        assert found == pytest.approx(ratio, abs=1e-3)


def test_kupiec__accepted_counts__are_published(numbers: dict[str, Any]) -> None:
    for days, (least, most) in numbers["kupiec_accept_95_p01"].items():
        accepted = [hits for hits in range(60) if kupiec(hits, int(days), 0.99).p_value > 0.05]
        assert (accepted[0], accepted[-1]) == (least, most)


def test_christoffersen__example__is_published(numbers: dict[str, Any]) -> None:
    one = numbers["christoffersen"]
    hits = np.zeros(one["T"], dtype=bool)
    hits[one["hits_0_based"]] = True
    found = christoffersen(hits)
    print(f"Christoffersen: {found.ratio - one['lr_ind']:.1e}")
    assert found.ratio == pytest.approx(one["lr_ind"], abs=1e-6)
    both = conditional_coverage(hits, 0.99)
    assert both.ratio == pytest.approx(found.ratio + kupiec(5, 250, 0.99).ratio)
    assert both.p_value < found.p_value * 5


def test_christoffersen__no_hits_and_all__have_no_evidence() -> None:
    for hits in (np.zeros(100, bool), np.ones(100, bool)):
        assert christoffersen(hits).ratio == 0
        assert christoffersen(hits).p_value == 1


def test_traffic_light__250_days_at_99__is_the_committees() -> None:
    zones = [traffic_light(hits, 250, 0.99) for hits in range(12)]
    assert zones == ["green"] * 5 + ["yellow"] * 5 + ["red"] * 2
    assert zone_limits(250, 0.99) == (5, 10)


def test_zone_limits__750_days_at_995__are_published(numbers: dict[str, Any]) -> None:
    limits = numbers["traffic_light_750_p005"]
    assert zone_limits(750, 0.995) == (limits["yellow_from"], limits["red_from"])


def test_traffic_light__cumulative_probabilities__are_published(numbers: dict[str, Any]) -> None:
    from scipy.stats import binom

    for hits, percent in numbers["traffic_light_250_p01_cdf_pct"].items():
        assert 100 * binom.cdf(int(hits), 250, 0.01) == pytest.approx(percent, abs=0.005)


# ------------------------------------------------------------------ Acerbi and Szekely


def _draws(law: Any, level: float, days: int) -> Any:
    value_at_risk = law.ppf(level)
    shortfall = _shortfall(law, level)

    def draw(generator: np.random.Generator, count: int) -> Any:
        losses = law.rvs((count, days), random_state=generator)
        return np.where(losses > value_at_risk, losses / shortfall, 0.0)

    return draw


def _shortfall(law: Any, level: float) -> float:
    return float(law.expect(lambda x: x, lb=law.ppf(level)) / (1 - level))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "law"), [("normal", norm()), ("t5", student(5)), ("t3", student(3))])
def test_acerbi_szekely__critical_values__are_published(name: str, law: Any, numbers: dict[str, Any]) -> None:
    expected = numbers["acerbi_szekely_z2_T250_a025"][name]
    losses = np.zeros(250)
    level, days = 0.975, np.ones(250)
    found = acerbi_szekely(
        losses, law.ppf(level) * days, _shortfall(law, level) * days, level, _draws(law, level, 250), simulations=60_000
    )
    far = acerbi_szekely(
        losses,
        law.ppf(level) * days,
        _shortfall(law, level) * days,
        level,
        _draws(law, level, 250),
        significance=1e-4,
        simulations=200_000,
        seed=1,
    )
    print(f"Z2 {name}: 5% {found.critical:.3f} ({expected['5pct']}), 0.01% {far.critical:.2f} ({expected['0.01pct']})")
    assert found.value == 1
    assert found.critical == pytest.approx(expected["5pct"], abs=0.03)
    assert far.critical == pytest.approx(expected["0.01pct"], rel=0.25)


def test_acerbi_szekely__right_and_wrong_forecasts__are_told_apart() -> None:
    law, level, days = student(4), 0.975, 1_000
    right, wrong = law.ppf(level), _shortfall(law, level)
    rejected = {1.0: 0, 0.7: 0}
    for seed in range(40):
        losses = law.rvs(days, random_state=seed)
        for scale in rejected:
            found = acerbi_szekely(
                losses,
                np.full(days, scale * right),
                np.full(days, scale * wrong),
                level,
                _draws(law, level, days),
                simulations=500,
                seed=seed,
            )
            rejected[scale] += found.rejects
    assert rejected[1.0] <= 6
    assert rejected[0.7] >= 36


# ------------------------------------------------------------------ bad input


def test_backtests__bad_input__is_named() -> None:
    with pytest.raises(UsageError, match="day 1: loss nan, forecast 1"):
        hits_of(np.array([0.0, np.nan]), np.ones(2))
    with pytest.raises(UsageError, match=r"\(2,\) losses, \(3,\) forecasts"):
        hits_of(np.zeros(2), np.ones(3))
    with pytest.raises(UsageError, match="5 hits on 4 days"):
        kupiec(5, 4, 0.99)
    with pytest.raises(UsageError, match=r"confidence: 1\.0"):
        traffic_light(1, 250, 1.0)
    with pytest.raises(UsageError, match="two days or more"):
        christoffersen(np.array([True]))
    with pytest.raises(UsageError, match=r"shortfall 0\.0 on day 0"):
        acerbi_szekely(np.ones(2), np.ones(2), np.array([0.0, 1.0]), 0.975, lambda g, n: np.zeros((n, 2)))
