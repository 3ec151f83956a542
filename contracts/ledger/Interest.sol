// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {E6, RATE_SCALE, SECONDS_PER_YEAR, WAD} from "../libraries/Constants.sol";
import {Rounding} from "../libraries/Rounding.sol";
import {LedgerStorage} from "./LedgerStorage.sol";

/// @title Interest of a token bank: two indices, simple between two updates
/// @notice deposits = floor(depositShares * depositIndex), borrows = ceil(borrowShares * borrowIndex).
/// @dev Why reserves = held + borrows - deposits - ... never falls but by its own event, or by a unit of rounding: the borrow index is
///      rounded up, the deposit index down, and the deposit rate is set so that deposits * depositRate <= borrows * borrowRate *
///      (1 - reserveFactor) with borrows rounded down and deposits rounded up. Both grow linearly until the next update, so the
///      inequality stays true.
library Interest {
    /// @dev Largest borrow rate a curve may reach: the uint32 of the bank's slot.
    uint256 internal constant MAX_RATE = type(uint32).max;
    uint256 private constant MAX_INDEX = type(uint72).max;

    /// @notice The indices as of now, 1e18. They stop at the width of their slot, more than four thousand times the start: where debts can
    ///         grow no further, deposits do not either.
    function indices(LedgerStorage.Bank storage bank)
        internal
        view
        returns (uint256 depositIndex, uint256 borrowIndex)
    {
        return indicesOf(hotWord(bank));
    }

    /// @notice A bank's first slot as one word, in the order of `LedgerStorage.Bank`, the first field lowest: read once where several of its
    ///         fields are needed.
    function hotWord(LedgerStorage.Bank storage bank) internal view returns (uint256 word) {
        assembly ("memory-safe") {
            word := sload(bank.slot)
        }
    }

    function assetOf(uint256 word) internal pure returns (uint8) {
        return uint8(word >> 240);
    }

    function decimalsOf(uint256 word) internal pure returns (uint256) {
        return word >> 248;
    }

    /// @notice As `indices`, of the bank's first slot.
    function indicesOf(uint256 word) internal view returns (uint256 depositIndex, uint256 borrowIndex) {
        (depositIndex, borrowIndex) = (uint72(word), uint72(word >> 72));
        uint256 elapsed = uint32(block.timestamp) - uint32(word >> 208);
        if (elapsed == 0) return (depositIndex, borrowIndex);
        uint256 grown = borrowIndex + Rounding.mulDivUp(borrowIndex, uint32(word >> 176) * elapsed, RATE_SCALE);
        if (grown > MAX_INDEX) return (depositIndex, MAX_INDEX);
        borrowIndex = grown;
        grown = depositIndex + Rounding.mulDivDown(depositIndex, uint32(word >> 144) * elapsed, RATE_SCALE);
        depositIndex = Rounding.min(grown, MAX_INDEX);
    }

    /// @notice Token units behind a share balance: a deposit rounded down, a debt away from zero.
    function amountOf(int256 shares, uint256 depositIndex, uint256 borrowIndex) internal pure returns (int256) {
        return shares >= 0
            ? int256(Rounding.mulDivDown(uint256(shares), depositIndex, WAD))
            : -int256(Rounding.mulDivUp(uint256(-shares), borrowIndex, WAD));
    }

    /// @notice The rates that hold until the next update, parts per 1e17 a second, rounded down.
    /// @dev Kinked curve: base + kinkSlope * u to the kink, then maxSlope, u = borrows / deposits, at most 1.
    function rates(LedgerStorage.Bank storage bank, uint256 depositIndex, uint256 borrowIndex)
        internal
        view
        returns (uint256 depositRate, uint256 borrowRate)
    {
        uint256 borrows = Rounding.mulDivDown(bank.borrowShares, borrowIndex, WAD);
        uint256 deposits = Rounding.mulDivUp(bank.depositShares, depositIndex, WAD);
        uint256 utilisation = borrows == 0 ? 0 : deposits <= borrows ? E6 : Rounding.mulDivDown(borrows, E6, deposits);
        uint256 kink = bank.kink;
        uint256 yearly = bank.baseRate + Rounding.mulDivDown(bank.kinkSlope, Rounding.min(utilisation, kink), E6);
        if (utilisation > kink) yearly += Rounding.mulDivDown(bank.maxSlope, utilisation - kink, E6);
        borrowRate = Rounding.min(Rounding.mulDivDown(yearly, RATE_SCALE / E6, SECONDS_PER_YEAR), MAX_RATE);
        if (deposits != 0 && borrows != 0) {
            depositRate = Rounding.mulDivDown(borrowRate * borrows, E6 - bank.reserveFactor, deposits * E6);
            depositRate = Rounding.min(depositRate, MAX_RATE);
        }
    }
}
