// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @title A list of strikes, four to a slot
/// @notice A strike is a uint64 in 1e-9 USDC, the first in the lowest bits. None is zero, so the list ends at the first zero: no length is stored.
library PackedStrikes {
    /// @dev USDC in 1e18 of a strike's unit.
    uint256 internal constant UNIT = 1e9;
    /// @dev The largest strike, USDC in 1e18.
    uint256 internal constant MAX_STRIKE = type(uint64).max * UNIT;
    /// @dev Strikes that a list holds.
    uint256 internal constant CAPACITY = 30;
    uint256 private constant PER_SLOT = 4;
    uint256 private constant WORDS = 8;

    /// @dev 256 bytes: CAPACITY strikes of 8 bytes each, the last 16 bytes always zero.
    struct List {
        uint256[WORDS] words;
    }

    /// @notice The strike at an index, USDC in 1e18; zero beyond the end.
    /// @param index Below 32.
    function at(List storage list, uint256 index) internal view returns (uint256 strikeWad) {
        return uint64(list.words[index / PER_SLOT] >> (index % PER_SLOT * 64)) * UNIT;
    }

    /// @notice All strikes in order, USDC in 1e18. Reads a slot per four strikes, and one more where the last is full.
    function load(List storage list) internal view returns (uint256[] memory strikesWad) {
        strikesWad = new uint256[](CAPACITY);
        uint256 count;
        for (uint256 i; i < WORDS; ++i) {
            for (uint256 word = list.words[i]; word != 0; word >>= 64) {
                strikesWad[count++] = uint64(word) * UNIT;
            }
            if (count < (i + 1) * PER_SLOT) break;
        }
        // Safe: the length only falls.
        assembly ("memory-safe") {
            mstore(strikesWad, count)
        }
    }

    /// @notice Appends strikes that are multiples of UNIT from 1 to MAX_STRIKE.
    /// @param count Strikes that the list has; with the new ones at most CAPACITY.
    function append(List storage list, uint256 count, uint256[] calldata strikesWad) internal {
        uint256 word = list.words[count / PER_SLOT];
        for (uint256 i; i < strikesWad.length; ++i) {
            uint256 lane = (count + i) % PER_SLOT;
            if (lane == 0) word = 0;
            word |= (strikesWad[i] / UNIT) << (lane * 64);
            if (lane == PER_SLOT - 1 || i == strikesWad.length - 1) list.words[(count + i) / PER_SLOT] = word;
        }
    }
}
