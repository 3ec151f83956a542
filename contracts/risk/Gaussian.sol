// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {FixedPointMathLib} from "solady/src/utils/FixedPointMathLib.sol";

/// @title The normal distribution's tail, in binary fixed point
/// @notice 1 - N(x) = exp(-x^2 / 2) * tailRatio(x): the exponential stands apart, for an option price needs one for two tails.
/// @dev Source of the rational function: J. F. Hart et al., Computer Approximations (1968), no. 5666, as printed in G. West, Better
///      approximations to cumulative normal functions, Wilmott (2005), whose continued fraction serves beyond 5 * sqrt(2). As a
///      distribution it is wrong by less than 1e-16, arithmetic and the digits of 1e-18 included.
library Gaussian {
    /// @dev One, in x and in the ratio.
    uint256 internal constant ONE = 1 << 96;

    /// @dev exp(-x^2 / 2) is below half of 1e-18 long before it.
    int256 private constant VANISHED = int256(10 * ONE);
    /// @dev 5 * sqrt(2).
    uint256 private constant FAR = 560_227_709_747_861_399_187_319_382_274;
    uint256 private constant ROOT_TWO_PI = 198_595_552_305_314_927_273_837_084_508;
    uint256 private constant P0 = 17_446_585_517_718_874_516_235_323_432_975;
    uint256 private constant P1 = 17_526_346_747_716_144_220_653_548_215_914;
    uint256 private constant P2 = 8_879_836_321_276_920_920_392_100_726_600;
    uint256 private constant P3 = 2_686_854_064_982_610_631_744_200_026_450;
    uint256 private constant P4 = 504_997_313_321_183_988_772_789_751_343;
    uint256 private constant P5 = 55_490_063_251_982_993_362_141_865_400;
    uint256 private constant P6 = 2_793_782_811_274_864_916_714_167_202;
    uint256 private constant Q0 = 34_893_171_035_437_749_032_470_646_865_950;
    uint256 private constant Q1 = 62_893_415_942_062_165_692_105_187_322_751;
    uint256 private constant Q2 = 50_494_772_681_144_596_557_089_367_914_148;
    uint256 private constant Q3 = 23_496_240_498_236_707_163_345_270_155_953;
    uint256 private constant Q4 = 6_875_477_954_081_864_665_735_753_882_736;
    uint256 private constant Q5 = 1_272_735_271_903_409_707_881_822_546_804;
    uint256 private constant Q6 = 139_098_283_325_591_806_672_861_821_549;
    uint256 private constant Q7 = 7_002_846_371_848_267_446_257_640_738;
    /// @dev 0.65, where the continued fraction is cut off.
    uint256 private constant CUT = 51_498_305_634_271_819_435_803_567_718;

    /// @notice exp(-x^2 / 2), 1e18, rounded down but for expWad's last digit; 0 where that is below one half.
    /// @param x 2^96, any.
    function bell(int256 x) internal pure returns (uint256) {
        // Safe: the sum is meant to wrap, so that one comparison sees both ends; then |x| < 2^100, so the square is below 2^200 and, scaled, the
        // exponent is in (-50e18, 0].
        unchecked {
            if (uint256(x + VANISHED - 1) >= uint256(2 * VANISHED - 1)) return 0;
            return uint256(FixedPointMathLib.expWad(-int256((uint256(x * x) >> 97) * 1e18 >> 96)));
        }
    }

    /// @notice (1 - N(x)) / exp(-x^2 / 2) for x >= 0, 2^96.
    /// @param x 2^96, below 2^150.
    function tailRatio(uint256 x) internal pure returns (uint256 ratio) {
        // Safe: up to FAR, which is below 2^99, sums stay below 2^110; beyond it divisors are at least x and products below 2^250.
        unchecked {
            if (x >= FAR) {
                uint256 fraction = x + (4 << 192) / (x + CUT);
                fraction = x + (3 << 192) / fraction;
                fraction = x + (2 << 192) / fraction;
                fraction = x + (1 << 192) / fraction;
                return (1 << 192) / (fraction * ROOT_TWO_PI >> 96);
            }
            uint256 p = (P6 * x >> 96) + P5;
            p = (p * x >> 96) + P4;
            p = (p * x >> 96) + P3;
            p = (p * x >> 96) + P2;
            p = (p * x >> 96) + P1;
            p = (p * x >> 96) + P0;
            uint256 q = (Q7 * x >> 96) + Q6;
            q = (q * x >> 96) + Q5;
            q = (q * x >> 96) + Q4;
            q = (q * x >> 96) + Q3;
            q = (q * x >> 96) + Q2;
            q = (q * x >> 96) + Q1;
            q = (q * x >> 96) + Q0;
            // q is at least Q0: no need to look for a zero
            assembly ("memory-safe") {
                ratio := div(shl(96, p), q)
            }
        }
    }

    /// @notice N(x), 1e18.
    /// @param x 2^96, any.
    function cdf(int256 x) internal pure returns (uint256) {
        uint256 density = bell(x);
        if (density == 0) return x < 0 ? 0 : 1e18;
        // Safe: |x| < 2^100 where the bell has not vanished, and the ratio is at most one half.
        unchecked {
            uint256 tail = density * tailRatio(uint256(x < 0 ? -x : x)) >> 96;
            return x < 0 ? tail : 1e18 - tail;
        }
    }
}
