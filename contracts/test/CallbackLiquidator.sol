// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ILiquidationCallback} from "../interfaces/ILiquidationCallback.sol";
import {ContractOwner} from "./ContractOwner.sol";

/// @dev A liquidating contract that runs calls of its owner's choice inside the callback. With `strict` a failing call fails the liquidation,
///      else its result is kept to be looked at.
contract CallbackLiquidator is ContractOwner, ILiquidationCallback {
    struct Call {
        address target;
        bytes data;
    }

    Call[] private _calls;
    bool public strict = true;
    bool[] public oks;
    bytes[] public results;

    constructor(address owner_) ContractOwner(owner_) {}

    function plan(Call[] calldata calls, bool strict_) external {
        delete _calls;
        delete oks;
        delete results;
        for (uint256 i; i < calls.length; ++i) {
            _calls.push(calls[i]);
        }
        strict = strict_;
    }

    function onLiquidate(uint256, uint256, uint256, int256, bytes calldata) external {
        for (uint256 i; i < _calls.length; ++i) {
            (bool ok, bytes memory result) = _calls[i].target.call(_calls[i].data);
            if (!ok && strict) {
                assembly ("memory-safe") {
                    revert(add(result, 32), mload(result))
                }
            }
            oks.push(ok);
            results.push(result);
        }
    }
}
