"""The normal distribution against 50 digits, and the twin off chain. Branches: ``test_gaussian.tree``."""

from __future__ import annotations

import random

import pytest
from mpmath import erfc, mp, mpf
from mpmath import sqrt as root
from web3.contract import Contract

from ballast.risk import black76
from ballast.units import WAD

pytestmark = pytest.mark.ballast(check=False)

ONE = 1 << 96
FAR = 560_227_709_747_861_399_187_319_382_274
LATTICE = [i * ONE // 128 for i in range(-1_400, 1_401)]


def exact(x: int) -> mpf:
    return erfc(-mpf(x) / ONE / root(mpf(2))) / 2


def test_cdf__lattice_and_edges__within_1e16_of_the_distribution(pricing: Contract) -> None:
    points = [*LATTICE, FAR - 1, FAR, FAR + 1, -FAR, 1, -1, 0]
    found = pricing.functions.cdf(points).call()
    with mp.workdps(50):
        errors = [abs(mpf(value) / WAD - exact(x)) for value, x in zip(found, points, strict=True)]
    print(f"largest error of the distribution: {mp.nstr(max(errors), 3)}")
    assert max(errors) < mpf("1e-16"), "ten times better than the 1e-15 that margins ask for"


def test_cdf__lattice__never_falls_and_is_symmetric(pricing: Contract) -> None:
    found = pricing.functions.cdf(LATTICE).call()
    assert found == sorted(found)
    assert all(low + high == WAD for low, high in zip(found, reversed(found), strict=True))


@pytest.mark.parametrize(("x", "wanted"), [(-10, 0), (10, WAD), (-(2**90), 0), (2**90, WAD)])
def test_cdf__far_out__is_none_or_all(pricing: Contract, x: int, wanted: int) -> None:
    assert pricing.functions.cdf([x * ONE]).call() == [wanted]


def test_cdf__any__equals_the_twin(pricing: Contract) -> None:
    source = random.Random(1)
    points = [int(source.gauss(0, 4) * ONE) for _ in range(1_000)] + LATTICE
    assert pricing.functions.cdf(points).call() == [black76.cdf(x) for x in points]
