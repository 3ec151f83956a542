// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ILedgerTypes} from "../interfaces/ILedger.sol";
import {LedgerStorage} from "./LedgerStorage.sol";

/// @title Who may enter while something is half done
/// @notice Transient, so it costs 100 gas and cannot survive a transaction.
/// @dev States of the gate: IDLE nobody is inside; LOCKED somebody is, nobody else may enter; INNER the next entry is a call of the
///      running batch; anything else is the address of the liquidator whose callback is running.
abstract contract Gate is LedgerStorage, ILedgerTypes {
    uint256 private constant IDLE = 0;
    uint256 private constant LOCKED = 1;
    uint256 private constant INNER = 2;

    uint256 private transient _gate;

    /// @dev Returns what `_leave` needs to put the gate back.
    function _enter() internal returns (uint256 entered) {
        entered = _gate;
        if (entered != IDLE && entered != INNER && entered != uint256(uint160(msg.sender))) revert Ledger_Locked();
        _gate = LOCKED;
    }

    /// @dev True where the outermost call ends: the time to check every touched account.
    function _isOutermost(uint256 entered) internal pure returns (bool) {
        return entered == IDLE;
    }

    function _leave(uint256 entered) internal {
        _gate = entered == INNER ? LOCKED : entered;
    }

    function _admitBatchCall() internal {
        _gate = INNER;
    }

    /// @dev Opens the gate to `caller` alone while its callback runs.
    function _admitCallback(address caller) internal {
        _gate = uint256(uint160(caller));
    }

    function _lock() internal {
        _gate = LOCKED;
    }

    /// @dev Views that a half-done change would falsify: only the callback's owner may look.
    function _requireReadable() internal view {
        uint256 state = _gate;
        if (state != IDLE && state != uint256(uint160(msg.sender))) revert Ledger_Locked();
    }
}
