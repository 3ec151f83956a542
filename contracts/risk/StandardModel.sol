// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IMarginEngine} from "../interfaces/IMarginEngine.sol";
import {E6} from "../libraries/Constants.sol";
import {Rounding} from "../libraries/Rounding.sol";

/// @title The STANDARD model: every balance and position charged by itself, nothing netted
/// @notice maintenance = sum of rate * |value|, initial the same with its own rates plus the unsettled profit that is not credited.
///         Values and results are USDC in 1e18; each charge is rounded up.
library StandardModel {
    /// @notice Charge of one leg under both rates.
    function charge(int256 valueWad, IMarginEngine.Rates memory rates)
        internal
        pure
        returns (uint256 initial, uint256 maintenance)
    {
        uint256 size = Rounding.abs(valueWad);
        initial = Rounding.mulDivUp(size, rates.initial, E6);
        maintenance = Rounding.mulDivUp(size, rates.maintenance, E6);
    }

    /// @notice Unsettled profit that initial margin does not credit.
    /// @dev With P the sum of the account's unsettled profits, losses apart, and C its other equity, profit counts up to C: whatever an
    ///      account trades with itself into profit, what leaves it is at most what was put in. Settling a loss moves neither. The rule
    ///      does not change when an account is split.
    function uncreditedProfit(int256 equityWad, int256 profitWad) internal pure returns (uint256) {
        if (profitWad <= 0) return 0;
        uint256 other = Rounding.positivePart(equityWad - profitWad);
        return uint256(profitWad) > other ? uint256(profitWad) - other : 0;
    }
}
