// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {IAggregatorBounds, IAggregatorV3} from "./IAggregatorV3.sol";

/// @title An aggregator whose answers one poster pushes: for local chains, and for testnets without a public feed
/// @notice Reads like a Chainlink USD feed, with real rounds: each answer is a new round with its own time, and old rounds stay readable.
/// @dev Warning: one key sets the price. Never list it where real value is at stake.
interface IPushedAggregator is IAggregatorV3, IAggregatorBounds {
    /// @notice A new answer; Chainlink's event of the same name.
    event AnswerUpdated(int256 indexed current, uint256 indexed roundId, uint256 updatedAt);

    error PushedAggregator_NoRound(uint80 roundId, uint80 latest);
    error PushedAggregator_Bounds(int192 minAnswer, int192 maxAnswer);

    /// @notice Starts a round with this answer. Only the poster, which is the contract's owner.
    /// @param answer USD per unit in `decimals()`. Beyond `minAnswer` or `maxAnswer` the round carries that bound, as the median of a
    ///        bounded Chainlink feed would: a reader must refuse an answer at a bound.
    /// @return roundId Starts at 1, grows by 1.
    function submit(int256 answer) external returns (uint80 roundId);

    /// @notice The last answer; 0 before the first.
    function latestAnswer() external view returns (int256 answer);

    /// @notice The last round's id; 0 before the first.
    function latestRound() external view returns (uint256 roundId);

    /// @notice Unix time of the last answer; 0 before the first.
    function latestTimestamp() external view returns (uint256 updatedAt);
}
