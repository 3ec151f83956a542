// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {ArrayBlob} from "./ArrayBlob.sol";
import {ScenarioTable} from "./ScenarioTable.sol";

/// @title Expected Shortfall over a table's rows
/// @notice P&L of row s = options' P&L + sum over columns of exposure * spot move; its loss is weighted; the mean of the m largest weighted losses,
///         at least zero, is the Expected Shortfall. USDC in 1e18.
/// @dev The loops are in assembly because they run over every row at every margin check. P&L of options is below 2^115 quanta, exposures are below
///      2^160, moves and weights below 2^16 and columns at most 16: every sum and product below fits 200 bits, so none wraps.
library ScenarioLoss {
    /// @notice P&L of every row, 1e18, rounded down.
    /// @param table Data of a scenario table. @param profits The options' P&L in 1e-6 USDC; what comes back is in the same list.
    /// @param exposures Value of what moves with the spot, one per column, 1e18.
    function addLinear(bytes memory table, int256[] memory profits, int256[] memory exposures) internal pure {
        uint256 unit = ScenarioTable.UNIT;
        uint256 quantum = ArrayBlob.QUANTUM * unit;
        assembly ("memory-safe") {
            let end := add(add(profits, 32), shl(5, mload(profits)))
            for { let place := add(profits, 32) } lt(place, end) { place := add(place, 32) } {
                mstore(place, mul(mload(place), quantum))
            }
        }
        for (uint256 c; c < exposures.length; ++c) {
            if (exposures[c] != 0) _addColumn(profits, exposures[c], ScenarioTable.spotAt(profits.length, c), table);
        }
        assembly ("memory-safe") {
            let end := add(add(profits, 32), shl(5, mload(profits)))
            for { let place := add(profits, 32) } lt(place, end) { place := add(place, 32) } {
                let sum := mload(place)
                mstore(place, sub(sdiv(sum, unit), slt(smod(sum, unit), 0)))
            }
        }
    }

    /// @dev Adds exposure * move to every row, in `UNIT`ths.
    function _addColumn(int256[] memory profits, int256 exposure, uint256 at, bytes memory table) private pure {
        uint256 unit = ScenarioTable.UNIT;
        assembly ("memory-safe") {
            let place := add(profits, 32)
            let word := add(add(table, 32), at)
            let end := add(place, shl(5, mload(profits)))
            for {} lt(place, end) { word := add(word, 32) } {
                let moves := mload(word)
                for { let shift := 240 } lt(shift, 256) { shift := sub(shift, 16) } {
                    mstore(place, add(mload(place), mul(exposure, sub(and(shr(shift, moves), 0xffff), unit))))
                    place := add(place, 32)
                }
            }
        }
    }

    /// @notice Mean of the `tail` largest weighted losses, at least zero, 1e18, rounded up.
    function shortfall(bytes memory table, int256[] memory profits, uint256 tail) internal pure returns (uint256) {
        int256 sum;
        if (tail == 1) {
            sum = _largest(table, profits);
        } else {
            (int256[] memory largest,) = rank(table, profits, tail);
            for (uint256 i; i < tail; ++i) {
                sum += largest[i];
            }
        }
        return sum <= 0 ? 0 : (uint256(sum) - 1) / (tail * ScenarioTable.E4) + 1;
    }

    /// @dev The largest of loss * weight.
    function _largest(bytes memory table, int256[] memory profits) private pure returns (int256 largest) {
        uint256 at = ScenarioTable.WEIGHTS_AT;
        assembly ("memory-safe") {
            let place := add(profits, 32)
            let word := add(add(table, 32), at)
            let end := add(place, shl(5, mload(profits)))
            for {} lt(place, end) { word := add(word, 32) } {
                let weights := mload(word)
                for { let shift := 240 } lt(shift, 256) { shift := sub(shift, 16) } {
                    let loss := mul(sub(0, mload(place)), and(shr(shift, weights), 0xffff))
                    // zero is as good as any gain: the shortfall is at least that
                    if sgt(loss, largest) { largest := loss }
                    place := add(place, 32)
                }
            }
        }
    }

    /// @notice The largest of loss * weight, 1e22, and their rows, worst first; of equal ones the first row comes first.
    /// @param tail At most the number of rows.
    function rank(bytes memory table, int256[] memory profits, uint256 tail)
        internal
        pure
        returns (int256[] memory largest, uint256[] memory rows)
    {
        (largest, rows) = (new int256[](tail), new uint256[](tail));
        uint256 held;
        unchecked {
            for (uint256 s; s < profits.length; ++s) {
                int256 loss = -profits[s] * int256(uint256(ScenarioTable.entryAt(table, ScenarioTable.WEIGHTS_AT, s)));
                if (held == tail && loss <= largest[tail - 1]) continue;
                uint256 i = held < tail ? held++ : tail - 1;
                for (; i != 0 && largest[i - 1] < loss; --i) {
                    (largest[i], rows[i]) = (largest[i - 1], rows[i - 1]);
                }
                (largest[i], rows[i]) = (loss, s);
            }
        }
    }
}
