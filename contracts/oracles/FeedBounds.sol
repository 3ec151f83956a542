// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {IOracleErrors} from "../interfaces/IOracleErrors.sol";
import {IOracleRouter} from "../interfaces/IOracleRouter.sol";
import {ChainlinkAdapter, PRICE_DECIMALS} from "./ChainlinkAdapter.sol";
import {MAX_PRICE_WAD} from "./PriceSlot.sol";

uint32 constant MIN_MAX_AGE = 1 minutes;
/// @dev Must stay below 2^20, the width of a round's age in a price slot.
uint32 constant MAX_MAX_AGE = 7 days;
/// @dev Must stay below 2^10, the width of `serves` in a price slot.
uint32 constant MAX_CACHE_AGE = 10 minutes;
uint32 constant MIN_MAX_DEVIATION = 0.001e6;
uint32 constant MAX_MAX_DEVIATION = 1e6;
uint32 constant MIN_HARD_FACTOR = 1.1e6;
uint32 constant MAX_HARD_FACTOR = 10e6;
uint32 constant MIN_SLOW_RATE = 0.001e6;
uint32 constant MAX_SLOW_RATE = 0.2e6;

/// @title The bounds within which a feed's guards are set
library FeedBounds {
    /// @notice Reverts with `Oracle_FeedBounds` at the first value outside its bounds; see `IOracleRouter.setFeed`.
    function validate(IOracleRouter.Feed calldata feed) internal view {
        _atMost("decimals", feed.decimals, PRICE_DECIMALS);
        _within("maxAge", feed.maxAge, MIN_MAX_AGE, MAX_MAX_AGE);
        _atMost("cacheAge", feed.cacheAge, MAX_CACHE_AGE);
        _within("maxDeviation", feed.maxDeviation, MIN_MAX_DEVIATION, MAX_MAX_DEVIATION);
        _within("hardFactor", feed.hardFactor, MIN_HARD_FACTOR, MAX_HARD_FACTOR);
        _within("slowRate", feed.slowRate, MIN_SLOW_RATE, MAX_SLOW_RATE);
        if (feed.minAnswer < 0) _refuse("minAnswer", feed.minAnswer, 0);
        if (feed.maxAnswer <= feed.minAnswer) _refuse("maxAnswer", feed.maxAnswer, feed.minAnswer);
        _atMost("maxAnswer", uint192(feed.maxAnswer), MAX_PRICE_WAD / 10 ** (PRICE_DECIMALS - feed.decimals));
        // A feed that is clamped at its aggregator's bound must be refused there, so ours may only be tighter.
        (bool hasMin, int256 minAnswer, bool hasMax, int256 maxAnswer) = ChainlinkAdapter.boundsOf(feed.source);
        if (hasMin && feed.minAnswer < minAnswer) _refuse("minAnswer", feed.minAnswer, minAnswer);
        if (hasMax && feed.maxAnswer > maxAnswer) _refuse("maxAnswer", feed.maxAnswer, maxAnswer);
    }

    // ------------------------------------------------------------ internals

    function _within(bytes32 parameter, uint256 value, uint256 lowest, uint256 highest) private pure {
        if (value < lowest) revert IOracleErrors.Oracle_FeedBounds(parameter, value, lowest);
        _atMost(parameter, value, highest);
    }

    function _atMost(bytes32 parameter, uint256 value, uint256 highest) private pure {
        if (value > highest) revert IOracleErrors.Oracle_FeedBounds(parameter, value, highest);
    }

    /// @dev Negative values appear in two's complement.
    function _refuse(bytes32 parameter, int256 value, int256 bound) private pure {
        revert IOracleErrors.Oracle_FeedBounds(parameter, uint256(value), uint256(bound));
    }
}
