// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {SSTORE2} from "solady/src/utils/SSTORE2.sol";

import {IMarginEngine} from "../interfaces/IMarginEngine.sol";
import {E6, E9, ISOLATED, MAX_TOKENS, PORTFOLIO, QUOTE, STANDARD} from "../libraries/Constants.sol";
import {Rounding} from "../libraries/Rounding.sol";
import {Instrument} from "../markets/Instrument.sol";
import {ArrayBlob} from "./ArrayBlob.sol";
import {MarkCarry} from "./MarkCarry.sol";
import {OptionBook} from "./OptionBook.sol";
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
    uint256 private constant RATE_BITS = 21;
    uint256 private constant RATE_MASK = (1 << RATE_BITS) - 1;
    /// @dev Scale of the surfaces' forward over spot.
    uint256 private constant BASIS_UNIT = 1e15;
    /// @dev Never zero: whoever owes anything has a requirement, so that it can be liquidated and its health factor computed.
    uint256 private constant MIN_MINIMUM = 0.01e18;
    uint256 private constant MAX_MINIMUM = 1_000e18;
    /// @dev The minimum is kept in 1e-9 USDC.
    uint256 private constant MINIMUM_UNIT = 1e9;

    /// @dev Options in the STANDARD model: their value, charges and stale slots.
    struct OptionCharges {
        int256 value;
        uint256 initial;
        uint256 maintenance;
        uint256 stale;
    }

    /// @dev Four tokens a word, 64 bits each, token t in word t / 4: its maintenance rate, its initial rate and its haircut, 21 bits each. The quote
    ///      token has none, and its 64 bits hold the minimum: so a check of the first three tokens reads one slot.
    uint256[8] private _tokenWords;
    mapping(uint32 instrument => Rates) private _instrumentRates;
    mapping(uint8 asset => Contingency) private _contingencies;
    Factors private _factors;

    constructor(address authority, Sources memory sources_, uint256 minimumWad, Factors memory factors_)
        AccessManaged(authority)
        PortfolioMargin(sources_)
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
        if (portfolio.model == STANDARD) return _standard(portfolio);
        if (portfolio.model == PORTFOLIO) return _portfolio(portfolio);
        if (portfolio.model != ISOLATED) revert Margin_UnknownModel(portfolio.model);
        _requireIsolated(portfolio);
        return _standard(portfolio);
    }

    /// @dev One perpetual, one dated future, or the options of one expiry; claims of closed positions apart.
    function _requireIsolated(Portfolio calldata portfolio) private pure {
        uint32 market;
        for (uint256 i; i < portfolio.linears.length; ++i) {
            uint32 found = portfolio.linears[i].instrument;
            if (Instrument.isClaim(found)) continue;
            if (market != 0) revert Margin_NotIsolated(market, found);
            market = found;
        }
        if (portfolio.options.length == 0) return;
        uint256 word = portfolio.options[OptionBook.SERIES_AT];
        for (uint256 slot; word >> (32 * slot) != 0; ++slot) {
            if (OptionBook.countAt(word, slot) == 0) continue;
            uint32 found = Instrument.seriesMarket(OptionBook.seriesAt(word, slot));
            if (market != 0) revert Margin_NotIsolated(market, found);
            market = found;
        }
    }

    // ------------------------------------------------------------ marks

    /// @inheritdoc IMarginEngine
    function futureMark(uint32 instrument, uint256 indexWad) external view returns (uint256 markWad, bool stale) {
        (uint8 asset, uint64 expiry) = (Instrument.asset(instrument), Instrument.expiry(instrument));
        if (block.timestamp < expiry) {
            (uint256 basis, uint64 time) = SURFACES.basisOf(asset, expiry);
            return (Rounding.mulDivDown(indexWad, basis, BASIS_UNIT), block.timestamp > time + _factors.surfaceAge);
        }
        if (SETTLEMENT.isFixed(asset, expiry)) return (SETTLEMENT.priceOf(asset, expiry), false);
        return (indexWad, true);
    }

    /// @inheritdoc IMarginEngine
    function optionMark(uint32 instrument, uint256 indexWad)
        external
        view
        returns (uint256 markWad, uint256 vegaWad, bool stale)
    {
        uint32 series = Instrument.series(instrument);
        (uint256 first, uint256 second, uint256 word) = _recordOf(instrument, series);
        uint256 elapsed = block.timestamp - ArrayBlob.timeOf(first);
        uint256 then = ArrayBlob.forwardOf(first);
        uint256 forward = Rounding.mulDivDown(then, indexWad, ArrayBlob.spotOf(first));
        uint256 unit = ArrayBlob.PRICE_UNIT;
        MarkCarry.Move memory move = MarkCarry.moveOf(then / unit, forward / unit, ArrayBlob.bandOf(second));
        (int256 mark,) = MarkCarry.carry(word, move);
        if (Instrument.isPut(instrument)) mark = StandardModel.putMark(mark, word, move);
        markWad = uint256(mark) * unit;
        vegaWad = Rounding.mulDivDown(ArrayBlob.vegaOf(word), forward, E9);
        (, uint64 latest) = SURFACES.basisOf(Instrument.asset(instrument), Instrument.expiryOfSeries(series));
        stale = elapsed > _factors.arrayAge || move.outside != 0 || latest != ArrayBlob.surfaceTimeOf(second)
            || block.timestamp - latest > _factors.surfaceAge;
    }

    /// @dev Header and first word of an option's record.
    function _recordOf(uint32 instrument, uint32 series)
        private
        view
        returns (uint256 first, uint256 second, uint256 word)
    {
        uint32[] memory ids = new uint32[](1);
        ids[0] = series;
        (uint32 version,) = SCENARIOS.active();
        address blob = ARRAYS.pointersOf(ids, version)[0];
        STRIKES.strikeOf(instrument); // reverts where it is not listed
        if (blob == address(0)) revert Margin_NoArrays(series);
        (first, second) = abi.decode(SSTORE2.read(blob, 0, ArrayBlob.HEADER), (uint256, uint256));
        uint256 strike = Instrument.strikeIndex(instrument);
        if (strike >= ArrayBlob.countOf(first)) revert Margin_NoArray(0, strike);
        uint256 at = ArrayBlob.HEADER + strike * ArrayBlob.recordSize(ArrayBlob.rowsOf(first));
        word = uint256(bytes32(SSTORE2.read(blob, at, at + 32)));
    }

    /// @inheritdoc IMarginEngine
    function optionsValue(uint256[] calldata options) external view returns (int256 valueWad) {
        return _optionWork(options).equity;
    }

    /// @inheritdoc IMarginEngine
    function refreshable(uint256 seriesWord, uint256 stale) external view returns (uint32 series) {
        uint32[] memory some = new uint32[](OptionBook.MAX_SERIES);
        // Safe: a bitmap of eight slots.
        unchecked {
            for (uint256 slot; slot < OptionBook.MAX_SERIES; ++slot) {
                if ((stale >> slot) & 1 != 0) some[slot] = OptionBook.seriesAt(seriesWord, slot);
            }
        }
        return SURFACES.firstYoung(some, _factors.surfaceAge);
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
        (equity, initial, maintenance) = _completed(equity, initial, maintenance, work.owes);
        initial += StandardModel.uncreditedProfit(equity, work.profit);
    }

    function _haircutsOf(TokenLeg[] calldata tokens) private view returns (uint256 sum) {
        // Safe: the ledger's values are below 2^128.
        unchecked {
            for (uint256 i; i < tokens.length; ++i) {
                TokenLeg calldata leg = tokens[i];
                int256 value = leg.valueWad;
                if (value > 0) sum += Rounding.mulDivUp(uint256(value), _haircut(uint8(leg.id)), E6);
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
                if (s.size == 0) continue;
                uint256 elapsed = block.timestamp - ArrayBlob.timeOf(s.first);
                uint256 surfaceElapsed = block.timestamp - ArrayBlob.surfaceTimeOf(s.second);
                initial += PortfolioModel.doubt(s, terms);
                bool isStale = elapsed > terms.arrayAge || surfaceElapsed > terms.surfaceAge || s.move.outside != 0;
                if (!isStale) continue; // nothing drifts: within the band a mark has no width
                stale |= 1 << slot;
                both += PortfolioModel.drift(s, elapsed, surfaceElapsed, terms);
            }
            stale |= work.unfixed;
        }
    }

    function _standard(Portfolio calldata portfolio)
        private
        view
        returns (int256 equityWad, uint256 initialWad, uint256 maintenanceWad, uint256 stale)
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
                else if (leg.pnlWad < 0) owes = true;
                equityWad += leg.pnlWad;
                if (leg.notionalWad == 0) continue;
                (uint256 initial, uint256 maintenance) =
                    StandardModel.charge(leg.notionalWad, _ratesOfInstrument(Instrument.rated(leg.instrument)));
                initialWad += initial;
                maintenanceWad += maintenance;
                owes = true;
            }
        }
        if (portfolio.options.length != 0) {
            OptionCharges memory charges = _standardOptions(portfolio.options);
            equityWad += charges.value;
            (initialWad, maintenanceWad) = (initialWad + charges.initial, maintenanceWad + charges.maintenance);
            (owes, stale) = (owes || OptionBook.hasShort(portfolio.options), charges.stale);
        }
        (equityWad, initialWad, maintenanceWad) = _completed(equityWad, initialWad, maintenanceWad, owes);
        initialWad += StandardModel.uncreditedProfit(equityWad, profit);
    }

    /// @dev Value and charges of options, each by itself, and what their arrays' age adds.
    function _standardOptions(uint256[] calldata options)
        private
        view
        returns (OptionCharges memory charges)
    {
        Work memory work = _optionWork(options);
        charges.value = work.equity;
        for (uint256 i; i < options[OptionBook.COUNT_AT]; ++i) {
            uint256 entry = OptionBook.entryAt(options[OptionBook.ENTRIES_AT + (i >> 2)], i);
            uint256 slot = OptionBook.slotOf(entry);
            uint32 series = OptionBook.seriesAt(options[OptionBook.SERIES_AT], slot);
            bool isExpired = work.series[slot].size == 0;
            if (isExpired && (work.unfixed >> slot) & 1 == 0) continue;
            if (OptionBook.lotsOf(entry) > 0) {
                if (isExpired) continue;
                uint256 worth = StandardModel.longValue(work.series[slot], entry);
                (charges.initial, charges.maintenance) = (charges.initial + worth, charges.maintenance + worth);
            } else {
                uint8 asset = Instrument.assetOfSeries(series);
                uint256 index = options[OptionBook.INDICES_AT + slot];
                uint256 away = isExpired ? 0 : StandardModel.outOfTheMoney(work.series[slot], entry, index);
                uint256 lot = isExpired ? STRIKES.lotOf(asset) : ArrayBlob.lotOf(work.series[slot].second);
                uint256 size = uint256(-OptionBook.lotsOf(entry)) * lot;
                Rates memory rates = _ratesOfInstrument(Instrument.optionsOf(asset));
                charges.initial += StandardModel.shortCharge(size, index, away, rates.initial);
                charges.maintenance += StandardModel.shortCharge(size, index, away, rates.maintenance);
            }
        }
        (uint256 both, uint256 more, uint256 stale) = _ageOf(work, _factors);
        charges.stale = stale;
        (charges.initial, charges.maintenance) = (charges.initial + both + more, charges.maintenance + both);
    }

    /// @dev Maintenance at least the minimum where anything is owed, initial at least maintenance. Who owes nothing can lose no more than there
    ///      is: neither is more than the equity, which rounding alone can make negative.
    function _completed(int256 equity, uint256 initial, uint256 maintenance, bool owes)
        private
        view
        returns (int256, uint256, uint256)
    {
        if (owes) {
            uint256 minimum = _minimum();
            if (maintenance < minimum) maintenance = minimum;
            return (equity, initial < maintenance ? maintenance : initial, maintenance);
        }
        uint256 most = Rounding.positivePart(equity);
        maintenance = Rounding.min(maintenance, most);
        return (int256(most), initial < maintenance ? maintenance : Rounding.min(initial, most), maintenance);
    }

    function _ratesOfToken(uint8 token) private view returns (Rates memory rates) {
        rates = _tokenRates(token);
        if (rates.initial == 0) revert Margin_NoTokenRates(token);
    }

    function _tokenRates(uint8 token) private view returns (Rates memory) {
        uint256 packed = _tokenTerms(token);
        return Rates(uint32(packed & RATE_MASK), uint32((packed >> RATE_BITS) & RATE_MASK));
    }

    function _haircut(uint8 token) private view returns (uint256) {
        return _tokenTerms(token) >> (2 * RATE_BITS);
    }

    /// @dev As packed; nothing for the quote token.
    function _tokenTerms(uint8 token) private view returns (uint256) {
        if (token == QUOTE || token >= MAX_TOKENS) return 0;
        return uint64(_tokenWords[token >> 2] >> (64 * (token & 3)));
    }

    function _setTokenTerms(uint8 token, Rates memory rates, uint256 haircut) private {
        if (token == QUOTE || token >= MAX_TOKENS) revert Margin_NoTokenRates(token);
        // Safe: each is at most `MAX_RATE`, which has 20 bits
        uint256 packed = (((haircut << RATE_BITS) | rates.initial) << RATE_BITS) | rates.maintenance;
        _setTokenWord(token, uint64(packed));
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
    function sources() external view returns (Sources memory) {
        return Sources(SCENARIOS, ARRAYS, SURFACES, STRIKES, SETTLEMENT);
    }

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
        return uint32(_haircut(token));
    }

    /// @inheritdoc IMarginEngine
    function setTokenRates(uint8 token, Rates calldata rates) external restricted {
        _requireRates(rates);
        _setTokenTerms(token, rates, _haircut(token));
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
        _setTokenTerms(token, _tokenRates(token), haircut);
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
