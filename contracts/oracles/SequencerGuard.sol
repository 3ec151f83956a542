// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {IOracleErrors} from "../interfaces/IOracleErrors.sol";
import {IAggregatorV3} from "../interfaces/IAggregatorV3.sol";
import {IOracleErrors} from "../interfaces/IOracleErrors.sol";
import {READ_GAS} from "./ChainlinkAdapter.sol";

/// @title Is the rollup's sequencer up, and has it been for long enough that everybody could react
/// @dev Chainlink's uptime feed: answer 0 is up, anything else is down; startedAt is when that status began, 0 where none was reported.
library SequencerGuard {
    /// @param source Uptime feed; zero where the chain has no sequencer.
    /// @param grace Seconds after it came up in which there are no prices yet.
    struct Sequencer {
        address source; // 20 bytes
        uint32 grace; // 4 bytes
    }

    /// @notice When the grace period ended or ends; 0 without a sequencer. Reverts while the sequencer is down or its feed unreadable.
    function liveSince(Sequencer memory sequencer) internal view returns (uint256) {
        if (sequencer.source == address(0)) return 0;
        (bool readable, bool up, uint256 since) = status(sequencer.source);
        if (!readable) revert IOracleErrors.Oracle_SequencerUnreadable(sequencer.source);
        if (!up) revert IOracleErrors.Oracle_SequencerDown(since);
        return since + sequencer.grace;
    }

    /// @notice Reverts unless prices may be used now.
    function requireLive(Sequencer memory sequencer) internal view {
        uint256 liveAt = liveSince(sequencer);
        if (block.timestamp < liveAt) revert IOracleErrors.Oracle_SequencerGrace(liveAt, block.timestamp);
    }

    /// @notice Whether prices may be used now.
    function isLive(Sequencer memory sequencer) internal view returns (bool) {
        if (sequencer.source == address(0)) return true;
        (bool readable, bool up, uint256 since) = status(sequencer.source);
        return readable && up && block.timestamp >= since + sequencer.grace;
    }

    /// @return readable False where the feed reverts, returns too little, or has no status yet.
    /// @return up Meaningless where not readable.
    /// @return since Unix seconds.
    function status(address source) internal view returns (bool readable, bool up, uint256 since) {
        bytes4 selector = IAggregatorV3.latestRoundData.selector;
        uint256 answer;
        // Assembly for the reasons given in ChainlinkAdapter.
        assembly ("memory-safe") {
            let out := mload(0x40)
            mstore(0, selector)
            readable := and(gt(returndatasize(), 0x9f), staticcall(READ_GAS, source, 0, 4, out, 0xa0))
            answer := mload(add(out, 0x20))
            since := mload(add(out, 0x40))
        }
        readable = readable && since != 0 && since <= type(uint64).max;
        up = answer == 0;
    }
}
