// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {FixedPointMathLib} from "solady/src/utils/FixedPointMathLib.sol";

import {ISurfaceOracle} from "../interfaces/ISurfaceOracle.sol";
import {SECONDS_PER_YEAR, WAD} from "../libraries/Constants.sol";
import {Rounding} from "../libraries/Rounding.sol";
import {Svi} from "../risk/Svi.sol";

/// @title What a signed surface is held to: bounds, no arbitrage at the listed strikes, and no jump
/// @dev No signed number can make the checked arithmetic here panic:
///      - Prices are bounded below 2^96 before the basis, and the parameters by `Svi.isBounded` before a variance is computed.
///      - k = ln K - ln F: logarithms of 1e9 to 2^94 and of 1 to 2^96, in 1e-18, so |k| < 66e18, within what `Svi` takes.
///      - The density needs a variance of `Svi.MIN_VARIANCE`. Its check comes after that of the lowest volatility, 1% or more, and a second
///        at least is left to the expiry: that is 1.5 times as much.
///      - Time is positive: a surface is not newer than the block, and the block not later than the expiry. Parts of a change are below 2^90,
///        what they are taken of below 2^63.
library SurfaceChecks {
    uint256 internal constant BASIS_ONE = 1e15;
    uint256 internal constant MAX_CONFIDENCE = 1e6;
    /// @dev Prices are below it: USDC in 1e18.
    uint256 internal constant PRICE_BOUND = 1 << 96;
    /// @dev From the limits' 1e6 to 1e18.
    uint256 private constant VOL_SCALE = 1e12;
    /// @dev From the limits' 1e6 to 1e15.
    uint256 private constant BASIS_SCALE = 1e9;
    /// @dev 100% of a part that `allowedPart` gives.
    uint256 private constant PART_ONE = 1e6 * 1 hours;

    /// @dev What volatilities are read off.
    struct Smile {
        Svi.Slice slice;
        int256 logForward; // ln, 1e18
        uint256 left; // seconds from the surface's time to the expiry
    }

    /// @dev What volatilities must be within, 1e18.
    struct VolBounds {
        uint256 lowest;
        uint256 highest;
    }

    /// @notice forward / spot, 1e15, rounded down. Reverts where parameters, prices, confidence or the basis are out of bounds.
    function requireBounded(ISurfaceOracle.Surface calldata surface, ISurfaceOracle.Limits memory limits)
        internal
        pure
        returns (uint256 basis)
    {
        if (!Svi.isBounded(_sliceOf(surface))) {
            revert ISurfaceOracle.Surface_Parameters(surface.a, surface.b, surface.rho, surface.m, surface.sigma);
        }
        (uint256 spot, uint256 forward) = (surface.spot, surface.forward);
        if (spot == 0 || forward == 0 || spot >= PRICE_BOUND || forward >= PRICE_BOUND) {
            revert ISurfaceOracle.Surface_Prices(spot, forward);
        }
        if (surface.confidence > MAX_CONFIDENCE) {
            revert ISurfaceOracle.Surface_Confidence(surface.confidence, uint32(MAX_CONFIDENCE));
        }
        basis = Rounding.mulDivDown(forward, BASIS_ONE, spot);
        uint256 width = limits.maxBasis * BASIS_SCALE;
        if (basis < BASIS_ONE - width) revert ISurfaceOracle.Surface_BasisBounds(basis, BASIS_ONE - width);
        if (basis > BASIS_ONE + width) revert ISurfaceOracle.Surface_BasisBounds(basis, BASIS_ONE + width);
    }

    /// @notice step + speed * hours, a part of PART_ONE.
    function allowedPart(uint256 step, uint256 speed, uint256 elapsed) internal pure returns (uint256) {
        return step * 1 hours + speed * elapsed;
    }

    /// @notice Reverts where the basis has changed by more than `part` of the one before, rounded down.
    function requireBasisSteady(uint256 basis, uint256 previous, uint256 part) internal pure {
        uint256 bound = Rounding.mulDivDown(previous, part, PART_ONE);
        if (_gap(basis, previous) > bound) revert ISurfaceOracle.Surface_BasisJump(basis, previous, bound);
    }

    function volBoundsOf(ISurfaceOracle.Limits memory limits) internal pure returns (VolBounds memory) {
        return VolBounds(limits.minVol * VOL_SCALE, limits.maxVol * VOL_SCALE);
    }

    function smileOf(ISurfaceOracle.Surface calldata surface) internal pure returns (Smile memory) {
        return Smile(_sliceOf(surface), _ln(surface.forward), surface.expiry - surface.time);
    }

    function smileOf(ISurfaceOracle.Current memory current, uint64 expiry) internal pure returns (Smile memory) {
        return Smile(current.slice, _ln(current.forward), expiry - current.time);
    }

    /// @notice Reverts unless the smile has a volatility within the bounds, and a density, at every strike.
    function requireSound(Smile memory smile, uint256[] memory strikesWad, VolBounds memory bounds) internal pure {
        for (uint256 i; i < strikesWad.length; ++i) {
            _soundVolAt(smile, strikesWad[i], _ln(strikesWad[i]), bounds);
        }
    }

    /// @notice The same, and reverts where a strike's volatility has changed by more than `part` of the one before, rounded down.
    function requireSoundAndSteady(
        Smile memory smile,
        Smile memory previous,
        uint256 part,
        uint256[] memory strikesWad,
        VolBounds memory bounds
    ) internal pure {
        for (uint256 i; i < strikesWad.length; ++i) {
            uint256 strikeWad = strikesWad[i];
            int256 logStrike = _ln(strikeWad);
            uint256 volWad = _soundVolAt(smile, strikeWad, logStrike, bounds);
            uint256 previousWad = _boundedVolAt(previous, logStrike, bounds);
            uint256 bound = Rounding.mulDivDown(previousWad, part, PART_ONE);
            if (_gap(volWad, previousWad) > bound) {
                revert ISurfaceOracle.Surface_VolJump(strikeWad, volWad, previousWad, bound);
            }
        }
    }

    // ------------------------------------------------------------ internals

    function _soundVolAt(Smile memory smile, uint256 strikeWad, int256 logStrike, VolBounds memory bounds)
        private
        pure
        returns (uint256 volWad)
    {
        int256 k = logStrike - smile.logForward;
        (int256 variance, int256 distance, int256 root) = Svi.terms(smile.slice, k);
        if (variance <= 0) revert ISurfaceOracle.Surface_VarianceNotPositive(strikeWad, variance);
        volWad = _volOf(uint256(variance), smile.left);
        if (volWad < bounds.lowest) revert ISurfaceOracle.Surface_VolBounds(strikeWad, volWad, bounds.lowest);
        if (volWad > bounds.highest) revert ISurfaceOracle.Surface_VolBounds(strikeWad, volWad, bounds.highest);
        int256 density = Svi.durrlemanOf(smile.slice, k, variance, distance, root);
        if (density < 0) revert ISurfaceOracle.Surface_ButterflyArbitrage(strikeWad, density);
    }

    /// @dev The volatility of a surface that holds, within the bounds: where the strike was not listed or the limits were others, it may be
    ///      outside, and a part of it would allow no change, or any.
    function _boundedVolAt(Smile memory smile, int256 logStrike, VolBounds memory bounds)
        private
        pure
        returns (uint256 volWad)
    {
        int256 variance = Svi.totalVariance(smile.slice, logStrike - smile.logForward);
        if (variance <= 0) return bounds.lowest;
        volWad = _volOf(uint256(variance), smile.left);
        if (volWad < bounds.lowest) return bounds.lowest;
        if (volWad > bounds.highest) return bounds.highest;
    }

    /// @dev sqrt(w / T), 1e18, rounded down.
    function _volOf(uint256 variance, uint256 left) private pure returns (uint256) {
        // Safe: the variance is below 2^86, a year in seconds below 2^25; left is not zero.
        unchecked {
            return FixedPointMathLib.sqrt(variance * (SECONDS_PER_YEAR * WAD) / left);
        }
    }

    /// @dev 1e18, of a price in 1e18 above zero.
    function _ln(uint256 priceWad) private pure returns (int256) {
        return FixedPointMathLib.lnWad(int256(priceWad));
    }

    function _sliceOf(ISurfaceOracle.Surface calldata surface) private pure returns (Svi.Slice memory) {
        return Svi.Slice(surface.a, surface.b, surface.rho, surface.m, surface.sigma);
    }

    function _gap(uint256 a, uint256 b) private pure returns (uint256) {
        return a > b ? a - b : b - a;
    }
}
