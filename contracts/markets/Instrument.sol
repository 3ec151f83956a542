// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @title What an instrument's number says of it
/// @notice number = kind << 28 | asset << 20 | serial, so that a margin check knows kind and asset without a read.
library Instrument {
    uint8 internal constant SPOT = 1;
    uint8 internal constant PERPETUAL = 2;

    function kind(uint32 instrument) internal pure returns (uint8) {
        return uint8(instrument >> 28);
    }

    function asset(uint32 instrument) internal pure returns (uint8) {
        return uint8(instrument >> 20);
    }

    /// @notice The serial; a spot market's is the token's id.
    function serial(uint32 instrument) internal pure returns (uint32) {
        return instrument & 0xfffff;
    }
}
