// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ITrading} from "../interfaces/ITrading.sol";

/// @title EIP-712 of orders and quotes
/// @dev Domain `{name: "Ballast", version: "1", chainId, verifyingContract}`. Computed on the spot, not cached: modules run by delegatecall,
///      so `address(this)` is the Clearinghouse, and a fork changes the chain id.
library OrderHash {
    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant NAME = keccak256("Ballast");
    bytes32 private constant VERSION = keccak256("1");
    bytes32 private constant ORDER_TYPEHASH = keccak256(
        "Order(uint256 account,uint32 instrument,int256 size,uint256 limitPrice,uint256 maxFee,uint256 nonce,uint64 expiry,bool reduceOnly,address counterparty)"
    );
    bytes32 private constant QUOTE_TYPEHASH =
        keccak256("Quote(uint32 instrument,uint256 bidPrice,uint256 askPrice,uint64 time)");

    function domainSeparator() internal view returns (bytes32) {
        return keccak256(abi.encode(DOMAIN_TYPEHASH, NAME, VERSION, block.chainid, address(this)));
    }

    function ofOrder(ITrading.Order calldata order, bytes32 domain) internal pure returns (bytes32) {
        return _digest(domain, keccak256(abi.encode(ORDER_TYPEHASH, order)));
    }

    function ofQuote(ITrading.Quote calldata quote, bytes32 domain) internal pure returns (bytes32) {
        return _digest(domain, keccak256(abi.encode(QUOTE_TYPEHASH, quote)));
    }

    function _digest(bytes32 domain, bytes32 structHash) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }
}
