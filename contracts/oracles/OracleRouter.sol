// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IOracleRouter} from "../interfaces/IOracleRouter.sol";
import {ChainlinkAdapter} from "./ChainlinkAdapter.sol";
import {FeedBounds} from "./FeedBounds.sol";
import {FeedConfig} from "./FeedConfig.sol";
import {PriceSlot, PriceSlotLib} from "./PriceSlot.sol";
import {SequencerGuard} from "./SequencerGuard.sol";
import {SlowPrice} from "./SlowPrice.sol";

uint32 constant MAX_SEQUENCER_GRACE = 1 days;

/// @title OracleRouter
/// @dev A price is either read from its source with all guards, or taken from a slot that somebody synced in the same block (or
///      within the feed's `cacheAge`): then it costs one storage read. So a new answer is final at once, and none is used longer.
contract OracleRouter is IOracleRouter, AccessManaged {
    using FeedBounds for Feed;
    using FeedConfig for Feed;
    using FeedConfig for FeedConfig.Packed;
    using SequencerGuard for SequencerGuard.Sequencer;

    // ------------------------------------------------------------ storage

    /// @dev Fixed arrays over the asset id: a slot is found without a hash.
    PriceSlot[256] private _slots;
    FeedConfig.Packed[256] private _feeds;
    SequencerGuard.Sequencer private _sequencer;

    // ------------------------------------------------------------ constructor

    constructor(address authority) AccessManaged(authority) {}

    // ------------------------------------------------------------ actions

    /// @inheritdoc IOracleRouter
    function sync(uint256 assets) external {
        bool live = _sequencer.isLive();
        for (uint256 asset; assets != 0; ++asset) {
            if (assets & 1 != 0) _store(uint8(asset), _read(uint8(asset), _slots[asset]), live);
            assets >>= 1;
        }
    }

    // ------------------------------------------------------------ actions of roles

    /// @inheritdoc IOracleRouter
    function setFeed(uint8 asset, Feed calldata feed) external restricted {
        feed.validate();
        _feeds[asset] = feed.pack();
        emit FeedSet(asset, feed);
        PriceSlot slot = _slots[asset];
        _store(asset, slot.isListed() ? _read(asset, slot) : _readFirst(asset), _sequencer.isLive());
    }

    /// @inheritdoc IOracleRouter
    function resetSlowPrice(uint8 asset, uint256 lowestWad, uint256 highestWad) external restricted {
        if (!_slots[asset].isListed()) revert Oracle_UnknownAsset(asset);
        PriceSlot slot = _readFirst(asset);
        uint256 priceWad = slot.priceWad();
        if (priceWad < lowestWad || priceWad > highestWad) {
            revert Oracle_UnexpectedPrice(asset, priceWad, lowestWad, highestWad);
        }
        _store(asset, slot, _sequencer.isLive());
    }

    /// @inheritdoc IOracleRouter
    function setSequencer(address source, uint32 grace) external restricted {
        if (grace > MAX_SEQUENCER_GRACE) revert Oracle_FeedBounds("grace", grace, MAX_SEQUENCER_GRACE);
        if (source != address(0)) {
            (bool readable,,) = SequencerGuard.status(source);
            if (!readable) revert Oracle_SequencerUnreadable(source);
        }
        _sequencer = SequencerGuard.Sequencer({source: source, grace: grace});
        emit SequencerSet(source, grace);
    }

    // ------------------------------------------------------------ views

    /// @inheritdoc IOracleRouter
    function prices(uint256 assets) external view returns (uint256[] memory pricesWad, uint256 deviating) {
        (pricesWad,, deviating) = _serveAll(assets, false);
    }

    /// @inheritdoc IOracleRouter
    function pricesAndSlow(uint256 assets)
        external
        view
        returns (uint256[] memory pricesWad, uint256[] memory slowsWad, uint256 deviating)
    {
        return _serveAll(assets, true);
    }

    /// @inheritdoc IOracleRouter
    function price(uint8 asset) external view returns (uint256 priceWad) {
        PriceSlot slot = _slots[asset];
        return (slot.isOfThisBlock() ? slot : _serve(asset, slot, false)).priceWad();
    }

    /// @inheritdoc IOracleRouter
    function slowPrice(uint8 asset) external view returns (uint256 slowWad) {
        PriceSlot slot = _slots[asset];
        if (!slot.isListed()) revert Oracle_UnknownAsset(asset);
        return _slowNow(slot, _feeds[asset].slowRate);
    }

    /// @inheritdoc IOracleRouter
    function cached(uint8 asset)
        external
        view
        returns (
            uint256 priceWad,
            uint256 slowWad,
            uint256 syncedAt,
            uint256 updatedAt,
            uint256 servesUntil,
            bool deviating
        )
    {
        PriceSlot slot = _slots[asset];
        if (!slot.isListed()) revert Oracle_UnknownAsset(asset);
        return (
            slot.priceWad(),
            slot.slowWad(),
            slot.syncedAt(),
            slot.updatedAt(),
            slot.servesUntil(),
            slot.deviates() != 0
        );
    }

    /// @inheritdoc IOracleRouter
    function liveSince() external view returns (uint256 timestamp) {
        return _sequencer.liveSince();
    }

    /// @inheritdoc IOracleRouter
    function sequencer() external view returns (address source, uint32 grace) {
        return (_sequencer.source, _sequencer.grace);
    }

    /// @inheritdoc IOracleRouter
    function feedOf(uint8 asset) external view returns (Feed memory) {
        if (!_slots[asset].isListed()) revert Oracle_UnknownAsset(asset);
        return _feeds[asset].unpack();
    }

    // ------------------------------------------------------------ internals

    function _serveAll(uint256 assets, bool withSlow)
        private
        view
        returns (uint256[] memory pricesWad, uint256[] memory slowsWad, uint256 deviating)
    {
        uint256 count = _count(assets);
        pricesWad = new uint256[](count);
        if (withSlow) slowsWad = new uint256[](count);
        uint256 found;
        bool checked;
        // Safe: at most 256 rounds.
        unchecked {
            for (uint256 asset; assets != 0; ++asset) {
                if (assets & 1 != 0) {
                    PriceSlot slot = _slots[asset];
                    if (!slot.isOfThisBlock()) (slot, checked) = (_serve(uint8(asset), slot, checked), true);
                    pricesWad[found] = slot.priceWad();
                    if (withSlow) slowsWad[found] = slot.slowWad();
                    deviating |= slot.deviates() << asset;
                    ++found;
                }
                assets >>= 1;
            }
        }
    }

    /// @dev What to price with where the slot is not of this block. That needs the sequencer, once per call: `checked`.
    function _serve(uint8 asset, PriceSlot slot, bool checked) private view returns (PriceSlot) {
        if (!checked) _sequencer.requireLive();
        return block.timestamp < slot.servesUntil() ? slot : _read(asset, slot);
    }

    /// @dev The slot as a sync of now writes it: source read, guards passed, slow price advanced.
    function _read(uint8 asset, PriceSlot previous) private view returns (PriceSlot) {
        if (!previous.isListed()) revert Oracle_UnknownAsset(asset);
        FeedConfig.Packed memory feed = _feeds[asset];
        (uint256 priceWad, uint256 age) = ChainlinkAdapter.read(asset, feed);
        uint256 slowWad = _slowNow(previous, feed.slowRate);
        // Safe: prices are below 2^90, factors below 2^32.
        unchecked {
            if (priceWad * 1e6 > slowWad * feed.hardFactor || priceWad * feed.hardFactor < slowWad * 1e6) {
                revert Oracle_OutsideHardBounds(asset, priceWad, slowWad);
            }
            uint256 gap = priceWad > slowWad ? priceWad - slowWad : slowWad - priceWad;
            bool deviates = gap * 1e6 > slowWad * feed.maxDeviation;
            return PriceSlotLib.encode(priceWad, slowWad, age, _serves(feed, age), deviates);
        }
    }

    /// @dev The slot of an asset whose slow price starts now.
    function _readFirst(uint8 asset) private view returns (PriceSlot) {
        FeedConfig.Packed memory feed = _feeds[asset];
        (uint256 priceWad, uint256 age) = ChainlinkAdapter.read(asset, feed);
        return PriceSlotLib.encode(priceWad, priceWad, age, _serves(feed, age), false);
    }

    /// @dev Seconds from now in which neither the cache nor the round is too old.
    function _serves(FeedConfig.Packed memory feed, uint256 age) private pure returns (uint256) {
        uint256 left = feed.maxAge - age;
        return left < feed.cacheAge ? left : feed.cacheAge;
    }

    function _slowNow(PriceSlot slot, uint256 slowRate) private view returns (uint256) {
        return SlowPrice.advance(slot.slowWad(), slot.priceWad(), block.timestamp - slot.syncedAt(), slowRate);
    }

    function _store(uint8 asset, PriceSlot slot, bool live) private {
        _slots[asset] = live ? slot.withLive() : slot;
        emit Synced(asset, slot.priceWad(), slot.slowWad(), slot.updatedAt());
    }

    function _count(uint256 assets) private pure returns (uint256 count) {
        for (; assets != 0; assets &= assets - 1) ++count;
    }
}
