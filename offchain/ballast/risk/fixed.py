"""Exponential, logarithm, power and root in fixed point, integer by integer as solady's ``FixedPointMathLib``.

Ports, not approximations of our own: the contracts price with those functions, and margins off chain must be the same
integers. Source: solady 0.1.26, ``src/utils/FixedPointMathLib.sol`` (methods by Remco Bloemen).
"""

from __future__ import annotations

from math import isqrt

from ballast.risk.rounding import div_trunc
from ballast.units import WAD

__all__ = ["exp_wad", "ln_wad", "pow_wad", "sqrt_wad"]

_ZERO_BELOW = -41_446_531_673_892_822_313
_OVERFLOWS_FROM = 135_305_999_368_893_231_589
_LOG_2 = 54_916_777_467_707_473_351_141_471_128  # ln 2 in 2^96
_LN_FACTOR = 1_677_202_110_996_718_588_342_820_967_067_443_963_516_166
_LN_2_SCALED = 16_597_577_552_685_614_221_487_285_958_193_947_469_193_820_559_219_878_177_908_093_499_208_371
_LN_BASE = 600_920_179_829_731_861_736_702_779_321_621_459_595_472_258_049_074_101_567_377_883_020_018_308
_SCALE = 3_822_833_074_963_236_453_042_738_258_902_158_003_155_416_615_667


def exp_wad(x: int) -> int:
    """exp(x / 1e18) * 1e18, for x in 1e18; 0 where that is below one half. ``OverflowError`` from about 135.3e18."""
    if x <= _ZERO_BELOW:
        return 0
    if x >= _OVERFLOWS_FROM:
        raise OverflowError("an exponential exceeds 256 bits, where the contract reverts")
    # to base 2^96, then x = x' + k * ln 2 with x' in half of ln 2 around zero
    x = div_trunc(x << 78, 5**18)
    k = (div_trunc(x << 96, _LOG_2) + 2**95) >> 96
    x -= k * _LOG_2
    # a rational function of six over seven terms
    y = x + 1_346_386_616_545_796_478_920_950_773_328
    y = (y * x >> 96) + 57_155_421_227_552_351_082_224_309_758_442
    p = y + x - 94_201_549_194_550_492_254_356_042_504_812
    p = (p * y >> 96) + 28_719_021_644_029_726_153_956_944_680_412_240
    p = p * x + (4_385_272_521_454_847_904_659_076_985_693_276 << 96)
    q = x - 2_855_989_394_907_223_263_936_484_059_900
    q = (q * x >> 96) + 50_020_603_652_535_783_019_961_831_881_945
    q = (q * x >> 96) - 533_845_033_583_426_703_283_633_433_725_380
    q = (q * x >> 96) + 3_604_857_256_930_695_427_073_651_918_091_429
    q = (q * x >> 96) - 14_423_608_567_350_463_180_887_372_962_807_573
    q = (q * x >> 96) + 26_449_188_498_355_588_339_934_803_723_976_023
    return div_trunc(p, q) * _SCALE >> (195 - k)


def ln_wad(x: int) -> int:
    """ln(x / 1e18) * 1e18, for x in 1e18 above zero; floored in the last step. ``ValueError`` for others."""
    if x <= 0:
        raise ValueError(f"ln_wad: {x} has no logarithm; it must be above zero")
    shift = 256 - x.bit_length()
    x = x << shift >> 159  # in [1, 2) of 2^96
    # a rational function of eight over eight terms
    p = ((x + 3_273_285_459_638_523_848_632_254_066_296) * x >> 96) + 24_828_157_081_833_163_892_658_089_445_524
    p = (p * x >> 96) + 43_456_485_725_739_037_958_740_375_743_393
    p = (p * x >> 96) - 11_111_509_109_440_967_052_023_855_526_967
    p = (p * x >> 96) - 45_023_709_667_254_063_763_336_534_515_857
    p = (p * x >> 96) - 14_706_773_417_378_608_786_704_636_184_526
    p = p * x - (795_164_235_651_350_426_258_249_787_498 << 96)
    q = x + 5_573_035_233_440_673_466_300_451_813_936
    q = (q * x >> 96) + 71_694_874_799_317_883_764_090_561_454_958
    q = (q * x >> 96) + 283_447_036_172_924_575_727_196_451_306_956
    q = (q * x >> 96) + 401_686_690_394_027_663_651_624_208_769_553
    q = (q * x >> 96) + 204_048_457_590_392_012_362_485_061_816_622
    q = (q * x >> 96) + 31_853_899_698_501_571_402_653_359_427_138
    q = (q * x >> 96) + 909_429_971_244_387_300_277_376_558_375
    p = div_trunc(p, q) * _LN_FACTOR + _LN_2_SCALED * (159 - shift) + _LN_BASE
    return p >> 174


def pow_wad(x: int, y: int) -> int:
    """(x / 1e18) ** (y / 1e18) * 1e18, x above zero."""
    return exp_wad(div_trunc(ln_wad(x) * y, WAD))


def sqrt_wad(x: int) -> int:
    """sqrt(x / 1e18) * 1e18, rounded down."""
    return isqrt(x * WAD)
