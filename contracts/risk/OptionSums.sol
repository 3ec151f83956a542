// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {IMarginErrors} from "../interfaces/IMarginEngine.sol";
import {ArrayBlob} from "./ArrayBlob.sol";
import {ArrayLanes} from "./ArrayLanes.sol";
import {MarkCarry} from "./MarkCarry.sol";
import {OptionBook} from "./OptionBook.sol";

/// @title Sums over an account's options: scenario P&L, marks and gross risks
/// @notice A put is a call less the forward. So positions are first netted by strike, in calls, and the puts' forwards go to the linear exposure;
///         then each strike's array is multiplied by its net size and added up. A box or a conversion nets to nothing before anything is
///         rounded.
/// @dev `contracts/test/NaiveOptions.sol` does the same one by one; a fuzz compares them.
library OptionSums {
    /// @dev Strikes of a series in the table of net sizes, a word each.
    uint256 private constant STRIKES = 32;

    /// @dev One expiry's arrays and what the account's options in it add up to.
    /// @param records Place of the first record in memory. @param size Bytes of one. @param count Strikes.
    /// @param puts, calls Net lots. @param value Lots times 1e-9 USDC, rounded down. @param delta Lots times 1e9, of net calls.
    /// @param gross Sum of |net lots|; `vega` and `gamma` the same times the record's. @param drift Lots times 1e-9 USDC.
    /// @param floors P&L in the floor's four moves, 1e-6 USDC.
    struct Series {
        uint256 records;
        uint256 size;
        uint256 count;
        int256 puts;
        int256 calls;
        int256 value;
        int256 delta;
        uint256 gross;
        uint256 vega;
        uint256 gamma;
        uint256 drift;
        int256[4] floors;
        MarkCarry.Move move;
        ArrayBlob.Header header;
    }

    /// @notice Fills the series' sums.
    /// @param series One per slot, all eight; `count` is 0 where the slot is empty. @param rows K, the arrays' own.
    /// @param options The account's, as `OptionBook` lays them out.
    /// @return profits P&L in each row, 1e-6 USDC, of the net calls: the puts' forwards are not in it.
    function sum(Series[] memory series, uint256 rows, uint256[] memory options)
        internal
        pure
        returns (int256[] memory profits)
    {
        profits = new int256[](rows);
        if (options.length == 0) return profits;
        uint256 nets = _net(series, options);
        ArrayLanes.Sums memory lanes = ArrayLanes.open(rows);
        for (uint256 slot; slot < OptionBook.MAX_SERIES; ++slot) {
            Series memory s = series[slot];
            if (s.count == 0) continue;
            _close(s);
            _addStrikes(s, nets + slot * STRIKES * 32, lanes, profits);
        }
        ArrayLanes.close(lanes, profits);
    }

    // ------------------------------------------------------------ netting

    /// @dev Adds calls and puts up by strike, and the puts' strikes by series.
    /// @return nets Place of the table of net sizes.
    function _net(Series[] memory series, uint256[] memory options) private pure returns (uint256 nets) {
        uint256 wrong;
        uint256 entries = options[OptionBook.COUNT_AT];
        uint256 from = OptionBook.ENTRIES_AT;
        // Net sizes are sums of at most 64 entries below 2^54; strikes are below 2^64. The slot is below 8, the strike below 32.
        assembly ("memory-safe") {
            nets := mload(0x40)
            let size := mul(8, mul(STRIKES, 32))
            mstore(0x40, add(nets, size))
            calldatacopy(nets, calldatasize(), size)
            let place := add(options, shl(5, add(from, 1)))
            let word
            for { let i := 0 } lt(i, entries) { i := add(i, 1) } {
                switch and(i, 3)
                case 0 {
                    word := mload(place)
                    place := add(place, 32)
                }
                default { word := shr(64, word) }
                let lots := sar(9, signextend(7, word))
                let strike := and(shr(4, word), 31)
                let slot := and(shr(1, word), 7)
                let s := mload(add(add(series, 32), shl(5, slot)))
                let net := add(nets, shl(5, or(shl(5, slot), strike)))
                mstore(net, add(mload(net), lots))
                let side := add(s, sub(128, shl(5, and(word, 1)))) // calls, or puts
                mstore(side, add(mload(side), lots))
                switch lt(strike, mload(add(s, 64)))
                case 0 { wrong := 1 }
                default {
                    if and(word, 1) {
                        let record := add(mload(s), mul(strike, mload(add(s, 32))))
                        let value := add(s, 160)
                        mstore(value, add(mload(value), mul(lots, shr(192, mload(record)))))
                    }
                }
            }
        }
        if (wrong != 0) _revertNoArray(series, options, entries);
    }

    function _revertNoArray(Series[] memory series, uint256[] memory options, uint256 entries) private pure {
        for (uint256 i; i < entries; ++i) {
            uint256 entry = OptionBook.entryAt(options[OptionBook.ENTRIES_AT + (i >> 2)], i);
            (uint256 slot, uint256 strike) = (OptionBook.slotOf(entry), OptionBook.strikeOf(entry));
            if (strike >= series[slot].count) revert IMarginErrors.Margin_NoArray(slot, strike);
        }
    }

    /// @dev The puts' forwards, taken off their strikes: rounded up for net long puts, as the forward was rounded down.
    function _close(Series memory s) private pure {
        unchecked {
            s.value -= s.puts * (s.puts > 0 ? s.move.forward + 1 : s.move.forward);
        }
    }

    // ------------------------------------------------------------ strikes

    function _addStrikes(Series memory s, uint256 net, ArrayLanes.Sums memory lanes, int256[] memory profits) private pure {
        uint256 record = s.records;
        uint256 size = s.size;
        ArrayLanes.Floors memory floors;
        // Safe: |net| < 2^60, marks and widths below 2^65, the other parts of a record's first word 32 bits.
        unchecked {
            for (uint256 end = net + 32 * s.count; net < end; net += 32) {
                int256 lots;
                uint256 word;
                assembly ("memory-safe") {
                    lots := mload(net)
                    word := mload(record)
                }
                if (lots != 0) {
                    uint256 many = _addGross(s, lots, word);
                    ArrayLanes.add(lanes, floors, profits, record + 32, many * uint32(word), lots > 0);
                }
                record += size;
            }
        }
        ArrayLanes.closeFloors(floors, s.floors);
    }

    /// @dev Value and gross risks of a strike's net calls; returns |lots|.
    function _addGross(Series memory s, int256 lots, uint256 word) private pure returns (uint256 many) {
        (int256 mark, uint256 width) = MarkCarry.carry(word, s.move);
        unchecked {
            many = uint256(lots > 0 ? lots : -lots);
            s.value += lots * (lots > 0 ? mark : mark + MarkCarry.FLOORED);
            s.delta += lots * int256(uint256(uint32(word >> 96)));
            s.gross += many;
            s.gamma += many * uint32(word >> 64);
            s.vega += many * uint32(word >> 32);
            if (width != 0) s.drift += many * width;
        }
    }
}
