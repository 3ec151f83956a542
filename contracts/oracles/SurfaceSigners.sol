// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {ISurfaceOracle} from "../interfaces/ISurfaceOracle.sol";

/// @title Who signs surfaces, and how many of them must
/// @dev Signers are keys: contracts cannot sign. The threshold is never zero and, once there are signers, never above their number.
abstract contract SurfaceSigners is ISurfaceOracle, AccessManaged, EIP712 {
    bytes32 private constant SURFACE_TYPEHASH = keccak256(
        "Surface(uint32 underlying,uint64 expiry,uint64 time,uint256 spot,uint256 forward,"
        "int64 a,int64 b,int64 rho,int64 m,int64 sigma,uint32 confidence)"
    );
    /// @dev Keeps the check of all of them affordable.
    uint256 private constant MAX_SIGNERS = 32;

    mapping(address signer => bool) private _signers;
    // one slot
    uint128 private _signerCount; // 16 bytes
    uint128 private _threshold; // 16 bytes

    constructor(address authority) AccessManaged(authority) EIP712("Ballast", "1") {
        _saveThreshold(1);
    }

    // ------------------------------------------------------------ actions of roles

    /// @inheritdoc ISurfaceOracle
    function setSigner(address signer, bool allowed) external restricted {
        if (signer == address(0)) revert Surface_NotASigner(signer);
        if (_signers[signer] == allowed) revert Surface_SignerUnchanged(signer);
        uint256 count = allowed ? _signerCount + 1 : _signerCount - 1;
        if (count > MAX_SIGNERS) revert Surface_Bounds("signers", count, MAX_SIGNERS);
        if (count < _threshold) revert Surface_Bounds("signers", count, _threshold);
        _signers[signer] = allowed;
        _signerCount = uint128(count);
        emit SignerSet(signer, allowed);
    }

    /// @inheritdoc ISurfaceOracle
    function setThreshold(uint256 threshold) external restricted {
        if (threshold == 0) revert Surface_Bounds("threshold", threshold, 1);
        if (threshold > _signerCount) revert Surface_Bounds("threshold", threshold, _signerCount);
        _saveThreshold(threshold);
    }

    // ------------------------------------------------------------ views

    /// @inheritdoc ISurfaceOracle
    function hashSurface(Surface calldata surface) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(SURFACE_TYPEHASH, surface)));
    }

    /// @inheritdoc ISurfaceOracle
    function isSigner(address signer) external view returns (bool) {
        return _signers[signer];
    }

    /// @inheritdoc ISurfaceOracle
    function signers() external view returns (uint256 count, uint256 threshold) {
        return (_signerCount, _threshold);
    }

    // ------------------------------------------------------------ internals

    /// @dev Reverts unless at least the threshold of signers signed, each once: their addresses ascend. Every signature given must be good.
    function _requireSigned(Surface calldata surface, bytes[] calldata signatures) internal view {
        if (signatures.length < _threshold) revert Surface_Signatures(signatures.length, _threshold);
        bytes32 digest = hashSurface(surface);
        address previous;
        for (uint256 i; i < signatures.length; ++i) {
            address signer = ECDSA.recoverCalldata(digest, signatures[i]);
            if (signer <= previous) revert Surface_SignerOrder(signer, previous);
            if (!_signers[signer]) revert Surface_NotASigner(signer);
            previous = signer;
        }
    }

    function _saveThreshold(uint256 threshold) private {
        _threshold = uint128(threshold); // at most MAX_SIGNERS
        emit ThresholdSet(threshold);
    }
}
