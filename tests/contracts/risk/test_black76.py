"""Option values against 50 digits, published values and the twin off chain. Branches: ``test_black76.tree``."""

from __future__ import annotations

import random
from math import log
from typing import Any

import pytest
from mpmath import erfc, exp, mp, mpf
from mpmath import log as ln
from mpmath import sqrt as root
from web3.contract import Contract

from ballast.risk.black76 import call_value, call_with_greeks
from ballast.units import WAD
from tests.support.published import published_prices

pytestmark = pytest.mark.ballast(check=False)

Case = tuple[int, int, int]


def case(strike_over_forward: Any, deviation: Any) -> Case:
    """The contract's arguments for real numbers: the logarithm is the ratio's, as it is rounded."""
    with mp.workdps(50):
        ratio = int(mpf(strike_over_forward) * WAD)
        return int(-ln(mpf(ratio) / WAD) * WAD), ratio, int(mpf(deviation) * WAD)


def exact(ratio: int, deviation: int) -> mpf:
    r, v = mpf(ratio) / WAD, mpf(deviation) / WAD
    d1 = -ln(r) / v + v / 2
    return erfc(-d1 / root(mpf(2))) / 2 - r * erfc((v - d1) / root(mpf(2))) / 2


def values(pricing: Contract, cases: list[Case]) -> list[int]:
    moneyness, ratios, deviations = (list(column) for column in zip(*cases, strict=True))
    return list(pricing.functions.call(moneyness, ratios, deviations).call())


def scattered(count: int, seed: int) -> list[Case]:
    """Moneyness 0.2 to 5, volatility 1% to 500%, an hour to three years: each spread evenly in logarithms."""
    source = random.Random(seed)
    cases = []
    for _ in range(count):
        strike = exp(source.uniform(log(0.2), log(5)))
        vol, years = exp(source.uniform(log(0.01), log(5))), exp(source.uniform(log(1 / 8_760), log(3)))
        cases.append(case(strike, vol * root(years)))
    return cases


def test_call__whole_domain__within_1e15_of_the_forward(pricing: Contract) -> None:
    cases = scattered(4_000, seed=1)
    found = values(pricing, cases)
    with mp.workdps(50):
        errors = [abs(mpf(value) / WAD - exact(*rest)) for value, (_, *rest) in zip(found, cases, strict=True)]
    print(f"largest error of a price, of the forward: {mp.nstr(max(errors), 3)}")
    assert max(errors) < mpf("1e-15"), "a thousand times better than the 1e-12 that margins ask for"


def test_call__whole_domain_and_corners__equals_the_twin(pricing: Contract) -> None:
    corners = [
        case(strike, v) for strike in ("1e-9", "0.03", "1", "30", "1e9") for v in ("0", "1e-18", "1e-4", "1", "9", "64")
    ]
    cases = scattered(2_000, seed=2) + corners
    assert values(pricing, cases) == [call_value(*one) for one in cases]


