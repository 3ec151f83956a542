// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {IOracleErrors} from "../interfaces/IOracleErrors.sol";
import {ISettlementOracle} from "../interfaces/ISettlementOracle.sol";
import {ChainlinkAdapter} from "./ChainlinkAdapter.sol";
import {FeedConfig} from "./FeedConfig.sol";
import {RoundProof} from "./RoundProof.sol";

/// @dev Time before an expiry over which prices are averaged.
uint256 constant SETTLEMENT_WINDOW = 30 minutes;

/// @title The sum of a feed's answers over the window before an expiry
library SettlementWindow {
    using RoundProof for RoundProof.Source;

    /// @notice Counts up to `maxRounds` further rounds of a feed.
    /// @param end The expiry, not in the future. @param hint Where to begin, if `progress` has not.
    /// @return The same memory, further.
    function advance(
        uint8 asset,
        FeedConfig.Packed memory feed,
        uint256 end,
        ISettlementOracle.Progress memory progress,
        uint80 hint,
        uint256 maxRounds
    ) internal view returns (ISettlementOracle.Progress memory) {
        uint256 start = end - SETTLEMENT_WINDOW;
        ChainlinkAdapter.requireDecimals(asset, feed);
        RoundProof.Source memory source = RoundProof.open(asset, feed.source);
        bool begun = progress.lastRound != 0;
        RoundProof.Round memory round = source.existing(begun ? progress.lastRound : hint);
        if (!begun) _requireYoung(asset, feed, round, start);
        for (uint256 i; i < maxRounds && !progress.done; ++i) {
            (bool any, RoundProof.Round memory next) = source.successor(round, end);
            progress.done = !any || next.updatedAt >= end;
            uint256 until = progress.done ? end : next.updatedAt;
            // Of the first round only: the others began after the start.
            if (until <= start) revert ISettlementOracle.Settlement_Superseded(asset, round.id, until, start);
            progress.sumWadSeconds += _weigh(asset, feed, round, start, until);
            progress.lastRound = round.id;
            if (!progress.done) (round, progress.lastRound) = (next, next.id);
        }
        return progress;
    }

    // ------------------------------------------------------------ internals

    function _requireYoung(
        uint8 asset,
        FeedConfig.Packed memory feed,
        RoundProof.Round memory round,
        uint256 start
    ) private pure {
        uint256 updatedAt = round.updatedAt;
        if (updatedAt > start) revert ISettlementOracle.Settlement_BeginsLate(asset, round.id, updatedAt, start);
        if (start - updatedAt > feed.maxAge) {
            revert IOracleErrors.Oracle_Stale(asset, updatedAt, start - feed.maxAge);
        }
    }

    /// @dev price * seconds in force within the window. What held for no second is not looked at.
    function _weigh(
        uint8 asset,
        FeedConfig.Packed memory feed,
        RoundProof.Round memory round,
        uint256 start,
        uint256 until
    ) private pure returns (uint112) {
        uint256 held = until - (round.updatedAt > start ? round.updatedAt : start);
        if (held == 0) return 0;
        if (round.answeredInRound < round.id) {
            revert IOracleErrors.Oracle_IncompleteRound(asset, round.id, round.answeredInRound);
        }
        return uint112(ChainlinkAdapter.toPrice(asset, round.answer, feed) * held); // below 2^90 * 1,800 < 2^101
    }
}
