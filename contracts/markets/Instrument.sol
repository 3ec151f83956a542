// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @title What an instrument's number says of it
/// @notice number = kind << 28 | asset << 20 | serial, so that a margin check knows kind and asset without a read. The serial of what expires is
///         day << 6 | index << 1 | put: days since 2020-01-01 at whose 08:00 UTC it expires, the strike's index in the strike book, and 1 for a
///         put. A dated future has index and put 0. The series, day and asset, is what options on one forward have in common.
library Instrument {
    uint8 internal constant SPOT = 1;
    uint8 internal constant PERPETUAL = 2;
    uint8 internal constant FUTURE = 3;
    uint8 internal constant OPTION = 4;
    /// @dev Not traded: the market of an expiry's options together, whose pool pays them out.
    uint8 internal constant SERIES = 5;
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

    /// @notice The instrument whose listing and parameters hold for one: an underlying's options have theirs together.
    function listing(uint32 instrument) internal pure returns (uint32) {
        return instrument >> 28 == OPTION ? optionsOf(asset(instrument)) : instrument;
    }

    /// @notice The number under which an instrument's margin rates are kept: those of an underlying's futures, as of its options, under the number
    ///         without a serial.
    function rated(uint32 instrument) internal pure returns (uint32) {
        return instrument >> 28 > PERPETUAL ? instrument & 0xfff00000 : instrument;
    }

    /// @notice The number under which an underlying's options are listed: theirs without a serial.
    function optionsOf(uint8 asset_) internal pure returns (uint32) {
        return (uint32(OPTION) << 28) | (uint32(asset_) << 20);
    }

    // ------------------------------------------------------------ what expires

    /// @dev 2020-01-01 08:00 UTC.
    uint256 private constant FIRST_EXPIRY = 1_577_865_600;
    uint256 private constant MAX_DAY = (1 << 14) - 1;

    /// @notice Whether a time is one at which something can expire: 08:00 UTC of a day from 2020 to 2064.
    function isExpiry(uint64 time) internal pure returns (bool) {
        return time >= FIRST_EXPIRY && (time - FIRST_EXPIRY) % 1 days == 0 && (time - FIRST_EXPIRY) / 1 days <= MAX_DAY;
    }

    /// @notice The series of an expiry for which `isExpiry` holds: asset << 14 | day.
    function seriesOf(uint8 asset_, uint64 expiry_) internal pure returns (uint32) {
        return (uint32(asset_) << 14) | uint32((expiry_ - FIRST_EXPIRY) / 1 days);
    }

    /// @notice The series that a dated future or an option is of.
    function series(uint32 instrument) internal pure returns (uint32) {
        return (instrument >> 6) & 0x3fffff;
    }

    function assetOfSeries(uint32 series_) internal pure returns (uint8) {
        return uint8(series_ >> 14);
    }

    function expiryOfSeries(uint32 series_) internal pure returns (uint64) {
        return uint64(FIRST_EXPIRY + (series_ & MAX_DAY) * 1 days);
    }

    /// @notice When a dated future or an option expires, Unix seconds.
    function expiry(uint32 instrument) internal pure returns (uint64) {
        return expiryOfSeries(series(instrument));
    }

    /// @notice The market of a series' options together.
    function seriesMarket(uint32 series_) internal pure returns (uint32) {
        return (uint32(SERIES) << 28) | (series_ << 6);
    }

    /// @notice The number of an option. @param strikeIndex_ Below 32.
    function option(uint32 series_, uint256 strikeIndex_, bool put) internal pure returns (uint32) {
        return (uint32(OPTION) << 28) | (series_ << 6) | uint32(strikeIndex_ << 1) | (put ? 1 : 0);
    }

    function strikeIndex(uint32 instrument) internal pure returns (uint32) {
        return (instrument >> 1) & 31;
    }

    function isPut(uint32 instrument) internal pure returns (bool) {
        return instrument & 1 != 0;
    }
}
