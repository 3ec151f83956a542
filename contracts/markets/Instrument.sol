// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @title What an instrument's number says of it
/// @notice number = kind << 28 | asset << 20 | serial, so that a margin check knows kind and asset without a read.
library Instrument {
    uint8 internal constant SPOT = 1;
    uint8 internal constant PERPETUAL = 2;
    /// @dev Marks an entry that is not a position but the claim of closed ones on the market's pool.
    uint32 internal constant CLAIM = 1 << 31;

    function kind(uint32 instrument) internal pure returns (uint8) {
        return uint8(instrument >> 28) & 7;
    }

    function asset(uint32 instrument) internal pure returns (uint8) {
        return uint8(instrument >> 20);
    }

    function isClaim(uint32 instrument) internal pure returns (bool) {
        return instrument & CLAIM != 0;
    }

    /// @notice The market a position or claim is in.
    function market(uint32 instrument) internal pure returns (uint32) {
        return instrument & ~CLAIM;
    }

    /// @notice The serial; a spot market's is the token's id.
    function serial(uint32 instrument) internal pure returns (uint32) {
        return instrument & 0xfffff;
    }
}
