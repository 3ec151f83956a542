// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IScenarioBook} from "../interfaces/IScenarioBook.sol";
import {ScenarioRate} from "../risk/ScenarioRate.sol";
import {ScenarioTable} from "../risk/ScenarioTable.sol";

/// @dev The layout of a table and the limit of its change, callable, for comparison with a reference.
contract ScenarioHarness {
    function pack(IScenarioBook.Table calldata table, uint32 version) external pure returns (bytes memory) {
        return ScenarioTable.pack(table, version);
    }

    function checkRate(IScenarioBook.Table calldata previous, IScenarioBook.Table calldata next, uint256 maxChange)
        external
        pure
        returns (bool)
    {
        ScenarioRate.check(ScenarioTable.pack(previous, 1), ScenarioTable.pack(next, 2), maxChange);
        return true;
    }

    /// @return The table after packing and unpacking, with memory beyond the data made dirty in between.
    function roundTrip(IScenarioBook.Table calldata table, uint32 version)
        external
        pure
        returns (uint32, IScenarioBook.Table memory)
    {
        bytes memory data = ScenarioTable.pack(table, version);
        bytes memory dirt = new bytes(64);
        dirt[0] = 0xff;
        return ScenarioTable.unpack(data);
    }

    function header(bytes calldata data)
        external
        pure
        returns (uint32 version, uint256 rows, uint256 columns, uint256 tail, uint256 termPower)
    {
        uint256 word = ScenarioTable.wordAt(data, 0);
        version = ScenarioTable.versionOf(word);
        rows = ScenarioTable.rowsOf(word);
        columns = ScenarioTable.columnsOf(word);
        tail = ScenarioTable.tailOf(word);
        termPower = ScenarioTable.termPowerOf(word);
    }

    function offsets(uint256 rows, uint256 column)
        external
        pure
        returns (uint256 spot, uint256 vol, uint256 floor, uint256 size)
    {
        spot = ScenarioTable.spotAt(rows, column);
        vol = ScenarioTable.volAt(rows, column);
        floor = ScenarioTable.floorAt(rows, column);
        size = ScenarioTable.sizeOf(rows, column + 1);
    }
}
