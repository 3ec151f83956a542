// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TestToken} from "../../../../contracts/test/TestToken.sol";

/// @dev Moves more or less than it says, and calls a target in the middle of a transfer, once a transfer.
contract OddToken is TestToken {
    uint256 public partE4 = 1e4;
    address public target;
    bytes public data;
    bool public lastOk;
    bytes public lastResult;
    bool private _busy;

    constructor() TestToken("Odd", "ODD", 18) {}

    /// @param partE4_ Of an amount, what arrives: 1e4 all of it.
    function setPart(uint256 partE4_) external {
        partE4 = partE4_;
    }

    function setHook(address target_, bytes calldata data_) external {
        (target, data) = (target_, data_);
    }

    /// @dev As an owner of accounts, the token itself can act.
    function execute(address target_, bytes calldata data_) external {
        (bool ok, bytes memory result) = target_.call(data_);
        if (!ok) {
            assembly ("memory-safe") {
                revert(add(result, 32), mload(result))
            }
        }
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (from == address(0) || to == address(0)) return;
        uint256 arrives = amount * partE4 / 1e4;
        if (arrives < amount) super._update(to, address(0), amount - arrives);
        if (arrives > amount) super._update(address(0), to, arrives - amount);
        if (target == address(0) || _busy) return;
        _busy = true;
        (lastOk, lastResult) = target.call(data);
        _busy = false;
    }
}
