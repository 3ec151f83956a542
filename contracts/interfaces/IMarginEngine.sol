// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @title Errors of the margin engine, which reach callers through the Clearinghouse
interface IMarginErrors {
    error Margin_UnknownModel(uint8 model);
    error Margin_NoTokenRates(uint8 token);
    error Margin_NoInstrumentRates(uint32 instrument);
    error Margin_RateBounds(uint32 maintenance, uint32 initial, uint32 bound);
    error Margin_MinimumBounds(uint256 minimumWad, uint256 boundWad);
}

/// @title What an account must keep: the replaceable half of a health check
/// @notice The ledger values an account, the engine says what that portfolio must hold. All values are USDC in 1e18.
/// @dev Called with STATICCALL only: a wrong engine can ask for too much or too little, it cannot move a balance.
interface IMarginEngine is IMarginErrors {
    /// @param token Token id; 0 is the quote token, whose amount is not listed here but in `Portfolio.cashWad`.
    /// @param valueWad Signed value of the balance, floored (debts away from zero).
    struct TokenLeg {
        uint8 token;
        int256 valueWad;
    }

    /// @param notionalWad Signed size times mark.
    /// @param pnlWad Unsettled profit or loss.
    struct LinearLeg {
        uint32 instrument;
        int256 notionalWad;
        int256 pnlWad;
    }

    /// @param cashWad Balance of the quote token; negative is borrowed.
    struct Portfolio {
        uint8 model;
        int256 cashWad;
        TokenLeg[] tokens;
        LinearLeg[] linears;
    }

    /// @dev Rates are 1e6 = 100%.
    struct Rates {
        uint32 maintenance;
        uint32 initial;
    }

    event TokenRatesSet(uint8 indexed token, Rates rates);
    event InstrumentRatesSet(uint32 indexed instrument, Rates rates);
    event MinimumMaintenanceSet(uint256 minimumWad);

    /// @notice Equity and requirements of a valued portfolio.
    /// @return equityWad Signed.
    /// @return initialWad At least `maintenanceWad`; rounded up.
    /// @return maintenanceWad Rounded up; at least the minimum where the account has a debt or a position.
    function requirement(Portfolio calldata portfolio)
        external
        view
        returns (int256 equityWad, uint256 initialWad, uint256 maintenanceWad);

    /// @notice The smallest maintenance requirement of an account that owes anything.
    function minimumMaintenance() external view returns (uint256 minimumWad);

    function tokenRates(uint8 token) external view returns (Rates memory);

    function instrumentRates(uint32 instrument) external view returns (Rates memory);

    function setTokenRates(uint8 token, Rates calldata rates) external;

    function setInstrumentRates(uint32 instrument, Rates calldata rates) external;

    function setMinimumMaintenance(uint256 minimumWad) external;
}
