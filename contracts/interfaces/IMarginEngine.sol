// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {IPortfolioTerms} from "./IPortfolioTerms.sol";
import {IRiskArrays} from "./IRiskArrays.sol";
import {IScenarioBook} from "./IScenarioBook.sol";
import {ISettlementOracle} from "./ISettlementOracle.sol";
import {IStrikeBook} from "./IStrikeBook.sol";
import {ISurfaceOracle} from "./ISurfaceOracle.sol";

/// @title Errors of the margin engine, which reach callers through the Clearinghouse
interface IMarginErrors {
    error Margin_UnknownModel(uint8 model);
    /// @dev The ISOLATED model has positions of one market.
    error Margin_NotIsolated(uint32 market, uint32 other);
    error Margin_NoTokenRates(uint8 token);
    error Margin_NoInstrumentRates(uint32 instrument);
    error Margin_RateBounds(uint32 maintenance, uint32 initial, uint32 bound);
    error Margin_MinimumBounds(uint256 minimumWad, uint256 boundWad);
    error Margin_FactorBounds(bytes32 parameter, uint256 value, uint256 bound);
    error Margin_NoColumn(uint8 asset);
    error Margin_NoArrays(uint32 series);
    error Margin_NoArray(uint256 slot, uint256 strike);
}

/// @title What an account must keep: the replaceable half of a health check
/// @notice The ledger values an account, the engine says what that portfolio must hold. All values are USDC in 1e18.
/// @dev Called with STATICCALL only: a wrong engine can ask for too much or too little, it cannot move a balance.
interface IMarginEngine is IMarginErrors, IPortfolioTerms {
    /// @param id Token id in the low byte, the router's asset in the high one: a word less to pass. Token 0 is the quote token, whose amount is not
    ///        listed here but in `Portfolio.cashWad`.
    /// @param valueWad Signed value of the balance, floored (debts away from zero).
    struct TokenLeg {
        uint16 id;
        int256 valueWad;
    }

    /// @param notionalWad Signed size times mark.
    /// @param pnlWad Unsettled profit or loss.
    struct LinearLeg {
        uint32 instrument;
        int256 notionalWad;
        int256 pnlWad;
    }

    /// @param cashWad Balance of the quote token; negative is borrowed. @param quoteUsdWad Its price in USD.
    /// @param options Empty, or as `OptionBook` lays an account's options out.
    struct Portfolio {
        uint8 model;
        int256 cashWad;
        uint256 quoteUsdWad;
        TokenLeg[] tokens;
        LinearLeg[] linears;
        uint256[] options;
    }

    /// @param scenarios The table. @param arrays What options are valued by. @param surfaces Forwards of dated futures. @param strikes, settlement What is
    ///        left of an expiry that has passed.
    struct Sources {
        IScenarioBook scenarios;
        IRiskArrays arrays;
        ISurfaceOracle surfaces;
        IStrikeBook strikes;
        ISettlementOracle settlement;
    }

    /// @dev Rates are 1e6 = 100%. Those of an underlying's futures and of its options are kept under the number without a serial; of an option they are
    ///      parts of the spot, for a short one.
    struct Rates {
        uint32 maintenance;
        uint32 initial;
    }

    event TokenRatesSet(uint8 indexed token, Rates rates);
    event InstrumentRatesSet(uint32 indexed instrument, Rates rates);
    event MinimumMaintenanceSet(uint256 minimumWad);
    event FactorsSet(Factors factors);
    event ContingencySet(uint8 indexed asset, Contingency contingency);
    event HaircutSet(uint8 indexed token, uint32 haircut);
    /// @notice Where the engine reads; once, when it is created.
    event SourcesSet(Sources sources);

    /// @notice Equity and requirements of a valued portfolio.
    /// @return equityWad Signed.
    /// @return initialWad At least `maintenanceWad`; rounded up.
    /// @return maintenanceWad Rounded up; at least the minimum where the account has a debt or a position.
    /// @return stale Bitmap of series slots whose arrays are too old, too far from the spot, or of too old a surface, or that have expired and have no
    ///         price yet: nothing may be added to them.
    function requirement(Portfolio calldata portfolio)
        external
        view
        returns (int256 equityWad, uint256 initialWad, uint256 maintenanceWad, uint256 stale);

    /// @notice The first of the stale series whose arrays a refresh would mend now, because its surface is young; 0 where there is none.
    /// @param seriesWord As `OptionBook` has the series slots. @param stale Bitmap of slots, as `requirement` returns it.
    function refreshable(uint256 seriesWord, uint256 stale) external view returns (uint32 series);

    /// @notice The PORTFOLIO model's scenarios for a portfolio, whatever its model.
    /// @return profitsWad P&L of each row of the table, unweighted.
    /// @return shortfallWad Expected Shortfall.
    /// @return worst Rows of the largest weighted losses, worst first, as many as the tail has.
    function scenarios(Portfolio calldata portfolio)
        external
        view
        returns (int256[] memory profitsWad, uint256 shortfallWad, uint8[] memory worst);

    /// @notice The smallest maintenance requirement of an account that owes anything.
    function minimumMaintenance() external view returns (uint256 minimumWad);

    function tokenRates(uint8 token) external view returns (Rates memory);

    function instrumentRates(uint32 instrument) external view returns (Rates memory);

    function setTokenRates(uint8 token, Rates calldata rates) external;

    function setInstrumentRates(uint32 instrument, Rates calldata rates) external;

    function setMinimumMaintenance(uint256 minimumWad) external;

    /// @notice What options are valued by; the door refreshes it.
    function ARRAYS() external view returns (IRiskArrays);

    function sources() external view returns (Sources memory);

    /// @notice Mark of a dated future: index times the surface's forward over spot; once it has expired its settlement price, or, until that is fixed,
    ///         the index. @param indexWad USDC per unit of the asset, 1e18.
    /// @return markWad USDC 1e18, rounded down.
    /// @return stale The surface is too old, or the price not fixed: not to be traded at.
    function futureMark(uint32 instrument, uint256 indexWad) external view returns (uint256 markWad, bool stale);

    /// @notice Mark of an option that has not expired, carried to the index. Reverts where it is not listed or has no arrays.
    /// @return markWad USDC 1e18, rounded down.
    /// @return vegaWad What doubling the volatility would add to it, to first order, USDC 1e18.
    /// @return stale The arrays are too old, not of the latest surface, or left behind by the spot.
    function optionMark(uint32 instrument, uint256 indexWad)
        external
        view
        returns (uint256 markWad, uint256 vegaWad, bool stale);

    /// @notice What options are worth together, USDC 1e18, as in the equity.
    /// @param options As `OptionBook` lays them out.
    function optionsValue(uint256[] calldata options) external view returns (int256 valueWad);

    function factors() external view returns (Factors memory);

    function contingencyOf(uint8 asset) external view returns (Contingency memory);

    /// @notice Part of a token's value that initial margin of the PORTFOLIO model does not credit, 1e6.
    function haircutOf(uint8 token) external view returns (uint32);

    function setFactors(Factors calldata factors) external;

    function setContingency(uint8 asset, Contingency calldata contingency) external;

    function setHaircut(uint8 token, uint32 haircut) external;
}
