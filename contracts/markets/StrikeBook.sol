// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {IStrikeBook} from "../interfaces/IStrikeBook.sol";
import {LOT_QUANTUM, MAX_ASSETS, WAD} from "../libraries/Constants.sol";
import {Instrument} from "./Instrument.sol";
import {PackedStrikes} from "./PackedStrikes.sol";

/// @title Which options are listed
contract StrikeBook is IStrikeBook, AccessManaged {
    using PackedStrikes for PackedStrikes.List;

    // ------------------------------------------------------------ constants

    uint32 private constant MIN_UNDERLYING = 1; // 0 is the quote token
    uint32 private constant MAX_UNDERLYING = uint32(MAX_ASSETS) - 1;
    uint256 private constant MAX_LOT = 1 * WAD;
    /// @dev Three years, the longest that is traded, and a few days.
    uint256 private constant MAX_AHEAD = 1_100 days;
    /// @dev Expiries of an underlying that have not passed.
    uint256 private constant MAX_EXPIRIES = 12;
    /// @dev Bits of a day in `Underlying.expiryDays`.
    uint256 private constant DAY_BITS = 16;

    // ------------------------------------------------------------ storage

    /// @dev One slot.
    struct Underlying {
        uint64 lotWad; // 8 bytes; zero where the underlying is not open
        uint192 expiryDays; // 24 bytes: MAX_EXPIRIES days + 1, the first opened in the lowest bits; zero ends the list
    }

    mapping(uint32 underlying => Underlying) private _underlyings;
    mapping(uint32 series => PackedStrikes.List) private _strikes;

    // ------------------------------------------------------------ constructor

    constructor(address authority) AccessManaged(authority) {}

    // ------------------------------------------------------------ actions of roles

    /// @inheritdoc IStrikeBook
    function openUnderlying(uint32 underlying, uint256 lotWad) external restricted {
        if (underlying < MIN_UNDERLYING) revert Strikes_UnderlyingBounds(underlying, MIN_UNDERLYING);
        if (underlying > MAX_UNDERLYING) revert Strikes_UnderlyingBounds(underlying, MAX_UNDERLYING);
        uint256 known = _underlyings[underlying].lotWad;
        if (known != 0) revert Strikes_UnderlyingOpened(underlying, known);
        if (lotWad == 0 || lotWad % LOT_QUANTUM != 0 || lotWad > MAX_LOT) {
            revert Strikes_LotBounds(lotWad, LOT_QUANTUM, MAX_LOT);
        }
        _underlyings[underlying].lotWad = uint64(lotWad); // MAX_LOT is below 2^64
        emit UnderlyingOpened(underlying, lotWad);
    }

    /// @inheritdoc IStrikeBook
    function listStrikes(uint32 underlying, uint64 expiry, uint256[] calldata strikesWad) external restricted {
        if (_underlyings[underlying].lotWad == 0) revert Strikes_UnknownUnderlying(underlying);
        if (!Instrument.isExpiry(expiry)) revert Strikes_NotAnExpiry(expiry);
        if (expiry <= block.timestamp) revert Strikes_Expired(expiry, block.timestamp);
        if (expiry > block.timestamp + MAX_AHEAD) revert Strikes_TooFar(expiry, block.timestamp + MAX_AHEAD);
        if (strikesWad.length == 0) revert Strikes_NoStrikes();
        PackedStrikes.List storage list = _listOf(underlying, expiry);
        uint256[] memory known = list.load();
        if (strikesWad.length > PackedStrikes.CAPACITY - known.length) {
            revert Strikes_TooManyStrikes(expiry, known.length + strikesWad.length, PackedStrikes.CAPACITY);
        }
        for (uint256 i; i < strikesWad.length; ++i) {
            _requireNew(expiry, strikesWad[i], known, strikesWad[:i]);
        }
        if (known.length == 0) _openExpiry(underlying, expiry);
        list.append(known.length, strikesWad);
        emit StrikesListed(underlying, expiry, known.length, strikesWad);
    }

    // ------------------------------------------------------------ views

    /// @inheritdoc IStrikeBook
    function lotOf(uint32 underlying) external view returns (uint256 lotWad) {
        lotWad = _underlyings[underlying].lotWad;
        if (lotWad == 0) revert Strikes_UnknownUnderlying(underlying);
    }

    /// @inheritdoc IStrikeBook
    function strikesOf(uint32 underlying, uint64 expiry) external view returns (uint256[] memory strikesWad) {
        // Beyond these a number of another expiry would be read.
        if (underlying > MAX_UNDERLYING || !Instrument.isExpiry(expiry)) {
            revert Strikes_UnknownExpiry(underlying, expiry);
        }
        strikesWad = _listOf(underlying, expiry).load();
        if (strikesWad.length == 0) revert Strikes_UnknownExpiry(underlying, expiry);
    }

    /// @inheritdoc IStrikeBook
    function strikeOf(uint32 instrument) external view returns (uint256 strikeWad) {
        if (!Instrument.isClaim(instrument) && Instrument.kind(instrument) == Instrument.OPTION) {
            strikeWad = _strikes[Instrument.series(instrument)].at(Instrument.strikeIndex(instrument));
        }
        if (strikeWad == 0) revert Strikes_UnknownInstrument(instrument);
    }

    /// @inheritdoc IStrikeBook
    function expiriesOf(uint32 underlying) external view returns (uint64[] memory expiries) {
        (uint256 packed, uint256 count) = _liveDays(underlying);
        expiries = new uint64[](count);
        for (uint256 i; i < count; ++i) {
            expiries[i] = _expiryOfLane(packed >> (i * DAY_BITS));
        }
    }

    // ------------------------------------------------------------ internals

    /// @dev Adds an expiry to its underlying's, in place of those that have passed.
    function _openExpiry(uint32 underlying, uint64 expiry) private {
        (uint256 packed, uint256 count) = _liveDays(underlying);
        if (count == MAX_EXPIRIES) revert Strikes_TooManyExpiries(underlying, MAX_EXPIRIES);
        packed |= (uint256(Instrument.seriesOf(0, expiry)) + 1) << (count * DAY_BITS);
        _underlyings[underlying].expiryDays = uint192(packed); // MAX_EXPIRIES * DAY_BITS = 192
    }

    /// @dev The days + 1 of the expiries that have not passed, as `Underlying.expiryDays` packs them, and how many.
    function _liveDays(uint32 underlying) private view returns (uint256 packed, uint256 count) {
        for (uint256 left = _underlyings[underlying].expiryDays; left != 0; left >>= DAY_BITS) {
            if (_expiryOfLane(left) <= block.timestamp) continue;
            packed |= uint256(uint16(left)) << (count * DAY_BITS);
            ++count;
        }
    }

    /// @dev The expiry in the lowest bits, a day + 1 there: the series of asset 0 is the day.
    function _expiryOfLane(uint256 packed) private pure returns (uint64) {
        return Instrument.expiryOfSeries(uint32(uint16(packed)) - 1);
    }

    /// @dev `underlying` is at most MAX_UNDERLYING and `expiry` one that `Instrument.isExpiry`.
    function _listOf(uint32 underlying, uint64 expiry) private view returns (PackedStrikes.List storage) {
        return _strikes[Instrument.seriesOf(uint8(underlying), expiry)];
    }

    function _requireNew(uint64 expiry, uint256 strikeWad, uint256[] memory known, uint256[] calldata before)
        private
        pure
    {
        if (strikeWad == 0 || strikeWad % PackedStrikes.UNIT != 0 || strikeWad > PackedStrikes.MAX_STRIKE) {
            revert Strikes_StrikeBounds(strikeWad, PackedStrikes.UNIT, PackedStrikes.MAX_STRIKE);
        }
        for (uint256 i; i < known.length; ++i) {
            if (known[i] == strikeWad) revert Strikes_StrikeListed(expiry, strikeWad);
        }
        for (uint256 i; i < before.length; ++i) {
            if (before[i] == strikeWad) revert Strikes_StrikeListed(expiry, strikeWad);
        }
    }
}
