// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {FixedPointMathLib} from "solady/src/utils/FixedPointMathLib.sol";

import {IPortfolioTerms} from "../interfaces/IPortfolioTerms.sol";
import {E6, E9, WAD} from "../libraries/Constants.sol";
import {Rounding} from "../libraries/Rounding.sol";
import {ArrayBlob} from "./ArrayBlob.sol";
import {OptionSums} from "./OptionSums.sol";

/// @title The PORTFOLIO model's add-ons and factors, as pure functions
/// @notice R = max(0, Expected Shortfall, floor) + contingencies; maintenance = factor * R; initial = its factor * R * depeg + what is charged in
///         initial only. USDC in 1e18; every charge is rounded up.
library PortfolioModel {
    /// @dev What is charged for one underlying: gross notionals and netted ones, USDC 1e18.
    struct Gross {
        uint256 linear; // perpetuals and dated futures
        uint256 shorts; // spot value of naked short options
        uint256 vega;
        uint256 gamma;
        uint256 notional; // linear and options
        int256 delta; // of options, over all expiries
        uint256 absoluteDelta; // the same, expiry by expiry
    }

    /// @notice Adds an expiry's sums to its underlying's.
    /// @param index USDC per unit now, 1e18.
    function addSeries(Gross memory gross, OptionSums.Series memory s, uint256 index) internal pure {
        // Safe: lots are below 2^60, the parts of a record below 2^32, a lot times the forward below 2^154.
        unchecked {
            uint256 lot = ArrayBlob.lotOf(s.second);
            uint256 lotValue = _lotValue(s);
            gross.notional += _divUp(OptionSums.grossOf(s) * lotValue, WAD);
            gross.vega += _divUp(OptionSums.vegaOf(s) * lotValue, WAD * E9);
            gross.gamma += _divUp(_chargedGamma(s) * lotValue, WAD * E6);
            (int256 calls, int256 puts) = (OptionSums.callsOf(s), OptionSums.putsOf(s));
            uint256 naked = (calls < 0 ? uint256(-calls) : 0) + (puts < 0 ? uint256(-puts) : 0);
            if (naked != 0) gross.shorts += _divUp(naked * lot * index, WAD);
            int256 delta = Rounding.divFloor(OptionSums.deltaOf(s) * int256(lotValue), int256(WAD * E9));
            if (puts != 0) delta -= Rounding.divFloor(puts * int256(lotValue), int256(WAD));
            gross.delta += delta;
            gross.absoluteDelta += uint256(delta < 0 ? -delta : delta);
        }
    }

    /// @dev At the money gamma grows without bound as an expiry comes near, and what a kink can cost in a day's move does not: below a day it is
    ///      charged as that of a day, by the root of the time. Safe: gammas are below 2^94, the root at most 1e9.
    function _chargedGamma(OptionSums.Series memory s) private pure returns (uint256 gamma) {
        gamma = OptionSums.gammaOf(s);
        uint256 remaining = ArrayBlob.remainingOf(s.second);
        if (remaining >= 1 days) return gamma;
        unchecked {
            return _divUp(gamma * (FixedPointMathLib.sqrt(remaining * WAD / 1 days) + 1), E9);
        }
    }

    /// @dev Safe: amounts are below 2^255.
    function _divUp(uint256 a, uint256 d) private pure returns (uint256) {
        unchecked {
            return (a + (d - 1)) / d;
        }
    }

    /// @notice An underlying's contingencies: in both requirements, and in initial only.
    function contingencies(Gross memory gross, IPortfolioTerms.Contingency memory terms)
        internal
        pure
        returns (uint256 both, uint256 initial)
    {
        // Safe: amounts are below 2^200; |delta| is at most the sum of the expiries' magnitudes.
        unchecked {
            uint256 netted = (gross.absoluteDelta - Rounding.abs(gross.delta)) / 2;
            both = _part(gross.linear, terms.basis) + _part(gross.shorts, terms.shortOption)
                + _part(gross.vega, terms.vega) + _part(gross.gamma, terms.gamma) + _part(netted, terms.calendar)
                + _concentration(gross.notional, terms);
            initial = _part(gross.linear, terms.basisInitial) + _part(gross.shorts, terms.shortOptionInitial);
        }
    }

    /// @dev rate * notional * (notional / free - 1) beyond the free size, at most the notional.
    function _concentration(uint256 notional, IPortfolioTerms.Contingency memory terms) private pure returns (uint256) {
        uint256 free = terms.free * WAD;
        if (terms.concentration == 0 || notional <= free) return 0;
        if (free == 0) return notional;
        uint256 charge = Rounding.mulDivUp(_part(notional, terms.concentration), notional - free, free);
        return Rounding.min(charge, notional);
    }

    /// @dev Lot times forward, 1e36, below 2^154.
    function _lotValue(OptionSums.Series memory s) private pure returns (uint256) {
        // Safe: lots are below 2^64 and forwards below 2^64 times 1e9.
        unchecked {
            return ArrayBlob.lotOf(s.second) * (uint256(s.move.forward) * ArrayBlob.PRICE_UNIT);
        }
    }

    /// @notice Drift of an expiry's old arrays: what the forward's move beyond the band leaves open, and volatility lost to time.
    /// @param elapsed Seconds since the arrays, `surfaceElapsed` since the surface.
    function drift(
        OptionSums.Series memory s,
        uint256 elapsed,
        uint256 surfaceElapsed,
        IPortfolioTerms.Factors memory factors
    ) internal pure returns (uint256 charge) {
        // Safe: as in `addSeries`; times and ages are below 2^40.
        unchecked {
            if (s.drift != 0) charge = _divUp(s.drift * ArrayBlob.lotOf(s.second), E9);
            uint256 part; // of the value of doubling the volatility, 1e6
            if (elapsed > factors.arrayAge) {
                uint256 remaining = ArrayBlob.remainingOf(s.second);
                part = elapsed < remaining ? _divUp(elapsed * E6, remaining) : E6;
            }
            if (surfaceElapsed > factors.surfaceAge) {
                part += _divUp((surfaceElapsed - factors.surfaceAge) * factors.staleVol, 1 hours);
            }
            if (part == 0) return charge;
            charge += _part(_divUp(OptionSums.vegaOf(s) * _lotValue(s), WAD * E9), Rounding.min(part, 2 * E6));
        }
    }

    /// @notice What initial margin adds for an expiry whose surface is not sure: the missing part of the gross notional.
    function doubt(OptionSums.Series memory s, IPortfolioTerms.Factors memory factors) internal pure returns (uint256) {
        uint256 confidence = ArrayBlob.confidenceOf(s.second);
        if (confidence >= factors.confidence) return 0;
        // Safe: a notional is below 2^216, and `factors.confidence` at most 1e6.
        unchecked {
            return _part(_divUp(OptionSums.grossOf(s) * _lotValue(s), WAD), E6 - confidence);
        }
    }

    /// @notice Maintenance and initial margin of a requirement.
    /// @param quoteUsd USD per unit of the quote token, 1e18. @param initialOnly What is charged in initial margin alone.
    function margins(
        uint256 requirement,
        uint256 initialOnly,
        uint256 quoteUsd,
        IPortfolioTerms.Factors memory factors
    ) internal pure returns (uint256 initial, uint256 maintenance) {
        maintenance = _part(requirement, factors.maintenance);
        initial = _part(requirement, factors.initial);
        uint256 start = factors.depegStart * (WAD / E6);
        if (quoteUsd < start) initial += _part(Rounding.mulDivUp(initial, start - quoteUsd, WAD), factors.depegSlope);
        initial += initialOnly;
    }

    /// @dev Rounded up. Safe: amounts are below 2^200, rates below 2^32.
    function _part(uint256 amount, uint256 rate) private pure returns (uint256) {
        unchecked {
            return (amount * rate + (E6 - 1)) / E6;
        }
    }
}
