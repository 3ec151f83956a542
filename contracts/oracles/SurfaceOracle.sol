// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ISurfaceOracle} from "../interfaces/ISurfaceOracle.sol";
import {IStrikeBook} from "../interfaces/IStrikeBook.sol";
import {Instrument} from "../markets/Instrument.sol";
import {SurfaceBounds} from "./SurfaceBounds.sol";
import {SurfaceChecks} from "./SurfaceChecks.sol";
import {SurfaceSigners} from "./SurfaceSigners.sol";
import {SurfaceSlot} from "./SurfaceSlot.sol";

/// @title Forwards and volatilities, signed by several
/// @dev Age is the readers' concern: only `submit` reverts for it.
///      Warning: what is between and beyond the listed strikes is not checked, and neither is arbitrage between expiries.
contract SurfaceOracle is SurfaceSigners {
    using SurfaceBounds for Limits;
    using SurfaceSlot for SurfaceSlot.Packed;

    // ------------------------------------------------------------ immutables

    IStrikeBook private immutable _strikeBook;

    // ------------------------------------------------------------ storage

    Limits private _limits;
    /// @dev By underlying << 64 | expiry.
    mapping(uint256 key => SurfaceSlot.Packed) private _surfaces;

    // ------------------------------------------------------------ constructor

    constructor(address authority, address strikeBook_, Limits memory limits_) SurfaceSigners(authority) {
        _strikeBook = IStrikeBook(strikeBook_);
        _saveLimits(limits_);
    }

    // ------------------------------------------------------------ actions

    /// @inheritdoc ISurfaceOracle
    /// @dev Cheap checks first: times, bounds, signatures, and then every listed strike; `IStrikeBook.Strikes_UnknownExpiry` where none is.
    function submit(Surface calldata surface, bytes[] calldata signatures) external {
        Limits memory held = _limits;
        uint256 key = _keyOf(surface.underlying, surface.expiry);
        Current memory previous = _surfaces[key].unpack();
        _requireTime(surface, previous, held);
        uint256 basis = SurfaceChecks.requireBounded(surface, held);
        _requireSigned(surface, signatures);
        uint256[] memory strikesWad = _strikeBook.strikesOf(surface.underlying, surface.expiry);
        SurfaceChecks.Smile memory smile = SurfaceChecks.smileOf(surface);
        SurfaceChecks.VolBounds memory bounds = SurfaceChecks.volBoundsOf(held);
        if (previous.round == 0) {
            SurfaceChecks.requireSound(smile, strikesWad, bounds);
        } else {
            uint256 elapsed = surface.time - previous.time;
            uint256 part = SurfaceChecks.allowedPart(held.basisStep, held.basisSpeed, elapsed);
            SurfaceChecks.requireBasisSteady(basis, previous.basis, part);
            part = SurfaceChecks.allowedPart(held.volStep, held.volSpeed, elapsed);
            SurfaceChecks.Smile memory before = SurfaceChecks.smileOf(previous, surface.expiry);
            SurfaceChecks.requireSoundAndSteady(smile, before, part, strikesWad, bounds);
        }
        uint32 round = previous.round + 1; // times rise, so there is less than one a second
        _surfaces[key] = SurfaceSlot.pack(surface, basis, round);
        emit SurfaceSet(surface.underlying, surface.expiry, round, surface);
    }

    // ------------------------------------------------------------ actions of roles

    /// @inheritdoc ISurfaceOracle
    function setLimits(Limits calldata limits_) external restricted {
        _saveLimits(limits_);
    }

    // ------------------------------------------------------------ views

    /// @inheritdoc ISurfaceOracle
    function surfaceOf(uint32 underlying, uint64 expiry) external view returns (Current memory current) {
        current = _surfaces[_keyOf(underlying, expiry)].unpack();
        if (current.round == 0) revert Surface_NoSurface(underlying, expiry);
    }

    /// @inheritdoc ISurfaceOracle
    function basisOf(uint32 underlying, uint64 expiry) external view returns (uint256 basis, uint64 time) {
        SurfaceSlot.Packed storage packed = _surfaces[_keyOf(underlying, expiry)];
        (basis, time) = (packed.basis, packed.time);
        if (time == 0) revert Surface_NoSurface(underlying, expiry);
    }

    /// @inheritdoc ISurfaceOracle
    function firstYoung(uint32[] calldata series, uint256 maxAge) external view returns (uint32) {
        // Safe: surfaces are not from the future.
        unchecked {
            for (uint256 i; i < series.length; ++i) {
                uint64 expiry = Instrument.expiryOfSeries(series[i]);
                if (block.timestamp >= expiry) continue;
                uint256 time = _surfaces[_keyOf(Instrument.assetOfSeries(series[i]), expiry)].time;
                if (block.timestamp - time <= maxAge) return series[i];
            }
        }
        return 0;
    }

    /// @inheritdoc ISurfaceOracle
    function limits() external view returns (Limits memory) {
        return _limits;
    }

    /// @inheritdoc ISurfaceOracle
    function strikeBook() external view returns (address) {
        return address(_strikeBook);
    }

    // ------------------------------------------------------------ internals

    function _requireTime(Surface calldata surface, Current memory previous, Limits memory held) private view {
        (uint64 time, uint256 earliest) = (surface.time, uint256(previous.time) + held.minInterval);
        if (surface.expiry <= block.timestamp) revert Surface_Expired(surface.expiry, block.timestamp);
        if (time <= previous.time) revert Surface_NotNewer(time, previous.time);
        if (time < earliest) revert Surface_TooSoon(time, earliest);
        if (time > block.timestamp) revert Surface_FromTheFuture(time, block.timestamp);
        if (time + uint256(held.maxAge) < block.timestamp) revert Surface_TooOld(time, block.timestamp - held.maxAge);
    }

    function _keyOf(uint32 underlying, uint64 expiry) private pure returns (uint256) {
        return (uint256(underlying) << 64) | expiry;
    }

    function _saveLimits(Limits memory limits_) private {
        limits_.validate();
        _limits = limits_;
        emit LimitsSet(limits_);
    }
}
