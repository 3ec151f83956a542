// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ILiquidation} from "../interfaces/ILiquidation.sol";
import {ITrading} from "../interfaces/ITrading.sol";
import {PRICE_QUANTUM, QUOTE, QUOTE_UNIT, WAD} from "../libraries/Constants.sol";
import {Rounding} from "../libraries/Rounding.sol";
import {LinearBook} from "../ledger/LinearBook.sol";
import {Touched} from "../ledger/Touched.sol";
import {Perpetual} from "./Perpetual.sol";

/// @title What a fill, a settlement and a haircut do to a market's positions, sums and pool
/// @dev Invariant I1 after every function: the sum of all accounts' unsettled profits, plus `residual`, is the pool (in 1e18). Each
///      transfer between an account and the market is computed once and booked on both.
abstract contract PerpBook is Touched {
    /// @dev A haircut never lowers the flat claims' index below this, so that new claims can be divided by it.
    uint256 private constant MIN_FLAT_INDEX = 1e9;

    /// @dev A market as one call sees it: funding accrued to now, sums in memory, written back by `_closeBook`.
    struct Book {
        uint32 instrument;
        uint256 mark; // USDC 1e18
        MarketHot hot;
        MarketSums sums;
        FlatClaims flat;
    }

    function _openBook(uint32 instrument, Prices memory prices) internal view returns (Book memory book) {
        book.instrument = instrument;
        (book.hot, book.mark) = _hotOf(instrument, prices);
        book.sums = _markets[instrument].sums;
        book.flat = _markets[instrument].flat;
    }

    function _closeBook(Book memory book) internal {
        Market storage market = _markets[book.instrument];
        _sweepResidual(book);
        market.hot = book.hot;
        market.sums = book.sums;
        if (market.flat.shares != book.flat.shares || market.flat.index != book.flat.index) market.flat = book.flat;
        emit ITrading.MarketSet(
            book.instrument, book.hot.funding, book.hot.lossLong, book.hot.lossShort, book.hot.premium
        );
        emit ITrading.PoolSet(
            book.instrument,
            book.sums.openInterest,
            book.sums.pool,
            book.sums.residual,
            book.flat.shares,
            book.flat.index
        );
    }

    // ------------------------------------------------------------ trading

    /// @dev Changes an account's position by `change` at `price`: its profit as of that price stays what it was. A position that ends at
    ///      zero is settled at once, as far as the pool reaches.
    function _trade(Book memory book, uint256 account, int256 change, uint256 price)
        internal
        returns (int256 sizeBefore, int256 sizeAfter)
    {
        Account storage a = _accounts[account];
        LinearBook.Entry memory entry = LinearBook.find(a, book.instrument);
        sizeBefore = entry.size;
        sizeAfter = sizeBefore + change;
        if (sizeAfter != int96(sizeAfter)) {
            revert ITrading.Trade_SizeBounds(sizeAfter, uint256(uint96(type(int96).max)));
        }
        int256 worth = _takeOut(book, entry, price);
        entry.size = int96(sizeAfter);
        _putBack(book, entry, worth - Perpetual.product(sizeAfter, int256(price) - Perpetual.cost(book.hot, sizeAfter)));
        if (sizeAfter == 0) _payOut(book, account, entry);
        LinearBook.save(a, account, entry);
    }

    /// @dev Removes an entry from the market's sums and returns its profit at `price`.
    function _takeOut(Book memory book, LinearBook.Entry memory entry, uint256 price) private pure returns (int256) {
        if (entry.size == 0) {
            if (entry.quote == 0) return 0;
            uint256 claim = Perpetual.flatClaim(book.flat, entry.quote);
            _dropFlat(book, uint256(uint128(entry.quote)), claim);
            return int256(claim);
        }
        if (entry.size > 0) {
            book.sums.quoteLong -= entry.quote;
            book.sums.openInterest -= uint96(entry.size);
        } else {
            book.sums.quoteShort -= entry.quote;
        }
        return Perpetual.profit(book.hot, entry.size, entry.quote, price);
    }

    /// @dev Puts an open entry with a new quote into the market's sums; a closed one keeps the quote for `_payOut`.
    function _putBack(Book memory book, LinearBook.Entry memory entry, int256 quote) private pure {
        entry.quote = _toInt128(quote);
        if (entry.size > 0) {
            book.sums.quoteLong += entry.quote;
            book.sums.openInterest += uint96(entry.size);
        } else if (entry.size < 0) {
            book.sums.quoteShort += entry.quote;
        }
    }

    /// @dev Flat shares leave; what their sum is worth less than rounded claims stays with the residual.
    function _dropFlat(Book memory book, uint256 shares, uint256 claim) private pure {
        uint256 worth = Rounding.mulDivDown(book.flat.shares, book.flat.index, WAD);
        book.flat.shares -= uint128(shares);
        uint256 left = Rounding.mulDivDown(book.flat.shares, book.flat.index, WAD);
        book.sums.residual += uint64(worth - left - claim); // at most one unit of 1e-18
        if (book.flat.shares == 0) book.flat.index = uint64(WAD);
    }

    // ------------------------------------------------------------ settlement

    /// @dev Turns the profit of an entry into cash: a loss in full, a profit as far as the pool reaches. Returns USDC units, signed.
    function _settle(Book memory book, uint256 account, LinearBook.Entry memory entry) internal returns (int256 paid) {
        if (entry.size == 0) {
            int256 claim = _takeOut(book, entry, book.mark);
            entry.quote = int128(claim);
            return _payOut(book, account, entry);
        }
        int256 profit = Perpetual.profit(book.hot, entry.size, entry.quote, book.mark);
        if (profit < 0) {
            paid = -int256(uint256(-profit) / QUOTE_UNIT); // a fraction of a unit stays unsettled, and owed
        } else {
            paid = int256(Rounding.min(uint256(profit) / QUOTE_UNIT, book.sums.pool));
        }
        _moveCash(book, account, paid);
        int256 change = paid * int256(QUOTE_UNIT);
        entry.quote = _toInt128(entry.quote - change);
        if (entry.size > 0) book.sums.quoteLong -= int128(change);
        else book.sums.quoteShort -= int128(change);
    }

    /// @dev Pays the claim of a closed position out of what has come into the pool since.
    function _settleFlat(Book memory book, uint256 account) internal {
        if (book.sums.pool == 0) return;
        Account storage a = _accounts[account];
        LinearBook.Entry memory entry = LinearBook.find(a, book.instrument);
        if (entry.size != 0 || entry.quote == 0) return;
        _settle(book, account, entry);
        LinearBook.save(a, account, entry);
    }

    /// @dev Settles a closed position that is in no sum, `entry.quote` its profit: a loss rounded up, a profit down; the fraction of a
    ///      unit goes to the residual. What the pool cannot pay becomes flat shares.
    function _payOut(Book memory book, uint256 account, LinearBook.Entry memory entry) private returns (int256 paid) {
        if (entry.quote < 0) {
            uint256 loss = uint256(-int256(entry.quote));
            uint256 units = Rounding.divUp(loss, QUOTE_UNIT);
            book.sums.residual += uint64(units * QUOTE_UNIT - loss);
            _moveCash(book, account, -int256(units));
            entry.quote = 0;
            return -int256(units);
        }
        uint256 profit = uint256(int256(entry.quote));
        uint256 affordable = Rounding.min(profit / QUOTE_UNIT, book.sums.pool);
        _moveCash(book, account, int256(affordable));
        uint256 left = profit - affordable * QUOTE_UNIT;
        if (left < QUOTE_UNIT) {
            book.sums.residual += uint64(left);
            entry.quote = 0;
        } else {
            entry.quote = _toInt128(int256(_addFlat(book, left)));
        }
        return int256(affordable);
    }

    function _addFlat(Book memory book, uint256 claim) private pure returns (uint256 shares) {
        shares = Rounding.mulDivDown(claim, WAD, book.flat.index);
        uint256 worth = Rounding.mulDivDown(book.flat.shares, book.flat.index, WAD);
        book.flat.shares += _toUint128(shares);
        book.sums.residual += uint64(worth + claim - Rounding.mulDivDown(book.flat.shares, book.flat.index, WAD));
    }

    /// @dev Moves USDC units between the market's pool and an account; positive pays the account.
    function _moveCash(Book memory book, uint256 account, int256 units) private {
        if (units == 0) return;
        if (units > 0) {
            book.sums.pool -= uint96(uint256(units)); // callers pay no more than the pool
            _banks[QUOTE].pools -= uint128(uint256(units));
        } else {
            book.sums.pool += uint96(uint256(-units));
            _banks[QUOTE].pools += uint128(uint256(-units));
        }
        _move(account, QUOTE, units);
        emit ITrading.Settled(account, book.instrument, units);
    }

    /// @dev Whole units of rounding remainder go to insurance.
    function _sweepResidual(Book memory book) private {
        uint256 units = Rounding.min(book.sums.residual / QUOTE_UNIT, book.sums.pool);
        if (units == 0) return;
        book.sums.residual -= uint64(units * QUOTE_UNIT);
        book.sums.pool -= uint96(units);
        _banks[QUOTE].pools -= uint128(units);
        _setInsurance(_banks[QUOTE].insurance + units);
    }

    // ------------------------------------------------------------ haircut

    /// @dev Forgives up to `lossWad` of an open position's negative profit and takes as much from the market's winners: open longs, open
    ///      shorts and flat claims, each group in proportion to its profit, each side per unit of size. The loser itself is left out of its
    ///      side. Others' profits add up to the pool plus the loser's loss, so winners can always bear it; what is returned falls short of
    ///      `lossWad` by rounding only: less than the open interest times 1e-12, in USDC.
    function _haircut(Book memory book, LinearBook.Entry memory entry, uint256 lossWad)
        internal
        returns (uint256 taken)
    {
        uint256 total = book.sums.openInterest;
        int256 worth = _takeOut(book, entry, book.mark);
        uint256[3] memory size = [
            uint256(book.sums.openInterest), total - Rounding.positivePart(-int256(entry.size)), book.flat.shares
        ];
        uint256[3] memory profit = [
            _sideProfit(book, int256(size[0]), book.sums.quoteLong),
            _sideProfit(book, -int256(size[1]), book.sums.quoteShort),
            _flatTakable(book)
        ];
        uint256 winners = profit[0] + profit[1] + profit[2];
        if (winners != 0) {
            lossWad = Rounding.min(lossWad, winners);
            uint256 fromLongs = _perUnit(Rounding.mulDivDown(lossWad, profit[0], winners), size[0]);
            uint256 fromShorts = _perUnit(Rounding.mulDivDown(lossWad, profit[1], winners), size[1]);
            book.hot.lossLong += uint64(fromLongs / PRICE_QUANTUM);
            book.hot.lossShort += uint64(fromShorts / PRICE_QUANTUM);
            // exact: both factors are multiples of their quantum
            fromLongs = Rounding.mulDivDown(size[0], fromLongs, WAD);
            fromShorts = Rounding.mulDivDown(size[1], fromShorts, WAD);
            uint256 fromFlat = _haircutFlat(book, Rounding.mulDivDown(lossWad, profit[2], winners));
            taken = fromLongs + fromShorts + fromFlat;
            emit ILiquidation.WinnersHaircut(book.instrument, fromLongs, fromShorts, fromFlat);
        }
        int256 cost = Perpetual.cost(book.hot, entry.size);
        _putBack(book, entry, worth + int256(taken) - Perpetual.product(entry.size, int256(book.mark) - cost));
    }

    function _sideProfit(Book memory book, int256 size, int128 quote) private pure returns (uint256) {
        if (size == 0) return 0;
        return Rounding.positivePart(Perpetual.profit(book.hot, size, quote, book.mark));
    }

    /// @dev USDC per unit, 1e18, rounded down to the price quantum.
    function _perUnit(uint256 amount, uint256 size) private pure returns (uint256) {
        return size == 0 ? 0 : Perpetual.quantise(Rounding.mulDivDown(amount, WAD, size));
    }

    /// @dev What flat claims can give without their index falling below the smallest one.
    function _flatTakable(Book memory book) private pure returns (uint256) {
        uint256 worth = Rounding.mulDivDown(book.flat.shares, book.flat.index, WAD);
        uint256 kept = Rounding.mulDivUp(book.flat.shares, MIN_FLAT_INDEX, WAD);
        return worth > kept ? worth - kept : 0;
    }

    function _haircutFlat(Book memory book, uint256 amount) private pure returns (uint256) {
        if (amount == 0) return 0;
        uint256 worth = Rounding.mulDivDown(book.flat.shares, book.flat.index, WAD);
        book.flat.index = uint64(Rounding.mulDivDown(book.flat.index, worth - amount, worth));
        uint256 left = Rounding.mulDivDown(book.flat.shares, book.flat.index, WAD);
        book.sums.residual += uint64(worth - amount - left);
        return amount;
    }

    function _toInt128(int256 value) private pure returns (int128) {
        if (value != int128(value)) revert Ledger_AmountBounds(Rounding.abs(value));
        return int128(value);
    }
}
