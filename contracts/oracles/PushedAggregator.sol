// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IAggregatorV3} from "../interfaces/IAggregatorV3.sol";
import {IPushedAggregator} from "../interfaces/IPushedAggregator.sol";

/// @title PushedAggregator
/// @dev The poster is the owner; it hands over in two steps, so that a typing error cannot silence the feed.
contract PushedAggregator is IPushedAggregator, Ownable2Step {
    // ------------------------------------------------------------ constants

    uint256 public constant version = 1;

    // ------------------------------------------------------------ immutables

    uint8 public immutable decimals;
    int192 public immutable minAnswer;
    int192 public immutable maxAnswer;

    // ------------------------------------------------------------ storage

    /// @dev One slot. A round starts and ends with its answer: startedAt = updatedAt.
    struct Round {
        int192 answer; // 24 bytes
        uint64 updatedAt; // 8 bytes
    }

    string public description;
    uint80 private _latest;
    mapping(uint80 roundId => Round) private _rounds;

    // ------------------------------------------------------------ constructor

    constructor(
        address poster,
        uint8 decimals_,
        string memory description_,
        int192 minAnswer_,
        int192 maxAnswer_
    ) Ownable(poster) {
        if (minAnswer_ < 0 || maxAnswer_ <= minAnswer_) revert PushedAggregator_Bounds(minAnswer_, maxAnswer_);
        decimals = decimals_;
        description = description_;
        minAnswer = minAnswer_;
        maxAnswer = maxAnswer_;
    }

    // ------------------------------------------------------------ actions

    /// @inheritdoc IPushedAggregator
    function submit(int256 answer) external onlyOwner returns (uint80 roundId) {
        if (answer < minAnswer) answer = minAnswer;
        else if (answer > maxAnswer) answer = maxAnswer;
        roundId = ++_latest;
        _rounds[roundId] = Round({answer: int192(answer), updatedAt: uint64(block.timestamp)});
        emit AnswerUpdated(answer, roundId, block.timestamp);
    }

    // ------------------------------------------------------------ views

    /// @inheritdoc IAggregatorV3
    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        return _roundData(_latest);
    }

    /// @inheritdoc IAggregatorV3
    function getRoundData(uint80 id) external view returns (uint80, int256, uint256, uint256, uint80) {
        return _roundData(id);
    }

    /// @inheritdoc IAggregatorV3
    /// @dev No proxy stands before it.
    function aggregator() external view returns (address) {
        return address(this);
    }

    /// @inheritdoc IPushedAggregator
    function latestAnswer() external view returns (int256 answer) {
        return _rounds[_latest].answer;
    }

    /// @inheritdoc IPushedAggregator
    function latestRound() external view returns (uint256 roundId) {
        return _latest;
    }

    /// @inheritdoc IPushedAggregator
    function latestTimestamp() external view returns (uint256 updatedAt) {
        return _rounds[_latest].updatedAt;
    }

    // ------------------------------------------------------------ internals

    function _roundData(uint80 id) private view returns (uint80, int256, uint256, uint256, uint80) {
        Round memory round = _rounds[id];
        if (round.updatedAt == 0) revert PushedAggregator_NoRound(id, _latest);
        return (id, round.answer, round.updatedAt, round.updatedAt, id);
    }
}
