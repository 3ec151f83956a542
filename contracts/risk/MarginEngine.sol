// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {IMarginEngine} from "../interfaces/IMarginEngine.sol";
import {E6, MAX_TOKENS, PORTFOLIO, QUOTE, STANDARD} from "../libraries/Constants.sol";
import {Rounding} from "../libraries/Rounding.sol";
import {ArrayBlob} from "./ArrayBlob.sol";
import {OptionSums} from "./OptionSums.sol";
import {PortfolioBounds} from "./PortfolioBounds.sol";
import {PortfolioMargin} from "./PortfolioMargin.sol";
import {PortfolioModel} from "./PortfolioModel.sol";
import {ScenarioLoss} from "./ScenarioLoss.sol";
import {ScenarioTable} from "./ScenarioTable.sol";
import {StandardModel} from "./StandardModel.sol";

/// @title Requirements of the margin models, and their parameters
contract MarginEngine is PortfolioMargin, AccessManaged {
    uint32 private constant MAX_RATE = 1e6;
    /// @dev Never zero: whoever owes anything has a requirement, so that it can be liquidated and its health factor computed.
    uint256 private constant MIN_MINIMUM = 0.01e18;
    uint256 private constant MAX_MINIMUM = 1_000e18;
    /// @dev The minimum is kept in 1e-9 USDC.
    uint256 private constant MINIMUM_UNIT = 1e9;

    /// @dev Rates of four tokens a word, 64 bits each, token t in word t / 4: maintenance in the low half. The quote token has no rates, and its
    ///      64 bits hold the minimum: so a check of the first three tokens reads one slot.
    uint256[8] private _tokenWords;
    mapping(uint32 instrument => Rates) private _instrumentRates;
    mapping(uint8 asset => Contingency) private _contingencies;
    mapping(uint8 token => uint32) private _haircuts;
    Factors private _factors;

    constructor(address authority, address scenarios_, address arrays, uint256 minimumWad, Factors memory factors_)
        AccessManaged(authority)
        PortfolioMargin(scenarios_, arrays)
    {
        _setMinimum(minimumWad);
        _setFactors(factors_);
    }

    // ------------------------------------------------------------ requirement

    /// @inheritdoc IMarginEngine
    function requirement(Portfolio calldata portfolio)
        external
        view
        returns (int256 equityWad, uint256 initialWad, uint256 maintenanceWad, uint256 stale)
    {
        if (portfolio.model == STANDARD) (equityWad, initialWad, maintenanceWad) = _standard(portfolio);
        else if (portfolio.model == PORTFOLIO) (equityWad, initialWad, maintenanceWad, stale) = _portfolio(portfolio);
        else revert Margin_UnknownModel(portfolio.model);
    }

    /// @inheritdoc IMarginEngine
    function scenarios(Portfolio calldata portfolio)
        external
        view
        returns (int256[] memory profitsWad, uint256 shortfallWad, uint8[] memory worst)
    {
        Work memory work = _work(portfolio);
        profitsWad = work.profits;
        int256[] memory ranked = _ranked(work);
        shortfallWad = ScenarioLoss.shortfall(ranked);
        worst = new uint8[](ranked.length);
        for (uint256 i; i < ranked.length; ++i) {
            worst[i] = ScenarioLoss.rowOf(ranked[i]);
        }
    }

    function _ranked(Work memory work) private pure returns (int256[] memory) {
        return ScenarioLoss.rank(work.table, work.profits, ScenarioTable.tailOf(work.header));
    }

    function _portfolio(Portfolio calldata portfolio)
        private
        view
        returns (int256 equity, uint256 initial, uint256 maintenance, uint256 stale)
    {
        Work memory work = _work(portfolio);
        equity = work.equity;
        uint256 required = ScenarioLoss.shortfall(_ranked(work));
        uint256 least = _floorOf(work);
        if (required < least) required = least;
        Factors memory terms = _factors;
        uint256 initialOnly = _haircutsOf(portfolio.tokens);
        (uint256 both, uint256 more) = _contingenciesOf(work);
        (required, initialOnly) = (required + both, initialOnly + more);
        (both, more, stale) = _ageOf(work, terms);
        (initial, maintenance) =
            PortfolioModel.margins(required + both, initialOnly + more, portfolio.quoteUsdWad, terms);
        (initial, maintenance) = _completed(initial, maintenance, work.owes);
        initial += StandardModel.uncreditedProfit(equity, work.profit);
    }

    function _haircutsOf(TokenLeg[] calldata tokens) private view returns (uint256 sum) {
        // Safe: the ledger's values are below 2^128.
        unchecked {
            for (uint256 i; i < tokens.length; ++i) {
                TokenLeg calldata leg = tokens[i];
                int256 value = leg.valueWad;
                if (value > 0) sum += Rounding.mulDivUp(uint256(value), _haircuts[uint8(leg.id)], E6);
            }
        }
    }

    function _contingenciesOf(Work memory work) private view returns (uint256 both, uint256 initial) {
        // Safe: charges are below 2^216, and there are at most 16 columns.
        unchecked {
            for (uint256 column; column < work.gross.length; ++column) {
                PortfolioModel.Gross memory gross = work.gross[column];
                if (gross.notional | gross.shorts | gross.absoluteDelta == 0) continue;
                Contingency memory terms = _contingencies[ScenarioTable.assetOf(work.header, column)];
                (uint256 charge, uint256 more) = PortfolioModel.contingencies(gross, terms);
                (both, initial) = (both + charge, initial + more);
            }
        }
    }

    /// @dev Drift and doubt of the series' arrays, and which are stale.
    function _ageOf(Work memory work, Factors memory terms)
        private
        view
        returns (uint256 both, uint256 initial, uint256 stale)
    {
        // Safe: charges are below 2^216, and no array is from the future.
        unchecked {
            for (uint256 slot; slot < work.series.length; ++slot) {
                OptionSums.Series memory s = work.series[slot];
                if (s.count == 0) continue;
                uint256 elapsed = block.timestamp - ArrayBlob.timeOf(s.first);
                uint256 surfaceElapsed = block.timestamp - ArrayBlob.surfaceTimeOf(s.second);
                both += PortfolioModel.drift(s, elapsed, surfaceElapsed, terms);
                initial += PortfolioModel.doubt(s, terms);
                bool isStale = elapsed > terms.arrayAge || surfaceElapsed > terms.surfaceAge || s.move.outside != 0;
                if (isStale) stale |= 1 << slot;
            }
        }
    }

    function _standard(Portfolio calldata portfolio)
        private
        view
        returns (int256 equityWad, uint256 initialWad, uint256 maintenanceWad)
    {
        equityWad = portfolio.cashWad;
        bool owes = portfolio.cashWad < 0;
        int256 profit;
        // Safe: the ledger's values are below 2^128, and charges are no larger than values.
        unchecked {
            for (uint256 i; i < portfolio.tokens.length; ++i) {
                TokenLeg calldata leg = portfolio.tokens[i];
                (uint256 initial, uint256 maintenance) = StandardModel.charge(leg.valueWad, _ratesOfToken(uint8(leg.id)));
                equityWad += leg.valueWad;
                initialWad += initial;
                maintenanceWad += maintenance;
                if (leg.valueWad < 0) owes = true;
            }
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
        }
        (initialWad, maintenanceWad) = _completed(initialWad, maintenanceWad, owes);
        initialWad += StandardModel.uncreditedProfit(equityWad, profit);
    }

    /// @dev Maintenance at least the minimum where anything is owed, initial at least maintenance.
    function _completed(uint256 initial, uint256 maintenance, bool owes) private view returns (uint256, uint256) {
        if (owes) {
            uint256 minimum = _minimum();
            if (maintenance < minimum) maintenance = minimum;
        }
        return (initial < maintenance ? maintenance : initial, maintenance);
    }

    function _ratesOfToken(uint8 token) private view returns (Rates memory rates) {
        rates = _tokenRates(token);
        if (rates.initial == 0) revert Margin_NoTokenRates(token);
    }

    function _tokenRates(uint8 token) private view returns (Rates memory) {
        if (token == QUOTE || token >= MAX_TOKENS) return Rates(0, 0);
        uint64 packed = uint64(_tokenWords[token >> 2] >> (64 * (token & 3)));
        return Rates(uint32(packed), uint32(packed >> 32));
    }

    /// @dev 1e18.
    function _minimum() private view returns (uint256) {
        // Safe: 64 bits times 1e9.
        unchecked {
            return uint64(_tokenWords[0]) * MINIMUM_UNIT;
        }
    }

    function _setTokenWord(uint256 token, uint64 packed) private {
        uint256 shift = 64 * (token & 3);
        uint256 word = _tokenWords[token >> 2] & ~(uint256(type(uint64).max) << shift);
        _tokenWords[token >> 2] = word | (uint256(packed) << shift);
    }

    function _ratesOfInstrument(uint32 instrument) private view returns (Rates memory rates) {
        rates = _instrumentRates[instrument];
        if (rates.initial == 0) revert Margin_NoInstrumentRates(instrument);
    }

    // ------------------------------------------------------------ parameters

    /// @inheritdoc IMarginEngine
    function minimumMaintenance() external view returns (uint256) {
        return _minimum();
    }

    /// @inheritdoc IMarginEngine
    function tokenRates(uint8 token) external view returns (Rates memory) {
        return _tokenRates(token);
    }

    /// @inheritdoc IMarginEngine
    function instrumentRates(uint32 instrument) external view returns (Rates memory) {
        return _instrumentRates[instrument];
    }

    /// @inheritdoc IMarginEngine
    function factors() external view returns (Factors memory) {
        return _factors;
    }

    /// @inheritdoc IMarginEngine
    function contingencyOf(uint8 asset) external view returns (Contingency memory) {
        return _contingencies[asset];
    }

    /// @inheritdoc IMarginEngine
    function haircutOf(uint8 token) external view returns (uint32) {
        return _haircuts[token];
    }

    /// @inheritdoc IMarginEngine
    function setTokenRates(uint8 token, Rates calldata rates) external restricted {
        _requireRates(rates);
        if (token == QUOTE || token >= MAX_TOKENS) revert Margin_NoTokenRates(token);
        _setTokenWord(token, (uint64(rates.initial) << 32) | rates.maintenance);
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

    /// @inheritdoc IMarginEngine
    function setFactors(Factors calldata factors_) external restricted {
        _setFactors(factors_);
    }

    /// @inheritdoc IMarginEngine
    function setContingency(uint8 asset, Contingency calldata contingency) external restricted {
        PortfolioBounds.validate(contingency);
        _contingencies[asset] = contingency;
        emit ContingencySet(asset, contingency);
    }

    /// @inheritdoc IMarginEngine
    function setHaircut(uint8 token, uint32 haircut) external restricted {
        PortfolioBounds.validateHaircut(haircut);
        _haircuts[token] = haircut;
        emit HaircutSet(token, haircut);
    }

    function _setMinimum(uint256 minimumWad) private {
        if (minimumWad < MIN_MINIMUM) revert Margin_MinimumBounds(minimumWad, MIN_MINIMUM);
        if (minimumWad > MAX_MINIMUM) revert Margin_MinimumBounds(minimumWad, MAX_MINIMUM);
        if (minimumWad % MINIMUM_UNIT != 0) revert Margin_MinimumBounds(minimumWad, MINIMUM_UNIT);
        _setTokenWord(QUOTE, uint64(minimumWad / MINIMUM_UNIT)); // at most 1e12
        emit MinimumMaintenanceSet(minimumWad);
    }

    function _setFactors(Factors memory factors_) private {
        PortfolioBounds.validate(factors_);
        _factors = factors_;
        emit FactorsSet(factors_);
    }

    /// @dev Maintenance is not zero, initial is larger, and neither asks for more than the value itself.
    function _requireRates(Rates calldata rates) private pure {
        bool ordered = rates.maintenance != 0 && rates.maintenance < rates.initial && rates.initial < MAX_RATE;
        if (!ordered) revert Margin_RateBounds(rates.maintenance, rates.initial, MAX_RATE);
    }
}
