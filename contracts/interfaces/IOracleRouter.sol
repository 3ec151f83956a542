// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @title Errors of the router, which reach callers through the Clearinghouse
interface IOracleErrors {
    error Oracle_UnknownAsset(uint8 asset);
    error Oracle_Stale(uint8 asset, uint256 updatedAt, uint256 oldestAllowed);
    error Oracle_FutureRound(uint8 asset, uint256 updatedAt, uint256 nowAt);
    error Oracle_NotPositive(uint8 asset, int256 answer);
    error Oracle_AtMinAnswer(uint8 asset, int256 answer, int256 minAnswer);
    error Oracle_AtMaxAnswer(uint8 asset, int256 answer, int256 maxAnswer);
    error Oracle_OutsideHardBounds(uint8 asset, uint256 priceWad, uint256 slowWad);
    error Oracle_IncompleteRound(uint8 asset, uint80 roundId, uint80 answeredInRound);
    error Oracle_SourceReverted(uint8 asset, address source);
    error Oracle_DecimalsChanged(uint8 asset, uint8 decimals, uint8 listed);
    error Oracle_SequencerDown(uint256 since);
    error Oracle_SequencerGrace(uint256 liveAt, uint256 nowAt);
    error Oracle_FeedBounds(bytes32 parameter, uint256 value, uint256 bound);
}

/// @title Prices of assets in USD, each behind its guards
/// @notice An asset is a small number (0 is the quote token). Every price is USD per whole unit, in 1e18.
/// @dev Assumptions on a feed, for safety: it reports the asset in USD, its `decimals()` never change.
///      For liveness: it answers within its heartbeat plus grace.
interface IOracleRouter is IOracleErrors {
    /// @notice Guards of one asset's feed; see `setFeed` for bounds.
    struct Feed {
        address source; // AggregatorV3
        uint8 decimals; // of the source's answers, read at listing
        uint32 maxAge; // seconds: the feed's heartbeat plus grace
        uint32 cacheAge; // seconds a synced price serves without a read of the source; 0: only in the block's own second
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


    /// @notice Prices of a set of assets.
    /// @param assets Bitmap, bit i is asset i.
    /// @return pricesWad One price per set bit, lowest bit first; USD in 1e18.
    /// @return deviating Bitmap of those assets whose price lies further from the slow price than the feed allows.
    /// @dev Reverts with the error of the first guard that fails. Reads a source only where the cached slot is too old.
    function prices(uint256 assets) external view returns (uint256[] memory pricesWad, uint256 deviating);

    /// @notice Price of one asset, USD in 1e18. Reverts as `prices` does.
    function price(uint8 asset) external view returns (uint256 priceWad);

    /// @notice The slow price as of now, USD in 1e18: follows the price over a day, at most `slowRate` an hour.
    function slowPrice(uint8 asset) external view returns (uint256 slowWad);

    /// @notice Reads the sources of a set of assets and writes their cached slots. Open to all.
    function sync(uint256 assets) external;

    /// @notice When the sequencer's grace period ended or ends: 0 where there is no sequencer feed.
    /// @dev Reverts with `Oracle_SequencerDown` while it is down.
    function liveSince() external view returns (uint256 timestamp);

    function feedOf(uint8 asset) external view returns (Feed memory);

    function setFeed(uint8 asset, Feed calldata feed) external;

    function setSequencer(address source, uint32 grace) external;
}
