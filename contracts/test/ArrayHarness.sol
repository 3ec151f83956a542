// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ArrayBlob} from "../risk/ArrayBlob.sol";
import {ArrayBuilder} from "../risk/ArrayBuilder.sol";
import {IScenarioBook} from "../interfaces/IScenarioBook.sol";
import {ScenarioTable} from "../risk/ScenarioTable.sol";

/// @dev Records of strikes under a table and a market of the test's making.
contract ArrayHarness {
    function records(
        ArrayBuilder.Market memory market,
        IScenarioBook.Table calldata table,
        uint256 column,
        uint256[] memory strikes
    ) external view returns (bytes[] memory found, uint256 spent) {
        bytes memory packed = ScenarioTable.pack(table, 1);
        uint256 size = ArrayBlob.recordSize(table.weights.length);
        found = new bytes[](strikes.length);
        for (uint256 i; i < strikes.length; ++i) {
            found[i] = new bytes(size);
        }
        spent = gasleft();
        ArrayBuilder.Rows memory rows = ArrayBuilder.prepare(market, packed, column);
        for (uint256 i; i < strikes.length; ++i) {
            bytes memory record = found[i];
            uint256 place;
            assembly ("memory-safe") {
                place := add(record, 32)
            }
            ArrayBuilder.write(market, rows, strikes[i], place);
        }
        spent -= gasleft();
    }

    function encodeHeader(ArrayBlob.Header memory header) external pure returns (uint256, uint256) {
        return ArrayBlob.encodeHeader(header);
    }

    function decodeHeader(uint256 first, uint256 second) external pure returns (ArrayBlob.Header memory) {
        return ArrayBlob.Header({
            spot: ArrayBlob.spotOf(first),
            forward: ArrayBlob.forwardOf(first),
            time: ArrayBlob.timeOf(first),
            count: ArrayBlob.countOf(first),
            rows: ArrayBlob.rowsOf(first),
            version: second >> 224,
            round: uint32(second >> 192),
            surfaceTime: ArrayBlob.surfaceTimeOf(second),
            remaining: ArrayBlob.remainingOf(second),
            band: ArrayBlob.bandOf(second),
            lot: ArrayBlob.lotOf(second),
            confidence: ArrayBlob.confidenceOf(second)
        });
    }
}
