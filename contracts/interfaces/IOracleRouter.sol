// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {IOracleErrors} from "./IOracleErrors.sol";

/// @title Prices of assets in USD, each behind its guards
/// @notice An asset is a small number (0 is the quote token). Every price is USD per whole unit, in 1e18.
/// @dev Assumptions on a feed, for safety: it reports the asset in USD, and its poster is honest within [slow / hardFactor, slow * hardFactor].
///      For liveness: it answers within its heartbeat plus grace, and somebody syncs it now and then (`slowPrice`).
interface IOracleRouter is IOracleErrors {
    /// @notice Guards of one asset's feed; see `setFeed` for bounds.
    struct Feed {
        address source; // AggregatorV3
        uint8 decimals; // of the source's answers, compared with it at each read
        uint32 maxAge; // seconds: the feed's heartbeat plus grace
        uint32 cacheAge; // seconds a synced price serves later blocks without a read of the source; 0: its own block only
        uint32 maxDeviation; // 1e6 = 100%: beyond it from the slow price, risk-increasing actions stop
        uint32 hardFactor; // 1e6 = 1x: a price above slow * factor or below slow / factor is no price
        uint32 slowRate; // 1e6 = 100%: the most the slow price moves in an hour
        int192 minAnswer; // in the source's decimals: an answer at or below is no price
        int192 maxAnswer; // in the source's decimals: an answer at or above is no price
    }

    event FeedSet(uint8 indexed asset, Feed feed);
    event SequencerSet(address indexed source, uint32 grace);
    /// @notice The cached slot of an asset after a sync.
    event Synced(uint8 indexed asset, uint256 priceWad, uint256 slowWad, uint256 updatedAt);

    // ------------------------------------------------------------ prices

    /// @notice Prices of a set of assets.
    /// @param assets Bitmap, bit i is asset i.
    /// @return pricesWad One price per set bit, lowest bit first; USD in 1e18.
    /// @return deviating Bitmap of those assets whose price lies further from the slow price than the feed allows.
    /// @dev Reverts with the error of the first guard that fails. Reads a source only where the cached slot is too old, and the
    ///      sequencer feed only where a slot was not synced in this very block.
    function prices(uint256 assets) external view returns (uint256[] memory pricesWad, uint256 deviating);

    /// @notice As `prices`, with the slow prices of the same moment: as `sync` would store them, or did where the cached slot serves.
    function pricesAndSlow(uint256 assets)
        external
        view
        returns (uint256[] memory pricesWad, uint256[] memory slowsWad, uint256 deviating);

    /// @notice Price of one asset, USD in 1e18. Reverts as `prices` does.
    function price(uint8 asset) external view returns (uint256 priceWad);

    /// @notice The slow price as of now, USD in 1e18: follows the price over a day, at most `slowRate` an hour.
    /// @dev Reads no source and works with a dead one. Between syncs it follows the price of the last sync.
    function slowPrice(uint8 asset) external view returns (uint256 slowWad);

    /// @notice The cached slot as the last sync wrote it. In later blocks the source is read again from the second `servesUntil` on.
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
        );

    /// @notice Reads the sources of a set of assets and writes their cached slots. Open to all.
    /// @dev All or nothing: reverts with the error of the first guard that fails. While the sequencer is not live it writes slots that
    ///      serve nobody, so that the slow price goes on.
    function sync(uint256 assets) external;

    /// @notice When the sequencer's grace period ended or ends: 0 where there is no sequencer feed.
    /// @dev Reverts with `Oracle_SequencerDown` while it is down.
    function liveSince() external view returns (uint256 timestamp);

    // ------------------------------------------------------------ listing

    function feedOf(uint8 asset) external view returns (Feed memory);

    /// @notice Uptime feed, zero where there is none, and the grace period in seconds.
    function sequencer() external view returns (address source, uint32 grace);

    /// @notice Lists an asset, or changes its feed. The first price of a new asset is its slow price; a listed asset keeps its own, and
    ///         the new source must agree with it within `hardFactor`.
    /// @dev Bounds, both inclusive; else `Oracle_FeedBounds(name, value, bound)`:
    ///
    ///          decimals        0 .. 18, and what the source says
    ///          maxAge          1 minute .. 7 days
    ///          cacheAge        0 .. 10 minutes
    ///          maxDeviation    0.1% .. 100%
    ///          hardFactor      1.1x .. 10x
    ///          slowRate        0.1% .. 20% an hour
    ///          minAnswer       0 .. maxAnswer - 1, and not below the bound that the source's aggregator states
    ///          maxAnswer       at most (2^90 - 1) / 10^(18 - decimals), 1.2379e9 USD, and not above the aggregator's
    ///
    ///      Reads the source at once and reverts where that fails.
    ///      Warning: with a `cacheAge` a price may be that old; who syncs just before a jump trades on it.
    function setFeed(uint8 asset, Feed calldata feed) external;

    /// @notice Starts the slow price of a listed asset again at the source's price: after a jump that is real but outside the hard bounds.
    /// @param lowestWad The price must lie in [lowest, highest], USD in 1e18, else `Oracle_UnexpectedPrice`.
    function resetSlowPrice(uint8 asset, uint256 lowestWad, uint256 highestWad) external;

    /// @notice Sets the uptime feed (zero: none) and the grace period, at most 1 day. Reverts where the feed cannot be read.
    function setSequencer(address source, uint32 grace) external;
}
