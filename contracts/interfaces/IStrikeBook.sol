// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @title Which options are listed: expiries and their strikes
/// @notice An expiry is a day at 08:00 UTC, in Unix seconds. A strike keeps its index in the list for good, for the index is part of the
///         option's number: strikes are appended, never moved or removed. Prices are USDC in 1e18, multiples of 1e9.
/// @dev What positions are worth at expiry rests on this list, so it cannot be replaced: it only grows.
interface IStrikeBook {
    /// @param lotWad The unit that sizes of the underlying's options are counted in, units in 1e18.
    event UnderlyingOpened(uint32 indexed underlying, uint256 lotWad);
    /// @param first Index of the first of the new strikes.
    event StrikesListed(uint32 indexed underlying, uint64 indexed expiry, uint256 first, uint256[] strikesWad);

    error Strikes_UnknownUnderlying(uint32 underlying);
    error Strikes_UnderlyingOpened(uint32 underlying, uint256 lotWad);
    error Strikes_UnderlyingBounds(uint32 underlying, uint32 bound);
    error Strikes_LotBounds(uint256 lotWad, uint256 quantum, uint256 bound);
    error Strikes_NotAnExpiry(uint64 expiry);
    error Strikes_Expired(uint64 expiry, uint256 time);
    error Strikes_TooFar(uint64 expiry, uint256 bound);
    error Strikes_NoStrikes();
    error Strikes_TooManyExpiries(uint32 underlying, uint256 bound);
    error Strikes_TooManyStrikes(uint64 expiry, uint256 count, uint256 bound);
    error Strikes_StrikeBounds(uint256 strikeWad, uint256 quantum, uint256 bound);
    error Strikes_StrikeListed(uint64 expiry, uint256 strikeWad);
    error Strikes_UnknownExpiry(uint32 underlying, uint64 expiry);
    error Strikes_UnknownInstrument(uint32 instrument);

    /// @notice Opens an underlying (the router's asset, not the quote token) for options. Its lot is for good.
    function openUnderlying(uint32 underlying, uint256 lotWad) external;

    /// @notice Appends strikes to an expiry, which is opened by its first. Refuses what is listed already.
    function listStrikes(uint32 underlying, uint64 expiry, uint256[] calldata strikesWad) external;

    /// @notice The lot of an underlying's options, units in 1e18; reverts where it is not open.
    function lotOf(uint32 underlying) external view returns (uint256 lotWad);

    /// @notice An expiry's strikes in the order of their indices; reverts where none is listed.
    function strikesOf(uint32 underlying, uint64 expiry) external view returns (uint256[] memory strikesWad);

    /// @notice The strike of an option's number; reverts where that is not listed.
    function strikeOf(uint32 instrument) external view returns (uint256 strikeWad);

    /// @notice Expiries of an underlying that have not passed, in the order they were opened in.
    function expiriesOf(uint32 underlying) external view returns (uint64[] memory expiries);
}
