// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @title Errors of the router, which reach callers through the Clearinghouse
interface IOracleErrors {
    error Oracle_UnknownAsset(uint8 asset);
    error Oracle_Stale(uint8 asset, uint256 updatedAt, uint256 oldestAllowed);
    error Oracle_FutureRound(uint8 asset, uint256 updatedAt, uint256 nowAt);
    error Oracle_NotPositive(uint8 asset, int256 answer);
    error Oracle_AtMinAnswer(uint8 asset, int256 answer, int256 minAnswer);
    error Oracle_AtMaxAnswer(uint8 asset, int256 answer, int256 maxAnswer);
    error Oracle_OutsideHardBounds(uint8 asset, uint256 priceWad, uint256 slowWad);
    error Oracle_IncompleteRound(uint8 asset, uint80 roundId, uint80 answeredInRound);
    /// @dev Also where the source has no code, returns too little or words out of range, or needs too much gas.
    error Oracle_SourceReverted(uint8 asset, address source);
    error Oracle_DecimalsChanged(uint8 asset, uint8 decimals, uint8 listed);
    error Oracle_SequencerDown(uint256 since);
    error Oracle_SequencerGrace(uint256 liveAt, uint256 nowAt);
    error Oracle_SequencerUnreadable(address source);
    error Oracle_FeedBounds(bytes32 parameter, uint256 value, uint256 bound);
    error Oracle_UnexpectedPrice(uint8 asset, uint256 priceWad, uint256 lowestWad, uint256 highestWad);
}
