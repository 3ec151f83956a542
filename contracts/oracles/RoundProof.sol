// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {IAggregatorV3} from "../interfaces/IAggregatorV3.sol";
import {IOracleErrors} from "../interfaces/IOracleErrors.sol";
import {ISettlementOracle} from "../interfaces/ISettlementOracle.sol";
import {READ_GAS} from "./ChainlinkAdapter.sol";

/// @title Which round of a feed follows which
/// @notice In force is the round with the greatest id so far, `phase << 64 | aggregator's round` of a proxy. Within a phase the next round has the
///         next id; where a phase has ended, the first of the next phase follows. A phase that goes on after a later one has begun proves nothing.
/// @dev A source is called as ChainlinkAdapter does: bounded in gas and size. Here a failed call can mean something, the end of a phase, but no
///      caller can make one fail: with too little gas to pass on READ_GAS, less than READ_GAS / 63 is left after it, and nothing is stored with that.
library RoundProof {
    /// @param latest Id of the source's latest round, now.
    struct Source {
        uint8 asset;
        address target;
        uint80 latest;
    }

    /// @param answer In the source's decimals, not checked yet. @param updatedAt Unix seconds, not in the future.
    struct Round {
        uint80 id;
        uint80 answeredInRound;
        int256 answer;
        uint256 updatedAt;
    }

    /// @notice A source as it is now; reverts where it has no latest round.
    function open(uint8 asset, address target) internal view returns (Source memory) {
        bytes4 selector = IAggregatorV3.latestRoundData.selector;
        bool ok;
        uint256 id;
        // Assembly for the reasons given in ChainlinkAdapter.
        assembly ("memory-safe") {
            let out := mload(0x40)
            mstore(0, selector)
            ok := and(gt(returndatasize(), 0x9f), staticcall(READ_GAS, target, 0, 4, out, 0xa0))
            id := mload(out)
        }
        if (!ok || id == 0 || id > type(uint80).max) revert IOracleErrors.Oracle_SourceReverted(asset, target);
        return Source(asset, target, uint80(id));
    }

    /// @notice A round that must be there.
    function existing(Source memory source, uint80 id) internal view returns (Round memory round) {
        bool found = id <= source.latest;
        if (found) (found, round) = _read(source, id);
        if (!found) revert ISettlementOracle.Settlement_RoundMissing(source.asset, id);
    }

    /// @notice The round that replaced another one.
    /// @param end Time from which on it does not matter any more which round is in force.
    /// @return any False where `round` is still the latest.
    function successor(Source memory source, Round memory round, uint256 end)
        internal
        view
        returns (bool any, Round memory next)
    {
        if (round.id == source.latest) return (false, next);
        if (_phaseOf(round.id) == _phaseOf(source.latest)) {
            next = existing(source, round.id + 1); // below the latest id
        } else {
            next = _inOldPhase(source, round, end);
        }
        if (next.updatedAt < round.updatedAt) {
            revert ISettlementOracle.Settlement_OutOfOrder(source.asset, next.id, next.updatedAt, round.updatedAt);
        }
        return (true, next);
    }

    // ------------------------------------------------------------ internals

    /// @dev The next of the phase, or, where that has ended, the first of the next phase; no later phase may have begun before it.
    function _inOldPhase(Source memory source, Round memory round, uint256 end)
        private
        view
        returns (Round memory next)
    {
        uint256 phase = _phaseOf(round.id);
        bool goesOn;
        (goesOn, next) = _read(source, round.id + 1); // below the latest id, which is of a later phase
        if (!goesOn) next = existing(source, _firstOf(phase + 1));
        while (++phase <= _phaseOf(source.latest)) {
            uint256 begunAt = existing(source, _firstOf(phase)).updatedAt;
            if (begunAt < end && begunAt < next.updatedAt) {
                revert ISettlementOracle.Settlement_PhasesOverlap(source.asset, next.id, next.updatedAt, begunAt);
            }
        }
    }

    /// @dev Id of a phase's first round; `phase` is at most the latest id's.
    function _firstOf(uint256 phase) private pure returns (uint80) {
        return uint80(phase << 64) | 1;
    }

    function _phaseOf(uint80 id) private pure returns (uint256) {
        return id >> 64;
    }

    /// @dev Whether the source knows a round, and what it says. Writes beyond the free memory pointer only and does not move it.
    function _read(Source memory source, uint80 id) private view returns (bool found, Round memory round) {
        bytes4 selector = IAggregatorV3.getRoundData.selector;
        address target = source.target;
        uint256 roundId;
        uint256 answeredInRound;
        int256 answer;
        uint256 updatedAt;
        assembly ("memory-safe") {
            let out := mload(0x40)
            mstore(0, selector)
            mstore(4, id)
            found := and(gt(returndatasize(), 0x9f), staticcall(READ_GAS, target, 0, 0x24, out, 0xa0))
            roundId := mload(out)
            answer := mload(add(out, 0x20))
            updatedAt := mload(add(out, 0x60))
            answeredInRound := mload(add(out, 0x80))
        }
        found = found && roundId == id && updatedAt != 0 && answeredInRound <= type(uint80).max;
        if (!found) return (false, round);
        if (updatedAt > block.timestamp) {
            revert IOracleErrors.Oracle_FutureRound(source.asset, updatedAt, block.timestamp);
        }
        round = Round(id, uint80(answeredInRound), answer, updatedAt);
    }
}
