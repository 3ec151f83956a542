// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {SSTORE2} from "solady/src/utils/SSTORE2.sol";

import {IMarginEngine} from "../interfaces/IMarginEngine.sol";
import {IRiskArrays} from "../interfaces/IRiskArrays.sol";
import {IScenarioBook} from "../interfaces/IScenarioBook.sol";
import {Rounding} from "../libraries/Rounding.sol";
import {Instrument} from "../markets/Instrument.sol";
import {ArrayBlob} from "./ArrayBlob.sol";
import {MarkCarry} from "./MarkCarry.sol";
import {OptionBook} from "./OptionBook.sol";
import {OptionSums} from "./OptionSums.sol";
import {PortfolioModel} from "./PortfolioModel.sol";
import {ScenarioLoss} from "./ScenarioLoss.sol";
import {ScenarioTable} from "./ScenarioTable.sol";

/// @title Reads tables and arrays and works a portfolio's sums out
abstract contract PortfolioMargin is IMarginEngine {
    /// @inheritdoc IMarginEngine
    IScenarioBook public immutable SCENARIOS;
    /// @inheritdoc IMarginEngine
    IRiskArrays public immutable ARRAYS;

    /// @dev The parts of one evaluation.
    struct Work {
        bytes table;
        uint256 header; // of the table
        int256[] profits; // per row, USDC 1e18
        int256[] exposures; // per column, USDC 1e18: what moves with the spot
        PortfolioModel.Gross[] gross; // per column
        int256[4][] floors; // per column: the options' P&L in the floor's moves, 1e-6 USDC
        OptionSums.Series[] series; // per slot
        int256 equity;
        int256 profit; // unsettled, where positive
        bool owes;
    }

    constructor(address scenarios_, address arrays) {
        (SCENARIOS, ARRAYS) = (IScenarioBook(scenarios_), IRiskArrays(arrays));
        emit BooksSet(scenarios_, arrays);
    }

    // ------------------------------------------------------------ the sums

    /// @dev Everything but factors and contingencies.
    function _work(Portfolio calldata portfolio) internal view returns (Work memory work) {
        (uint32 version, address table) = SCENARIOS.active();
        work.table = SSTORE2.read(table);
        work.header = ScenarioTable.wordAt(work.table, 0);
        uint256 columns = ScenarioTable.columnsOf(work.header);
        work.exposures = new int256[](columns);
        work.gross = new PortfolioModel.Gross[](columns);
        work.floors = new int256[4][](columns);
        work.equity = portfolio.cashWad;
        work.owes = portfolio.cashWad < 0;
        _addTokens(work, portfolio.tokens);
        _addLinears(work, portfolio.linears);
        _loadSeries(work, portfolio.options, version);
        work.profits = OptionSums.sum(work.series, ScenarioTable.rowsOf(work.header), portfolio.options);
        _addSeries(work, portfolio.options);
        ScenarioLoss.addLinear(work.table, work.profits, work.exposures);
    }

    function _addTokens(Work memory work, TokenLeg[] calldata tokens) private pure {
        for (uint256 i; i < tokens.length; ++i) {
            int256 value = tokens[i].valueWad;
            work.equity += value;
            work.exposures[_columnOf(work.header, uint8(tokens[i].id >> 8))] += value;
            if (value < 0) work.owes = true;
        }
    }

    function _addLinears(Work memory work, LinearLeg[] calldata linears) private pure {
        for (uint256 i; i < linears.length; ++i) {
            LinearLeg calldata leg = linears[i];
            work.equity += leg.pnlWad;
            if (leg.pnlWad > 0) work.profit += leg.pnlWad;
            if (leg.notionalWad == 0) continue;
            uint256 column = _columnOf(work.header, Instrument.asset(leg.instrument));
            work.exposures[column] += leg.notionalWad;
            PortfolioModel.Gross memory gross = work.gross[column];
            gross.linear += Rounding.abs(leg.notionalWad);
            gross.notional += Rounding.abs(leg.notionalWad);
            work.owes = true;
        }
    }

    /// @dev Copies the arrays of the series held into memory.
    function _loadSeries(Work memory work, uint256[] calldata options, uint32 version) private view {
        if (options.length == 0) return;
        uint256 word = options[OptionBook.SERIES_AT];
        work.series = new OptionSums.Series[](OptionBook.MAX_SERIES);
        work.owes = true;
        uint256 slots;
        for (uint256 rest = word; rest != 0; rest >>= 32) ++slots;
        uint32[] memory ids = new uint32[](slots);
        for (uint256 slot; slot < slots; ++slot) {
            ids[slot] = OptionBook.seriesAt(word, slot);
        }
        address[] memory blobs = ARRAYS.pointersOf(ids, version);
        for (uint256 slot; slot < slots; ++slot) {
            if (ids[slot] == 0) continue;
            if (blobs[slot] == address(0)) revert Margin_NoArrays(ids[slot]);
            _loadBlob(work.series[slot], blobs[slot], options[OptionBook.INDICES_AT + slot]);
        }
    }

    function _loadBlob(OptionSums.Series memory s, address pointer, uint256 index) private view {
        bytes memory data = SSTORE2.read(pointer);
        uint256 place;
        uint256 first;
        uint256 second;
        assembly ("memory-safe") {
            place := add(data, 32)
            first := mload(place)
            second := mload(add(place, 32))
        }
        s.header = ArrayBlob.decodeHeader(first, second);
        s.records = place + ArrayBlob.HEADER;
        s.size = ArrayBlob.recordSize(s.header.rows);
        s.count = s.header.count;
        uint256 forward = Rounding.mulDivDown(s.header.forward, index, s.header.spot);
        s.move = MarkCarry.moveOf(
            s.header.forward / ArrayBlob.PRICE_UNIT, forward / ArrayBlob.PRICE_UNIT, s.header.band
        );
    }

    /// @dev Options' value, the puts' forwards, and what is charged gross.
    function _addSeries(Work memory work, uint256[] calldata options) private pure {
        for (uint256 slot; slot < work.series.length; ++slot) {
            OptionSums.Series memory s = work.series[slot];
            if (s.count == 0) continue;
            uint32 id = OptionBook.seriesAt(options[OptionBook.SERIES_AT], slot);
            uint256 column = _columnOf(work.header, Instrument.assetOfSeries(id));
            work.equity += Rounding.mulDivFloor(s.value, s.header.lot, ArrayBlob.PRICE_UNIT);
            work.exposures[column] += Rounding.mulDivFloor(-s.puts, s.header.lot * s.header.forward, 1e18);
            PortfolioModel.addSeries(work.gross[column], s, options[OptionBook.INDICES_AT + slot]);
            int256[4] memory floors = work.floors[column];
            for (uint256 i; i < 4; ++i) {
                floors[i] += s.floors[i];
            }
        }
    }

    // ------------------------------------------------------------ the floor

    /// @dev The largest loss in the floor's moves of one underlying with all others unmoved, at least zero, 1e18.
    function _floorOf(Work memory work) internal pure returns (uint256 largest) {
        uint256 rows = ScenarioTable.rowsOf(work.header);
        int256 unit = int256(ScenarioTable.UNIT);
        // Safe: exposures are below 2^160, moves below 2^16, and the options' P&L in quanta below 2^160.
        unchecked {
            for (uint256 column; column < work.exposures.length; ++column) {
                int256 exposure = work.exposures[column];
                IScenarioBook.Floor memory moves = ScenarioTable.floorOf(work.table, rows, column);
                int256 up = _floorDiv(exposure * (int256(uint256(moves.up)) - unit), unit);
                int256 down = _floorDiv(exposure * (int256(uint256(moves.down)) - unit), unit);
                int256[4] memory profits = work.floors[column];
                int256 least = _lesser(profits[0], profits[1]) * int256(ArrayBlob.QUANTUM) + up;
                least = _lesser(least, _lesser(profits[2], profits[3]) * int256(ArrayBlob.QUANTUM) + down);
                if (-least > int256(largest)) largest = uint256(-least);
            }
        }
    }

    function _lesser(int256 a, int256 b) private pure returns (int256) {
        return a < b ? a : b;
    }

    function _floorDiv(int256 a, int256 b) private pure returns (int256 q) {
        assembly ("memory-safe") {
            q := sub(sdiv(a, b), slt(smod(a, b), 0))
        }
    }

    function _columnOf(uint256 header, uint8 asset) internal pure returns (uint256) {
        uint256 columns = ScenarioTable.columnsOf(header);
        for (uint256 column; column < columns; ++column) {
            if (ScenarioTable.assetOf(header, column) == asset) return column;
        }
        revert Margin_NoColumn(asset);
    }
}
