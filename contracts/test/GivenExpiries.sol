// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @dev What has expired as the test gives it, in place of the strike book and the settlement oracle.
contract GivenExpiries {
    struct End {
        uint256[] strikes; // USDC 1e18
        uint256 price; // USDC 1e18, where it is fixed
        bool isFixed;
    }

    mapping(uint32 asset => uint256 lotWad) public lotOf;
    mapping(uint256 asset => mapping(uint64 expiry => End)) private _ends;

    function set(uint32 asset, uint64 expiry, uint256 lotWad, End calldata end) external {
        lotOf[asset] = lotWad;
        _ends[asset][expiry] = end;
    }

    function strikesOf(uint32 asset, uint64 expiry) external view returns (uint256[] memory) {
        return _ends[asset][expiry].strikes;
    }

    function isFixed(uint8 asset, uint64 expiry) external view returns (bool) {
        return _ends[asset][expiry].isFixed;
    }

    function priceOf(uint8 asset, uint64 expiry) external view returns (uint256) {
        return _ends[asset][expiry].price;
    }
}
