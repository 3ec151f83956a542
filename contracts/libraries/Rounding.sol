// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @title Multiplication and division whose names say the direction
/// @dev Arguments of money are far below 2^128, so the product is checked arithmetic, not 512-bit.
library Rounding {
    /// @notice a * b / d towards zero.
    function mulDivDown(uint256 a, uint256 b, uint256 d) internal pure returns (uint256) {
        return (a * b) / d;
    }

    /// @notice a * b / d away from zero.
    function mulDivUp(uint256 a, uint256 b, uint256 d) internal pure returns (uint256) {
        uint256 product = a * b;
        return product == 0 ? 0 : (product - 1) / d + 1;
    }

    /// @notice a * b / d towards minus infinity.
    function mulDivFloor(int256 a, uint256 b, uint256 d) internal pure returns (int256) {
        return a < 0 ? -int256(mulDivUp(uint256(-a), b, d)) : int256(mulDivDown(uint256(a), b, d));
    }

    /// @notice a * b / d towards zero, keeping the sign.
    function mulDivTrunc(int256 a, uint256 b, uint256 d) internal pure returns (int256) {
        return a < 0 ? -int256(mulDivDown(uint256(-a), b, d)) : int256(mulDivDown(uint256(a), b, d));
    }

    /// @notice a / d away from zero.
    function divUp(uint256 a, uint256 d) internal pure returns (uint256) {
        return a == 0 ? 0 : (a - 1) / d + 1;
    }

    /// @notice a / d towards minus infinity.
    /// @dev Warning: d must be positive, which is not checked: callers divide by constants and by prices known to be positive.
    function divFloor(int256 a, int256 d) internal pure returns (int256 q) {
        assembly ("memory-safe") {
            q := sub(sdiv(a, d), slt(smod(a, d), 0))
        }
    }

    /// @notice The magnitude of a signed number.
    function abs(int256 a) internal pure returns (uint256) {
        return a < 0 ? uint256(-a) : uint256(a);
    }

    function min(uint256 a, uint256 b) internal pure returns (uint256) {
        return a < b ? a : b;
    }

    function positivePart(int256 a) internal pure returns (uint256) {
        return a > 0 ? uint256(a) : 0;
    }
}
