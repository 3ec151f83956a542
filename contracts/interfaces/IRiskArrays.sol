// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @title Each strike's profit and loss under every scenario, computed on chain and kept as code
/// @notice One blob per expiry and table: a call's P&L per lot in each of the table's rows and in the floor's four moves. A put is the call less
///         the forward, so it needs no entry of its own.
interface IRiskArrays {
    /// @param series The expiry: asset << 14 | day. @param blob The arrays themselves, as stored: logs alone rebuild them.
    event ArraysSet(uint32 indexed series, uint32 indexed version, address pointer, bytes blob);
    /// @param count Strikes whose arrays are ready, of those that were listed when the caller began.
    event ArraysAdvanced(uint32 indexed series, uint32 indexed version, address indexed caller, uint256 count);

    error RiskArrays_Stale(uint64 expiry);
    error RiskArrays_Expired(uint64 expiry, uint256 time);
    error RiskArrays_UnknownUnderlying(uint32 underlying);
    error RiskArrays_Range(uint256 from, uint256 expected, uint256 count, uint256 strikes);
    error RiskArrays_NotProposed(uint32 version);

    /// @notice Prices strikes `from` to `from + count - 1` under the table that holds. The arrays are replaced when the last strike is done, which
    ///         may take several calls of one caller, in order; they are all of the moment of the first.
    function refresh(uint32 underlying, uint64 expiry, uint256 from, uint256 count) external;

    /// @notice The same under the proposed table, once it may be activated.
    function refreshProposed(uint32 underlying, uint64 expiry, uint256 from, uint256 count) external;

    /// @notice The contract whose code is the expiry's arrays under the table that holds, behind one byte; zero where there is none.
    function pointerOf(uint32 series) external view returns (address);

    /// @notice The first live expiry that has no arrays of a version.
    function firstMissing(uint32 version) external view returns (bool missing, uint32 underlying, uint64 expiry);
}
