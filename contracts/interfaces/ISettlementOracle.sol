// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {IOracleErrors} from "./IOracleErrors.sol";
import {IOracleRouter} from "./IOracleRouter.sol";

/// @title The price at which what expires is settled
/// @notice One price per asset and expiry, USDC per unit in 1e18, fixed once and for good:
///
///             price = TWAP(asset / USD) / TWAP(quote token / USD), rounded down to a multiple of PRICE_QUANTUM
///
///         each the time-weighted average of the feed's answers in force over the last 30 minutes before the expiry. An answer is in force from
///         its round's `updatedAt` until the next round's; the first may have begun long before the window. Anybody may fix it, with the rounds
///         of the feeds' own history: the caller names where the walk over them begins, which one history and window leave no choice of.
/// @dev Assumptions on a feed, beyond the router's: what `getRoundData` says of a round never changes, the rounds of a phase are numbered without
///      gaps from 1, and a round's `updatedAt` is the time of its block, so that none is added before the expiry once that has passed.
///      Errors of the router (`Oracle_*`) name the guard of the feed that fails: they are those of a read, at the window's start or in it.
interface ISettlementOracle is IOracleErrors {
    /// @notice How far the walk over one feed's rounds has come.
    /// @dev One slot.
    /// @param sumWadSeconds Sum of price * seconds in force within the window, USD in 1e18 times seconds, exact: of rounds before `lastRound`,
    ///        and of that one too once `done`. @param lastRound Where the walk goes on; 0 before it has begun.
    struct Progress {
        uint112 sumWadSeconds; // 14 bytes
        uint80 lastRound; // 10 bytes
        bool done; // 1 byte
    }

    /// @notice The feed that an expiry is settled with, from the first call on, whatever the router is told later.
    event FeedPinned(uint8 indexed asset, uint64 indexed expiry, IOracleRouter.Feed feed);
    event RoundsCounted(uint8 indexed asset, uint64 indexed expiry, uint256 sumWadSeconds, uint80 lastRound, bool done);
    event PriceFixed(uint8 indexed asset, uint64 indexed expiry, uint256 priceWad, bool byGovernor);

    error Settlement_QuoteToken();
    error Settlement_NotAnExpiry(uint64 expiry);
    error Settlement_NotExpired(uint64 expiry, uint256 time);
    error Settlement_AlreadyFixed(uint8 asset, uint64 expiry, uint256 priceWad);
    error Settlement_NotFixed(uint8 asset, uint64 expiry);
    error Settlement_RoundCount(uint256 count, uint256 bound);
    /// @dev The source does not answer for this round, and should: a hint that is no round, or a gap in its history.
    error Settlement_RoundMissing(uint8 asset, uint80 round);
    /// @dev The walk must begin with the round in force at the window's start; this one came later,
    error Settlement_BeginsLate(uint8 asset, uint80 round, uint256 updatedAt, uint256 start);
    /// @dev or had been replaced by then.
    error Settlement_Superseded(uint8 asset, uint80 round, uint256 until, uint256 start);
    error Settlement_OutOfOrder(uint8 asset, uint80 round, uint256 updatedAt, uint256 previous);
    /// @dev Two aggregators of one proxy went on beside each other: which of them was in force is not on record.
    error Settlement_PhasesOverlap(uint8 asset, uint80 round, uint256 updatedAt, uint256 nextPhaseAt);
    error Settlement_PriceBounds(uint256 priceWad, uint256 quantum, uint256 bound);
    error Settlement_TooEarly(uint256 time, uint256 earliest);
    error Settlement_OutsideBand(uint256 priceWad, uint256 lowestWad, uint256 highestWad);

    /// @notice Goes on with the sums of both feeds, and fixes the price once both are complete. Open to all, from the second of the expiry on.
    /// @param asset The router's, not the quote token. @param expiry 08:00 UTC of a day, in Unix seconds.
    /// @param assetRound Id of the round of the asset's feed in force at the window's start: `phase << 64 | aggregator's round` of a proxy.
    /// @param quoteRound The same of the quote token's, whose sum all assets of an expiry share. Neither is looked at once its walk has begun.
    /// @param maxRounds Rounds counted per feed in this call at most, 1 to MAX_ROUNDS.
    /// @return priceWad The price that was fixed; 0 where rounds are left for further calls.
    /// @dev Reverts with the first guard that fails, and then nothing has changed.
    function settlePrice(uint8 asset, uint64 expiry, uint80 assetRound, uint80 quoteRound, uint256 maxRounds)
        external
        returns (uint256 priceWad);

    /// @notice Fixes a price whose feed is dead or whose rounds cannot be proven: not before GOVERNOR_DELAY after the expiry, and within
    ///         a factor of GOVERNOR_BAND of the asset's slow price in USDC, as of now.
    /// @param priceWad USDC in 1e18, a multiple of PRICE_QUANTUM.
    function setPriceByGovernor(uint8 asset, uint64 expiry, uint256 priceWad) external;

    /// @notice The price of an expiry, USDC in 1e18, a multiple of PRICE_QUANTUM, never zero; reverts until it is fixed. One storage read.
    function priceOf(uint8 asset, uint64 expiry) external view returns (uint256 priceWad);

    function isFixed(uint8 asset, uint64 expiry) external view returns (bool);

    /// @notice How far the walk over a feed's rounds has come, the quote token's (asset 0) included.
    function progressOf(uint8 asset, uint64 expiry) external view returns (Progress memory);

    /// @notice The feed an expiry is settled with: the pinned one, or the router's where none is yet.
    function feedOf(uint8 asset, uint64 expiry) external view returns (IOracleRouter.Feed memory);

    /// @notice The router whose feeds and slow prices count.
    function router() external view returns (address);
}
