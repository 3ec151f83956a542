// SPDX-License-Identifier: MIT
pragma solidity ^0.8.19;

import {IOracle} from "@morpho-org/morpho-blue/src/interfaces/IOracle.sol";

/// @dev The two functions of a Chainlink feed that a price needs.
interface IFeed {
    function decimals() external view returns (uint8);

    function latestRoundData()
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);
}

/// @title A Morpho oracle over two Chainlink feeds in the same unit, one per token
/// @notice Morpho Blue ships none. This does what its usual feed oracle does for a pair of plain feeds (one round read
/// of each, no staleness check, scale fixed at deployment) and less than that for vaults and chained feeds.
contract MorphoFeedOracle is IOracle {
    error MorphoFeedOracle_BadAnswer(address feed, int256 answer);

    IFeed public immutable COLLATERAL_FEED;
    IFeed public immutable LOAN_FEED;
    /// @notice Scale of `price`: 1e36, the difference of the tokens' decimals and that of the feeds' taken in.
    uint256 public immutable SCALE;

    constructor(IFeed collateralFeed, uint256 collateralDecimals, IFeed loanFeed, uint256 loanDecimals) {
        COLLATERAL_FEED = collateralFeed;
        LOAN_FEED = loanFeed;
        SCALE = 10 ** (36 + loanDecimals + loanFeed.decimals() - collateralDecimals - collateralFeed.decimals());
    }

    /// @inheritdoc IOracle
    /// @dev Rounds down, against the borrower.
    function price() external view returns (uint256) {
        return SCALE * _answer(COLLATERAL_FEED) / _answer(LOAN_FEED);
    }

    function _answer(IFeed feed) internal view returns (uint256) {
        (, int256 answer,,,) = feed.latestRoundData();
        if (answer <= 0) revert MorphoFeedOracle_BadAnswer(address(feed), answer);
        return uint256(answer);
    }
}
