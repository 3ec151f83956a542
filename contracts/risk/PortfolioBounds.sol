// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {IMarginErrors} from "../interfaces/IMarginEngine.sol";
import {IPortfolioTerms} from "../interfaces/IPortfolioTerms.sol";

/// @title What the PORTFOLIO model's parameters may be; 1e6 = 100%
library PortfolioBounds {
    uint32 private constant MAX_HAIRCUT = 0.5e6;
    uint32 private constant MIN_MAINTENANCE = 0.8e6;
    uint32 private constant MAX_MAINTENANCE = 3e6;
    uint32 private constant MIN_STEP = 0.1e6; // initial above maintenance
    uint32 private constant MAX_INITIAL = 5e6;
    uint32 private constant MAX_DEPEG_SLOPE = 20e6;
    uint32 private constant MAX_ARRAY_AGE = 1 hours;
    uint32 private constant MAX_SURFACE_AGE = 6 hours;
    uint32 private constant MAX_STALE_VOL = 1e6;
    uint24 private constant MAX_BASIS = 0.1e6;
    uint24 private constant MAX_SHORT = 0.05e6;
    uint24 private constant MAX_GREEK = 2e6;
    uint24 private constant MAX_CALENDAR = 0.5e6;
    uint24 private constant MAX_CONCENTRATION = 0.5e6;

    function validate(IPortfolioTerms.Factors memory f) internal pure {
        _atLeast("maintenance", f.maintenance, MIN_MAINTENANCE);
        _atMost("maintenance", f.maintenance, MAX_MAINTENANCE);
        _atLeast("initial", f.initial, f.maintenance + MIN_STEP);
        _atMost("initial", f.initial, MAX_INITIAL);
        _atMost("depegStart", f.depegStart, 1e6);
        _atMost("depegSlope", f.depegSlope, MAX_DEPEG_SLOPE);
        _atMost("confidence", f.confidence, 1e6);
        _atLeast("arrayAge", f.arrayAge, 1);
        _atMost("arrayAge", f.arrayAge, MAX_ARRAY_AGE);
        _atLeast("surfaceAge", f.surfaceAge, 1);
        _atMost("surfaceAge", f.surfaceAge, MAX_SURFACE_AGE);
        _atMost("staleVol", f.staleVol, MAX_STALE_VOL);
    }

    function validate(IPortfolioTerms.Contingency memory c) internal pure {
        _atMost("basis", c.basis, MAX_BASIS);
        _atMost("basisInitial", c.basisInitial, MAX_BASIS);
        _atMost("shortOption", c.shortOption, MAX_SHORT);
        _atMost("shortOptionInitial", c.shortOptionInitial, MAX_SHORT);
        _atMost("vega", c.vega, MAX_GREEK);
        _atMost("gamma", c.gamma, MAX_GREEK);
        _atMost("calendar", c.calendar, MAX_CALENDAR);
        _atMost("concentration", c.concentration, MAX_CONCENTRATION);
    }

    function validateHaircut(uint32 haircut) internal pure {
        _atMost("haircut", haircut, MAX_HAIRCUT);
    }

    function _atLeast(bytes32 parameter, uint256 value, uint256 bound) private pure {
        if (value < bound) revert IMarginErrors.Margin_FactorBounds(parameter, value, bound);
    }

    function _atMost(bytes32 parameter, uint256 value, uint256 bound) private pure {
        if (value > bound) revert IMarginErrors.Margin_FactorBounds(parameter, value, bound);
    }
}
