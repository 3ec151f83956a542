// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {SSTORE2} from "solady/src/utils/SSTORE2.sol";

import {IScenarioBook} from "../interfaces/IScenarioBook.sol";
import {ScenarioTable} from "../risk/ScenarioTable.sol";

/// @dev A table and arrays as the test gives them, in place of the scenario book and the risk arrays: so that an engine can be tried with any.
contract GivenRisk {
    address private _table;
    mapping(uint32 series => address) private _blobs;

    function setTable(IScenarioBook.Table calldata table) external {
        _table = SSTORE2.write(ScenarioTable.pack(table, 1));
    }

    function setBlob(uint32 series, bytes calldata blob) external {
        _blobs[series] = SSTORE2.write(blob);
    }

    function active() external view returns (uint32, address) {
        return (1, _table);
    }

    function pointersOf(uint32[] calldata series, uint32) external view returns (address[] memory blobs) {
        blobs = new address[](series.length);
        for (uint256 i; i < series.length; ++i) {
            blobs[i] = _blobs[series[i]];
        }
    }
}
