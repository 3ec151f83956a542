// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @title Parameters of the PORTFOLIO model
/// @notice All parts are 1e6 = 100%.
interface IPortfolioTerms {
    /// @param maintenance, initial Factors of the requirement. @param depegStart USD price of the quote token below which initial margin
    ///        grows, `depegSlope` by how much per unit. @param confidence Below it the missing part of the notional is added to initial.
    /// @param arrayAge, surfaceAge Seconds in which arrays and surfaces are fresh. @param staleVol Per hour beyond: part of the volatility that
    ///        is added as drift.
    struct Factors {
        uint32 maintenance;
        uint32 initial;
        uint32 depegStart;
        uint32 depegSlope;
        uint32 confidence;
        uint32 arrayAge;
        uint32 surfaceAge;
        uint32 staleVol;
    }

    /// @notice Contingencies of one underlying: parts of a notional that no scenario may net away.
    /// @param basis Of gross perpetual and future notional; `basisInitial` is added in initial.
    /// @param shortOption Of spot per naked short option, per expiry; `shortOptionInitial` is added in initial.
    /// @param vega Of the gross value of doubling the volatility, strike by strike. @param gamma Of gross gamma times forward^2.
    /// @param calendar Of the delta that nets between expiries. @param concentration Of the notional, times what it exceeds `free` by, over `free`.
    /// @param free USDC.
    struct Contingency {
        uint24 basis;
        uint24 basisInitial;
        uint24 shortOption;
        uint24 shortOptionInitial;
        uint24 vega;
        uint24 gamma;
        uint24 calendar;
        uint24 concentration;
        uint64 free;
    }
}
