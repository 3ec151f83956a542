// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {IOracleErrors} from "../interfaces/IOracleErrors.sol";
import {FeedConfig} from "./FeedConfig.sol";
import {IAggregatorBounds, IAggregatorV3} from "../interfaces/IAggregatorV3.sol";
import {IOracleErrors} from "../interfaces/IOracleErrors.sol";
import {FeedConfig} from "./FeedConfig.sol";

/// @dev Gas a source may use for one answer: a Chainlink proxy takes below 20k, a composite of three feeds below 70k.
uint256 constant READ_GAS = 100_000;
/// @dev Prices are USD in 1e18; a source has at most as many decimals, so that scaling up is exact.
uint8 constant PRICE_DECIMALS = 18;

/// @title Guarded read of one AggregatorV3
/// @notice Either returns a price that passed every guard, or reverts with the error of the first that it failed.
/// @dev A source is called with bounded gas and its answer is copied as far as it is expected: one that reverts, burns its gas, returns
///      too little, too much or words out of range costs at most READ_GAS and reverts with `Oracle_SourceReverted`.
library ChainlinkAdapter {
    /// @notice The source's latest price.
    /// @return priceWad USD in 1e18, exact.
    /// @return age Seconds since its round was updated, at most `feed.maxAge`.
    function read(uint8 asset, FeedConfig.Packed memory feed) internal view returns (uint256 priceWad, uint256 age) {
        (int256 answer, uint256 updatedAt) = _latestRound(asset, feed.source);
        if (updatedAt > block.timestamp) revert IOracleErrors.Oracle_FutureRound(asset, updatedAt, block.timestamp);
        // Safe: not in the future.
        unchecked {
            age = block.timestamp - updatedAt;
        }
        if (age > feed.maxAge) revert IOracleErrors.Oracle_Stale(asset, updatedAt, block.timestamp - feed.maxAge);
        priceWad = toPrice(asset, answer, feed);
        requireDecimals(asset, feed);
    }

    /// @notice An answer of the feed as a price; reverts where it is not positive, or not within the feed's bounds.
    /// @return priceWad USD in 1e18, exact.
    function toPrice(uint8 asset, int256 answer, FeedConfig.Packed memory feed)
        internal
        pure
        returns (uint256 priceWad)
    {
        if (answer <= 0) revert IOracleErrors.Oracle_NotPositive(asset, answer);
        if (uint256(answer) <= feed.minAnswer) {
            revert IOracleErrors.Oracle_AtMinAnswer(asset, answer, int256(uint256(feed.minAnswer)));
        }
        if (uint256(answer) >= feed.maxAnswer) {
            revert IOracleErrors.Oracle_AtMaxAnswer(asset, answer, int256(uint256(feed.maxAnswer)));
        }
        // Safe: decimals are at most 18 and the answer is below maxAnswer, which in 1e18 is at most MAX_PRICE_WAD.
        unchecked {
            priceWad = uint256(answer) * 10 ** (PRICE_DECIMALS - feed.decimals);
        }
    }

    /// @notice Reverts unless the source has the decimals it was listed with.
    /// @dev On every read, not at listing only: behind a proxy the aggregator can be exchanged for one with other decimals.
    function requireDecimals(uint8 asset, FeedConfig.Packed memory feed) internal view {
        (bool ok, uint256 decimals) = _word(feed.source, IAggregatorV3.decimals.selector);
        if (!ok || decimals > type(uint8).max) revert IOracleErrors.Oracle_SourceReverted(asset, feed.source);
        if (decimals != feed.decimals) {
            revert IOracleErrors.Oracle_DecimalsChanged(asset, uint8(decimals), feed.decimals);
        }
    }

    /// @notice The bounds of the aggregator behind a source, or of the source itself; each false where it names none.
    function boundsOf(address source)
        internal
        view
        returns (bool hasMin, int256 minAnswer, bool hasMax, int256 maxAnswer)
    {
        (bool ok, uint256 word) = _word(source, IAggregatorV3.aggregator.selector);
        address target = ok && word != 0 && word <= type(uint160).max ? address(uint160(word)) : source;
        (hasMin, word) = _word(target, IAggregatorBounds.minAnswer.selector);
        minAnswer = int256(word);
        (hasMax, word) = _word(target, IAggregatorBounds.maxAnswer.selector);
        maxAnswer = int256(word);
    }

    // ------------------------------------------------------------ internals

    /// @dev Assembly because a high-level call reverts without a name where the answer does not decode, and try/catch does not catch it;
    ///      it also copies all that the source returns. Writes beyond the free memory pointer only and does not move it.
    function _latestRound(uint8 asset, address source) private view returns (int256 answer, uint256 updatedAt) {
        bytes4 selector = IAggregatorV3.latestRoundData.selector;
        bool ok;
        uint256 roundId;
        uint256 answeredInRound;
        assembly ("memory-safe") {
            let out := mload(0x40)
            mstore(0, selector)
            // Arguments are evaluated from the last to the first: the call comes before returndatasize.
            ok := and(gt(returndatasize(), 0x9f), staticcall(READ_GAS, source, 0, 4, out, 0xa0))
            roundId := mload(out)
            answer := mload(add(out, 0x20))
            updatedAt := mload(add(out, 0x60))
            answeredInRound := mload(add(out, 0x80))
        }
        if (!ok || roundId > type(uint80).max || answeredInRound > type(uint80).max) {
            revert IOracleErrors.Oracle_SourceReverted(asset, source);
        }
        if (roundId == 0 || updatedAt == 0 || answeredInRound < roundId) {
            revert IOracleErrors.Oracle_IncompleteRound(asset, uint80(roundId), uint80(answeredInRound));
        }
    }

    /// @dev One word of a call without arguments; false where it reverts, returns less or runs out of READ_GAS. Assembly as above.
    function _word(address target, bytes4 selector) private view returns (bool ok, uint256 word) {
        assembly ("memory-safe") {
            mstore(0, selector)
            ok := and(gt(returndatasize(), 0x1f), staticcall(READ_GAS, target, 0, 4, 0, 0x20))
            word := mul(ok, mload(0))
        }
    }
}
