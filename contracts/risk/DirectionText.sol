// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";

/// @title Words for the directions of the rate limit, for errors
/// @notice "-delta 1 +delta 3": short of asset 1, long of asset 3. At most 21 letters, so it fits bytes32.
library DirectionText {
    function single(string memory kind, bool long, uint256 asset) internal pure returns (bytes32) {
        return bytes32(_term(kind, long, asset));
    }

    function pair(string memory kind, bool longFirst, uint256 first, bool longSecond, uint256 second)
        internal
        pure
        returns (bytes32)
    {
        return bytes32(bytes.concat(_term(kind, longFirst, first), " ", _term(kind, longSecond, second)));
    }

    /// @notice "floor up 3".
    function ofFloor(string memory field, uint256 asset) internal pure returns (bytes32) {
        return bytes32(bytes.concat("floor ", bytes(field), " ", bytes(Strings.toString(asset))));
    }

    function _term(string memory kind, bool long, uint256 asset) private pure returns (bytes memory) {
        return bytes.concat(long ? bytes("+") : bytes("-"), bytes(kind), " ", bytes(Strings.toString(asset)));
    }
}
