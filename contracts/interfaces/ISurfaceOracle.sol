// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Svi} from "../risk/Svi.sol";

/// @title Forwards and volatilities, signed by several
/// @notice One surface per underlying and expiry. Signers are trusted for the forward and the volatilities, within the bounds below, and for
///         nothing else: spot comes from the router.
interface ISurfaceOracle {
    /// @notice What is signed, EIP-712 with the domain {name: "Ballast", version: "1", chainId, verifyingContract: this contract}.
    /// @param underlying The router's asset. @param expiry A listed expiry. @param time Unix seconds of the observation.
    /// @param spot, forward USDC in 1e18, seen together: what counts is their ratio, so that a surface does not age with the spot.
    /// @param a, b, rho, m, sigma SVI in 1e12, at k = ln(strike / forward) with the signed forward.
    /// @param confidence 1e6 = fully sure.
    struct Surface {
        uint32 underlying;
        uint64 expiry;
        uint64 time;
        uint256 spot;
        uint256 forward;
        int64 a;
        int64 b;
        int64 rho;
        int64 m;
        int64 sigma;
        uint32 confidence;
    }

    /// @notice The surface that holds.
    /// @param forward USDC in 1e18, as signed: where strikes' volatilities are read off.
    /// @param basis forward / spot, 1e15, rounded down. @param round Counts the expiry's surfaces, from 1.
    struct Current {
        Svi.Slice slice;
        uint256 forward;
        uint256 basis;
        uint64 time;
        uint32 confidence;
        uint32 round;
    }

    /// @dev One slot.
    /// @param maxAge Seconds from a surface's time to its submission, and after which it is no longer fresh.
    /// @param minInterval Seconds at least between two surfaces' times: without it, what `volStep` allows could be taken every second.
    /// @param minVol, maxVol 1e6 = 100% a year: bounds at each listed strike.
    /// @param volStep, volSpeed 1e6 = 100%: a strike's volatility may change by the part step + speed * hours since the surface before;
    ///        one that was outside the bounds, as a strike's that was not listed then may be, counts as the bound.
    /// @param maxBasis 1e6: largest |forward / spot - 1|. @param basisStep, basisSpeed 1e6: as for the volatility, of forward / spot.
    struct Limits {
        uint16 maxAge;
        uint16 minInterval;
        uint32 minVol;
        uint32 maxVol;
        uint32 volStep;
        uint32 volSpeed;
        uint32 maxBasis;
        uint32 basisStep;
        uint32 basisSpeed;
    }

    event SurfaceSet(uint32 indexed underlying, uint64 indexed expiry, uint32 round, Surface surface);
    event SignerSet(address indexed signer, bool allowed);
    event ThresholdSet(uint256 threshold);
    event LimitsSet(Limits limits);

    error Surface_NoSurface(uint32 underlying, uint64 expiry);
    error Surface_Expired(uint64 expiry, uint256 time);
    error Surface_NotNewer(uint64 time, uint64 previous);
    error Surface_TooSoon(uint64 time, uint256 bound);
    error Surface_FromTheFuture(uint64 time, uint256 now_);
    error Surface_TooOld(uint64 time, uint256 bound);
    error Surface_Parameters(int64 a, int64 b, int64 rho, int64 m, int64 sigma);
    error Surface_Prices(uint256 spot, uint256 forward);
    error Surface_Confidence(uint32 confidence, uint32 bound);
    error Surface_VarianceNotPositive(uint256 strikeWad, int256 variance);
    error Surface_VolBounds(uint256 strikeWad, uint256 volWad, uint256 bound);
    error Surface_ButterflyArbitrage(uint256 strikeWad, int256 density);
    error Surface_VolJump(uint256 strikeWad, uint256 volWad, uint256 previousWad, uint256 bound);
    error Surface_BasisBounds(uint256 basis, uint256 bound);
    error Surface_BasisJump(uint256 basis, uint256 previous, uint256 bound);
    error Surface_Signatures(uint256 count, uint256 threshold);
    error Surface_NotASigner(address signer);
    error Surface_SignerOrder(address signer, address previous);
    error Surface_Bounds(bytes32 parameter, uint256 value, uint256 bound);
    error Surface_SignerUnchanged(address signer);

    /// @notice Stores a surface that at least `threshold` signers signed; anybody may bring it.
    /// @param signatures 65 bytes r, s, v each, in ascending order of their signers' addresses.
    function submit(Surface calldata surface, bytes[] calldata signatures) external;

    /// @notice The surface of an expiry; reverts where there is none. It may be old: `time` says.
    function surfaceOf(uint32 underlying, uint64 expiry) external view returns (Current memory current);

    /// @notice forward / spot of an expiry, 1e15, and its surface's time; reverts where there is none.
    function basisOf(uint32 underlying, uint64 expiry) external view returns (uint256 basis, uint64 time);

    /// @notice The first of these series, underlying << 14 | day as `Instrument` has them, that has not expired and has a surface no older than
    ///         `maxAge` seconds; 0 where none has.
    function firstYoung(uint32[] calldata series, uint256 maxAge) external view returns (uint32);

    /// @notice The digest that signers sign.
    function hashSurface(Surface calldata surface) external view returns (bytes32);

    /// @notice Adds or removes a signer; those that are left must be as many as a surface needs.
    function setSigner(address signer, bool allowed) external;

    /// @notice How many signers a surface needs: 1 to their number.
    function setThreshold(uint256 threshold) external;

    /// @notice Sets all limits, each within its own bounds.
    function setLimits(Limits calldata limits) external;

    function isSigner(address signer) external view returns (bool);

    /// @notice Number of signers, and how many of them a surface needs.
    function signers() external view returns (uint256 count, uint256 threshold);

    function limits() external view returns (Limits memory);

    /// @notice The book whose strikes surfaces are checked at.
    function strikeBook() external view returns (address);
}
