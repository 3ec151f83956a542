// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {IScenarioBook} from "../interfaces/IScenarioBook.sol";

/// @title What a scenario table may hold
/// @notice Moves are 1 + the relative move, in 1/8000, weights and termPower 1e4. Every bound is inclusive.
library ScenarioBounds {
    /// @dev A row list is whole words.
    uint256 internal constant ROW_MULTIPLE = 16;
    uint256 internal constant MAX_ROWS = 64;
    /// @dev The header has a byte for each.
    uint256 internal constant MAX_COLUMNS = 16;
    /// @dev Asset 0 is the quote token.
    uint256 internal constant MIN_ASSET = 1;
    uint256 internal constant MAX_ASSET = 127;
    uint256 internal constant MAX_TERM_POWER = 1e4;
    uint256 internal constant MIN_WEIGHT = 1;
    /// @dev A row may count twice at most.
    uint256 internal constant MAX_WEIGHT = 2e4;
    /// @dev -90% to +600%.
    uint256 internal constant MIN_SPOT = 800;
    uint256 internal constant MAX_SPOT = 56_000;
    /// @dev -95%, which is the least that tenor scaling leaves, to +600%.
    uint256 internal constant MIN_VOL = 400;
    uint256 internal constant MAX_VOL = 56_000;
    /// @dev The floor's moves: spot +5% to +100% and -5% to -70%, vol 0 to +200% and 0 to -80%.
    uint256 internal constant MIN_FLOOR_UP = 8_400;
    uint256 internal constant MAX_FLOOR_UP = 16_000;
    uint256 internal constant MIN_FLOOR_DOWN = 2_400;
    uint256 internal constant MAX_FLOOR_DOWN = 7_600;
    uint256 internal constant MIN_FLOOR_VOL_UP = 8_000;
    uint256 internal constant MAX_FLOOR_VOL_UP = 24_000;
    uint256 internal constant MIN_FLOOR_VOL_DOWN = 1_600;
    uint256 internal constant MAX_FLOOR_VOL_DOWN = 8_000;

    /// @notice Reverts with the first bound that a table breaks.
    function check(IScenarioBook.Table calldata table) internal pure {
        uint256 rows = table.weights.length;
        if (rows == 0 || rows % ROW_MULTIPLE != 0 || rows > MAX_ROWS) {
            revert IScenarioBook.Scenario_Rows(rows, ROW_MULTIPLE, MAX_ROWS);
        }
        _checkColumns(table.underlyings);
        _checkLength("spot columns", 0, table.spot.length, table.underlyings.length);
        _checkLength("vol columns", 0, table.vol.length, table.underlyings.length);
        _checkLength("floors", 0, table.floors.length, table.underlyings.length);
        _checkLength("names", 0, table.names.length, rows);
        if (table.tail == 0 || table.tail > rows) revert IScenarioBook.Scenario_Tail(table.tail, rows);
        if (table.termPower > MAX_TERM_POWER) {
            revert IScenarioBook.Scenario_TermPower(table.termPower, MAX_TERM_POWER);
        }
        for (uint256 s; s < rows; ++s) {
            uint256 weight = table.weights[s];
            if (weight < MIN_WEIGHT) revert IScenarioBook.Scenario_Weight(s, weight, MIN_WEIGHT);
            if (weight > MAX_WEIGHT) revert IScenarioBook.Scenario_Weight(s, weight, MAX_WEIGHT);
        }
        for (uint256 c; c < table.underlyings.length; ++c) {
            _checkMoves(table.spot[c], table.vol[c], c, rows);
            _checkFloor(table.floors[c], c);
        }
    }

    function _checkColumns(uint8[] calldata underlyings) private pure {
        uint256 columns = underlyings.length;
        if (columns == 0 || columns > MAX_COLUMNS) revert IScenarioBook.Scenario_Columns(columns, MAX_COLUMNS);
        uint256 least = MIN_ASSET;
        for (uint256 c; c < columns; ++c) {
            uint8 asset = underlyings[c];
            if (asset < least || asset > MAX_ASSET) revert IScenarioBook.Scenario_Order(c, asset);
            least = uint256(asset) + 1;
        }
    }

    function _checkMoves(uint16[] calldata spot, uint16[] calldata vol, uint256 column, uint256 rows) private pure {
        _checkLength("spot", column, spot.length, rows);
        _checkLength("vol", column, vol.length, rows);
        for (uint256 s; s < rows; ++s) {
            uint256 move = spot[s];
            if (move < MIN_SPOT) revert IScenarioBook.Scenario_Spot(s, column, move, MIN_SPOT);
            if (move > MAX_SPOT) revert IScenarioBook.Scenario_Spot(s, column, move, MAX_SPOT);
            move = vol[s];
            if (move < MIN_VOL) revert IScenarioBook.Scenario_Vol(s, column, move, MIN_VOL);
            if (move > MAX_VOL) revert IScenarioBook.Scenario_Vol(s, column, move, MAX_VOL);
        }
    }

    function _checkFloor(IScenarioBook.Floor calldata moves, uint256 column) private pure {
        _checkFloorMove(column, "up", moves.up, MIN_FLOOR_UP, MAX_FLOOR_UP);
        _checkFloorMove(column, "down", moves.down, MIN_FLOOR_DOWN, MAX_FLOOR_DOWN);
        _checkFloorMove(column, "volUp", moves.volUp, MIN_FLOOR_VOL_UP, MAX_FLOOR_VOL_UP);
        _checkFloorMove(column, "volDown", moves.volDown, MIN_FLOOR_VOL_DOWN, MAX_FLOOR_VOL_DOWN);
    }

    function _checkFloorMove(uint256 column, bytes32 field, uint256 move, uint256 low, uint256 high) private pure {
        if (move < low) revert IScenarioBook.Scenario_FloorBounds(column, field, move, low);
        if (move > high) revert IScenarioBook.Scenario_FloorBounds(column, field, move, high);
    }

    function _checkLength(bytes32 field, uint256 column, uint256 length, uint256 expected) private pure {
        if (length != expected) revert IScenarioBook.Scenario_Length(field, column, length, expected);
    }
}
