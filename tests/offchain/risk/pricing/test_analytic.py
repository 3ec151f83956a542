"""Values and Greeks of arrays against 50 digits, the textbook's one at a time, and published numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mpmath import erfc, exp, log, mp, mpf
from mpmath import sqrt as root

from ballast.errors import UsageError
from ballast.risk.pricing import Market, Options, first_order, greeks, spot_greeks, spot_values, values
from ballast.risk.pricing.reference import greeks_of, value_of
from tests.support.published import published_prices

#: More than a block, and not a multiple of it.
MANY = 20_001


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    return published_prices()


def scattered(count: int, seed: int) -> tuple[Options, Market]:
    """Moneyness 0.2 to 5, volatility 1% to 500%, an hour to three years, each even in logarithms."""
    source = np.random.default_rng(seed)
    strikes, years, vols = (
        np.exp(source.uniform(np.log(low), np.log(high), count)) for low, high in ((0.2, 5), (1 / 8_760, 3), (0.01, 5))
    )
    forwards = np.exp(source.uniform(-5, 12, count))
    market = Market.of(forwards, vols, source.uniform(-0.05, 0.2, count))
    return Options.of(strikes * forwards, years, source.random(count) < 0.5), market


def exact(strike: float, years: float, call: bool, forward: float, vol: float, rate: float) -> mpf:
    strike_, years_, forward_, vol_ = mpf(strike), mpf(years), mpf(forward), mpf(vol)
    deviation = vol_ * root(years_)
    sign = 1 if call else -1
    d1 = log(forward_ / strike_) / deviation + deviation / 2
    first, second = (erfc(-sign * d / root(mpf(2))) / 2 for d in (d1, d1 - deviation))
    return exp(-mpf(rate) * years_) * sign * (forward_ * first - strike_ * second)


def test_values__whole_domain__within_1e15_of_the_forward() -> None:
    options, market = scattered(2_000, seed=1)
    found = values(options, market)
    with mp.workdps(50):
        errors = [
            abs(mpf(value) - exact(*(one.item() for one in case))) / mpf(case[3].item())
            for value, *case in zip(
                found,
                *(options.strikes, options.years, options.calls, market.forwards, market.vols, market.rates),
                strict=True,
            )
        ]
    print(f"largest error of a value, of the forward: {mp.nstr(max(errors), 3)}")
    assert max(errors) < 5e-15  # of a strike of five forwards a double's last place is 9e-16


def test_greeks__many__are_those_of_one_at_a_time() -> None:
    options, market = scattered(MANY, seed=2)
    found = greeks(options, market)
    for i in range(0, MANY, 97):
        case = (options.strikes[i], options.years[i], bool(options.calls[i]), market.forwards[i], market.vols[i])
        one = greeks_of(*case, market.rates[i])
        for name, expected in one.items():
            value = getattr(found, name)[i]
            assert value == pytest.approx(expected, rel=1e-9, abs=1e-12 * market.forwards[i]), name


def test_greeks__against_differences_of_the_value__are_its_derivatives() -> None:
    strike, years, forward, vol, rate = 1.1, 0.4, 1.0, 0.6, 0.07
    with mp.workdps(50):
        h = mpf(10) ** -12

        def v(call: bool, forward: Any = forward, vol: Any = vol, years: Any = years, rate: Any = rate) -> mpf:
            return exact(strike, years, call, forward, vol, rate)

        for call in (True, False):
            found = greeks(Options.of(strike, years, call), Market.of(forward, vol, rate))
            up, down = mpf(forward) + h, mpf(forward) - h
            more, less = mpf(vol) + h, mpf(vol) - h
            expected = {
                "delta": (v(call, forward=up) - v(call, forward=down)) / (2 * h),
                "gamma": (v(call, forward=up) - 2 * v(call) + v(call, forward=down)) / h**2,
                "vega": (v(call, vol=more) - v(call, vol=less)) / (2 * h),
                "theta": -(v(call, years=mpf(years) + h) - v(call, years=mpf(years) - h)) / (2 * h),
                "rho": (v(call, rate=mpf(rate) + h) - v(call, rate=mpf(rate) - h)) / (2 * h),
                "vanna": (v(call, up, more) - v(call, up, less) - v(call, down, more) + v(call, down, less))
                / (4 * h**2),
                "volga": (v(call, vol=more) - 2 * v(call) + v(call, vol=less)) / h**2,
            }
            for name, value in expected.items():
                assert float(getattr(found, name)[0]) == pytest.approx(float(value), rel=1e-11), (name, call)


def test_first_order__any__is_part_of_the_greeks() -> None:
    options, market = scattered(MANY, seed=3)
    every = greeks(options, market)
    for name, some in zip(("value", "delta", "vega"), first_order(options, market), strict=True):
        assert np.array_equal(some, getattr(every, name))
    assert np.array_equal(values(options, market), every.value)


def test_values__call_less_put__is_the_forward_less_the_strike_exactly() -> None:
    strikes = np.linspace(50, 150, 101)
    calls, puts = (values(Options.of(strikes, 0.5, kind), Market.of(100, 0.8)) for kind in (True, False))
    assert np.abs(calls - puts - (100 - strikes)).max() <= np.spacing(100.0)


def test_values__no_time_or_no_volatility__are_what_is_in_the_money() -> None:
    strikes = [90.0, 100.0, 110.0]
    for years, vol in ((0.0, 0.5), (1.0, 0.0)):
        found = first_order(Options.of(strikes, years, [True, True, False]), Market.of(100, vol))
        assert found.value == pytest.approx([10, 0, 10], abs=1e-9)
        assert found.delta[[0, 2]] == pytest.approx([1, -1])
        assert np.isfinite(found.vega).all()


def test_values__one_number_each__one_value() -> None:
    found = values(Options.of(600, 0.5, True), Market.of(620, 0.2, 0.05))
    assert found == pytest.approx([value_of(600, 0.5, True, 620, 0.2, 0.05)], rel=1e-14)


# ------------------------------------------------------------------ published


def test_values__hull_black76__as_printed(published: dict[str, Any]) -> None:
    for one in published["black76"]:
        options = Options.of(one["strike"], one["t"], one["type"] == "call")
        error = values(options, Market.of(one["forward"], one["vol"], one["r"]))[0] - one["value"]
        print(f"Black-76: {error:.2e}")
        assert abs(error) < 1e-10


def test_spot_values__haug__as_printed(published: dict[str, Any]) -> None:
    for one in published["haug_bsm"]:
        options = Options.of(one["strike"], one["t"], one["type"] == "call")
        error = spot_values(options, one["spot"], one["vol"], one["r"], one["q"])[0] - one["value"]
        print(f"Haug {one['type']} {one['strike']}: {error:.2e}")
        assert abs(error) < 1e-4


def test_spot_greeks__hull__as_printed(published: dict[str, Any]) -> None:
    for one in published["bsm_greeks"]:
        options = Options.of(one["strike"], one["t"], one["type"] == "call")
        found = spot_greeks(options, one["spot"], one["vol"], one["r"])
        units = {"delta": 1, "gamma": 1, "vega_per_1pct": 100, "theta_per_year": 1, "rho_per_1pct": 100}
        for name, unit in units.items():
            error = getattr(found, name.split("_")[0])[0] / unit - one[name]
            print(f"Hull {name}: {error:.2e}")
            assert abs(error) < 1e-11


def test_spot_greeks__yield_and_rate__are_the_values_derivatives() -> None:
    options, h = Options.of([90.0, 110.0], 0.75, [True, False]), 1e-4

    def v(spot: float = 100.0, vol: float = 0.4, rate: float = 0.05, years: float = 0.75) -> Any:
        return spot_values(Options.of([90.0, 110.0], years, [True, False]), spot, vol, rate, 0.02)

    found = spot_greeks(options, 100.0, 0.4, 0.05, 0.02)
    assert found.delta == pytest.approx((v(100 + h) - v(100 - h)) / (2 * h), rel=1e-7)
    assert found.gamma == pytest.approx((v(100.1) - 2 * v() + v(99.9)) / 0.01, rel=1e-5)
    assert found.rho == pytest.approx((v(rate=0.05 + h) - v(rate=0.05 - h)) / (2 * h), rel=1e-6)
    assert found.theta == pytest.approx(-(v(years=0.75 + h) - v(years=0.75 - h)) / (2 * h), rel=1e-6)
    cross = v(100.1, 0.401) - v(100.1, 0.399) - v(99.9, 0.401) + v(99.9, 0.399)
    assert found.vanna == pytest.approx(cross / (4 * 0.1 * 0.001), rel=1e-5)


# ------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"strikes": [1.0, -1.0]}, r"strikes\[1\]: -1.0; give a finite number above 0"),
        ({"strikes": [1.0, 0.0]}, r"strikes\[1\]: 0.0"),
        ({"strikes": [np.nan, 1.0]}, r"strikes\[0\]: nan"),
        ({"years": -0.1}, "years: -0.1; give a finite number, 0 or more"),
        ({"forwards": np.inf}, "forwards: inf"),
        ({"vols": [0.1, -0.2]}, r"vols\[1\]: -0.2"),
        ({"rates": np.nan}, "rates: nan; give a finite number"),
        ({"vols": [0.1, 0.2, 0.3]}, r"shapes of .* are .*; give \(n,\) or one number each"),
        ({"vols": [[0.1, 0.2]]}, "shapes"),
    ],
)
def test_values__bad_numbers__say_which(arguments: dict[str, Any], words: str) -> None:
    given: dict[str, Any] = {
        "strikes": [1.0, 2.0],
        "years": 1.0,
        "forwards": 1.0,
        "vols": 0.5,
        "rates": 0.0,
    } | arguments
    with pytest.raises(UsageError, match=words):
        values(
            Options.of(given["strikes"], given["years"], True),
            Market.of(given["forwards"], given["vols"], given["rates"]),
        )