@pytest.mark.parametrize(
    ("strike", "deviation", "wanted"),
    [
        ("0.8", "0", 2 * WAD // 10),
        ("1.2", "0", 0),
        ("1.2", "0.0001", 0),
        ("0.75", "0.0001", WAD // 4),
        ("0.5", "64", WAD),
    ],
)
def test_call__limits__intrinsic_or_the_forward(pricing: Contract, strike: str, deviation: str, wanted: int) -> None:
    assert values(pricing, [case(strike, deviation)]) == [wanted]


def test_call__lattice__rises_with_volatility_and_falls_with_the_strike(pricing: Contract) -> None:
    strikes = [f"{20 + 3 * i}e-2" for i in range(0, 161, 4)]
    deviations = [f"{1.17**i * 1e-3:.9f}" for i in range(50)]
    rows = [values(pricing, [case(strike, v) for v in deviations]) for strike in strikes]
    for strike, row in zip(strikes, rows, strict=True):
        ratio = case(strike, 0)[1]
        assert row == sorted(row), strike
        assert all(max(WAD - ratio, 0) <= value <= WAD for value in row), strike
    for column in zip(*rows, strict=True):
        assert list(column) == sorted(column, reverse=True)


def test_callWithGreeks__any__equals_the_twin_and_the_differences(pricing: Contract) -> None:
    for moneyness, ratio, deviation in scattered(60, seed=3):
        found = pricing.functions.callWithGreeks(moneyness, ratio, deviation).call()
        assert tuple(found) == call_with_greeks(moneyness, ratio, deviation)
        value, delta, density = (mpf(part) / WAD for part in found)
        assert value == mpf(call_value(moneyness, ratio, deviation)) / WAD
        with mp.workdps(50):
            r, v, h = mpf(ratio) / WAD, mpf(deviation) / WAD, mpf("1e-12")

            def price(forward: mpf, v: mpf, r: mpf = r) -> mpf:
                d1 = ln(forward / r) / v + v / 2
                return forward * erfc(-d1 / root(mpf(2))) / 2 - r * erfc((v - d1) / root(mpf(2))) / 2

            up, down = price(1 + h, v), price(1 - h, v)
            assert abs((up - down) / (2 * h) - delta) < mpf("1e-15")
            gamma = (up - 2 * price(mpf(1), v) + down) / h**2
            assert abs(gamma * v - density) < mpf("1e-15")
            vega = (price(mpf(1), v * (1 + h)) - price(mpf(1), v * (1 - h))) / (2 * h)
            assert abs(vega - density * v) < mpf("1e-14")


def test_call__one_price__costs_less_than_1840_gas(pricing: Contract) -> None:
    """What a refresh is made of; the bound is the figure that the design was measured with."""
    spent = [pricing.functions.gasOfCall(*one).call() for one in scattered(20, seed=4)]
    print(f"gas of a price: {min(spent)} to {max(spent)}")
    assert max(spent) <= 1_840


# ------------------------------------------------------------------ published values


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    return published_prices()


def discounted(pricing: Contract, one: dict[str, Any], forward: mpf, rate: Any) -> mpf:
    deviation = mpf(one["vol"]) * root(mpf(one["t"]))
    arguments = case(mpf(one["strike"]) / forward, deviation)
    part = mpf(values(pricing, [arguments])[0]) / WAD
    if one["type"] == "put":
        part -= 1 - mpf(arguments[1]) / WAD
    return part * forward * exp(-mpf(rate) * mpf(one["t"]))


def test_call__haug__as_printed(pricing: Contract, published: dict[str, Any]) -> None:
    for one in published["haug_bsm"]:
        forward = mpf(one["spot"]) * exp((mpf(one["r"]) - mpf(one["q"])) * mpf(one["t"]))
        error = discounted(pricing, one, forward, one["r"]) - mpf(one["value"])
        print(f"Haug {one['type']} {one['strike']}: {mp.nstr(error, 3)}")
        assert abs(error) <= mpf("1e-4")


def test_call__hull_black76__as_printed(pricing: Contract, published: dict[str, Any]) -> None:
    (one,) = published["black76"]
    error = discounted(pricing, one, mpf(one["forward"]), one["r"]) - mpf(one["value"])
    print(f"Black-76: {mp.nstr(error, 3)}")
    assert abs(error) <= mpf("1e-9")


def test_callWithGreeks__hull__as_printed(pricing: Contract, published: dict[str, Any]) -> None:
    (one,) = published["bsm_greeks"]
    spot, t, r = mpf(one["spot"]), mpf(one["t"]), mpf(one["r"])
    forward = spot * exp(r * t)
    deviation = mpf(one["vol"]) * root(t)
    _, delta, density = (
        mpf(x) / WAD for x in pricing.functions.callWithGreeks(*case(mpf(one["strike"]) / forward, deviation)).call()
    )
    assert abs(delta - mpf(one["delta"])) <= mpf("1e-11")
    assert abs(density / (spot * deviation) - mpf(one["gamma"])) <= mpf("1e-11")
    assert abs(spot * density * root(t) / 100 - mpf(one["vega_per_1pct"])) <= mpf("1e-11")
