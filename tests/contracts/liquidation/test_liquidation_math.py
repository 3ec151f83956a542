"""LiquidationMath.sol against exact fractions. Branches: test_liquidation_math.tree."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ballast.chain.local import LocalChain
from ballast.units import WAD
from tests.contracts.liquidation.reference import Terms, fraction_to_target, health_after
from tests.contracts.markets.desk import Desk

MAX_MONEY = 10**36  # 1e18 USDC
money = st.integers(1, MAX_MONEY)

quick = settings(
    max_examples=60, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@pytest.fixture(scope="module")
def math_of(ballast_chain: LocalChain) -> Callable[..., Any]:
    """Calls a function of the harness."""
    harness = Desk(ballast_chain).deploy("MathHarness")

    def call(name: str, *arguments: Any) -> Any:
        return harness.functions[name](*arguments).call()

    return call


@pytest.fixture(scope="module")
def config(ballast_chain: LocalChain) -> dict[str, int]:
    return Desk(ballast_chain).liquidation_config()


# ------------------------------------------------------------ health factor and rate


@quick
@given(equity=st.integers(-MAX_MONEY, MAX_MONEY), maintenance=money)
def test_health_factor__any_account__is_rounded_down(
    math_of: Callable[..., Any], equity: int, maintenance: int
) -> None:
    expected = math.floor(Fraction(max(equity, 0) * WAD, maintenance))
    assert math_of("healthFactor", equity, maintenance) == expected


@quick
@given(data=st.data(), maintenance=money, elapsed=st.integers(0, 100_000))
def test_reward_rate__any_account_and_time__is_the_formula(
    math_of: Callable[..., Any], config: dict[str, int], data: st.DataObject, maintenance: int, elapsed: int
) -> None:
    equity = data.draw(st.integers(-5 * maintenance, maintenance))
    found = math_of("rewardRate", equity, maintenance, elapsed, tuple(config.values()))
    exact = Terms.of(config).rate(Fraction(equity, maintenance), elapsed) * WAD
    assert exact - 3 <= found <= exact


@pytest.mark.parametrize(
    ("equity", "elapsed", "rate"),
    [
        (100, 0, "0.01"),
        (90, 0, "0.02"),
        (90, 450, "0.065"),
        (90, 900, "0.11"),
        (90, 10_000, "0.11"),
        (0, 0, "0.11"),
        (0, 900, "0.20"),
        (-50, 0, "0.16"),
        (-90, 0, "0.20"),
        (-500, 0, "0.20"),
    ],
)
def test_reward_rate__known_points(
    math_of: Callable[..., Any], config: dict[str, int], equity: int, elapsed: int, rate: str
) -> None:
    found = math_of("rewardRate", equity * WAD, 100 * WAD, elapsed, tuple(config.values()))
    assert found == Fraction(rate) * WAD


# ------------------------------------------------------------ fraction


@pytest.mark.parametrize(("equity", "maintenance", "fraction"), [(90, 100, "0.227"), (5, 10, "0.591")])
def test_fraction_to_target__checks_of_the_design(
    math_of: Callable[..., Any], equity: int, maintenance: int, fraction: str
) -> None:
    factor = math_of("healthFactor", equity * WAD, maintenance * WAD)
    share, target = 5 * WAD // 100, 115 * WAD // 100
    found = math_of("fractionToTarget", factor, share, target)
    assert round(found / WAD, 3) == float(fraction)
    after = health_after(Fraction(factor, WAD), Fraction(share, WAD), Fraction(found, WAD))
    assert 0 <= after - Fraction(target, WAD) < Fraction(1, 10**17)


@quick
@given(
    factor=st.integers(0, WAD - 1),
    share=st.integers(0, WAD // 2),
    target=st.integers(WAD + 1, 2 * WAD),
    part=st.integers(1, WAD - 1),
)
def test_fraction_to_target__any_health__reaches_the_target_and_never_lowers_it(
    math_of: Callable[..., Any], factor: int, share: int, target: int, part: int
) -> None:
    found = math_of("fractionToTarget", factor, share, target)
    exact = fraction_to_target(Fraction(factor, WAD), Fraction(share, WAD), Fraction(target, WAD))
    assert found == min(WAD, math.ceil(exact * WAD))
    if share <= factor and found < WAD:
        health = Fraction(factor, WAD)
        assert health_after(health, Fraction(share, WAD), Fraction(found, WAD)) >= Fraction(target, WAD)
        limited = Fraction(found * part // WAD, WAD)
        assert health_after(health, Fraction(share, WAD), limited) >= health


def test_fraction_to_target__share_beyond_the_health__would_lower_it() -> None:
    """Why the share is capped: a reward of 12% of MM from an account at 10% makes it worse with every step."""
    health, fraction = Fraction(10, 100), Fraction(1, 2)
    assert health_after(health, Fraction(12, 100), fraction) < health
    assert health_after(health, Fraction(10, 100), fraction) == health


# ------------------------------------------------------------ slice


@quick
@given(
    lots=st.integers(1, 10**12),
    fraction=st.integers(1, WAD),
    lot=st.sampled_from((10**12, 10**14, 10**18)),
    minimum=st.integers(1, 1_000),
)
def test_slice_of__any_position__is_whole_lots_and_leaves_no_dust(
    math_of: Callable[..., Any], lots: int, fraction: int, lot: int, minimum: int
) -> None:
    size, least = lots * lot, minimum * lot
    found = math_of("sliceOf", size, fraction, lot, least)
    assert found % lot == 0
    assert found <= size
    assert found == size or size - found >= least
    exact = Fraction(size * fraction, WAD)
    assert found >= exact
    # no more than the next lot, unless what stays would be dust
    assert found - exact < lot or size - math.ceil(exact / lot) * lot < least


@pytest.mark.parametrize(
    ("size", "fraction", "expected"),
    [
        (100, "0.5", 50),
        (100, "0.501", 51),
        (100, "0.9", 90),
        (100, "0.91", 100),
        (100, "1", 100),
        (15, "0.0001", 1),
        (10, "0.0001", 10),
    ],
)
def test_slice_of__known_points(math_of: Callable[..., Any], size: int, fraction: str, expected: int) -> None:
    """In lots, with a minimum of ten."""
    lot = 10**14
    found = math_of("sliceOf", size * lot, int(Fraction(fraction) * WAD), lot, 10 * lot)
    assert found == expected * lot
