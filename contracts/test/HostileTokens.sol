// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TestToken} from "./TestToken.sol";

/// @dev Takes a part of every transfer.
contract FeeToken is TestToken {
    uint256 public constant FEE_E4 = 100;

    constructor() TestToken("Fee", "FEE", 18) {}

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (from != address(0) && to != address(0)) super._update(to, address(0), amount * FEE_E4 / 1e4);
    }
}

/// @dev Calls back whoever sends or receives, with a call that its owner chose; failures are remembered, not thrown.
contract HookToken is TestToken {
    address public target;
    bytes public data;
    bool public lastOk;
    bytes public lastResult;

    constructor() TestToken("Hook", "HOOK", 18) {}

    function setHook(address target_, bytes calldata data_) external {
        (target, data) = (target_, data_);
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (target == address(0) || from == address(0) || to == address(0)) return;
        (lastOk, lastResult) = target.call(data);
    }
}

/// @dev Refuses transfers to and from blocked addresses, as USDC and USDT do.
contract BlocklistToken is TestToken {
    error Blocked(address who);

    mapping(address who => bool) public isBlocked;

    constructor() TestToken("Blocklist", "BLOCK", 18) {}

    function setBlocked(address who, bool blocked) external {
        isBlocked[who] = blocked;
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (isBlocked[from]) revert Blocked(from);
        if (isBlocked[to]) revert Blocked(to);
        super._update(from, to, amount);
    }
}

/// @dev Returns nothing from transfers, as early tokens do.
contract NoReturnToken {
    uint8 public constant decimals = 6;
    mapping(address who => uint256) public balanceOf;
    mapping(address owner => mapping(address spender => uint256)) public allowance;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function approve(address spender, uint256 amount) external {
        allowance[msg.sender][spender] = amount;
    }

    function transfer(address to, uint256 amount) external {
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
    }

    function transferFrom(address from, address to, uint256 amount) external {
        allowance[from][msg.sender] -= amount;
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}
