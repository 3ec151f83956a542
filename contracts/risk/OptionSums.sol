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
    /// @dev Where a record's first word has gamma and vega.
    uint256 private constant GAMMA = 0xffffffff << 64;
    uint256 private constant VEGA = 0xffffffff << 32;
    /// @dev Net sizes, a word for calls and puts of a strike: an entry's slot and strike are eight adjacent bits, the key of its word.
    uint256 private constant NETS = 256;

    /// @dev One expiry's arrays and what the account's options in it add up to. Sums share words, so that one multiplication adds to all of a word's;
    ///      the functions at the end take them apart.
    /// @param records Place of the first record in memory. @param size Bytes of one; 0 where the slot is empty or has expired. @param count Strikes.
    /// @param nets Net lots: calls + 2^128 * puts.
    /// @param worth 2^128 * value + delta: lots times 1e-9 USDC, rounded down, and lots times 1e9, of net calls.
    /// @param risks 2^160 * gamma + 2^64 * vega + gross: |net lots| times the record's gamma and vega, and |net lots|.
    /// @param drift Lots times 1e-9 USDC.
    /// @param first, second The header's words, as `ArrayBlob` has them. @param column The underlying's in the table of scenarios.
    /// @param floors The underlying's, over all its expiries.
    struct Series {
        uint256 records;
        uint256 size;
        uint256 count;
        uint256 nets;
        int256 worth;
        uint256 risks;
        uint256 drift;
        uint256 first;
        uint256 second;
        uint256 column;
        ArrayLanes.Floors floors;
        MarkCarry.Move move;
    }

    /// @notice Fills the series' sums.
    /// @param series One per slot, all eight; `count` is 0 where the slot is empty. @param floors Those of all series, each once.
    /// @param rows K, the arrays' own.
    /// @param options The account's, as `OptionBook` lays them out; at most `OptionBook.MAX_OPTIONS`.
    /// @return profits P&L in each row, 1e-6 USDC, of the net calls: the puts' forwards are not in it.
    function sum(
        Series[] memory series,
        ArrayLanes.Floors[] memory floors,
        uint256 rows,
        uint256[] calldata options
    )
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
                net := mload(add(nets, key))
                mstore(add(nets, key), 0) // so that a key that is listed twice counts once
                key := shr(5, key)
                s := mload(add(add(series, 32), shl(5, and(key, 7)))) // there are eight
            }
            if (net != 0) _addStrike(s, key, net, terms, profits);
        }
        ArrayLanes.close(terms, floors, profits);
        for (uint256 slot; slot < OptionBook.MAX_SERIES;) {
            assembly ("memory-safe") {
                slot := add(slot, 1)
                s := mload(add(series, shl(5, slot)))
            }
            if (s.nets != 0) _close(s);
        }
    }

    /// @dev Takes the puts' forwards off their strikes: rounded up for net long puts, as the forward was rounded down.
    function _close(Series memory s) private pure {
        int256 puts = putsOf(s);
        // Safe: puts are below 2^60, forwards below 2^65.
        unchecked {
            s.worth -= puts * (puts > 0 ? s.move.forward + 1 : s.move.forward) << 128;
        }
    }

    // ------------------------------------------------------------ netting

    /// @dev Adds entries up by strike, to calls + 2^128 * puts. Two entries a round: behind the last one a word has zeros, which are nothing of the
    ///      first strike.
    /// @return nets Place of the net sizes. @return held, end Places of the list of those that are held, each at least once: 32 * key, its word's
    ///         distance from `nets`.
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
            mstore(0x40, add(held, shl(5, add(entries, 1))))
            calldatacopy(nets, calldatasize(), mul(NETS, 32))
            for { let place := add(options.offset, shl(5, from)) } entries { place := add(place, 32) } {
                let word := calldataload(place)
                switch lt(entries, 4)
                case 0 { entries := sub(entries, 4) }
                default {
                    let above := sub(256, shl(6, entries)) // bits behind the last entry
                    word := shr(above, shl(above, word))
                    entries := 0
                }
                for {} word { word := shr(128, word) } {
                    let key := and(shl(4, word), 0x1fe0) // bits 1-8, times 32
                    let at := add(nets, key)
                    let net := mload(at)
                    if iszero(net) {
                        mstore(end, key)
                        end := add(end, 32)
                    }
                    mstore(at, add(net, shl(and(shl(7, word), 0x80), sar(9, signextend(7, word)))))

                    key := and(shr(60, word), 0x1fe0)
                    at := add(nets, key)
                    net := mload(at)
                    if iszero(net) {
                        mstore(end, key)
                        end := add(end, 32)
                    }
                    mstore(at, add(net, shl(and(shr(57, word), 0x80), sar(73, signextend(15, word)))))
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
        if (s.size == 0) return; // expired: valued elsewhere
        // Safe: |lots| < 2^55, strikes, marks and widths below 2^65, the other parts of a record's first word 32 bits; with 64 strikes a value is
        // below 2^127, delta, gamma and vega below 2^94, gross below 2^62: sums that share a word do not touch.
        unchecked {
            uint256 record = s.records + (key >> 3) * s.size;
            s.nets += net;
            uint256 word;
            int256 lots;
            int256 puts;
            assembly ("memory-safe") {
                word := mload(record)
                lots := signextend(15, net)
                puts := sar(128, sub(net, lots))
            }
            int256 worth = puts * int256(word >> 192) << 128;
            lots += puts;
            if (lots == 0) {
                s.worth += worth;
                return;
            }
            (int256 mark, uint256 width) = MarkCarry.carry(word, s.move);
            uint256 turned = uint256(lots >> 255);
            mark += MarkCarry.FLOORED & int256(turned); // what rounding may have taken, for a short
            s.worth += worth + lots * (mark << 128 | int256(uint256(uint32(word >> 96))));
            uint256 many = (uint256(lots) ^ turned) - turned; // |lots|
            s.risks += many * ((word & GAMMA) << 96 | (word & VEGA) << 32 | 1);
            if (width != 0) s.drift += many * width;
            ArrayLanes.add(terms, s.floors, profits, record + 32, many * uint32(word), turned);
        }
    }

    // ------------------------------------------------------------ a series' sums

    /// @notice The first word of a strike's record; the strike is below `count`.
    function recordWord(Series memory s, uint256 strike) internal pure returns (uint256 word) {
        uint256 record = s.records + strike * s.size;
        assembly ("memory-safe") {
            word := mload(record)
        }
    }

    /// @notice Net lots of calls.
    function callsOf(Series memory s) internal pure returns (int256) {
        return int128(uint128(s.nets));
    }

    /// @notice Net lots of puts.
    function putsOf(Series memory s) internal pure returns (int256) {
        // Safe: it takes the lower half off.
        unchecked {
            return (int256(s.nets) - callsOf(s)) >> 128;
        }
    }

    /// @notice Lots times 1e-9 USDC, rounded down.
    function valueOf(Series memory s) internal pure returns (int256) {
        unchecked {
            return (s.worth - deltaOf(s)) >> 128;
        }
    }

    /// @notice Lots times 1e9, of net calls.
    function deltaOf(Series memory s) internal pure returns (int256) {
        return int128(uint128(uint256(s.worth)));
    }

    /// @notice Sum of |net lots|.
    function grossOf(Series memory s) internal pure returns (uint256) {
        return uint64(s.risks);
    }

    /// @notice Sum of |net lots| times vega, 1e9.
    function vegaOf(Series memory s) internal pure returns (uint256) {
        return uint96(s.risks >> 64);
    }

    /// @notice Sum of |net lots| times gamma, 1e6.
    function gammaOf(Series memory s) internal pure returns (uint256) {
        return s.risks >> 160;
    }
}
