// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {ITrading, ITradingTypes} from "../interfaces/ITrading.sol";
import {Rounding} from "../libraries/Rounding.sol";
import {PerpBook} from "./PerpBook.sol";
import {OrderHash} from "./OrderHash.sol";

/// @title Who signed an order, and how much of it is left
abstract contract Orders is PerpBook {
    /// @dev Verifies a signature, books `size` against the order, and returns the order's hash and the operator who signed it (zero: the
    ///      owner). An empty signature stands for the caller's own.
    function _useOrder(ITrading.Order calldata order, bytes calldata signature, uint256 size)
        internal
        returns (bytes32 hash, address operator)
    {
        if (order.expiry < block.timestamp) revert ITradingTypes.Trade_Expired(order.expiry, block.timestamp);
        if (_isNonceCancelled(order.account, order.nonce)) {
            revert ITradingTypes.Trade_NonceCancelled(order.account, order.nonce);
        }
        hash = OrderHash.ofOrder(order, OrderHash.domainSeparator());
        operator = _signerOf(order.account, hash, signature);
        uint256 filled = _filled[hash];
        uint256 left = Rounding.abs(order.size) - filled;
        if (size > left) revert ITradingTypes.Trade_Overfilled(hash, size, left);
        _filled[hash] = filled + size;
    }

    function _signerOf(uint256 account, bytes32 hash, bytes calldata signature) private view returns (address operator) {
        address owner = _ownerOf(account);
        address signer;
        if (signature.length == 0) {
            signer = msg.sender;
        } else {
            (signer,,) = ECDSA.tryRecoverCalldata(hash, signature);
        }
        if (signer == owner && owner != address(0)) return address(0);
        if (_isOperator(account, signer)) return signer;
        if (signature.length != 0 && owner.code.length != 0) {
            if (SignatureChecker.isValidERC1271SignatureNowCalldata(owner, hash, signature)) return address(0);
        }
        revert ITradingTypes.Trade_BadSignature(account, hash);
    }
}
