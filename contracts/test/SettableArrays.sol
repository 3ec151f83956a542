// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @dev Says what it was told to say of every version that has not been completed.
contract SettableArrays {
    mapping(uint32 version => bool) private _complete;

    function complete(uint32 version) external {
        _complete[version] = true;
    }

    function firstMissing(uint32 version) external view returns (bool missing, uint32 underlying, uint64 expiry) {
        return _complete[version] ? (false, uint32(0), uint64(0)) : (true, uint32(2), uint64(1_800_000_000));
    }
}
