// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @title Errors of the risk arrays, which reach callers through the Clearinghouse
interface IRiskArraysErrors {
    error RiskArrays_Expired(uint64 expiry, uint256 time);
    error RiskArrays_UnknownUnderlying(uint32 underlying);
    error RiskArrays_Range(uint256 from, uint256 expected, uint256 count);
    error RiskArrays_Older(uint256 time, uint256 current);
    error RiskArrays_FewerStrikes(uint256 count, uint256 current);
    error RiskArrays_NothingProposed();
    /// @dev What was asked would raise risk, and the arrays of this expiry are too old, left behind by the spot, or not of the latest surface.
    error RiskArrays_Stale(uint64 expiry);
    error RiskArrays_PriceBounds(uint256 spotWad, uint256 forwardWad, uint256 bound);
    error RiskArrays_LotBounds(uint256 strikeWad, uint256 scale, uint256 bound);
    error RiskArrays_Bounds(bytes32 parameter, uint256 value, uint256 bound);
}

/// @title Each strike's profit and loss under every scenario, computed on chain and kept as code
/// @notice One blob per expiry and table: a call's P&L per lot in each of the table's rows and in the floor's four moves. A put is the call less
///         the forward, so it needs no entry of its own.
interface IRiskArrays is IRiskArraysErrors {
    /// @param series The expiry: asset << 14 | day. @param blob The arrays themselves, as stored: logs alone rebuild them.
    event ArraysStored(uint32 indexed series, uint32 indexed version, address pointer, bytes blob);
    /// @param count Strikes that are priced, of those that were listed when the refresh began.
    event ArraysAdvanced(uint32 indexed series, uint32 indexed version, uint256 count);

    /// @param maxAge Seconds in which several calls may make up one refresh.
    /// @param bandCap, bandVol 1e6: marks are carried by delta and gamma for moves up to min(bandCap, bandVol * vol * sqrt(years)) of the forward.
    struct Limits {
        uint32 maxAge;
        uint32 bandCap;
        uint32 bandVol;
    }

    event LimitsSet(Limits limits);

    /// @notice Prices strikes `from` to `from + count - 1` under the table that holds. The arrays are replaced when the last strike is done, which
    ///         may take several calls, of anybody, in order; all are of the moment of the first. One that takes too long begins anew; one call for all
    ///         strikes needs no other. A count beyond the last strike ends there.
    function refresh(uint32 underlying, uint64 expiry, uint256 from, uint256 count) external;

    /// @notice The same under the proposed table: its arrays wait until it is activated, for which every expiry must have them.
    function refreshProposed(uint32 underlying, uint64 expiry, uint256 from, uint256 count) external;

    /// @notice The contracts whose code is each expiry's arrays under a version, behind one byte; zero where there are none.
    function pointersOf(uint32[] calldata series, uint32 version) external view returns (address[] memory blobs);

    /// @notice The first live expiry that has arrays of the table that holds and, of a version, none, fewer, or older ones that are too old.
    function firstMissing(uint32 version) external view returns (bool missing, uint32 underlying, uint64 expiry);

    function setLimits(Limits calldata limits) external;

    function limits() external view returns (Limits memory);
}
