// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IListing} from "../interfaces/IListing.sol";
import {Rounding} from "../libraries/Rounding.sol";
import {LiquidationMath} from "../liquidation/LiquidationMath.sol";
import {StandardModel} from "../risk/StandardModel.sol";

/// @dev The pure libraries, callable one by one, for comparison with a reference.
contract MathHarness {
    function mulDivDown(uint256 a, uint256 b, uint256 d) external pure returns (uint256) {
        return Rounding.mulDivDown(a, b, d);
    }

    function mulDivUp(uint256 a, uint256 b, uint256 d) external pure returns (uint256) {
        return Rounding.mulDivUp(a, b, d);
    }

    function mulDivFloor(int256 a, uint256 b, uint256 d) external pure returns (int256) {
        return Rounding.mulDivFloor(a, b, d);
    }

    function mulDivTrunc(int256 a, uint256 b, uint256 d) external pure returns (int256) {
        return Rounding.mulDivTrunc(a, b, d);
    }

    function divUp(uint256 a, uint256 d) external pure returns (uint256) {
        return Rounding.divUp(a, d);
    }

    function divFloor(int256 a, int256 d) external pure returns (int256) {
        return Rounding.divFloor(a, d);
    }

    function healthFactor(int256 equity, uint256 maintenance) external pure returns (uint256) {
        return LiquidationMath.healthFactor(equity, maintenance);
    }

    function rewardRate(
        int256 equity,
        uint256 maintenance,
        uint256 elapsed,
        IListing.LiquidationConfig memory config
    ) external pure returns (uint256) {
        return LiquidationMath.rewardRate(equity, maintenance, elapsed, config);
    }

    function fractionToTarget(uint256 factor, uint256 share, uint256 target) external pure returns (uint256) {
        return LiquidationMath.fractionToTarget(factor, share, target);
    }

    function sliceOf(uint256 size, uint256 fraction, uint256 lot, uint256 minSize) external pure returns (uint256) {
        return LiquidationMath.sliceOf(size, fraction, lot, minSize);
    }

    function uncreditedProfit(int256 equityWad, int256 profitWad) external pure returns (uint256) {
        return StandardModel.uncreditedProfit(equityWad, profitWad);
    }
}
