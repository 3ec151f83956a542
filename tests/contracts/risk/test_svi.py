"""The volatility slice against 50 digits, a published arbitrage and the twin off chain. Branches: ``test_svi.tree``."""

from __future__ import annotations

import random

import pytest
from mpmath import diff, mp, mpf
from mpmath import sqrt as root
from web3.contract import Contract

from ballast.risk.svi import Slice, durrleman, total_variance
from ballast.units import WAD

pytestmark = pytest.mark.ballast(check=False)

E12 = 10**12
#: Axel Vogt's slice, example 3.1 of Gatheral and Jacquier (2014), and where a butterfly there costs less than nothing.
VOGT = (-0.0410, 0.1331, 0.3060, 0.3586, 0.4153)
BUTTERFLY = (0.6425, 1.2569)
LOWEST = (0.8793, -0.032864)


def slice_of(*parameters: float) -> Slice:
    return Slice(*(round(x * E12) for x in parameters))


def arguments(slice_: Slice) -> tuple[int, ...]:
    return slice_.a, slice_.b, slice_.rho, slice_.m, slice_.sigma


def exact(slice_: Slice, k: mpf) -> mpf:
    a, b, rho, m, sigma = (mpf(x) / E12 for x in arguments(slice_))
    return a + b * (rho * (k - m) + root((k - m) ** 2 + sigma**2))


def exact_density(slice_: Slice, k: mpf) -> mpf:
    w = exact(slice_, k)
    slope, curvature = diff(lambda x: exact(slice_, x), k), diff(lambda x: exact(slice_, x), k, 2)
    return (1 - k * slope / (2 * w)) ** 2 - slope**2 / 4 * (1 / w + mpf(1) / 4) + curvature / 2


def some_slices(count: int, seed: int) -> list[Slice]:
    source = random.Random(seed)
    return [
        slice_of(
            source.uniform(0.001, 0.2),
            source.uniform(0.01, 0.5),
            source.uniform(-0.95, 0.95),
            source.uniform(-0.3, 0.3),
            source.uniform(0.01, 0.8),
        )
        for _ in range(count)
    ]


def test_totalVariance__any__is_the_formula(pricing: Contract) -> None:
    points = [i * WAD // 10 for i in range(-30, 31)]
    for slice_ in [slice_of(*VOGT), slice_of(-0.5, 0.1, 0, 0, 0.2), *some_slices(20, seed=1)]:
        found = pricing.functions.variance(arguments(slice_), points).call()
        assert found == [total_variance(slice_, k) for k in points]
        with mp.workdps(50):
            errors = [abs(mpf(w) / WAD - exact(slice_, mpf(k) / WAD)) for w, k in zip(found, points, strict=True)]
        assert max(errors) < mpf("3e-18")
    assert pricing.functions.variance(arguments(slice_of(-0.5, 0.1, 0, 0, 0.2)), [0]).call()[0] < 0


def test_durrleman__any__is_the_formula(pricing: Contract) -> None:
    points = [i * WAD // 10 for i in range(-15, 16)]
    for slice_ in some_slices(10, seed=2):
        found = pricing.functions.durrleman(arguments(slice_), points).call()
        assert found == [durrleman(slice_, k) for k in points]
        with mp.workdps(50):
            errors = [
                abs(mpf(g) / WAD - exact_density(slice_, mpf(k) / WAD)) for g, k in zip(found, points, strict=True)
            ]
        assert max(errors) < mpf("1e-14")


def test_durrleman__vogt__negative_where_published(pricing: Contract) -> None:
    points = [i * WAD // 10_000 for i in range(-15_000, 15_001, 50)]
    found = pricing.functions.durrleman(arguments(slice_of(*VOGT)), points).call()
    negative = [k for k, g in zip(points, found, strict=True) if g < 0]
    assert abs(min(negative) / WAD - BUTTERFLY[0]) <= 0.005
    assert abs(max(negative) / WAD - BUTTERFLY[1]) <= 0.005
    lowest = pricing.functions.durrleman(arguments(slice_of(*VOGT)), [int(LOWEST[0] * 10_000) * WAD // 10_000]).call()[
        0
    ]
    print(f"Vogt's lowest density: {lowest / WAD:.6f} at {LOWEST[0]}, published {LOWEST[1]}")
    assert abs(lowest / WAD - LOWEST[1]) < 1e-6


@pytest.mark.parametrize(
    ("position", "low", "high"),
    [
        (0, -100 * E12, 100 * E12),
        (1, 0, 100 * E12),
        (2, 1 - E12, E12 - 1),
        (3, -100 * E12, 100 * E12),
        (4, 1, 100 * E12),
    ],
)
def test_isBounded__each_parameter__at_the_bound_and_beyond(
    pricing: Contract, position: int, low: int, high: int
) -> None:
    usual = list(arguments(slice_of(0.04, 0.1, -0.3, 0.0, 0.2)))
    for value, wanted in ((low, True), (high, True), (low - 1, False), (high + 1, False)):
        usual[position] = value
        assert pricing.functions.isBounded(usual).call() is wanted
