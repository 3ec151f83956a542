// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Aggregator with Chainlink's reading functions, 8 decimals, that anyone submits answers to
contract Feed {
    uint8 public constant decimals = 8;

    struct Round {
        int192 answer;
        uint64 time;
    }

    uint80 public latestRound;
    mapping(uint80 round => Round) private _rounds;

    constructor(int256 answer) {
        submit(answer);
    }

    function submit(int256 answer) public {
        _rounds[++latestRound] = Round(int192(answer), uint64(block.timestamp));
    }

    function latestAnswer() external view returns (int256) {
        return _rounds[latestRound].answer;
    }

    function latestRoundData() external view returns (uint80, int256, uint256, uint256, uint80) {
        Round memory round = _rounds[latestRound];
        return (latestRound, round.answer, round.time, round.time, latestRound);
    }
}
