// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @title Chainlink's AggregatorV3Interface, as its proxies implement it
/// @dev Declared here because the npm package of it pulls a git dependency. `answeredInRound` is deprecated there and equals `roundId`
///      on current aggregators; older ones carry a round over with an earlier value.
interface IAggregatorV3 {
    function decimals() external view returns (uint8);

    function description() external view returns (string memory);

    function aggregator() external view returns (address);

    function latestRoundData()
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);

    function getRoundData(uint80 id)
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);
}

/// @title The bounds of the aggregator behind a proxy; an answer at a bound is a floor or a cap, not a price
interface IAggregatorBounds {
    function minAnswer() external view returns (int192);

    function maxAnswer() external view returns (int192);
}
