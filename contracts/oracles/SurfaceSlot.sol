// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {ISurfaceOracle} from "../interfaces/ISurfaceOracle.sol";
import {Svi} from "../risk/Svi.sol";

/// @title A surface as it is stored: two slots to price with, and the forward that its strikes' volatilities are read off at
library SurfaceSlot {
    struct Packed {
        // slot 0: SVI in 1e12
        int64 a; // 8 bytes
        int64 b; // 8 bytes
        int64 rho; // 8 bytes
        int64 m; // 8 bytes
        // slot 1
        int64 sigma; // 8 bytes
        uint64 basis; // 8 bytes: forward / spot, 1e15
        uint40 time; // 5 bytes: Unix seconds
        uint24 confidence; // 3 bytes: 1e6
        uint32 round; // 4 bytes: from 1, so zero where there is no surface; 4 are free
        // slot 2
        uint96 forward; // 12 bytes: USDC in 1e18, 20 are free
    }

    /// @notice Packs a surface that has passed the oracle's checks.
    function pack(ISurfaceOracle.Surface calldata surface, uint256 basis, uint32 round)
        internal
        pure
        returns (Packed memory)
    {
        // Safe: basis is at most 1.5e15, time not in the future, confidence at most 1e6 and forward below 2^96.
        return Packed({
            a: surface.a,
            b: surface.b,
            rho: surface.rho,
            m: surface.m,
            sigma: surface.sigma,
            basis: uint64(basis),
            time: uint40(surface.time),
            confidence: uint24(surface.confidence),
            round: round,
            forward: uint96(surface.forward)
        });
    }

    function unpack(Packed memory packed) internal pure returns (ISurfaceOracle.Current memory) {
        return ISurfaceOracle.Current({
            slice: Svi.Slice(packed.a, packed.b, packed.rho, packed.m, packed.sigma),
            forward: packed.forward,
            basis: packed.basis,
            time: packed.time,
            confidence: packed.confidence,
            round: packed.round
        });
    }
}
