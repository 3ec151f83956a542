// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @title Layout of an expiry's risk arrays
/// @notice The blob is the code of a contract, behind one byte that stops whoever calls it. Two words of header, then a record per strike:
///
///          word 0     bits      width
///          spot       160-255   96    USDC per unit, 1e18, when the arrays were computed
///          forward    64-159    96    USDC per unit, 1e18, then
///          time       24-63     40    when that was, Unix seconds
///          count      16-23     8     strikes
///          rows       8-15      8     K, a multiple of 16
///
///          word 1
///          version    224-255   32    of the scenario table
///          round      192-223   32    of the surface
///          surface    152-191   40    the surface's time, Unix seconds
///          remaining  120-151   32    seconds to the expiry at `time`
///          band       88-119    32    largest move that carries the marks by delta and gamma, 1e9 = 100% of the forward
///          lot        24-87     64    units in 1e18
///          confidence 0-23      24    of the surface, 1e6
///
///          record     72 + 2 * K bytes... a word, the floor's four entries, K entries
///          strike     192-255   64    1e-9 USDC
///          mark       128-191   64    of the call, 1e-9 USDC per unit, rounded down
///          delta      96-127    32    of the call, 1e9
///          gamma      64-95     32    times the forward, 1e6, rounded down
///          vega       32-63     32    times the volatility, over the forward, 1e9: the value of doubling the volatility, to first order
///          scale      0-31      32    1e-6 USDC per lot and step of an entry
///
///         An entry is 16 bits, offset by 32768: the call's P&L per lot over the scale, rounded down. So a long of n lots makes at least
///         n * scale * (entry - 32768) and a short loses at most n * scale * (entry - 32767), in 1e-6 USDC. The floor's entries are spot
///         up with volatility up, up with down, down with up, down with down.
library ArrayBlob {
    uint256 internal constant HEADER = 64;
    /// @dev Entries are offset by it.
    uint256 internal constant ZERO = 1 << 15;
    /// @dev Largest entry in magnitude.
    uint256 internal constant LARGEST = ZERO - 1;
    /// @dev Scale of strikes and marks within 1e18.
    uint256 internal constant PRICE_UNIT = 1e9;
    /// @dev The P&L quantum, 1e-6 USDC, within 1e18.
    uint256 internal constant QUANTUM = 1e12;
    uint256 internal constant FLOOR_ROWS = 4;
    /// @dev Entries in a word.
    uint256 internal constant LANES = 16;

    struct Header {
        uint256 spot;
        uint256 forward;
        uint256 time;
        uint256 count;
        uint256 rows;
        uint256 version;
        uint256 round;
        uint256 surfaceTime;
        uint256 remaining;
        uint256 band;
        uint256 lot;
        uint256 confidence;
    }

    /// @notice Bytes of a record.
    function recordSize(uint256 rows) internal pure returns (uint256) {
        // Safe: K is at most 64.
        unchecked {
            return 32 + 2 * (FLOOR_ROWS + rows);
        }
    }

    function encodeHeader(Header memory h) internal pure returns (uint256 first, uint256 second) {
        // Safe: the builder bounds each value below its width.
        unchecked {
            first = (h.spot << 160) | (h.forward << 64) | (h.time << 24) | (h.count << 16) | (h.rows << 8);
            second = (h.version << 224) | (h.round << 192) | (h.surfaceTime << 152) | (h.remaining << 120)
                | (h.band << 88) | (h.lot << 24) | h.confidence;
        }
    }

    // ------------------------------------------------------------ the header's first word

    function spotOf(uint256 first) internal pure returns (uint256) {
        return first >> 160;
    }

    function forwardOf(uint256 first) internal pure returns (uint256) {
        return uint96(first >> 64);
    }

    function timeOf(uint256 first) internal pure returns (uint256) {
        return uint40(first >> 24);
    }

    function countOf(uint256 first) internal pure returns (uint256) {
        return uint8(first >> 16);
    }

    function rowsOf(uint256 first) internal pure returns (uint256) {
        return uint8(first >> 8);
    }

    // ------------------------------------------------------------ its second word

    function surfaceTimeOf(uint256 second) internal pure returns (uint256) {
        return uint40(second >> 152);
    }

    function remainingOf(uint256 second) internal pure returns (uint256) {
        return uint32(second >> 120);
    }

    function bandOf(uint256 second) internal pure returns (uint256) {
        return uint32(second >> 88);
    }

    function lotOf(uint256 second) internal pure returns (uint256) {
        return uint64(second >> 24);
    }

    function confidenceOf(uint256 second) internal pure returns (uint256) {
        return uint24(second);
    }

    // ------------------------------------------------------------ a record's first word

    /// @notice 1e-9 USDC.
    function strikeOf(uint256 word) internal pure returns (uint256) {
        return word >> 192;
    }

    /// @notice 1e9.
    function vegaOf(uint256 word) internal pure returns (uint256) {
        return uint32(word >> 32);
    }
}
