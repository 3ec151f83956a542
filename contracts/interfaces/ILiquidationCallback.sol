// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @title What a liquidating contract implements to sell the slice before it has to pay
interface ILiquidationCallback {
    /// @notice Called by the Clearinghouse once the slice is in the liquidator's account and before that account is checked.
    /// @dev In this call, and only from the called address, the Clearinghouse accepts deposits, withdrawals and fills again.
    ///      Warning: check that `msg.sender` is the Clearinghouse.
    /// @param account The liquidated account.
    /// @param liquidatorAccount The account that received the slice.
    /// @param fraction Part of the account that was taken, 1e18 = all.
    /// @param paidWad USDC in 1e18 that the liquidator pays; negative when it is paid.
    /// @param data The liquidator's own `callbackData`.
    function onLiquidate(
        uint256 account,
        uint256 liquidatorAccount,
        uint256 fraction,
        int256 paidWad,
        bytes calldata data
    ) external;
}
