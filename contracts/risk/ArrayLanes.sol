// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {ArrayBlob} from "./ArrayBlob.sol";

/// @title Multiplying arrays by sizes and adding them up, four entries at a time
/// @notice A word of an array has sixteen entries of 16 bits:
///
///             e15 e14 e13 e12 | e11 e10 e9 e8 | e7 e6 e5 e4 | e3 e2 e1 e0          e0 in the lowest bits
///
///         `word & LANES` leaves e12, e8, e4 and e0, each at the low end of its 64 bits; shifted right by 16, 32 and 48 bits first, it leaves the
///         other three fours. Such a word times a multiplier below 2^42 has four products below 2^58 that do not touch, and 64 of them add up to
///         less than 2^64: no lane ever carries into the next. So 32 scenarios cost eight multiplications. A larger multiplier goes the slow
///         way, entry by entry in 256 bits.
///
///         Longs and shorts are summed apart: entries are offset by 32768 and rounded down for a long, so a short is charged one step more. The
///         offset comes off at the end, from the multipliers' sums.
library ArrayLanes {
    uint256 internal constant MAX_MULTIPLIER = 1 << 42;

    uint256 private constant LANES = 0x000000000000ffff000000000000ffff000000000000ffff000000000000ffff;
    uint256 private constant LANE = 0xffffffffffffffff;
    uint256 private constant ENTRY = 0xffff;

    /// @dev Places of the sums in memory, K / 4 words each; `longs` and `shorts` are the multipliers' sums. `mask` is LANES, kept here because the
    ///      compiler would copy the constant from the code for every use.
    struct Sums {
        uint256 long;
        uint256 short;
        uint256 longs;
        uint256 shorts;
        uint256 mask;
    }

    /// @dev The floor's four entries: one word of lanes for longs and one for shorts, the multipliers' sums, and what went the slow way.
    struct Floors {
        uint256 long;
        uint256 short;
        uint256 longs;
        uint256 shorts;
        int256[4] wide;
    }

    function open(uint256 rows) internal pure returns (Sums memory sums) {
        assembly ("memory-safe") {
            let place := mload(0x40)
            let size := shl(3, rows) // K / 4 words
            mstore(0x40, add(place, shl(1, size)))
            calldatacopy(place, calldatasize(), shl(1, size))
            mstore(sums, place)
            mstore(add(sums, 32), add(place, size))
            mstore(add(sums, 128), LANES)
        }
    }

    /// @param entries Place of a record's entries: the floor's four, then K. @param multiplier 1e-6 USDC per step of an entry.
    function add(
        Sums memory sums,
        Floors memory floors,
        int256[] memory profits,
        uint256 entries,
        uint256 multiplier,
        bool isLong
    ) internal pure {
        if (multiplier >= MAX_MULTIPLIER) return _addWide(floors, profits, entries, multiplier, isLong);
        uint256 rows = profits.length;
        assembly ("memory-safe") {
            let mask := mload(add(sums, 128))
            // four adjacent entries to four lanes, the first in the highest
            let four := shr(192, mload(entries))
            four := or(and(four, 0xffffffff), shl(96, and(four, 0xffffffff00000000)))
            four := and(or(four, shl(48, four)), mask)
            let at := shl(5, iszero(isLong))
            let place := add(floors, at)
            mstore(place, add(mload(place), mul(four, multiplier)))
            place := add(place, 64)
            mstore(place, add(mload(place), multiplier))
            place := add(add(sums, 64), at)
            mstore(place, add(mload(place), multiplier))
            // rows
            place := mload(add(sums, at))
            let word := add(entries, 8)
            for { let end := add(word, shl(1, rows)) } lt(word, end) { word := add(word, 32) } {
                let sixteen := mload(word)
                mstore(place, add(mload(place), mul(and(sixteen, mask), multiplier)))
                place := add(place, 32)
                mstore(place, add(mload(place), mul(and(shr(16, sixteen), mask), multiplier)))
                place := add(place, 32)
                mstore(place, add(mload(place), mul(and(shr(32, sixteen), mask), multiplier)))
                place := add(place, 32)
                mstore(place, add(mload(place), mul(and(shr(48, sixteen), mask), multiplier)))
                place := add(place, 32)
            }
        }
    }

    /// @dev The same one by one. Safe: multipliers are below 2^92.
    function _addWide(
        Floors memory floors,
        int256[] memory profits,
        uint256 entries,
        uint256 multiplier,
        bool isLong
    ) private pure {
        unchecked {
            for (uint256 i; i < ArrayBlob.FLOOR_ROWS; ++i) {
                floors.wide[i] += _profit(_entry(entries, i), multiplier, isLong);
            }
            entries += 2 * ArrayBlob.FLOOR_ROWS;
            for (uint256 i; i < profits.length; ++i) {
                profits[i] += _profit(_entry(entries, i), multiplier, isLong);
            }
        }
    }

    function _entry(uint256 entries, uint256 i) private pure returns (uint256 entry) {
        assembly ("memory-safe") {
            entry := shr(240, mload(add(entries, shl(1, i))))
        }
    }

    /// @dev P&L of one entry, 1e-6 USDC.
    function _profit(uint256 entry, uint256 multiplier, bool isLong) private pure returns (int256) {
        unchecked {
            int256 steps = isLong ? int256(entry) - int256(ArrayBlob.ZERO) : int256(ArrayBlob.LARGEST) - int256(entry);
            return steps * int256(multiplier);
        }
    }

    /// @notice Adds the lanes to the rows' P&L, 1e-6 USDC.
    /// @dev A word of entries is in four words of sums: row r is in the word of shift (15 - r) % 4, lane (15 - r) / 4.
    function close(Sums memory sums, int256[] memory profits) internal pure {
        uint256 offset = _offset(sums.longs, sums.shorts);
        (uint256 long, uint256 short) = (sums.long, sums.short);
        assembly ("memory-safe") {
            let place := add(profits, 32)
            let end := add(place, shl(5, mload(profits)))
            for {} lt(place, end) {} {
                for { let shift := 192 } lt(shift, 256) { shift := sub(shift, 64) } {
                    for { let word := 96 } lt(word, 128) { word := sub(word, 32) } {
                        let profit := and(shr(shift, mload(add(long, word))), LANE)
                        profit := sub(profit, and(shr(shift, mload(add(short, word))), LANE))
                        mstore(place, add(mload(place), add(profit, offset)))
                        place := add(place, 32)
                    }
                }
                long := add(long, 128)
                short := add(short, 128)
            }
        }
    }

    /// @notice The floor's P&L, 1e-6 USDC.
    function closeFloors(Floors memory floors, int256[4] memory profits) internal pure {
        unchecked {
            int256 offset = int256(_offset(floors.longs, floors.shorts));
            for (uint256 i; i < ArrayBlob.FLOOR_ROWS; ++i) {
                uint256 shift = 192 - 64 * i;
                profits[i] = floors.wide[i] + int256((floors.long >> shift) & LANE)
                    - int256((floors.short >> shift) & LANE) + offset;
            }
        }
    }

    /// @dev What the entries' offset has added, negative, as a word. Safe: at most 64 multipliers below 2^42; the difference is meant to wrap.
    function _offset(uint256 longs, uint256 shorts) private pure returns (uint256) {
        unchecked {
            return ArrayBlob.LARGEST * shorts - ArrayBlob.ZERO * longs;
        }
    }
}
