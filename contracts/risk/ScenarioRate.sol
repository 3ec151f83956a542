// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {IScenarioBook} from "../interfaces/IScenarioBook.sol";
import {E6, WAD} from "../libraries/Constants.sol";
import {DirectionText} from "./DirectionText.sol";
import {ScenarioTable} from "./ScenarioTable.sol";

/// @title How fast one scenario table may follow another
/// @notice A direction is a vector of exposures: +-1 unit of one underlying's spot (delta) or volatility (vega), and of each two of them. A table's
///         loss along it is the largest weighted loss of its rows, at least 0. From one table to the next it changes by at most a part of the old
///         loss, and `TOLERANCE` besides. The same holds for the size of each of the floor's moves, which no row could show. Underlyings that the
///         old table does not have are exempt, and so are their pairs.
/// @dev Losses are exact integers of weight (1e4) x move (1/8000): nothing is rounded.
///      Warning: the largest loss says how a table with a tail of one margins. So the tail may not change at all, and termPower by little.
library ScenarioRate {
    /// @dev A weight of one and a move of 100%.
    uint256 internal constant ONE = ScenarioTable.E4 * ScenarioTable.UNIT;
    /// @dev 0.1% of the exposure: what a loss of zero may become at once.
    uint256 internal constant TOLERANCE = ONE / 1000;
    /// @dev Exact.
    uint256 private constant TO_WAD = WAD / ONE;
    /// @dev 0.05: it changes the vol move of a one-day option by a factor of 30^0.05 = 1.19 at most.
    uint256 internal constant MAX_TERM_STEP = 500;

    /// @param kind "delta" or "vega". @param header The old table's. @param maxChange 1e6.
    /// @param moves, previous By column of the old table: the rows' weighted moves, new and old.
    struct Side {
        string kind;
        uint256 header;
        uint256 maxChange;
        int256[][] moves;
        int256[][] previous;
    }

    /// @notice Reverts with the first thing of packed table `next` that may not follow `previous`.
    /// @param maxChange 1e6.
    function check(bytes memory previous, bytes memory next, uint256 maxChange) internal pure {
        uint256 header = ScenarioTable.wordAt(previous, 0);
        _checkShape(header, ScenarioTable.wordAt(next, 0));
        uint256[] memory places = _placesOf(header, ScenarioTable.wordAt(next, 0));
        _checkFloors(previous, next, places, maxChange);
        Side memory side = Side("delta", header, maxChange, new int256[][](0), new int256[][](0));
        for (uint256 i; i < 2; ++i) {
            bool vol = i == 1;
            if (vol) side.kind = "vega";
            side.moves = new int256[][](places.length);
            side.previous = new int256[][](places.length);
            for (uint256 c; c < places.length; ++c) {
                side.moves[c] = _weighted(next, places[c], vol);
                side.previous[c] = _weighted(previous, c, vol);
            }
            _checkSide(side);
        }
    }

    function _checkShape(uint256 header, uint256 next) private pure {
        uint256 tail = ScenarioTable.tailOf(header);
        if (ScenarioTable.tailOf(next) != tail) revert IScenarioBook.Scenario_Tail(ScenarioTable.tailOf(next), tail);
        uint256 power = ScenarioTable.termPowerOf(next);
        uint256 before = ScenarioTable.termPowerOf(header);
        if (power > before + MAX_TERM_STEP) {
            revert IScenarioBook.Scenario_TermPower(power, before + MAX_TERM_STEP);
        }
        if (power + MAX_TERM_STEP < before) {
            revert IScenarioBook.Scenario_TermPower(power, before - MAX_TERM_STEP);
        }
    }

    /// @dev Where each of the old table's columns is in the new one: both ascend.
    function _placesOf(uint256 header, uint256 next) private pure returns (uint256[] memory places) {
        uint256 columns = ScenarioTable.columnsOf(next);
        places = new uint256[](ScenarioTable.columnsOf(header));
        uint256 at;
        for (uint256 c; c < places.length; ++c) {
            uint8 asset = ScenarioTable.assetOf(header, c);
            while (at < columns && ScenarioTable.assetOf(next, at) < asset) ++at;
            if (at == columns || ScenarioTable.assetOf(next, at) != asset) {
                revert IScenarioBook.Scenario_ColumnRemoved(asset);
            }
            places[c] = at;
        }
    }

    // ------------------------------------------------------------ floors

    function _checkFloors(bytes memory previous, bytes memory next, uint256[] memory places, uint256 maxChange)
        private
        pure
    {
        uint256 header = ScenarioTable.wordAt(previous, 0);
        uint256 rows = ScenarioTable.rowsOf(header);
        uint256 nextRows = ScenarioTable.rowsOf(ScenarioTable.wordAt(next, 0));
        for (uint256 c; c < places.length; ++c) {
            uint256 asset = ScenarioTable.assetOf(header, c);
            IScenarioBook.Floor memory old = ScenarioTable.floorOf(previous, rows, c);
            IScenarioBook.Floor memory made = ScenarioTable.floorOf(next, nextRows, places[c]);
            _checkFloorMove("up", asset, old.up, made.up, maxChange);
            _checkFloorMove("down", asset, old.down, made.down, maxChange);
            _checkFloorMove("volUp", asset, old.volUp, made.volUp, maxChange);
            _checkFloorMove("volDown", asset, old.volDown, made.volDown, maxChange);
        }
    }

    function _checkFloorMove(string memory field, uint256 asset, uint256 old, uint256 made, uint256 maxChange)
        private
        pure
    {
        uint256 before = _distance(old, ScenarioTable.UNIT) * ScenarioTable.E4;
        uint256 loss = _distance(made, ScenarioTable.UNIT) * ScenarioTable.E4;
        if (!_isSlow(before, loss, maxChange)) _refuse(DirectionText.ofFloor(field, asset), loss, before, maxChange);
    }

    // ------------------------------------------------------------ rows

    /// @dev weight x move of each row of a column, 1 / `ONE`.
    function _weighted(bytes memory data, uint256 column, bool vol) private pure returns (int256[] memory moves) {
        uint256 rows = ScenarioTable.rowsOf(ScenarioTable.wordAt(data, 0));
        uint256 at = vol ? ScenarioTable.volAt(rows, column) : ScenarioTable.spotAt(rows, column);
        moves = new int256[](rows);
        // Unchecked: 16-bit numbers, and rows below the list's length.
        unchecked {
            for (uint256 s; s < rows; s += ScenarioTable.LANES) {
                uint256 weights = ScenarioTable.wordAt(data, ScenarioTable.WEIGHTS_AT + 2 * s);
                uint256 list = ScenarioTable.wordAt(data, at + 2 * s);
                for (uint256 lane; lane < ScenarioTable.LANES; ++lane) {
                    uint256 shift = 240 - 16 * lane;
                    int256 move = int256(list >> shift & 0xffff) - int256(ScenarioTable.UNIT);
                    moves[s + lane] = int256(weights >> shift & 0xffff) * move;
                }
            }
        }
    }

    function _checkSide(Side memory side) private pure {
        for (uint256 i; i < side.moves.length; ++i) {
            (uint256 short, uint256 long) = _losses(side.moves[i]);
            (uint256 shortBefore, uint256 longBefore) = _losses(side.previous[i]);
            _checkSingle(side, i, false, short, shortBefore);
            _checkSingle(side, i, true, long, longBefore);
            for (uint256 j = i + 1; j < side.moves.length; ++j) {
                (uint256[4] memory losses) = _pairLosses(side.moves[i], side.moves[j]);
                (uint256[4] memory before) = _pairLosses(side.previous[i], side.previous[j]);
                _checkPair(side, i, j, losses, before);
            }
        }
    }

    function _checkSingle(Side memory side, uint256 i, bool long, uint256 loss, uint256 before) private pure {
        if (_isSlow(before, loss, side.maxChange)) return;
        uint256 asset = ScenarioTable.assetOf(side.header, i);
        _refuse(DirectionText.single(side.kind, long, asset), loss, before, side.maxChange);
    }

    function _checkPair(Side memory side, uint256 i, uint256 j, uint256[4] memory losses, uint256[4] memory before)
        private
        pure
    {
        for (uint256 k; k < 4; ++k) {
            if (_isSlow(before[k], losses[k], side.maxChange)) continue;
            uint256 first = ScenarioTable.assetOf(side.header, i);
            uint256 second = ScenarioTable.assetOf(side.header, j);
            bytes32 text = DirectionText.pair(side.kind, k & 1 != 0, first, k & 2 != 0, second);
            _refuse(text, losses[k], before[k], side.maxChange);
        }
    }

    /// @dev The largest losses of a short and of a long unit, 1 / `ONE`.
    function _losses(int256[] memory moves) private pure returns (uint256 short, uint256 long) {
        int256 low;
        int256 high;
        // Unchecked: an index below the length, and minus a number above -2^32.
        unchecked {
            for (uint256 s; s < moves.length; ++s) {
                if (moves[s] < low) low = moves[s];
                if (moves[s] > high) high = moves[s];
            }
            return (uint256(high), uint256(-low));
        }
    }

    /// @dev The largest losses of both short, of the first long and the second short, the other way round, and of both long.
    ///      In assembly, because this is nearly all of a proposal's gas: it reads only the words of two lists of one length, and the sum and
    ///      difference of two numbers below 2^32 in size cannot overflow.
    function _pairLosses(int256[] memory first, int256[] memory second)
        private
        pure
        returns (uint256[4] memory losses)
    {
        assembly ("memory-safe") {
            let highSum := 0
            let lowSum := 0
            let highGap := 0
            let lowGap := 0
            let gap := sub(second, first)
            let last := add(first, shl(5, mload(first)))
            for { let at := first } lt(at, last) {} {
                at := add(at, 0x20)
                let a := mload(at)
                let b := mload(add(at, gap))
                let sum := add(a, b)
                if sgt(sum, highSum) { highSum := sum }
                if slt(sum, lowSum) { lowSum := sum }
                let difference := sub(a, b)
                if sgt(difference, highGap) { highGap := difference }
                if slt(difference, lowGap) { lowGap := difference }
            }
            mstore(losses, highSum)
            mstore(add(losses, 0x20), sub(0, lowGap))
            mstore(add(losses, 0x40), highGap)
            mstore(add(losses, 0x60), sub(0, lowSum))
        }
    }

    // ------------------------------------------------------------ the limit

    function _isSlow(uint256 before, uint256 loss, uint256 maxChange) private pure returns (bool) {
        return _distance(before, loss) * E6 <= before * maxChange + TOLERANCE * E6;
    }

    function _distance(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? b - a : a - b;
    }

    function _refuse(bytes32 direction, uint256 loss, uint256 before, uint256 maxChange) private pure {
        revert IScenarioBook.Scenario_RateLimit(direction, loss * TO_WAD, before * TO_WAD, maxChange);
    }
}
