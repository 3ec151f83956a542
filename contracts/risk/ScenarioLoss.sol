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
    /// @dev A loss is ranked as loss * weight * 2^8 + (255 - row): of equal ones the first row is the larger.
    uint256 private constant ROW_BITS = 8;

    /// @notice P&L of every row, 1e18, rounded down.
    /// @param table Data of a scenario table. @param profits The options' P&L in 1e-6 USDC; what comes back is in the same list.
    /// @param exposures Value of what moves with the spot, one per column, 1e18.
    function addLinear(bytes memory table, int256[] memory profits, int256[] memory exposures) internal pure {
        uint256 rows = profits.length;
        int256[] memory sums = new int256[](rows); // of exposure * (1 + move), in `UNIT`ths
        int256 total;
        for (uint256 c; c < exposures.length; ++c) {
            int256 exposure = exposures[c];
            if (exposure == 0) continue;
            unchecked {
                total += exposure;
            }
            _addColumn(sums, exposure, ScenarioTable.spotAt(rows, c), table);
        }
        uint256 quantum = ArrayBlob.QUANTUM;
        uint256 unit = ScenarioTable.UNIT;
        assembly ("memory-safe") {
            let unmoved := mul(total, unit)
            let from := add(sums, 32)
            let end := add(from, shl(5, rows))
            for { let place := add(profits, 32) } lt(from, end) { from := add(from, 32) } {
                let linear := sub(mload(from), unmoved)
                linear := sub(sdiv(linear, unit), slt(smod(linear, unit), 0)) // rounded down
                mstore(place, add(mul(mload(place), quantum), linear))
                place := add(place, 32)
            }
        }
    }

    /// @dev Adds exposure * (1 + move) to every row, four rows at a time.
    function _addColumn(int256[] memory sums, int256 exposure, uint256 at, bytes memory table) private pure {
        assembly ("memory-safe") {
            let place := add(sums, 32)
            let word := add(add(table, 32), at)
            for { let end := add(place, shl(5, mload(sums))) } lt(place, end) {} {
                let moves := mload(word)
                word := add(word, 32)
                for { let last := add(place, 512) } lt(place, last) {} {
                    mstore(place, add(mload(place), mul(exposure, shr(240, moves))))
                    place := add(place, 32)
                    mstore(place, add(mload(place), mul(exposure, and(shr(224, moves), 0xffff))))
                    place := add(place, 32)
                    mstore(place, add(mload(place), mul(exposure, and(shr(208, moves), 0xffff))))
                    place := add(place, 32)
                    mstore(place, add(mload(place), mul(exposure, and(shr(192, moves), 0xffff))))
                    place := add(place, 32)
                    moves := shl(64, moves)
                }
            }
        }
    }

    /// @notice Mean of the largest weighted losses, at least zero, 1e18, rounded up.
    /// @param ranked As `rank` gives them.
    function shortfall(int256[] memory ranked) internal pure returns (uint256) {
        int256 sum;
        // Safe: at most 64 losses of 216 bits.
        unchecked {
            for (uint256 i; i < ranked.length; ++i) {
                sum += ranked[i] >> ROW_BITS;
            }
            return sum <= 0 ? 0 : (uint256(sum) - 1) / (ranked.length * ScenarioTable.E4) + 1;
        }
    }

    /// @notice The row of a ranked loss.
    function rowOf(int256 ranked) internal pure returns (uint8) {
        return type(uint8).max - uint8(uint256(ranked));
    }

    /// @notice The largest of loss * weight with their rows, worst first; of equal ones the first row comes first.
    /// @param tail At least one and at most the number of rows.
    function rank(bytes memory table, int256[] memory profits, uint256 tail)
        internal
        pure
        returns (int256[] memory ranked)
    {
        uint256 at = ScenarioTable.WEIGHTS_AT;
        assembly ("memory-safe") {
            ranked := mload(0x40)
            mstore(ranked, tail)
            let first := add(ranked, 32)
            let last := add(ranked, shl(5, tail))
            mstore(0x40, add(last, 32))
            let least := shl(255, 1) // below any loss
            for { let place := first } lt(place, add(last, 32)) { place := add(place, 32) } { mstore(place, least) }

            let word := add(add(table, 32), at)
            let place := add(profits, 32)
            let weights
            let rows := mload(profits)
            for { let row := 0 } lt(row, rows) { row := add(row, 1) } {
                switch and(row, 15)
                case 0 {
                    weights := mload(word)
                    word := add(word, 32)
                }
                default { weights := shl(16, weights) }
                let loss := add(shl(ROW_BITS, mul(sub(0, mload(place)), shr(240, weights))), sub(255, row))
                place := add(place, 32)
                if sgt(loss, least) {
                    // all that are smaller move down by one, the last drops out; the first rows fill the list
                    let to := last
                    if lt(row, tail) { to := add(first, shl(5, row)) }
                    for {} gt(to, first) { to := sub(to, 32) } {
                        let above := mload(sub(to, 32))
                        if sgt(above, loss) { break }
                        mstore(to, above)
                    }
                    mstore(to, loss)
                    least := mload(last)
                }
            }
        }
    }
}
