// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAggregatorV3} from "../interfaces/IAggregatorV3.sol";

/// @title A reader without guards: what each guard of the router is compared with
contract NaiveReader {
    /// @notice The latest answer as a price in 1e18, whatever it is.
    function price(IAggregatorV3 source, uint8 decimals) external view returns (int256 priceWad) {
        (, int256 answer,,,) = source.latestRoundData();
        return answer * int256(10 ** (18 - decimals));
    }
}
