// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {FixedPointMathLib} from "solady/src/utils/FixedPointMathLib.sol";

/// @title A slice of a volatility surface: total variance by strike
/// @notice w(k) = a + b * (rho * (k - m) + sqrt((k - m)^2 + sigma^2)), k = ln(strike / forward). Source: J. Gatheral, A. Jacquier,
///         Arbitrage-free SVI volatility surfaces, Quantitative Finance 14 (2014).
/// @dev Parameters are signed with 12 decimals and computed with in 1e18.
library Svi {
    int256 private constant WAD = 1e18;
    /// @dev From the 12 decimals of the parameters to 1e18.
    int256 private constant SCALE = 1e6;
    /// @dev The least total variance, 1e18, at which a density can be computed: a volatility of 0.8% for one second.
    int256 internal constant MIN_VARIANCE = 1 << 21;

    /// @dev 1e12 each. With |a| <= 100, 0 <= b <= 100, |rho| < 1, |m| <= 100, 0 < sigma <= 100 nothing below can overflow for |k| <= 100.
    struct Slice {
        int64 a;
        int64 b;
        int64 rho;
        int64 m;
        int64 sigma;
    }

    /// @notice Whether the parameters are within the bounds that the arithmetic relies on.
    function isBounded(Slice memory slice) internal pure returns (bool) {
        int64 bound = 100e12;
        return slice.a >= -bound && slice.a <= bound && slice.b >= 0 && slice.b <= bound && slice.rho > -1e12
            && slice.rho < 1e12 && slice.m >= -bound && slice.m <= bound && slice.sigma > 0 && slice.sigma <= bound;
    }

    /// @notice w(k), 1e18; may be negative. Floored but for the root, which is rounded down.
    /// @param k 1e18, at most 100e18 in magnitude.
    function totalVariance(Slice memory slice, int256 k) internal pure returns (int256 variance) {
        (variance,,) = terms(slice, k);
    }

    /// @notice Durrleman's g(k), 1e18: the density of the forward has its sign; below zero a butterfly costs nothing and may pay.
    /// @dev g = (1 - k w' / (2 w))^2 - w'^2 / 4 * (1 / w + 1 / 4) + w'' / 2. Truncated: right to about 1e-15 where w is not tiny.
    ///      Warning: needs w >= MIN_VARIANCE, which is not checked here.
    function durrleman(Slice memory slice, int256 k) internal pure returns (int256) {
        (int256 w, int256 distance, int256 root) = terms(slice, k);
        return durrlemanOf(slice, k, w, distance, root);
    }

    /// @notice Durrleman's g(k) of what `terms` gave, for who has looked at w(k) already; as `durrleman`.
    function durrlemanOf(Slice memory slice, int256 k, int256 w, int256 distance, int256 root)
        internal
        pure
        returns (int256)
    {
        // Safe: k < 2^67, b and sigma < 2^67, |distance| <= root and sigma <= root, so the slope is below 2^68, the curvature below 2^108 and
        // with w >= 2^21 the first term below 2^114; the largest products are its square and slope^2 / w, below 2^228.
        unchecked {
            int256 b = slice.b * SCALE;
            int256 sigma = slice.sigma * SCALE;
            int256 slope = b * (slice.rho * SCALE + distance * WAD / root) / WAD;
            int256 curvature = b * (sigma * sigma / root) / root * WAD / root;
            int256 first = WAD - k * slope / (2 * w);
            return first * first / WAD - slope * slope / WAD * (WAD * WAD / w + WAD / 4) / (4 * WAD) + curvature / 2;
        }
    }

    /// @notice w(k), k - m and the root of w's formula, 1e18 each, for `durrlemanOf`.
    function terms(Slice memory slice, int256 k) internal pure returns (int256 w, int256 distance, int256 root) {
        // Safe: |distance| <= 200e18 and sigma <= 100e18, so the squares add up to less than 2^137 and w is below 2^86.
        unchecked {
            distance = k - slice.m * SCALE;
            int256 sigma = slice.sigma * SCALE;
            root = int256(FixedPointMathLib.sqrt(uint256(distance * distance + sigma * sigma)));
            w = slice.a * SCALE + (slice.b * SCALE * (slice.rho * SCALE * distance / WAD + root)) / WAD;
        }
    }
}
