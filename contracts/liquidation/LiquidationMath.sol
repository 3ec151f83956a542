// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IListing} from "../interfaces/IListing.sol";
import {WAD} from "../libraries/Constants.sol";
import {Rounding} from "../libraries/Rounding.sol";

/// @title The price and the size of a liquidation step, as pure functions
/// @notice E equity, MM maintenance margin, HF = E / MM, u the reward rate, pi = min(u, max(HF, 0)) the account's share of it, tau the target.
///         A step of fraction f costs the account f * pi * MM, so HF' = (HF - f * pi) / (1 - f): it never falls while pi <= HF, and
///         f = (tau - HF) / (tau - pi) brings it to tau.
library LiquidationMath {
    /// @notice HF in 1e18, rounded down; 0 with no equity.
    function healthFactor(int256 equity, uint256 maintenance) internal pure returns (uint256) {
        return equity <= 0 ? 0 : Rounding.mulDivDown(uint256(equity), WAD, maintenance);
    }

    /// @notice u(t, HF) = min(maxRate, startRate + healthSlope * (1 - HF) + ramp(t)), rounded down; HF may be negative here.
    /// @param elapsed Seconds since the reward's clock started.
    function rewardRate(
        int256 equity,
        uint256 maintenance,
        uint256 elapsed,
        IListing.LiquidationConfig memory config
    ) internal pure returns (uint256) {
        uint256 shortfall = Rounding.mulDivDown(uint256(int256(maintenance) - equity), WAD, maintenance);
        uint256 ramp =
            Rounding.mulDivDown(config.rampRate, Rounding.min(elapsed, config.rampTime), config.rampTime);
        uint256 rate = config.startRate + Rounding.mulDivDown(config.healthSlope, shortfall, WAD) + ramp;
        return Rounding.min(rate, config.maxRate);
    }

    /// @notice The fraction that reaches the target, rounded up; 1e18 where the account's share eats all the health it has.
    function fractionToTarget(uint256 factor, uint256 share, uint256 target) internal pure returns (uint256) {
        if (share >= factor) return WAD;
        return Rounding.min(WAD, Rounding.mulDivUp(target - factor, WAD, target - share));
    }

    /// @notice The part of a position to take: a multiple of the lot, rounded up; all of it where less than the minimum would stay.
    function sliceOf(uint256 size, uint256 fraction, uint256 lot, uint256 minSize) internal pure returns (uint256) {
        if (fraction == WAD) return size;
        uint256 slice = Rounding.divUp(Rounding.mulDivUp(size, fraction, WAD), lot) * lot;
        return slice + minSize > size ? size : slice;
    }
}
