// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {HealthCheck} from "./HealthCheck.sol";

/// @title Tokens in and out, by the ledger's own count
/// @notice `held` moves only with transfers made here: what is sent to the contract otherwise belongs to nobody and changes nothing.
abstract contract Custody is HealthCheck {
    using SafeERC20 for IERC20;

    /// @dev Pulls from the caller and returns what arrived: a fee on transfer is the payer's loss.
    function _pull(Bank storage bank, uint256 amount) internal returns (uint256 received) {
        if (amount == 0) revert Ledger_ZeroAmount();
        IERC20 token = IERC20(bank.token);
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        received = token.balanceOf(address(this)) - before;
        if (received == 0) revert Ledger_NothingReceived(address(token));
        // a token that gives more than was asked for does not buy a larger credit
        if (received > amount) received = amount;
        bank.held += _toUint128(received);
    }

    /// @dev Sends out of what is neither insurance nor a market's pool.
    function _push(Bank storage bank, uint8 token, address to, uint256 amount) internal {
        uint256 available = _available(bank, token);
        if (amount > available) revert Ledger_Illiquid(bank.token, amount, available);
        bank.held -= uint128(amount);
        IERC20(bank.token).safeTransfer(to, amount);
    }
}
