// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {MAX_SERIES as SERIES_LIMIT} from "../libraries/Constants.sol";

/// @title An account's options, packed four to a word
/// @notice As a list of words for the margin engine: the series, the number of entries, the USDC price of each slot's asset (eight words, 1e18), and
///         the entries.
///
///         Series: up to eight, 32 bits each in one word, slot 0 lowest: the series below, the number of entries of it from bit 22 on; 0 where
///         the slot is free. Entry: 64 bits, the first of a word lowest:
///
///          lots     9-63   55 bits, signed, never 0
///          strike   4-8    index in the strike book
///          slot     1-3    of the series
///          put      0
library OptionBook {
    uint256 internal constant MAX_SERIES = SERIES_LIMIT;
    int256 internal constant MAX_LOTS = (1 << 54) - 1;

    /// @dev Places in the list of words.
    uint256 internal constant SERIES_AT = 0;
    uint256 internal constant COUNT_AT = 1;
    uint256 internal constant INDICES_AT = 2;
    uint256 internal constant ENTRIES_AT = INDICES_AT + MAX_SERIES;

    uint256 private constant SERIES_MASK = 0x3fffff;
    /// @dev Of the lots of all four entries of a word.
    uint256 private constant SIGNS = 0x8000000000000000800000000000000080000000000000008000000000000000;
    uint256 private constant COUNT_SHIFT = 22;

    function seriesAt(uint256 seriesWord, uint256 slot) internal pure returns (uint32) {
        return uint32((seriesWord >> (slot << 5)) & SERIES_MASK);
    }

    /// @notice Entries of the series in a slot.
    function countAt(uint256 seriesWord, uint256 slot) internal pure returns (uint256) {
        return uint32(seriesWord >> (slot << 5)) >> COUNT_SHIFT;
    }

    /// @notice The series word with a slot of that series and count; a count of zero frees it.
    function withSlot(uint256 seriesWord, uint256 slot, uint256 series, uint256 count) internal pure returns (uint256) {
        uint256 lane = count == 0 ? 0 : series | (count << COUNT_SHIFT);
        return (seriesWord & ~(uint256(type(uint32).max) << (slot << 5))) | (lane << (slot << 5));
    }

    /// @notice Whether any entry of a list is short.
    function hasShort(uint256[] calldata options) internal pure returns (bool) {
        uint256 signs;
        uint256 from = ENTRIES_AT;
        assembly ("memory-safe") {
            let end := add(options.offset, shl(5, options.length))
            for { let place := add(options.offset, shl(5, from)) } lt(place, end) { place := add(place, 32) } {
                signs := or(signs, calldataload(place))
            }
        }
        return isShort(signs);
    }

    /// @notice Whether any of a word's four entries is.
    function isShort(uint256 word) internal pure returns (bool) {
        return word & SIGNS != 0;
    }

    /// @param lots Between -MAX_LOTS and MAX_LOTS.
    function encode(int256 lots, uint256 strike, uint256 slot, bool put) internal pure returns (uint256) {
        return uint64(int64(lots << 9)) | (strike << 4) | (slot << 1) | (put ? 1 : 0);
    }

    function entryAt(uint256 word, uint256 index) internal pure returns (uint256) {
        return uint64(word >> ((index & 3) << 6));
    }

    function lotsOf(uint256 entry) internal pure returns (int256) {
        return int256(int64(uint64(entry))) >> 9;
    }

    function strikeOf(uint256 entry) internal pure returns (uint256) {
        return (entry >> 4) & 31;
    }

    function slotOf(uint256 entry) internal pure returns (uint256) {
        return (entry >> 1) & 7;
    }

    function isPut(uint256 entry) internal pure returns (bool) {
        return entry & 1 != 0;
    }
}
