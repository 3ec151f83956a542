// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IMarginEngine} from "../interfaces/IMarginEngine.sol";
import {E6, WAD} from "../libraries/Constants.sol";
import {Rounding} from "../libraries/Rounding.sol";
import {ArrayBlob} from "./ArrayBlob.sol";
import {MarkCarry} from "./MarkCarry.sol";
import {OptionBook} from "./OptionBook.sol";
import {OptionSums} from "./OptionSums.sol";

/// @title The STANDARD model: every balance and position charged by itself, nothing netted
/// @notice maintenance = sum of rate * |value|, initial the same with its own rates plus the unsettled profit that is not credited.
///         Values and results are USDC in 1e18; each charge is rounded up.
library StandardModel {
    /// @dev A short option is charged at least the rate divided by it, however far out of the money it is: max(rate - away, rate / 2) with 2.
    uint256 private constant SHORT_FLOOR = 2;

    /// @notice Charge of one leg under both rates.
    function charge(int256 valueWad, IMarginEngine.Rates memory rates)
        internal
        pure
        returns (uint256 initial, uint256 maintenance)
    {
        uint256 size = Rounding.abs(valueWad);
        initial = Rounding.mulDivUp(size, rates.initial, E6);
        maintenance = Rounding.mulDivUp(size, rates.maintenance, E6);
    }

    /// @notice Value of a long option by itself, USDC 1e18, rounded down, at least zero: its charge in both, so that it is not credited.
    /// @param entry As `OptionBook` packs it, of this series.
    function longValue(OptionSums.Series memory s, uint256 entry) internal pure returns (uint256) {
        uint256 word = OptionSums.recordWord(s, OptionBook.strikeOf(entry));
        (int256 mark,) = MarkCarry.carry(word, s.move);
        if (OptionBook.isPut(entry)) mark = putMark(mark, word, s.move);
        uint256 size = uint256(OptionBook.lotsOf(entry)) * ArrayBlob.lotOf(s.second);
        return Rounding.mulDivDown(size, uint256(mark), ArrayBlob.PRICE_UNIT);
    }

    /// @notice Mark of a put: the call less the forward, rounded up, plus the strike; at least zero. 1e-9 USDC, rounded down.
    /// @param word The record's first. @param callMark As `MarkCarry.carry` gives it.
    function putMark(int256 callMark, uint256 word, MarkCarry.Move memory move) internal pure returns (int256 mark) {
        mark = callMark + int256(ArrayBlob.strikeOf(word)) - (move.forward + 1);
        if (mark < 0) mark = 0;
    }

    /// @notice How far the index is from where the option would pay, USDC 1e18.
    function outOfTheMoney(OptionSums.Series memory s, uint256 entry, uint256 index) internal pure returns (uint256) {
        uint256 strike = ArrayBlob.strikeOf(OptionSums.recordWord(s, OptionBook.strikeOf(entry))) * ArrayBlob.PRICE_UNIT;
        if (OptionBook.isPut(entry)) return index > strike ? index - strike : 0;
        return strike > index ? strike - index : 0;
    }

    /// @notice Charge of a short option: the rate of the index less what it is out of the money, at least half of the rate. Rounded up once.
    /// @param size Units, 1e18. @param index, away USDC 1e18.
    function shortCharge(uint256 size, uint256 index, uint256 away, uint256 rate) internal pure returns (uint256) {
        uint256 full = index * rate; // 1e24
        uint256 off = SHORT_FLOOR * away * E6;
        // twice the charge of a unit, so that nothing is rounded before the end
        uint256 unit = full > off ? SHORT_FLOOR * full - off : full;
        return Rounding.mulDivUp(size, unit, SHORT_FLOOR * WAD * E6);
    }

    /// @notice Unsettled profit that initial margin does not credit.
    /// @dev With P the sum of the account's unsettled profits, losses apart, and C its other equity, profit counts up to C: whatever an
    ///      account trades with itself into profit, what leaves it is at most what was put in. Settling a loss moves neither. The rule
    ///      does not change when an account is split.
    function uncreditedProfit(int256 equityWad, int256 profitWad) internal pure returns (uint256) {
        if (profitWad <= 0) return 0;
        uint256 other = Rounding.positivePart(equityWad - profitWad);
        return uint256(profitWad) > other ? uint256(profitWad) - other : 0;
    }
}
