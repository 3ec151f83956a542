"""Value of a European call on a forward, integer by integer as ``Black76.sol`` and ``Gaussian.sol``.

c = N(d1) - r N(d2) per unit of the forward, r = strike / forward; a put is c - (1 - r). Rates are zero. Sources:
F. Black, The pricing of commodity contracts, J. Financial Economics 3 (1976); J. F. Hart et al., Computer
Approximations (1968), no. 5666, for the normal tail.
"""

from __future__ import annotations

from typing import NamedTuple

from ballast.risk.fixed import exp_wad
from ballast.risk.rounding import div_trunc
from ballast.units import WAD

__all__ = ["MAX_DEVIATION", "CallValue", "bell", "call_value", "call_with_greeks", "cdf", "tail_ratio"]

#: Largest vol * sqrt(time) that the contract takes, 1e18.
MAX_DEVIATION = 64 * WAD

_ONE = 1 << 96
_VANISHED = 10 * _ONE
_FAR = 560_227_709_747_861_399_187_319_382_274  # 5 sqrt(2)
_ROOT_TWO_PI = 198_595_552_305_314_927_273_837_084_508
_INVERSE_ROOT_TWO_PI = 398_942_280_401_432_677  # 1e18
_CUT = 51_498_305_634_271_819_435_803_567_718  # 0.65
#: Hart's coefficients in 2^96, of the highest power first.
_P = (
    2_793_782_811_274_864_916_714_167_202,
    55_490_063_251_982_993_362_141_865_400,
    504_997_313_321_183_988_772_789_751_343,
    2_686_854_064_982_610_631_744_200_026_450,
    8_879_836_321_276_920_920_392_100_726_600,
    17_526_346_747_716_144_220_653_548_215_914,
    17_446_585_517_718_874_516_235_323_432_975,
)
_Q = (
    7_002_846_371_848_267_446_257_640_738,
    139_098_283_325_591_806_672_861_821_549,
    1_272_735_271_903_409_707_881_822_546_804,
    6_875_477_954_081_864_665_735_753_882_736,
    23_496_240_498_236_707_163_345_270_155_953,
    50_494_772_681_144_596_557_089_367_914_148,
    62_893_415_942_062_165_692_105_187_322_751,
    34_893_171_035_437_749_032_470_646_865_950,
)


class CallValue(NamedTuple):
    """Per unit of the forward, 1e18: the value, N(d1), and n(d1)."""

    value: int
    delta: int
    density: int


def bell(x: int) -> int:
    """exp(-x^2 / 2) in 1e18, x in 2^96; 0 where that is below one half of 1e-18."""
    if not -_VANISHED < x < _VANISHED:
        return 0
    return exp_wad(-((x * x >> 97) * WAD >> 96))


def tail_ratio(x: int) -> int:
    """(1 - N(x)) / exp(-x^2 / 2) for x >= 0, both in 2^96."""
    if x >= _FAR:
        fraction = x + (4 << 192) // (x + _CUT)
        for numerator in (3, 2, 1):
            fraction = x + (numerator << 192) // fraction
        return (1 << 192) // (fraction * _ROOT_TWO_PI >> 96)
    p, q = 0, 0
    for coefficient in _P:
        p = (p * x >> 96) + coefficient
    for coefficient in _Q:
        q = (q * x >> 96) + coefficient
    return (p << 96) // q


def cdf(x: int) -> int:
    """N(x) in 1e18, x in 2^96."""
    density = bell(x)
    if density == 0:
        return 0 if x < 0 else WAD
    tail = density * tail_ratio(abs(x)) >> 96
    return tail if x < 0 else WAD - tail


def call_value(moneyness: int, ratio: int, deviation: int) -> int:
    """c in 1e18. ``moneyness`` is ln(forward / strike), ``ratio`` strike / forward, ``deviation`` vol * sqrt(time)."""
    return _terms(moneyness, ratio, deviation)[0]


def call_with_greeks(moneyness: int, ratio: int, deviation: int) -> CallValue:
    """As ``call_value``, with the Greeks: gamma times the forward is density / v, and v dc/dv is density * v."""
    value, delta, density = _terms(moneyness, ratio, deviation)
    return CallValue(value, delta, density * _INVERSE_ROOT_TWO_PI // WAD)


def _terms(moneyness: int, ratio: int, deviation: int) -> tuple[int, int, int]:
    intrinsic = max(WAD - ratio, 0)
    if deviation == 0:
        return intrinsic, WAD if moneyness > 0 else 0, 0
    v = (deviation << 96) // WAD
    d1 = div_trunc(moneyness << 96, deviation) + (v >> 1)
    d2 = d1 - v
    density = bell(d1)
    if density == 0:
        if d1 < 0:
            return 0, 0, 0
        return max(WAD - (0 if d2 < 0 else ratio), intrinsic), WAD, 0
    tail = density * tail_ratio(abs(d1)) >> 96
    delta = tail if d1 < 0 else WAD - tail
    tail = density * tail_ratio(abs(d2)) >> 96
    second = tail if d2 < 0 else ratio - tail
    return max(delta - second, intrinsic, 0), delta, density
