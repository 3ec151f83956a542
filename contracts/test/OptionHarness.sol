// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ArrayBlob} from "../risk/ArrayBlob.sol";
import {ArrayLanes} from "../risk/ArrayLanes.sol";
import {MarkCarry} from "../risk/MarkCarry.sol";
import {OptionBook} from "../risk/OptionBook.sol";
import {OptionSums} from "../risk/OptionSums.sol";
import {NaiveOptions} from "./NaiveOptions.sol";

/// @dev The option sums of given blobs, fast and naive, in the same words.
contract OptionHarness {
    error Unequal(bytes32 what, uint256 at, int256 fast, int256 naive);

    /// @param blobs Of the slots, empty where there is none. @param forwards USDC per unit now, 1e-9, by slot. @param options As `OptionBook` has them.
    function compare(bytes[] memory blobs, uint256[] memory forwards, uint256[] calldata options)
        external
        pure
        returns (int256[] memory profits, NaiveOptions.Sums[] memory naive)
    {
        uint256 rows = ArrayBlob.rowsOf(_word(blobs[0], 0));
        (OptionSums.Series[] memory series, ArrayLanes.Floors[] memory floors) = _series(blobs, forwards);
        profits = OptionSums.sum(series, floors, rows, options);
        int256[] memory rowsNaive;
        (naive, rowsNaive) = NaiveOptions.sum(_expiries(blobs, forwards), _positions(options), rows);
        for (uint256 i; i < rows; ++i) {
            _equal("row", i, profits[i], rowsNaive[i]);
        }
        for (uint256 i; i < blobs.length; ++i) {
            _compareSeries(i, series[i], naive[i]);
            (int256 up, int256 down) = ArrayLanes.least(floors[i]);
            _equal("up", i, up, _lesser(naive[i].floors[0], naive[i].floors[1]));
            _equal("down", i, down, _lesser(naive[i].floors[2], naive[i].floors[3]));
        }
    }

    /// @notice `MarkCarry` of a record's first word.
    function carry(uint256 word, uint256 forwardThen, uint256 forwardNow, uint256 band)
        external
        pure
        returns (int256 mark, uint256 width, MarkCarry.Move memory move)
    {
        move = MarkCarry.moveOf(forwardThen, forwardNow, band);
        (mark, width) = MarkCarry.carry(word, move);
    }

    function _compareSeries(uint256 i, OptionSums.Series memory s, NaiveOptions.Sums memory naive) private pure {
        _equal("calls", i, OptionSums.callsOf(s), naive.calls);
        _equal("puts", i, OptionSums.putsOf(s), naive.puts);
        _equal("value", i, OptionSums.valueOf(s), naive.value);
        _equal("delta", i, OptionSums.deltaOf(s), naive.delta);
        _equal("gross", i, int256(OptionSums.grossOf(s)), naive.gross);
        _equal("vega", i, int256(OptionSums.vegaOf(s)), naive.vega);
        _equal("gamma", i, int256(OptionSums.gammaOf(s)), naive.gamma);
        _equal("drift", i, int256(s.drift), naive.drift);
    }

    function _equal(bytes32 what, uint256 at, int256 fast, int256 naive) private pure {
        if (fast != naive) revert Unequal(what, at, fast, naive);
    }

    function _lesser(int256 a, int256 b) private pure returns (int256) {
        return a < b ? a : b;
    }

    /// @dev Each slot's floors are its own here.
    function _series(bytes[] memory blobs, uint256[] memory forwards)
        private
        pure
        returns (OptionSums.Series[] memory series, ArrayLanes.Floors[] memory floors)
    {
        series = new OptionSums.Series[](OptionBook.MAX_SERIES);
        floors = new ArrayLanes.Floors[](OptionBook.MAX_SERIES);
        for (uint256 i; i < blobs.length; ++i) {
            (uint256 first, uint256 second) = (_word(blobs[i], 0), _word(blobs[i], 32));
            OptionSums.Series memory s = series[i];
            bytes memory blob = blobs[i];
            uint256 place;
            assembly ("memory-safe") {
                place := add(blob, 32)
            }
            (s.records, s.first, s.second, s.floors) = (place + ArrayBlob.HEADER, first, second, floors[i]);
            (s.size, s.count) = (ArrayBlob.recordSize(ArrayBlob.rowsOf(first)), ArrayBlob.countOf(first));
            s.move = MarkCarry.moveOf(
                ArrayBlob.forwardOf(first) / ArrayBlob.PRICE_UNIT, forwards[i], ArrayBlob.bandOf(second)
            );
        }
    }

    function _expiries(bytes[] memory blobs, uint256[] memory forwards)
        private
        pure
        returns (NaiveOptions.Expiry[] memory expiries)
    {
        expiries = new NaiveOptions.Expiry[](blobs.length);
        for (uint256 i; i < blobs.length; ++i) {
            uint256 first = _word(blobs[i], 0);
            expiries[i].forwardThen = int256(ArrayBlob.forwardOf(first) / ArrayBlob.PRICE_UNIT);
            expiries[i].forwardNow = int256(forwards[i]);
            expiries[i].band = int256(ArrayBlob.bandOf(_word(blobs[i], 32)));
            expiries[i].strikes = new NaiveOptions.Strike[](ArrayBlob.countOf(first));
            for (uint256 j; j < expiries[i].strikes.length; ++j) {
                expiries[i].strikes[j] = _strike(blobs[i], j, ArrayBlob.rowsOf(first));
            }
        }
    }

    function _strike(bytes memory blob, uint256 index, uint256 rows) private pure returns (NaiveOptions.Strike memory s) {
        uint256 at = 64 + index * (32 + 2 * (4 + rows));
        s.price = int256(_number(blob, at, 8));
        s.mark = int256(_number(blob, at + 8, 8));
        s.delta = int256(_number(blob, at + 16, 4));
        s.gamma = int256(_number(blob, at + 20, 4));
        s.vega = int256(_number(blob, at + 24, 4));
        s.scale = int256(_number(blob, at + 28, 4));
        s.entries = new int256[](4 + rows);
        for (uint256 i; i < s.entries.length; ++i) {
            s.entries[i] = int256(_number(blob, at + 32 + 2 * i, 2)) - 32_768;
        }
    }

    function _positions(uint256[] calldata options) private pure returns (NaiveOptions.Position[] memory held) {
        held = new NaiveOptions.Position[](options[OptionBook.COUNT_AT]);
        for (uint256 i; i < held.length; ++i) {
            uint256 entry = OptionBook.entryAt(options[OptionBook.ENTRIES_AT + i / 4], i);
            held[i].slot = OptionBook.slotOf(entry);
            held[i].strike = OptionBook.strikeOf(entry);
            held[i].put = OptionBook.isPut(entry);
            held[i].lots = OptionBook.lotsOf(entry);
        }
    }

    function _word(bytes memory data, uint256 at) private pure returns (uint256) {
        return _number(data, at, 32);
    }

    /// @dev A big-endian number, byte by byte.
    function _number(bytes memory data, uint256 at, uint256 width) private pure returns (uint256 number) {
        for (uint256 i; i < width; ++i) {
            number = (number << 8) | uint8(data[at + i]);
        }
    }
}
