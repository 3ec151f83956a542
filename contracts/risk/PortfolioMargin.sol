// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {SSTORE2} from "solady/src/utils/SSTORE2.sol";

import {IMarginEngine} from "../interfaces/IMarginEngine.sol";
import {IRiskArrays} from "../interfaces/IRiskArrays.sol";
import {IScenarioBook} from "../interfaces/IScenarioBook.sol";
import {ISettlementOracle} from "../interfaces/ISettlementOracle.sol";
import {IStrikeBook} from "../interfaces/IStrikeBook.sol";
import {ISurfaceOracle} from "../interfaces/ISurfaceOracle.sol";
import {Rounding} from "../libraries/Rounding.sol";
import {Instrument} from "../markets/Instrument.sol";
import {ArrayBlob} from "./ArrayBlob.sol";
import {ArrayLanes} from "./ArrayLanes.sol";
import {MarkCarry} from "./MarkCarry.sol";
import {OptionBook} from "./OptionBook.sol";
import {OptionSums} from "./OptionSums.sol";
import {PortfolioModel} from "./PortfolioModel.sol";
import {ScenarioLoss} from "./ScenarioLoss.sol";
import {ScenarioTable} from "./ScenarioTable.sol";

/// @title Reads tables and arrays and works a portfolio's sums out
abstract contract PortfolioMargin is IMarginEngine {
    IScenarioBook internal immutable SCENARIOS;
    /// @inheritdoc IMarginEngine
    IRiskArrays public immutable ARRAYS;
    ISurfaceOracle internal immutable SURFACES;
    IStrikeBook internal immutable STRIKES;
    ISettlementOracle internal immutable SETTLEMENT;

    /// @dev The parts of one evaluation.
    struct Work {
        bytes table;
        uint256 header; // of the table
        int256[] profits; // per row, USDC 1e18
        int256[] exposures; // per column, USDC 1e18: what moves with the spot
        PortfolioModel.Gross[] gross; // per column
        ArrayLanes.Floors[] floors; // per column, of the options; none without options
        OptionSums.Series[] series; // per slot, all eight; none without options
        int256 equity;
        int256 profit; // unsettled, where positive
        bool owes;
        uint256 unfixed; // bitmap of slots: expired, and not settled yet
    }

    constructor(Sources memory sources_) {
        (SCENARIOS, ARRAYS, SURFACES) = (sources_.scenarios, sources_.arrays, sources_.surfaces);
        (STRIKES, SETTLEMENT) = (sources_.strikes, sources_.settlement);
        emit SourcesSet(sources_);
    }

    // ------------------------------------------------------------ the sums

    /// @dev Everything but factors and contingencies.
    function _work(Portfolio calldata portfolio) internal view returns (Work memory work) {
        uint32 version = _open(work);
        work.equity = portfolio.cashWad;
        work.owes = portfolio.cashWad < 0;
        _addTokens(work, portfolio.tokens);
        _addLinears(work, portfolio.linears);
        _addOptions(work, portfolio.options, version);
        ScenarioLoss.addLinear(work.table, work.profits, work.exposures);
    }

    /// @dev Loads the table; returns its version.
    function _open(Work memory work) private view returns (uint32 version) {
        address table;
        (version, table) = SCENARIOS.active();
        work.table = SSTORE2.read(table);
        work.header = ScenarioTable.wordAt(work.table, 0);
        uint256 columns = ScenarioTable.columnsOf(work.header);
        work.exposures = new int256[](columns);
        work.gross = new PortfolioModel.Gross[](columns);
    }

    /// @dev Of options alone: `equity` is what they are worth.
    function _optionWork(uint256[] calldata options) internal view returns (Work memory work) {
        _addOptions(work, options, _open(work));
    }

    function _addOptions(Work memory work, uint256[] calldata options, uint32 version) private view {
        _loadSeries(work, options, version);
        work.profits = OptionSums.sum(work.series, work.floors, ScenarioTable.rowsOf(work.header), options);
        _addSeries(work, options);
    }

    function _addTokens(Work memory work, TokenLeg[] calldata tokens) private pure {
        // Safe: the ledger's values are below 2^128.
        unchecked {
            for (uint256 i; i < tokens.length; ++i) {
                TokenLeg calldata leg = tokens[i];
                int256 value = leg.valueWad;
                work.equity += value;
                work.exposures[_columnOf(work.header, leg.id >> 8)] += value;
                if (value < 0) work.owes = true;
            }
        }
    }

    function _addLinears(Work memory work, LinearLeg[] calldata linears) private pure {
        // Safe: the ledger's values are below 2^128.
        unchecked {
            for (uint256 i; i < linears.length; ++i) {
                LinearLeg calldata leg = linears[i];
                int256 pnl = leg.pnlWad;
                work.equity += pnl;
                if (pnl > 0) work.profit += pnl;
                else if (pnl < 0) work.owes = true;
                int256 notional = leg.notionalWad;
                if (notional == 0) continue;
                uint256 column = _columnOf(work.header, Instrument.asset(leg.instrument));
                work.exposures[column] += notional;
                PortfolioModel.Gross memory gross = work.gross[column];
                gross.linear += Rounding.abs(notional);
                gross.notional += Rounding.abs(notional);
                work.owes = true;
            }
        }
    }

    /// @dev Copies the arrays of the series held into memory.
    function _loadSeries(Work memory work, uint256[] calldata options, uint32 version) private view {
        if (options.length == 0) return;
        uint256 word = options[OptionBook.SERIES_AT];
        if (OptionBook.hasShort(options)) work.owes = true;
        work.floors = new ArrayLanes.Floors[](work.exposures.length);
        work.series = _emptySeries();
        address[] memory blobs = _blobsOf(word, version);
        // Safe: there are at most eight slots.
        unchecked {
            for (uint256 slot; slot < blobs.length; ++slot) {
                uint32 id = OptionBook.seriesAt(word, slot);
                if (id == 0) continue;
                uint256 column = _columnOf(work.header, Instrument.assetOfSeries(id));
                if (block.timestamp >= Instrument.expiryOfSeries(id)) {
                    _addExpired(work, slot, column, id, options);
                    continue;
                }
                address blob = blobs[slot];
                if (blob == address(0)) revert Margin_NoArrays(id);
                _load(work, slot, column, blob, options[OptionBook.INDICES_AT + slot]);
            }
        }
    }

    /// @dev Of each slot up to the highest that is taken.
    function _blobsOf(uint256 word, uint32 version) private view returns (address[] memory blobs) {
        // Safe: there are at most eight slots.
        unchecked {
            uint256 slots;
            while (word >> (32 * slots) != 0) ++slots;
            uint32[] memory ids = new uint32[](slots);
            for (uint256 slot; slot < slots; ++slot) {
                ids[slot] = OptionBook.seriesAt(word, slot);
            }
            blobs = ARRAYS.pointersOf(ids, version);
        }
    }

    /// @dev Adds what options that have expired pay: at the settlement price, or, until that is fixed, at the index, with what moves with it.
    function _addExpired(Work memory work, uint256 slot, uint256 column, uint32 series, uint256[] calldata options)
        private
        view
    {
        (uint8 asset, uint64 expiry) = (Instrument.assetOfSeries(series), Instrument.expiryOfSeries(series));
        bool isFixed = SETTLEMENT.isFixed(asset, expiry);
        uint256 price = isFixed ? SETTLEMENT.priceOf(asset, expiry) : options[OptionBook.INDICES_AT + slot];
        uint256[] memory strikes = STRIKES.strikesOf(asset, expiry);
        int256 worth; // lots times USDC 1e18
        int256 moving; // lots that pay, puts negative
        // Safe: lots are below 2^54, prices below 2^95, and there are 64 entries at most.
        unchecked {
            for (uint256 i; i < options[OptionBook.COUNT_AT]; ++i) {
                uint256 entry = OptionBook.entryAt(options[OptionBook.ENTRIES_AT + (i >> 2)], i);
                if (OptionBook.slotOf(entry) != slot) continue;
                int256 payoff = int256(price) - int256(strikes[OptionBook.strikeOf(entry)]);
                int256 side = OptionBook.isPut(entry) ? -OptionBook.lotsOf(entry) : OptionBook.lotsOf(entry);
                if (OptionBook.isPut(entry) == payoff > 0 || payoff == 0) continue;
                worth += side * payoff;
                moving += side;
            }
            int256 lot = int256(STRIKES.lotOf(asset));
            work.equity += Rounding.divFloor(worth * lot, 1e18);
            if (!isFixed) {
                work.unfixed |= 1 << slot;
                work.exposures[column] += Rounding.divFloor(moving * lot * int256(price), 1e18);
            }
        }
        // its entries add nothing more
        OptionSums.Series memory expired;
        expired.count = type(uint256).max;
        work.series[slot] = expired;
    }

    /// @dev All slots hold the same empty series.
    function _emptySeries() private pure returns (OptionSums.Series[] memory series) {
        OptionSums.Series memory empty;
        uint256 slots = OptionBook.MAX_SERIES;
        assembly ("memory-safe") {
            series := mload(0x40)
            mstore(series, slots)
            let end := add(series, mul(32, slots))
            mstore(0x40, add(end, 32))
            for { let place := series } lt(place, end) {} {
                place := add(place, 32)
                mstore(place, empty)
            }
        }
    }

    /// @param index USDC per unit now, 1e18.
    function _load(Work memory work, uint256 slot, uint256 column, address pointer, uint256 index) private view {
        bytes memory data = SSTORE2.read(pointer);
        uint256 place;
        uint256 first;
        uint256 second;
        assembly ("memory-safe") {
            place := add(data, 32)
            first := mload(place)
            second := mload(add(place, 32))
        }
        uint256 then = ArrayBlob.forwardOf(first);
        uint256 forward = Rounding.mulDivDown(then, index, ArrayBlob.spotOf(first));
        uint256 unit = ArrayBlob.PRICE_UNIT;
        work.series[slot] = OptionSums.Series({
            records: place + ArrayBlob.HEADER,
            size: ArrayBlob.recordSize(ArrayBlob.rowsOf(first)),
            count: ArrayBlob.countOf(first),
            nets: 0,
            worth: 0,
            risks: 0,
            drift: 0,
            first: first,
            second: second,
            column: column,
            floors: work.floors[column],
            move: MarkCarry.moveOf(then / unit, forward / unit, ArrayBlob.bandOf(second))
        });
    }

    /// @dev Options' value, the puts' forwards, and what is charged gross.
    function _addSeries(Work memory work, uint256[] calldata options) private pure {
        // Safe: values are below 2^130 times 1e9, puts below 2^60, a lot times a forward below 2^160.
        unchecked {
            for (uint256 slot; slot < work.series.length; ++slot) {
                OptionSums.Series memory s = work.series[slot];
                if (s.size == 0) continue;
                uint256 lot = ArrayBlob.lotOf(s.second);
                work.equity += Rounding.divFloor(OptionSums.valueOf(s) * int256(lot), int256(ArrayBlob.PRICE_UNIT));
                int256 puts = OptionSums.putsOf(s);
                if (puts != 0) {
                    int256 forwards = puts * int256(lot * ArrayBlob.forwardOf(s.first));
                    work.exposures[s.column] += Rounding.divFloor(-forwards, 1e18);
                }
                PortfolioModel.addSeries(work.gross[s.column], s, options[OptionBook.INDICES_AT + slot]);
            }
        }
    }

    // ------------------------------------------------------------ the floor

    /// @dev The largest loss in the floor's moves of one underlying with all others unmoved, at least zero, 1e18.
    function _floorOf(Work memory work) internal pure returns (uint256 largest) {
        uint256 rows = ScenarioTable.rowsOf(work.header);
        bool optionless = work.floors.length == 0;
        // Safe: exposures are below 2^160, moves below 2^16, and the options' P&L in quanta below 2^160.
        unchecked {
            for (uint256 column; column < work.exposures.length; ++column) {
                int256 exposure = work.exposures[column];
                if (optionless && exposure == 0) continue;
                uint256 moves = ScenarioTable.wordAt(work.table, ScenarioTable.floorAt(rows, column));
                int256 up = _moved(exposure, moves >> 240);
                int256 down = _moved(exposure, uint16(moves >> 224));
                if (!optionless) {
                    (int256 withUp, int256 withDown) = ArrayLanes.least(work.floors[column]);
                    up += withUp * int256(ArrayBlob.QUANTUM);
                    down += withDown * int256(ArrayBlob.QUANTUM);
                }
                int256 least = up < down ? up : down;
                if (-least > int256(largest)) largest = uint256(-least);
            }
        }
    }

    /// @dev P&L of an exposure, 1e18, rounded down. @param move 1 + the relative move, in `UNIT`ths.
    function _moved(int256 exposure, uint256 move) private pure returns (int256) {
        // Safe: exposures are below 2^160, moves below 2^16.
        unchecked {
            return Rounding.divFloor(exposure * (int256(move) - int256(ScenarioTable.UNIT)), int256(ScenarioTable.UNIT));
        }
    }

    function _columnOf(uint256 header, uint256 asset) internal pure returns (uint256 column) {
        uint256 columns = ScenarioTable.columnsOf(header);
        uint256 assets = ScenarioTable.assetsOf(header);
        // Safe: there are at most 16.
        unchecked {
            for (; column < columns; ++column) {
                if (assets >> 248 == asset) return column;
                assets <<= 8;
            }
        }
        revert Margin_NoColumn(uint8(asset));
    }
}
