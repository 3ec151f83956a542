// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {MAX_COLLATERALS} from "../libraries/Constants.sol";
import {Gate} from "./Gate.sol";

/// @title Account numbers and who may act for them
abstract contract Accounts is Gate {
    uint256 private constant ACCOUNT_BOUND = 1 << 168;

    function _ownerOf(uint256 account) internal pure returns (address) {
        if (account >= ACCOUNT_BOUND || account >> 8 == 0) revert Ledger_AccountOutOfRange(account, ACCOUNT_BOUND);
        return address(uint160(account >> 8));
    }

    function _requireOwner(uint256 account) internal view {
        if (_ownerOf(account) != msg.sender) revert Ledger_NotOwner(account, msg.sender);
    }

    function _isOperator(uint256 account, address who) internal view returns (bool) {
        return _operators[account][who].validUntil > block.timestamp;
    }

    function _mayTrade(uint256 account, address who) internal view returns (bool) {
        return _ownerOf(account) == who || _isOperator(account, who);
    }

    function _isNonceCancelled(uint256 account, uint256 nonce) internal view returns (bool) {
        return (_cancelled[account][nonce >> 8] >> (nonce & 0xff)) & 1 != 0;
    }

    /// @dev Charges what an operator lost against the mark and in fees to its budget of the day.
    function _spendBudget(uint256 account, address operator, uint256 lossWad) internal {
        OperatorGrant storage grant = _operators[account][operator];
        uint256 budget = grant.budgetWad;
        if (budget == 0 || lossWad == 0) return;
        uint256 day = block.timestamp / 1 days;
        uint256 spent = _operatorDays[account][operator] == day ? grant.spentWad : 0;
        if (spent + lossWad > budget) {
            revert Ledger_OperatorBudget(account, operator, lossWad, budget > spent ? budget - spent : 0);
        }
        _operatorDays[account][operator] = day;
        grant.spentWad = uint96(spent + lossWad); // at most the budget, which is a uint96
        emit OperatorSpent(account, operator, day, spent + lossWad);
    }

    /// @dev Sets or clears the bit of a token in the header; a new token beyond the limit is refused.
    function _markToken(uint256 account, uint8 token, bool held) internal {
        Header storage header = _accounts[account].header;
        uint32 tokens = header.tokens;
        uint32 bit = uint32(1) << token;
        if (((tokens & bit) != 0) == held) return;
        tokens ^= bit;
        if (held && token != 0 && _countBits(tokens & ~uint32(1)) > MAX_COLLATERALS) {
            revert Ledger_TooManyTokens(account, MAX_COLLATERALS);
        }
        header.tokens = tokens;
    }

    /// @dev Bits set in a bitmap of at most 128, by adding neighbouring fields in parallel.
    function _countBits(uint256 bits) internal pure returns (uint256) {
        unchecked {
            // no field overflows: each holds the count of its own bits
            bits -= (bits >> 1) & 0x55555555555555555555555555555555;
            bits = (bits & 0x33333333333333333333333333333333) + ((bits >> 2) & 0x33333333333333333333333333333333);
            bits = (bits + (bits >> 4)) & 0x0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f;
            return ((bits * 0x01010101010101010101010101010101) >> 120) & 0xff;
        }
    }
}
