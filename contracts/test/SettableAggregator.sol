// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title An aggregator (or sequencer feed) whose every word is set, and which misbehaves on demand
/// @dev Anybody may set it. Words are raw uint256, so rounds that no honest aggregator could return can be tried.
contract SettableAggregator {
    enum Mode {
        Honest,
        Reverts, // with a reason
        Short, // four words instead of five
        Silent, // succeeds with no data
        BurnsGas, // all it is given
        Floods // reverts with 256 kB of data
    }

    /// @param answeredInRound Words of latestRoundData, in its order.
    struct Round {
        uint256 roundId;
        int256 answer;
        uint256 startedAt;
        uint256 updatedAt;
        uint256 answeredInRound;
    }

    uint256 public decimals;
    Mode public mode;
    Round private _round;

    constructor(uint256 decimals_) {
        decimals = decimals_;
    }

    function setDecimals(uint256 decimals_) external {
        decimals = decimals_;
    }

    function setMode(Mode mode_) external {
        mode = mode_;
    }

    function setRound(Round calldata round) external {
        _round = round;
    }

    /// @notice A whole round of now.
    function set(int256 answer) external {
        uint256 id = _round.roundId + 1;
        _round = Round(id, answer, block.timestamp, block.timestamp, id);
    }

    function latestRoundData() external view returns (uint256, int256, uint256, uint256, uint256) {
        Mode mode_ = mode;
        if (mode_ == Mode.Reverts) revert("No data present");
        if (mode_ == Mode.BurnsGas) {
            for (uint256 i = gasleft(); gasleft() > 0; ++i) {}
        }
        Round memory round = _round;
        if (mode_ == Mode.Honest) {
            return (round.roundId, round.answer, round.startedAt, round.updatedAt, round.answeredInRound);
        }
        assembly {
            if eq(mode_, 2) { return(round, 0x80) }
            if eq(mode_, 3) { return(0, 0) }
            revert(0, 0x40000)
        }
    }
}

/// @title As SettableAggregator, with an aggregator's own bounds
contract BoundedAggregator is SettableAggregator {
    int192 public immutable minAnswer;
    int192 public immutable maxAnswer;

    constructor(uint256 decimals_, int192 minAnswer_, int192 maxAnswer_) SettableAggregator(decimals_) {
        minAnswer = minAnswer_;
        maxAnswer = maxAnswer_;
    }
}
