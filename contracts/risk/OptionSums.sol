// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {IMarginErrors} from "../interfaces/IMarginEngine.sol";
import {ArrayLanes} from "./ArrayLanes.sol";
import {MarkCarry} from "./MarkCarry.sol";
import {OptionBook} from "./OptionBook.sol";

/// @title Sums over an account's options: scenario P&L, marks and gross risks
/// @notice A put is a call less the forward. So positions are first netted by strike, in calls, and the puts' forwards go to the linear exposure;
///         then each strike's array is multiplied by its net size and added up. A box or a conversion nets to nothing before anything is
///         rounded.
/// @dev `contracts/test/NaiveOptions.sol` does the same one by one; a fuzz compares them.
library OptionSums {
    /// @dev Net sizes, a word for calls and puts of a strike: an entry's slot and strike are eight adjacent bits, the key of its word.
    uint256 private constant NETS = 256;

    /// @dev One expiry's arrays and what the account's options in it add up to.
    /// @param records Place of the first record in memory. @param size Bytes of one. @param count Strikes.
    /// @param puts, calls Net lots. @param value Lots times 1e-9 USDC, rounded down. @param delta Lots times 1e9, of net calls.
    /// @param gross Sum of |net lots|; `vega` and `gamma` the same times the record's. @param drift Lots times 1e-9 USDC.
    /// @param first, second The header's words, as `ArrayBlob` has them. @param column The underlying's in the table of scenarios.
    /// @param floors The underlying's, over all its expiries.
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
        uint256 first;
        uint256 second;
        uint256 column;
        ArrayLanes.Floors floors;
        MarkCarry.Move move;
    }

    /// @notice Fills the series' sums.
    /// @param series One per slot, all eight; `count` is 0 where the slot is empty. @param rows K, the arrays' own.
    /// @param options The account's, as `OptionBook` lays them out; at most `OptionBook.MAX_OPTIONS`.
    /// @return profits P&L in each row, 1e-6 USDC, of the net calls: the puts' forwards are not in it.
    function sum(Series[] memory series, uint256 rows, uint256[] calldata options)
        internal
        pure
        returns (int256[] memory profits)
    {
        profits = new int256[](rows);
        if (options.length == 0) return profits;
        uint256 entries = options[OptionBook.COUNT_AT];
        ArrayLanes.Terms memory terms = ArrayLanes.open(entries);
        (uint256 nets, uint256 held, uint256 end) = _net(options, entries);
        Series memory s = series[0];
        while (held < end) {
            uint256 key;
            uint256 net;
            assembly ("memory-safe") {
                key := mload(held)
                held := add(held, 32)
                let place := add(nets, shl(5, key))
                net := mload(place)
                mstore(place, 0) // so that a key that is listed twice counts once
                s := mload(add(add(series, 32), shl(5, and(key, 7)))) // there are eight
            }
            if (net != 0) _addStrike(s, key, net, terms, profits);
        }
        ArrayLanes.close(terms, profits);
        // Safe: puts are below 2^60, forwards below 2^65.
        unchecked {
            for (uint256 slot; slot < OptionBook.MAX_SERIES; ++slot) {
                s = series[slot];
                // the puts' forwards, taken off their strikes: rounded up for net long puts, as the forward was rounded down
                if (s.puts != 0) s.value -= s.puts * (s.puts > 0 ? s.move.forward + 1 : s.move.forward);
            }
        }
    }

    // ------------------------------------------------------------ netting

    /// @dev Adds entries up by strike, to calls + 2^128 * puts.
    /// @return nets Place of the net sizes. @return held, end Places of the list of keys of those that are held, each at least once.
    function _net(uint256[] calldata options, uint256 entries)
        private
        pure
        returns (uint256 nets, uint256 held, uint256 end)
    {
        uint256 from = OptionBook.ENTRIES_AT;
        // Sums are of at most 64 entries below 2^54: the halves of a word do not touch but for the lower one's sign. A key is below 256.
        assembly ("memory-safe") {
            nets := mload(0x40)
            held := add(nets, mul(NETS, 32))
            end := held
            mstore(0x40, add(held, shl(5, entries)))
            calldatacopy(nets, calldatasize(), mul(NETS, 32))
            for { let place := add(options.offset, shl(5, from)) } entries { place := add(place, 32) } {
                let word := calldataload(place)
                switch lt(entries, 4)
                case 0 { entries := sub(entries, 4) }
                default {
                    word := and(word, sub(shl(shl(6, entries), 1), 1))
                    entries := 0
                }
                for {} word { word := shr(64, word) } {
                    let key := and(shr(1, word), 0xff)
                    let place_ := add(nets, shl(5, key))
                    let net := mload(place_)
                    if iszero(net) {
                        mstore(end, key)
                        end := add(end, 32)
                    }
                    mstore(place_, add(net, shl(shl(7, and(word, 1)), sar(9, signextend(7, word)))))
                }
            }
        }
    }

    // ------------------------------------------------------------ strikes

    /// @dev Adds what is held of a strike: value, gross risks and P&L of its net calls, and the puts' strikes.
    /// @param key Slot and strike. @param net Calls + 2^128 * puts, in lots.
    function _addStrike(
        Series memory s,
        uint256 key,
        uint256 net,
        ArrayLanes.Terms memory terms,
        int256[] memory profits
    ) private pure {
        if (key >> 3 >= s.count) revert IMarginErrors.Margin_NoArray(key & 7, key >> 3);
        // Safe: |lots| < 2^60, strikes, marks and widths below 2^65, the other parts of a record's first word 32 bits.
        unchecked {
            int256 lots = int128(uint128(net));
            int256 puts = (int256(net) - lots) >> 128;
            uint256 record = s.records + (key >> 3) * s.size;
            uint256 word;
            assembly ("memory-safe") {
                word := mload(record)
            }
            s.calls += lots;
            if (puts != 0) {
                s.puts += puts;
                s.value += puts * int256(word >> 192);
                lots += puts;
                if (lots == 0) return;
            }
            (int256 mark, uint256 width) = MarkCarry.carry(word, s.move);
            uint256 turned = uint256(lots >> 255);
            uint256 many = (uint256(lots) ^ turned) - turned; // |lots|
            s.value += lots * (mark + (MarkCarry.FLOORED & int256(turned))); // what rounding may have taken, for a short
            s.delta += lots * int256(uint256(uint32(word >> 96)));
            s.gross += many;
            s.gamma += many * uint32(word >> 64);
            s.vega += many * uint32(word >> 32);
            if (width != 0) s.drift += many * width;
            ArrayLanes.add(terms, s.floors, profits, record + 32, many * uint32(word), turned);
        }
    }
}
