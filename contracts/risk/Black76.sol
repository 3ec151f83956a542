// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Gaussian} from "./Gaussian.sol";

/// @title Value of a European call on a forward, undiscounted, per unit of the forward
/// @notice c = N(d1) - r * N(d2), r = strike / forward, d1 = ln(forward / strike) / v + v / 2, d2 = d1 - v, v = vol * sqrt(time). A put is
///         c - (1 - r): parity is exact because nothing else is ever computed. Rates are zero. Source: F. Black, The pricing of commodity
///         contracts, Journal of Financial Economics 3 (1976).
/// @dev r * n(d2) = n(d1), so one exponential serves both tails: r * (1 - N(d2)) = bell(d1) * tailRatio(d2). A result is within 1e-15
///      of the forward where the strike is at most five times it, and within the bounds that no-arbitrage sets.
library Black76 {
    uint256 private constant WAD = 1e18;
    /// @dev 1 / sqrt(2 * pi), 1e18.
    uint256 private constant INVERSE_ROOT_TWO_PI = 398_942_280_401_432_677;
    /// @dev Beyond it every price is at its bound: 64.
    uint256 internal constant MAX_DEVIATION = 64e18;

    /// @notice c as a part of the forward, 1e18.
    /// @param moneyness ln(forward / strike), 1e18; at most 100e18 in magnitude.
    /// @param ratio strike / forward, 1e18; below 2^128.
    /// @param deviation v, 1e18; at most MAX_DEVIATION.
    function call(int256 moneyness, uint256 ratio, uint256 deviation) internal pure returns (uint256 value) {
        (value,,) = _terms(moneyness, ratio, deviation);
    }

    /// @notice c with what carries it to a forward nearby and to another volatility.
    /// @return value As `call`.
    /// @return delta N(d1), 1e18.
    /// @return density n(d1), 1e18: the gamma times the forward is density / v, and v * dc/dv is density * v, both per unit of the forward.
    function callWithGreeks(int256 moneyness, uint256 ratio, uint256 deviation)
        internal
        pure
        returns (uint256 value, uint256 delta, uint256 density)
    {
        (value, delta, density) = _terms(moneyness, ratio, deviation);
        density = density * INVERSE_ROOT_TWO_PI / WAD;
    }

    function _terms(int256 moneyness, uint256 ratio, uint256 deviation)
        private
        pure
        returns (uint256 value, uint256 delta, uint256 bell)
    {
        uint256 intrinsic = ratio < WAD ? WAD - ratio : 0;
        if (deviation == 0) return (intrinsic, moneyness > 0 ? WAD : 0, 0);
        // Safe: |moneyness| < 2^67 and v < 2^66, so d1 is below 2^163 in magnitude and, where the bell has not vanished, |d1| < 2^100 and
        // |d2| < 2^103; every product is below 2^240, the bell's is at most one and each tail's ratio one half.
        unchecked {
            int256 v = int256((deviation << 96) / WAD);
            int256 d1;
            assembly ("memory-safe") {
                d1 := sdiv(shl(96, moneyness), deviation) // which is not zero
            }
            d1 += v >> 1;
            bell = Gaussian.bell(d1);
            if (bell == 0) return d1 < 0 ? (0, 0, 0) : (_bounded(WAD, _far(ratio, d1 - v), intrinsic), WAD, 0);
            uint256 tail = bell * Gaussian.tailRatio(uint256(d1 < 0 ? -d1 : d1)) >> 96;
            delta = d1 < 0 ? tail : WAD - tail;
            int256 d2 = d1 - v;
            tail = bell * Gaussian.tailRatio(uint256(d2 < 0 ? -d2 : d2)) >> 96;
            value = _bounded(delta, d2 < 0 ? tail : ratio - tail, intrinsic);
        }
    }

    /// @dev r * N(d2) where n(d1) has vanished.
    function _far(uint256 ratio, int256 d2) private pure returns (uint256) {
        return d2 < 0 ? 0 : ratio;
    }

    /// @dev first - second, within [intrinsic, 1].
    function _bounded(uint256 first, uint256 second, uint256 intrinsic) private pure returns (uint256) {
        // Safe: it looks first.
        unchecked {
            uint256 value = first > second ? first - second : 0;
            return value < intrinsic ? intrinsic : value;
        }
    }
}
