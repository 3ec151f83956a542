// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {IMarginEngine} from "../interfaces/IMarginEngine.sol";
import {StandardModel} from "./StandardModel.sol";

/// @title Requirements of the margin models, and their parameters
contract MarginEngine is IMarginEngine, AccessManaged {
    uint8 private constant STANDARD = 0;
    uint32 private constant MAX_RATE = 1e6;
    /// @dev Never zero: whoever owes anything has a requirement, so that it can be liquidated and its health factor computed.
    uint256 private constant MIN_MINIMUM = 0.01e18;
    uint256 private constant MAX_MINIMUM = 1_000e18;

    mapping(uint8 token => Rates) private _tokenRates;
    mapping(uint32 instrument => Rates) private _instrumentRates;
    uint256 private _minimumWad;

    constructor(address authority, uint256 minimumWad) AccessManaged(authority) {
        _setMinimum(minimumWad);
    }

    // ------------------------------------------------------------ requirement

    /// @inheritdoc IMarginEngine
    function requirement(Portfolio calldata portfolio)
        external
        view
        returns (int256 equityWad, uint256 initialWad, uint256 maintenanceWad)
    {
        if (portfolio.model != STANDARD) revert Margin_UnknownModel(portfolio.model);
        equityWad = portfolio.cashWad;
        bool owes = portfolio.cashWad < 0;
        for (uint256 i; i < portfolio.tokens.length; ++i) {
            TokenLeg calldata leg = portfolio.tokens[i];
            (uint256 initial, uint256 maintenance) = StandardModel.charge(leg.valueWad, _ratesOfToken(leg.token));
            equityWad += leg.valueWad;
            initialWad += initial;
            maintenanceWad += maintenance;
            if (leg.valueWad < 0) owes = true;
        }
        int256 profit;
        for (uint256 i; i < portfolio.linears.length; ++i) {
            LinearLeg calldata leg = portfolio.linears[i];
            if (leg.pnlWad > 0) profit += leg.pnlWad;
            equityWad += leg.pnlWad;
            if (leg.notionalWad == 0) continue;
            (uint256 initial, uint256 maintenance) =
                StandardModel.charge(leg.notionalWad, _ratesOfInstrument(leg.instrument));
            initialWad += initial;
            maintenanceWad += maintenance;
            owes = true;
        }
        if (owes && maintenanceWad < _minimumWad) maintenanceWad = _minimumWad;
        if (initialWad < maintenanceWad) initialWad = maintenanceWad;
        initialWad += StandardModel.uncreditedProfit(equityWad, profit);
    }

    function _ratesOfToken(uint8 token) private view returns (Rates memory rates) {
        rates = _tokenRates[token];
        if (rates.initial == 0) revert Margin_NoTokenRates(token);
    }

    function _ratesOfInstrument(uint32 instrument) private view returns (Rates memory rates) {
        rates = _instrumentRates[instrument];
        if (rates.initial == 0) revert Margin_NoInstrumentRates(instrument);
    }

    // ------------------------------------------------------------ parameters

    /// @inheritdoc IMarginEngine
    function minimumMaintenance() external view returns (uint256) {
        return _minimumWad;
    }

    /// @inheritdoc IMarginEngine
    function tokenRates(uint8 token) external view returns (Rates memory) {
        return _tokenRates[token];
    }

    /// @inheritdoc IMarginEngine
    function instrumentRates(uint32 instrument) external view returns (Rates memory) {
        return _instrumentRates[instrument];
    }

    /// @inheritdoc IMarginEngine
    function setTokenRates(uint8 token, Rates calldata rates) external restricted {
        _requireRates(rates);
        _tokenRates[token] = rates;
        emit TokenRatesSet(token, rates);
    }

    /// @inheritdoc IMarginEngine
    function setInstrumentRates(uint32 instrument, Rates calldata rates) external restricted {
        _requireRates(rates);
        _instrumentRates[instrument] = rates;
        emit InstrumentRatesSet(instrument, rates);
    }

    /// @inheritdoc IMarginEngine
    function setMinimumMaintenance(uint256 minimumWad) external restricted {
        _setMinimum(minimumWad);
    }

    function _setMinimum(uint256 minimumWad) private {
        if (minimumWad < MIN_MINIMUM) revert Margin_MinimumBounds(minimumWad, MIN_MINIMUM);
        if (minimumWad > MAX_MINIMUM) revert Margin_MinimumBounds(minimumWad, MAX_MINIMUM);
        _minimumWad = minimumWad;
        emit MinimumMaintenanceSet(minimumWad);
    }

    /// @dev Maintenance is not zero, initial is larger, and neither asks for more than the value itself.
    function _requireRates(Rates calldata rates) private pure {
        bool ordered = rates.maintenance != 0 && rates.maintenance < rates.initial && rates.initial < MAX_RATE;
        if (!ordered) revert Margin_RateBounds(rates.maintenance, rates.initial, MAX_RATE);
    }
}
