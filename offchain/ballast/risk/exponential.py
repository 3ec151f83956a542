"""e to a power in fixed point, integer by integer as solady's ``FixedPointMathLib.expWad``.

A port, not an approximation of our own: the contracts decay premiums with that function, and margins off chain must
be the same integers. Source: solady 0.1.26, ``src/utils/FixedPointMathLib.sol`` (method by Remco Bloemen).
"""

from __future__ import annotations

from ballast.risk.rounding import div_trunc

__all__ = ["exp_wad"]

_ZERO_BELOW = -41_446_531_673_892_822_313
_OVERFLOWS_FROM = 135_305_999_368_893_231_589
_LOG_2 = 54_916_777_467_707_473_351_141_471_128  # ln 2 in 2^96
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
