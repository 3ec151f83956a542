"""Fixed-point functions against 50 digits. That they are the contracts' to the last digit: ``tests/contracts/risk``."""

from __future__ import annotations

import random

import pytest
from mpmath import exp, log, mp, mpf

from ballast.risk.fixed import exp_wad, ln_wad, pow_wad, sqrt_wad
from ballast.units import WAD


@pytest.fixture(autouse=True)
def _fifty_digits() -> object:
    with mp.workdps(50):
        yield


def test_ln_wad__any_size__within_one_of_the_last_digit() -> None:
    source = random.Random(1)
    for x in [1, WAD - 1, WAD, WAD + 1, 2**255 - 1, *(int(10 ** source.uniform(0, 60)) for _ in range(500))]:
        assert abs(ln_wad(x) - log(mpf(x) / WAD) * WAD) < 1.5


def test_exp_wad__and_back__is_the_number() -> None:
    for x in range(-40, 41):
        error = abs(exp_wad(x * WAD // 2) - exp(mpf(x) / 2) * WAD)
        assert error < max(1, exp(mpf(x) / 2) * mpf("1e-17") * WAD)


@pytest.mark.parametrize("x", [0, -1])
def test_ln_wad__not_above_zero__is_an_error(x: int) -> None:
    with pytest.raises(ValueError, match="no logarithm"):
        ln_wad(x)


@pytest.mark.parametrize(
    ("x", "y", "wanted"), [("4", "0.5", "2"), ("30", "0.3", "2.7741"), ("0.25", "0.5", "0.5"), ("1", "9", "1")]
)
def test_pow_wad__known__is_the_power(x: str, y: str, wanted: str) -> None:
    found = pow_wad(int(mpf(x) * WAD), int(mpf(y) * WAD))
    assert abs(mpf(found) / WAD - mpf(x) ** mpf(y)) < mpf("1e-15")
    assert abs(mpf(found) / WAD - mpf(wanted)) < mpf("1e-4")


def test_sqrt_wad__squares_and_between__rounded_down() -> None:
    assert [sqrt_wad(x) for x in (0, WAD, 4 * WAD, 2)] == [0, WAD, 2 * WAD, 1_414_213_562]
