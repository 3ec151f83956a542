// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {FixedPointMathLib} from "solady/src/utils/FixedPointMathLib.sol";

import {IRiskArraysErrors} from "../interfaces/IRiskArrays.sol";
import {IScenarioBook} from "../interfaces/IScenarioBook.sol";
import {ArrayBlob} from "./ArrayBlob.sol";
import {Black76} from "./Black76.sol";
import {ScenarioTable} from "./ScenarioTable.sol";
import {Svi} from "./Svi.sol";

/// @title Prices strikes under every scenario
/// @notice A scenario multiplies the forward and each strike's volatility: the volatility sticks to the strike, no time passes, rates are zero.
///
///             P&L = forward * (f * c(f * forward, vol') - c(forward, vol)) * lot         f = 1 + spot move
///             vol' = min(5, vol * max(0.05, 1 + vol move * (30 days / max(remaining, 1 day))^p))
library ArrayBuilder {
    uint256 private constant WAD = 1e18;
    uint256 private constant UNMOVED = ScenarioTable.UNIT;
    /// @dev One unit of a move, 1e18.
    int256 private constant MOVE_UNIT = int256(WAD / UNMOVED);
    uint256 private constant MIN_FACTOR = 0.05e18;
    /// @dev Volatilities are kept within 1% and 500% a year.
    uint256 private constant MIN_VOL = 0.01e18;
    uint256 private constant MAX_VOL = 5e18;
    uint256 private constant YEAR = 365 days;
    /// @dev From the product of an entry's sum, the forward and the lot to 1e-6 USDC: moves are in 1/8000, values, forward and lot in 1e18.
    uint256 private constant SCALE = UNMOVED * WAD * WAD * ArrayBlob.QUANTUM;

    /// @param forward USDC 1e18 now; `signedForward` where the surface reads strikes off. @param remaining Seconds now, `signedRemaining` when the
    ///        surface was signed: volatility stays, so variance is in proportion. @param lot Units, 1e18.
    struct Market {
        uint256 forward;
        uint256 signedForward;
        uint256 remaining;
        uint256 signedRemaining;
        uint256 lot;
        Svi.Slice slice;
    }

    /// @dev What all strikes share. A row is four words at `first` and every ROW bytes on, the floor's four rows first: 1 + spot move in 1/8000;
    ///      its logarithm, 1e18; the volatility's factor, 1e18; and, of the strike at hand, the P&L per unit of the forward in 1/8000 of 1e18.
    struct Rows {
        uint256 first;
        uint256 end;
        int256 logForward;
        int256 logSignedForward;
        uint256 rootTime; // sqrt(years), 1e18
    }

    uint256 private constant ROW = 128;

    // ------------------------------------------------------------ rows

    /// @param table The data of a scenario table. @param column The underlying's.
    function prepare(Market memory market, bytes memory table, uint256 column) internal pure returns (Rows memory rows) {
        rows.logForward = FixedPointMathLib.lnWad(int256(market.forward));
        rows.logSignedForward = FixedPointMathLib.lnWad(int256(market.signedForward));
        rows.rootTime = FixedPointMathLib.sqrt(market.remaining * WAD * WAD / YEAR);
        uint256 header = ScenarioTable.wordAt(table, 0);
        uint256 count = ScenarioTable.rowsOf(header);
        bytes memory room = new bytes((ArrayBlob.FLOOR_ROWS + count) * ROW);
        uint256 first;
        assembly ("memory-safe") {
            first := add(room, 32)
        }
        (rows.first, rows.end) = (first, first + room.length);
        int256 term = _termOf(market.remaining, ScenarioTable.termPowerOf(header));
        IScenarioBook.Floor memory extreme = ScenarioTable.floorOf(table, count, column);
        _set(rows, 0, extreme.up, extreme.volUp, term);
        _set(rows, 1, extreme.up, extreme.volDown, term);
        _set(rows, 2, extreme.down, extreme.volUp, term);
        _set(rows, 3, extreme.down, extreme.volDown, term);
        (uint256 spotAt, uint256 volAt) = (ScenarioTable.spotAt(count, column), ScenarioTable.volAt(count, column));
        for (uint256 s; s < count; ++s) {
            uint256 spot = ScenarioTable.entryAt(table, spotAt, s);
            _set(rows, ArrayBlob.FLOOR_ROWS + s, spot, ScenarioTable.entryAt(table, volAt, s), term);
        }
    }

    /// @dev (30 days / max(remaining, 1 day))^p, 1e18; `power` is p in 1e4.
    function _termOf(uint256 remaining, uint256 power) private pure returns (int256) {
        uint256 tenor = remaining < 1 days ? 1 days : remaining;
        return FixedPointMathLib.powWad(int256(30 days * WAD / tenor), int256(power * 1e14));
    }

    function _set(Rows memory rows, uint256 i, uint256 spot, uint256 vol, int256 term) private pure {
        int256 log = FixedPointMathLib.lnWad(int256(spot) * MOVE_UNIT);
        int256 factor = int256(WAD) + (int256(vol) - int256(UNMOVED)) * MOVE_UNIT * term / int256(WAD);
        if (factor < int256(MIN_FACTOR)) factor = int256(MIN_FACTOR);
        uint256 row = rows.first + i * ROW;
        assembly ("memory-safe") {
            mstore(row, spot)
            mstore(add(row, 32), log)
            mstore(add(row, 64), factor)
        }
    }

    /// @notice v = vol * sqrt(years) of a strike, 1e18, with its volatility within bounds.
    function deviationOf(Market memory market, Rows memory rows, int256 logStrike) internal pure returns (uint256) {
        return _within(market, Svi.totalVariance(market.slice, logStrike - rows.logSignedForward), rows.rootTime);
    }

    /// @notice v at the signed forward, 1e18.
    function deviationAtForward(Market memory market) internal pure returns (uint256) {
        int256 w = Svi.totalVariance(market.slice, 0);
        return _within(market, w, FixedPointMathLib.sqrt(market.remaining * WAD * WAD / YEAR));
    }

    /// @dev The root of what is left of a total variance, kept to volatilities within bounds. A surface has a second left when it is signed.
    function _within(Market memory market, int256 w, uint256 rootTime) private pure returns (uint256 v) {
        if (w > 0) v = FixedPointMathLib.sqrt(uint256(w) * market.remaining / market.signedRemaining * WAD);
        uint256 least = MIN_VOL * rootTime / WAD;
        uint256 most = MAX_VOL * rootTime / WAD;
        return v < least ? least : v > most ? most : v;
    }

    // ------------------------------------------------------------ records

    /// @notice Writes a strike's record at a place in memory.
    /// @param strike USDC 1e18. @param record Room for `ArrayBlob.recordSize` bytes; what follows them may be overwritten with zeros.
    function write(Market memory market, Rows memory rows, uint256 strike, uint256 record) internal pure {
        int256 logStrike = FixedPointMathLib.lnWad(int256(strike));
        int256 moneyness = rows.logForward - logStrike;
        uint256 ratio = strike * WAD / market.forward;
        uint256 v = deviationOf(market, rows, logStrike);
        (uint256 value, uint256 delta, uint256 density) = Black76.callWithGreeks(moneyness, ratio, v);
        uint256 size = market.forward * market.lot;
        uint256 scale = _price(rows, moneyness, ratio, v, value) * size / (SCALE * ArrayBlob.LARGEST) + 1;
        if (scale > type(uint32).max) revert IRiskArraysErrors.RiskArrays_LotBounds(strike, scale, type(uint32).max);
        _writeEntries(rows, size, SCALE * scale, record + 32);
        uint256 word = ((strike / ArrayBlob.PRICE_UNIT) << 192)
            | ((value * market.forward / (WAD * ArrayBlob.PRICE_UNIT)) << 128) | ((delta / 1e9) << 96)
            | (_capped(density * 1e6 / (v == 0 ? 1 : v)) << 64) | (_capped(density * v / (WAD * 1e9)) << 32) | scale;
        assembly ("memory-safe") {
            mstore(record, word)
        }
    }

    /// @dev Fills the rows' P&L and returns the largest in magnitude.
    function _price(Rows memory rows, int256 moneyness, uint256 ratio, uint256 v, uint256 value)
        private
        pure
        returns (uint256 largest)
    {
        uint256 most = MAX_VOL * rows.rootTime / WAD;
        uint256 end = rows.end;
        // Safe: moves are below 2^16, values at most 1e18, ratios below 2^128, v and factors below 2^70.
        unchecked {
            uint256 unmoved = UNMOVED;
            value *= unmoved;
            for (uint256 row = rows.first; row < end; row += ROW) {
                (uint256 move, int256 log, uint256 moved) = _read(row);
                moved = v * moved / WAD;
                if (moved > most) moved = most;
                uint256 strike; // over the forward then, 1e18
                assembly ("memory-safe") {
                    strike := div(mul(ratio, unmoved), move) // which is not zero
                }
                int256 profit = int256(move * Black76.call(moneyness + log, strike, moved)) - int256(value);
                assembly ("memory-safe") {
                    mstore(add(row, 96), profit)
                }
                uint256 magnitude = uint256(profit < 0 ? -profit : profit);
                if (magnitude > largest) largest = magnitude;
            }
        }
    }

    function _read(uint256 row) private pure returns (uint256 move, int256 log, uint256 factor) {
        assembly ("memory-safe") {
            move := mload(row)
            log := mload(add(row, 32))
            factor := mload(add(row, 64))
        }
    }

    /// @dev The floor's four entries in the high bits of a word, then the others, sixteen to a word; the first of those overwrites the rest of the
    ///      floor's.
    function _writeEntries(Rows memory rows, uint256 size, uint256 step, uint256 place) private pure {
        // Safe: |P&L| * size <= LARGEST * step by the choice of the scale.
        unchecked {
            uint256 row = rows.first;
            uint256 end = row + ArrayBlob.FLOOR_ROWS * ROW;
            _writeWord(row, end, size, step, place);
            assembly ("memory-safe") {
                mstore(place, shl(192, mload(place)))
            }
            place += 2 * ArrayBlob.FLOOR_ROWS;
            for (row = end; row < rows.end; row = end) {
                end = row + ArrayBlob.LANES * ROW;
                _writeWord(row, end, size, step, place);
                place += 32;
            }
        }
    }

    /// @dev A word of the entries of some rows, the last in the lowest bits. Numerators are positive, entries below 2^16, products below
    ///      2^77 * 2^156: nothing wraps.
    function _writeWord(uint256 row, uint256 end, uint256 size, uint256 step, uint256 place) private pure {
        uint256 offset = ArrayBlob.ZERO * step;
        assembly ("memory-safe") {
            let word := 0
            for {} lt(row, end) { row := add(row, ROW) } {
                word := or(shl(16, word), div(add(mul(mload(add(row, 96)), size), offset), step))
            }
            mstore(place, word)
        }
    }

    function _capped(uint256 value) private pure returns (uint256) {
        return value < type(uint32).max ? value : type(uint32).max;
    }
}
