// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {ISurfaceOracle} from "../interfaces/ISurfaceOracle.sol";

uint256 constant MIN_SURFACE_AGE = 1 minutes;
uint256 constant MAX_SURFACE_AGE = 12 hours;
uint256 constant MIN_INTERVAL = 1 seconds;
uint256 constant MAX_INTERVAL = 1 hours;
/// @dev The density's arithmetic relies on it: see `SurfaceChecks`.
uint256 constant MIN_VOL = 0.01e6;
/// @dev The volatility that shocks are capped at: above it a rise would be a fall.
uint256 constant MAX_VOL = 5e6;
uint256 constant MIN_VOL_STEP = 0.001e6;
uint256 constant MAX_VOL_STEP = 1e6;
/// @dev Above zero, so that every surface within the other bounds is reached in time.
uint256 constant MIN_VOL_SPEED = 0.01e6;
uint256 constant MAX_VOL_SPEED = 10e6;
uint256 constant MIN_BASIS = 0.001e6;
uint256 constant MAX_BASIS = 0.5e6;
uint256 constant MIN_BASIS_STEP = 0.0001e6;
uint256 constant MAX_BASIS_STEP = 0.5e6;
uint256 constant MIN_BASIS_SPEED = 0.0001e6;
uint256 constant MAX_BASIS_SPEED = 1e6;

/// @title The bounds within which the limits of surfaces are set
library SurfaceBounds {
    /// @notice Reverts with `Surface_Bounds` at the first value outside its bounds.
    function validate(ISurfaceOracle.Limits memory limits) internal pure {
        _within("maxAge", limits.maxAge, MIN_SURFACE_AGE, MAX_SURFACE_AGE);
        _within("minInterval", limits.minInterval, MIN_INTERVAL, MAX_INTERVAL);
        _within("maxVol", limits.maxVol, MIN_VOL, MAX_VOL);
        _within("minVol", limits.minVol, MIN_VOL, limits.maxVol);
        _within("volStep", limits.volStep, MIN_VOL_STEP, MAX_VOL_STEP);
        _within("volSpeed", limits.volSpeed, MIN_VOL_SPEED, MAX_VOL_SPEED);
        _within("maxBasis", limits.maxBasis, MIN_BASIS, MAX_BASIS);
        _within("basisStep", limits.basisStep, MIN_BASIS_STEP, MAX_BASIS_STEP);
        _within("basisSpeed", limits.basisSpeed, MIN_BASIS_SPEED, MAX_BASIS_SPEED);
    }

    function _within(bytes32 parameter, uint256 value, uint256 lowest, uint256 highest) private pure {
        if (value < lowest) revert ISurfaceOracle.Surface_Bounds(parameter, value, lowest);
        if (value > highest) revert ISurfaceOracle.Surface_Bounds(parameter, value, highest);
    }
}
