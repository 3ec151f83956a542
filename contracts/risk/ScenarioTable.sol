// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {IScenarioBook} from "../interfaces/IScenarioBook.sol";

/// @title A scenario table as the bytes of a code blob
/// @notice The blob is a contract's code: one zero byte, which is no instruction and keeps it from being called, then the data below. All offsets
///         of this library are into the data, so a reader of the code adds one. Numbers are big-endian.
///
///         header, 32 bytes   0-3 version; 4 rows K; 5 columns n; 6 tail; 7-8 termPower; 9-15 zero; 16-31 the assets of the columns, a byte each
///         weights            K x 2 bytes, 1e4
///         n columns, each    spot moves K x 2 bytes; vol moves K x 2 bytes; floor 4 x 2 bytes: up, down, volUp, volDown
///
///         A move is 1 + the relative move, in `UNIT`ths. K is a multiple of `LANES`, so a list of rows is K / 16 whole words, and row s is the
///         s % 16th lane of 16 bits from the top of word s / 16: it is read with `word >> (240 - 16 * (s % 16)) & 0xffff`.
/// @dev Warning: nothing here checks bounds; `ScenarioBounds` does before a table is packed, and only what was packed is read.
library ScenarioTable {
    /// @dev No move; and the denominator of moves.
    uint256 internal constant UNIT = 8000;
    /// @dev The denominator of weights and of termPower.
    uint256 internal constant E4 = 1e4;
    /// @dev Rows in a word.
    uint256 internal constant LANES = 16;
    uint256 internal constant WEIGHTS_AT = 32;

    uint256 private constant WORD = 32;
    uint256 private constant ENTRY = 2;
    uint256 private constant FLOOR_SIZE = 8;
    uint256 private constant MASK16 = 0xffff;

    // ------------------------------------------------------------ offsets, bytes

    function spotAt(uint256 rows, uint256 column) internal pure returns (uint256) {
        // Safe: K is at most 64, the columns 16.
        unchecked {
            return WEIGHTS_AT + ENTRY * rows + column * (2 * ENTRY * rows + FLOOR_SIZE);
        }
    }

    function volAt(uint256 rows, uint256 column) internal pure returns (uint256) {
        // Safe: K is at most 64, the columns 16.
        unchecked {
            return spotAt(rows, column) + ENTRY * rows;
        }
    }

    function floorAt(uint256 rows, uint256 column) internal pure returns (uint256) {
        // Safe: K is at most 64, the columns 16.
        unchecked {
            return spotAt(rows, column) + 2 * ENTRY * rows;
        }
    }

    /// @notice Bytes of the data.
    function sizeOf(uint256 rows, uint256 columns) internal pure returns (uint256) {
        return spotAt(rows, columns);
    }

    // ------------------------------------------------------------ header, the data's first word

    function versionOf(uint256 header) internal pure returns (uint32) {
        return uint32(header >> 224);
    }

    function rowsOf(uint256 header) internal pure returns (uint256) {
        return header >> 216 & 0xff;
    }

    function columnsOf(uint256 header) internal pure returns (uint256) {
        return header >> 208 & 0xff;
    }

    function tailOf(uint256 header) internal pure returns (uint256) {
        return header >> 200 & 0xff;
    }

    /// @return 1e4.
    function termPowerOf(uint256 header) internal pure returns (uint256) {
        return header >> 184 & MASK16;
    }

    /// @notice The columns' assets, a byte each from the top.
    function assetsOf(uint256 header) internal pure returns (uint256) {
        return header << 128;
    }

    function assetOf(uint256 header, uint256 column) internal pure returns (uint8) {
        return uint8(header >> (120 - 8 * column));
    }

    // ------------------------------------------------------------ reading data in memory

    /// @notice The word at an offset; beyond the data's end it has whatever memory has there.
    function wordAt(bytes memory data, uint256 at) internal pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(add(data, 0x20), at))
        }
    }

    /// @notice Row `row` of the list that begins at `listAt`: in its word `row / 16`, 32 bytes each.
    function entryAt(bytes memory data, uint256 listAt, uint256 row) internal pure returns (uint16) {
        return uint16(wordAt(data, listAt + (row >> 4 << 5)) >> (240 - 16 * (row % LANES)));
    }

    function floorOf(bytes memory data, uint256 rows, uint256 column)
        internal
        pure
        returns (IScenarioBook.Floor memory)
    {
        uint256 word = wordAt(data, floorAt(rows, column));
        return IScenarioBook.Floor({
            up: uint16(word >> 240), down: uint16(word >> 224), volUp: uint16(word >> 208), volDown: uint16(word >> 192)
        });
    }

    /// @notice The whole table; the names are not in it and come back empty.
    function unpack(bytes memory data) internal pure returns (uint32 version, IScenarioBook.Table memory table) {
        uint256 header = wordAt(data, 0);
        uint256 rows = rowsOf(header);
        uint256 columns = columnsOf(header);
        version = versionOf(header);
        table.tail = uint8(tailOf(header));
        table.termPower = uint16(termPowerOf(header));
        table.weights = _list(data, WEIGHTS_AT, rows);
        table.underlyings = new uint8[](columns);
        table.spot = new uint16[][](columns);
        table.vol = new uint16[][](columns);
        table.floors = new IScenarioBook.Floor[](columns);
        for (uint256 c; c < columns; ++c) {
            table.underlyings[c] = assetOf(header, c);
            table.spot[c] = _list(data, spotAt(rows, c), rows);
            table.vol[c] = _list(data, volAt(rows, c), rows);
            table.floors[c] = floorOf(data, rows, c);
        }
    }

    function _list(bytes memory data, uint256 at, uint256 rows) private pure returns (uint16[] memory list) {
        list = new uint16[](rows);
        for (uint256 s; s < rows; ++s) {
            list[s] = entryAt(data, at, s);
        }
    }

    // ------------------------------------------------------------ writing

    /// @notice The data of a table that `ScenarioBounds` has let pass.
    function pack(IScenarioBook.Table calldata table, uint32 version) internal pure returns (bytes memory data) {
        uint256 rows = table.weights.length;
        uint256 columns = table.underlyings.length;
        uint256 size = sizeOf(rows, columns);
        // A word longer than needed while it is written: the last floor is put as a whole word and reaches beyond its 8 bytes.
        data = new bytes(size + WORD);
        uint256 header = uint256(version) << 224 | rows << 216 | columns << 208 | uint256(table.tail) << 200
            | uint256(table.termPower) << 184;
        for (uint256 c; c < columns; ++c) {
            header |= uint256(table.underlyings[c]) << (120 - 8 * c);
        }
        _put(data, 0, header);
        _putList(data, WEIGHTS_AT, table.weights);
        // In this order: what a floor's word writes beyond it is written over by the next column.
        for (uint256 c; c < columns; ++c) {
            _putList(data, spotAt(rows, c), table.spot[c]);
            _putList(data, volAt(rows, c), table.vol[c]);
            IScenarioBook.Floor calldata moves = table.floors[c];
            uint256 word = uint256(moves.up) << 240 | uint256(moves.down) << 224 | uint256(moves.volUp) << 208
                | uint256(moves.volDown) << 192;
            _put(data, floorAt(rows, c), word);
        }
        assembly ("memory-safe") {
            mstore(data, size)
        }
    }

    function _putList(bytes memory data, uint256 at, uint16[] calldata list) private pure {
        for (uint256 s; s < list.length; s += LANES) {
            uint256 word;
            for (uint256 lane; lane < LANES; ++lane) {
                word = word << 16 | list[s + lane];
            }
            _put(data, at, word);
            at += WORD;
        }
    }

    function _put(bytes memory data, uint256 at, uint256 word) private pure {
        assembly ("memory-safe") {
            mstore(add(add(data, 0x20), at), word)
        }
    }
}
