// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IMarginEngine} from "../interfaces/IMarginEngine.sol";
import {IRiskArraysErrors} from "../interfaces/IRiskArrays.sol";
import {IOptionSlices} from "../interfaces/ITrading.sol";
import {IListing} from "../interfaces/IListing.sol";
import {E6, QUOTE, QUOTE_UNIT, WAD} from "../libraries/Constants.sol";
import {Rounding} from "../libraries/Rounding.sol";
import {LedgerStorage} from "../ledger/LedgerStorage.sol";
import {OptionList} from "../ledger/OptionList.sol";
import {LiquidationMath} from "../liquidation/LiquidationMath.sol";
import {OptionBook} from "../risk/OptionBook.sol";
import {Fills} from "./Fills.sol";
import {Instrument} from "./Instrument.sol";

/// @title The module of options: fills for a premium in cash, and slices of a liquidated account's
/// @notice A fill needs arrays of the latest surface, fresh and not left behind by the spot: its price is compared with their mark.
/// @dev Runs by delegatecall from the Clearinghouse (fills) and the LiquidationEngine (slices). Called directly it works on its own empty storage
///      and can do nothing.
contract OptionTrading is Fills, IOptionSlices {
    constructor(address authority) LedgerStorage(authority) {}

    // ------------------------------------------------------------ the fill

    /// @inheritdoc Fills
    /// @dev The premium is computed once, rounded up, and booked on both. The band is wider by its part of what doubling the volatility would add.
    function _execute(
        Order calldata maker,
        Side memory makerSide,
        Side memory takerSide,
        Prices memory prices,
        Market storage market
    ) internal override returns (uint256 mark, uint256 slack) {
        uint32 instrument = maker.instrument;
        IListing.MarketConfig memory config = market.config;
        {
            uint64 expiry = Instrument.expiry(instrument);
            if (block.timestamp >= expiry) revert Trade_InstrumentExpired(instrument, expiry);
            uint256 index = _indexOf(prices, Instrument.asset(instrument));
            (uint256 markWad, uint256 vegaWad, bool stale) = IMarginEngine(_engine).optionMark(instrument, index);
            if (stale) revert IRiskArraysErrors.RiskArrays_Stale(expiry);
            (mark, slack) = (markWad, Rounding.mulDivDown(vegaWad, config.band, E6));
        }
        int256 change = _change(instrument, takerSide, config.lot) + _change(instrument, makerSide, config.lot);
        _saveInterest(instrument, change, config.openInterestCap);

        (Side memory buyer, Side memory seller) =
            makerSide.change > 0 ? (makerSide, takerSide) : (takerSide, makerSide);
        uint256 premium = Rounding.divUp(Rounding.mulDivUp(uint256(buyer.change), maker.limitPrice, WAD), QUOTE_UNIT);
        (uint256 debt, uint256 deposits) = (_banks[QUOTE].borrowShares, _banks[QUOTE].depositShares);
        _moveTwo(buyer.account, -int256(premium), seller.account, int256(premium), QUOTE);
        _requireBorrowCap(QUOTE, debt);
        _requireSupplyCap(_banks[QUOTE], deposits);
    }

    /// @dev Changes a side's position. Returns what that adds to the long open interest, 1e18.
    function _change(uint32 instrument, Side memory side, uint256 lot) private returns (int256) {
        OptionList.Entry memory entry = OptionList.find(_accounts[side.account], instrument);
        int256 lots = entry.lots + side.change / int256(lot); // a multiple of it
        if (Rounding.abs(lots) > uint256(OptionBook.MAX_LOTS)) {
            revert Trade_SizeBounds(lots * int256(lot), uint256(OptionBook.MAX_LOTS) * lot);
        }
        (side.sizeBefore, side.sizeAfter) = (entry.lots * int256(lot), lots * int256(lot));
        OptionList.save(_accounts[side.account], side.account, instrument, entry, lots, lot);
        return _longOf(side.sizeAfter) - _longOf(side.sizeBefore);
    }

    /// @param change Of the open interest; a cap that was lowered stops only what raises it.
    function _saveInterest(uint32 instrument, int256 change, uint256 cap) private {
        if (change == 0) return;
        MarketSums storage sums = _markets[instrument].sums;
        uint256 changed = uint256(int256(uint256(sums.openInterest)) + change);
        if (change > 0 && changed > cap) revert Trade_OpenInterestCap(instrument, changed, cap);
        sums.openInterest = uint96(changed); // at most the cap, or less than before
    }

    function _longOf(int256 size) private pure returns (int256) {
        return size > 0 ? size : int256(0);
    }

    // ------------------------------------------------------------ liquidation

    /// @inheritdoc IOptionSlices
    function sliceOptions(uint256 account, uint256 liquidatorAccount, uint256 fraction, uint256[] calldata options)
        external
        returns (int256 leftWad)
    {
        Account storage from = _accounts[account];
        uint256 seriesWord = options[OptionBook.SERIES_AT];
        // from the last to the first: what moves into the place of a closed one has been sliced
        for (uint256 i = options[OptionBook.COUNT_AT]; i != 0;) {
            --i;
            uint256 entry = OptionList.at(from, i);
            uint32 instrument = OptionList.instrumentOf(entry, seriesWord);
            IListing.MarketConfig storage config = _markets[Instrument.listing(instrument)].config;
            OptionList.Entry memory place = OptionList.Entry(i, OptionBook.slotOf(entry), OptionBook.lotsOf(entry));
            _slice(account, place, liquidatorAccount, instrument, fraction, config.lot, config.minSize);
        }
        uint256 left = from.header.options;
        if (left == 0) return 0;
        // a slot that was freed is empty, the others are where they were: prices stay in place
        uint256[] memory rest = options[:OptionBook.ENTRIES_AT + _entryWords(left)];
        (rest[OptionBook.SERIES_AT], rest[OptionBook.COUNT_AT]) = (from.series, left);
        for (uint256 i; i < _entryWords(left); ++i) {
            rest[OptionBook.ENTRIES_AT + i] = from.options[i];
        }
        return IMarginEngine(_engine).optionsValue(rest);
    }

    function _slice(
        uint256 account,
        OptionList.Entry memory entry,
        uint256 liquidatorAccount,
        uint32 instrument,
        uint256 fraction,
        uint256 lot,
        uint256 minSize
    ) private {
        OptionList.Entry memory taken = OptionList.find(_accounts[liquidatorAccount], instrument);
        // Safe: lots are below 2^54, a lot below 2^64.
        unchecked {
            uint256 size = Rounding.abs(entry.lots) * lot;
            int256 lots = int256(LiquidationMath.sliceOf(size, fraction, lot, minSize) / lot);
            if (entry.lots < 0) lots = -lots;
            (int256 left, int256 sum) = (entry.lots - lots, taken.lots + lots);
            if (Rounding.abs(sum) > uint256(OptionBook.MAX_LOTS)) {
                revert Trade_SizeBounds(sum * int256(lot), uint256(OptionBook.MAX_LOTS) * lot);
            }
            int256 change = _longOf(left) + _longOf(sum) - _longOf(entry.lots) - _longOf(taken.lots);
            OptionList.save(_accounts[account], account, instrument, entry, left, lot);
            OptionList.save(_accounts[liquidatorAccount], liquidatorAccount, instrument, taken, sum, lot);
            _saveInterest(instrument, change * int256(lot), type(uint256).max);
        }
    }
}
