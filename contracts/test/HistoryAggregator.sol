// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title An aggregator whose whole history is set, and which misbehaves on demand for rounds of choice
/// @dev Anybody may set it. Words are raw uint256, so rounds that no honest aggregator could return can be tried. Unset rounds are all zero, as
///      Chainlink's OCR aggregators answer for them.
contract HistoryAggregator {
    enum Mode {
        Honest,
        Reverts, // with a reason
        Short, // four words instead of five
        BurnsGas, // all it is given
        Floods // reverts with 256 kB of data
    }

    /// @param answeredInRound Words of getRoundData, in its order.
    struct Round {
        uint256 roundId;
        int256 answer;
        uint256 startedAt;
        uint256 updatedAt;
        uint256 answeredInRound;
    }

    uint256 public decimals;
    uint256 public latest;
    mapping(uint256 id => Round) private _rounds;
    mapping(uint256 id => Mode) private _modes;

    constructor(uint256 decimals_) {
        decimals = decimals_;
    }

    function setDecimals(uint256 decimals_) external {
        decimals = decimals_;
    }

    function setLatest(uint256 id) external {
        latest = id;
    }

    /// @notice Whole rounds from id `first` on; the last becomes the latest.
    function setRounds(uint256 first, int256[] calldata answers, uint256[] calldata updatedAt) external {
        for (uint256 i; i < answers.length; ++i) {
            uint256 id = first + i;
            _rounds[id] = Round(id, answers[i], updatedAt[i], updatedAt[i], id);
            latest = id;
        }
    }

    /// @notice What a round's id answers, which need not be that round.
    function setRound(uint256 id, Round calldata round) external {
        _rounds[id] = round;
    }

    /// @notice How a round is answered for; 0 is latestRoundData.
    function setMode(uint256 id, Mode mode) external {
        _modes[id] = mode;
    }

    function latestRoundData() external view returns (uint256, int256, uint256, uint256, uint256) {
        return _answer(latest, _modes[0]);
    }

    function getRoundData(uint80 id) external view returns (uint256, int256, uint256, uint256, uint256) {
        return _answer(id, _modes[id]);
    }

    function _answer(uint256 id, Mode mode) private view returns (uint256, int256, uint256, uint256, uint256) {
        if (mode == Mode.Reverts) revert("No data present");
        if (mode == Mode.BurnsGas) {
            for (uint256 i = gasleft(); gasleft() > 0; ++i) {}
        }
        Round memory round = _rounds[id];
        if (mode == Mode.Honest) {
            return (round.roundId, round.answer, round.startedAt, round.updatedAt, round.answeredInRound);
        }
        assembly {
            if eq(mode, 2) { return(round, 0x80) }
            revert(0, 0x40000)
        }
    }
}
