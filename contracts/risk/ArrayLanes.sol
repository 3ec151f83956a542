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
///         Entries are offset by 32768 and rounded down for a long; a short is charged one step more and makes 32767 - entry. That is what a long
///         makes of the entry with all its bits turned, 65535 - entry. So a short's words are turned as they are read, and longs and shorts share
///         the lanes; the offset comes off at the end, from the multipliers' sum.
library ArrayLanes {
    uint256 internal constant MAX_MULTIPLIER = 1 << 42;

    uint256 private constant LANES = 0x000000000000ffff000000000000ffff000000000000ffff000000000000ffff;
    uint256 private constant LANE = 0xffffffffffffffff;

    /// @dev A list of arrays to add up, from `first` to `end`, three words a term: place of the rows' entries; multiplier; all ones for a short,
    ///      zero for a long. `mask` is LANES, kept here because the compiler would copy the constant from the code
    ///      for every use.
    struct Terms {
        uint256 first;
        uint256 end;
        uint256 mask;
    }

    /// @dev The floor's four entries, of one underlying: their lanes, the multipliers' sum, and the P&L that went the slow way, 1e-6 USDC.
    struct Floors {
        uint256 lanes;
        uint256 steps;
        int256[4] wide;
    }

    /// @notice An empty list with room for as many terms.
    function open(uint256 most) internal pure returns (Terms memory terms) {
        assembly ("memory-safe") {
            let place := mload(0x40)
            mstore(0x40, add(place, mul(96, most)))
            mstore(terms, place)
            mstore(add(terms, 32), place)
            mstore(add(terms, 64), LANES)
        }
    }

    /// @notice Adds a record to its underlying's floor and puts its rows on the list; a large multiple of the rows goes to `profits` at once.
    /// @param entries Place of a record's entries: the floor's four, then K. @param multiplier 1e-6 USDC per step of an entry.
    /// @param turned All ones for a short, zero for a long.
    function add(
        Terms memory terms,
        Floors memory floors,
        int256[] memory profits,
        uint256 entries,
        uint256 multiplier,
        uint256 turned
    ) internal pure {
        if (multiplier >= MAX_MULTIPLIER) return _addWide(floors, profits, entries, multiplier, turned);
        assembly ("memory-safe") {
            // four adjacent entries to four lanes, the first in the highest
            let four := shr(192, xor(mload(entries), turned))
            four := or(and(four, 0xffffffff), shl(96, and(four, 0xffffffff00000000)))
            four := and(or(four, shl(48, four)), mload(add(terms, 64)))
            mstore(floors, add(mload(floors), mul(four, multiplier)))
            let steps := add(floors, 32)
            mstore(steps, add(mload(steps), multiplier))

            let end := mload(add(terms, 32))
            mstore(end, add(entries, 8))
            mstore(add(end, 32), multiplier)
            mstore(add(end, 64), turned)
            mstore(add(terms, 32), add(end, 96))
        }
    }

    /// @dev The same one by one. Safe: multipliers are below 2^92.
    function _addWide(
        Floors memory floors,
        int256[] memory profits,
        uint256 entries,
        uint256 multiplier,
        uint256 turned
    ) private pure {
        unchecked {
            for (uint256 i; i < ArrayBlob.FLOOR_ROWS; ++i) {
                floors.wide[i] += _profit(entries, i, multiplier, turned);
            }
            entries += 2 * ArrayBlob.FLOOR_ROWS;
            for (uint256 i; i < profits.length; ++i) {
                profits[i] += _profit(entries, i, multiplier, turned);
            }
        }
    }

    /// @dev P&L of the i-th entry, 1e-6 USDC.
    function _profit(uint256 entries, uint256 i, uint256 multiplier, uint256 turned) private pure returns (int256) {
        uint256 entry;
        assembly ("memory-safe") {
            entry := shr(240, xor(mload(add(entries, shl(1, i))), turned))
        }
        unchecked {
            return (int256(entry) - int256(ArrayBlob.ZERO)) * int256(multiplier);
        }
    }

    /// @notice Adds the list up, to the rows' P&L in 1e-6 USDC.
    /// @param floors Of all underlyings: they know the multipliers' sums.
    function close(Terms memory terms, Floors[] memory floors, int256[] memory profits) internal pure {
        // Safe: 64 multipliers below 2^42; K is at most 64.
        unchecked {
            uint256 steps;
            for (uint256 i; i < floors.length; ++i) {
                steps += floors[i].steps;
            }
            for (uint256 at; at < 2 * profits.length; at += 32) {
                _put(terms, profits, at, ArrayBlob.ZERO * steps);
            }
        }
    }

    /// @dev One word of every term: the sums of its four fours, of shift 0, 16, 32 and 48, which stay on the stack.
    function _sums(Terms memory terms, uint256 at) private pure returns (uint256 a, uint256 b, uint256 c, uint256 d) {
        assembly ("memory-safe") {
            let mask := mload(add(terms, 64))
            let end := mload(add(terms, 32))
            for { let term := mload(terms) } lt(term, end) { term := add(term, 96) } {
                let word := xor(mload(add(mload(term), at)), mload(add(term, 64)))
                let multiplier := mload(add(term, 32))
                a := add(mul(multiplier, and(word, mask)), a)
                b := add(mul(multiplier, and(shr(16, word), mask)), b)
                c := add(mul(multiplier, and(shr(32, word), mask)), c)
                d := add(mul(multiplier, and(shr(48, word), mask)), d)
            }
        }
    }

    /// @dev Adds sixteen rows, less `offset`: row r is in the sum of shift 16 * ((15 - r) % 4), lane (15 - r) / 4.
    function _put(Terms memory terms, int256[] memory profits, uint256 at, uint256 offset) private pure {
        (uint256 a, uint256 b, uint256 c, uint256 d) = _sums(terms, at);
        assembly ("memory-safe") {
            let place := add(add(profits, 32), shl(4, at)) // sixteen rows' words for a word of entries
            for { let shift := 192 } lt(shift, 256) { shift := sub(shift, 64) } {
                mstore(place, add(mload(place), sub(and(shr(shift, d), LANE), offset)))
                place := add(place, 32)
                mstore(place, add(mload(place), sub(and(shr(shift, c), LANE), offset)))
                place := add(place, 32)
                mstore(place, add(mload(place), sub(and(shr(shift, b), LANE), offset)))
                place := add(place, 32)
                mstore(place, add(mload(place), sub(and(shr(shift, a), LANE), offset)))
                place := add(place, 32)
            }
        }
    }

    /// @notice The lesser P&L of the floor's moves up, and of those down, 1e-6 USDC.
    function least(Floors memory floors) internal pure returns (int256 up, int256 down) {
        up = _lesser(_floorAt(floors, 0), _floorAt(floors, 1));
        down = _lesser(_floorAt(floors, 2), _floorAt(floors, 3));
    }

    function _floorAt(Floors memory floors, uint256 i) private pure returns (int256) {
        // Safe: a lane is below 2^64, at most 64 multipliers are below 2^42, and what went the slow way is below 2^113.
        unchecked {
            return floors.wide[i] + int256((floors.lanes >> (192 - 64 * i)) & LANE) - int256(ArrayBlob.ZERO * floors.steps);
        }
    }

    function _lesser(int256 a, int256 b) private pure returns (int256) {
        return a < b ? a : b;
    }
}
