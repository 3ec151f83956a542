// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ILiquidation} from "../interfaces/ILiquidation.sol";
import {ITradingTypes} from "../interfaces/ITrading.sol";
import {PRICE_QUANTUM, QUOTE, QUOTE_UNIT, WAD} from "../libraries/Constants.sol";
import {Rounding} from "../libraries/Rounding.sol";
import {LinearBook} from "../ledger/LinearBook.sol";
import {Touched} from "../ledger/Touched.sol";
import {Instrument} from "./Instrument.sol";
import {Perpetual} from "./Perpetual.sol";

/// @title What a fill, a settlement and a haircut do to a market's positions, sums and pool
/// @dev Invariant I1 after every function: the sum of all accounts' unsettled profits and claims, plus `residual`, is the pool (in 1e18). Each
///      transfer between an account and the market is computed once and booked on both.
abstract contract PerpBook is Touched {
    /// @dev Below this index the claims' epoch ends: new claims must be divided by it.
    uint256 private constant MIN_CLAIM_INDEX = 1e9;
    /// @dev Largest haircut per unit of one step, USDC 1e18: far above any price, far below the width of the cost.
    uint256 private constant MAX_HAIRCUT = 1e6 * WAD;

    /// @dev A market as one call sees it: funding accrued to now, sums in memory, written back by `_closeBook`.
    struct Book {
        uint32 instrument;
        uint256 mark; // USDC 1e18
        MarketHot hot;
        MarketSums sums;
        Claims claims;
    }

    function _openBook(uint32 instrument, Prices memory prices) internal view returns (Book memory book) {
        book.instrument = instrument;
        (book.hot, book.mark) = _hotOf(instrument, prices);
        book.sums = _markets[instrument].sums;
        book.claims = _markets[instrument].claims;
    }

    /// @dev A market seen without a price, for its claims alone: nothing accrues.
    function _openClaims(uint32 instrument) internal view returns (Book memory book) {
        Market storage market = _markets[instrument];
        return Book(instrument, 0, market.hot, market.sums, market.claims);
    }

    function _closeBook(Book memory book) internal {
        Market storage market = _markets[book.instrument];
        _sweepResidual(book);
        market.sums = book.sums;
        Claims memory stored = market.claims;
        bool changed = stored.shares != book.claims.shares || stored.index != book.claims.index
            || stored.epoch != book.claims.epoch;
        if (changed) market.claims = book.claims;
        // without a price nothing has accrued
        if (book.mark != 0) {
            market.hot = book.hot;
            emit ITradingTypes.MarketSet(
                book.instrument, book.hot.funding, book.hot.lossLong, book.hot.lossShort, book.hot.premium
            );
        }
        emit ITradingTypes.PoolSet(
            book.instrument,
            book.sums.openInterest,
            book.sums.pool,
            book.sums.residual,
            book.claims.shares,
            book.claims.index,
            book.claims.epoch
        );
    }

    // ------------------------------------------------------------ trading

    /// @dev Changes an account's position by `change` at `price`. Its profit as of that price stays what it was; the part of what is closed
    ///      is realised at once: a loss is paid into the pool, a profit paid out of it, and what the pool lacks becomes a claim.
    function _trade(Book memory book, uint256 account, int256 change, uint256 price)
        internal
        returns (int256 sizeBefore, int256 sizeAfter)
    {
        return _trade(book, account, LinearBook.find(_accounts[account], book.instrument), change, price);
    }

    /// @param entry The account's, as `LinearBook.find` gives it.
    function _trade(Book memory book, uint256 account, LinearBook.Entry memory entry, int256 change, uint256 price)
        internal
        returns (int256 sizeBefore, int256 sizeAfter)
    {
        sizeBefore = entry.size;
        sizeAfter = sizeBefore + change;
        if (sizeAfter != int96(sizeAfter)) {
            revert ITradingTypes.Trade_SizeBounds(sizeAfter, uint256(uint96(type(int96).max)));
        }
        int256 worth = _takeOut(book, entry, price);
        int256 realised;
        if (sizeBefore != 0 && (sizeBefore > 0) != (change > 0)) {
            uint256 closed = Rounding.min(Rounding.abs(change), Rounding.abs(sizeBefore));
            // of a position that stays open whole units are realised, the rest of the profit stays in its quote
            realised = Rounding.mulDivTrunc(worth, closed, Rounding.abs(sizeBefore));
            if (closed != Rounding.abs(sizeBefore)) realised -= realised % int256(QUOTE_UNIT);
        }
        entry.size = int96(sizeAfter);
        int256 cost = Perpetual.cost(book.hot, sizeAfter);
        _putBack(book, entry, worth - realised - Perpetual.product(sizeAfter, int256(price) - cost));
        LinearBook.save(_accounts[account], account, entry);
        if (realised != 0) _realise(book, account, realised);
    }

    /// @dev Removes an open position from the market's sums and returns its profit at `price`.
    function _takeOut(Book memory book, LinearBook.Entry memory entry, uint256 price) private pure returns (int256) {
        if (entry.size == 0) return 0;
        if (entry.size > 0) {
            book.sums.quoteLong -= entry.quote;
            book.sums.openInterest -= uint96(entry.size);
        } else {
            book.sums.quoteShort -= entry.quote;
        }
        return Perpetual.profit(book.hot, entry.size, entry.quote, price);
    }

    /// @dev Puts a position with a new quote into the market's sums.
    function _putBack(Book memory book, LinearBook.Entry memory entry, int256 quote) private pure {
        entry.quote = _toInt128(quote);
        if (entry.size > 0) {
            book.sums.quoteLong += entry.quote;
            book.sums.openInterest += uint96(entry.size);
        } else if (entry.size < 0) {
            book.sums.quoteShort += entry.quote;
        }
    }

    // ------------------------------------------------------------ cash

    /// @dev Pays a realised profit or loss that is in no sum any more: a loss rounded up, a profit down to whole units, the fraction goes to
    ///      the residual. What the pool cannot pay becomes a claim.
    function _realise(Book memory book, uint256 account, int256 profit) internal {
        if (profit < 0) {
            uint256 loss = uint256(-profit);
            uint256 owed = Rounding.divUp(loss, QUOTE_UNIT);
            book.sums.residual += uint64(owed * QUOTE_UNIT - loss);
            return _moveCash(book, account, -int256(owed));
        }
        uint256 units = uint256(profit) / QUOTE_UNIT;
        book.sums.residual += uint64(uint256(profit) - units * QUOTE_UNIT);
        uint256 affordable = Rounding.min(units, book.sums.pool);
        _moveCash(book, account, int256(affordable));
        if (units != affordable) _addClaim(book, account, (units - affordable) * QUOTE_UNIT);
    }

    /// @dev Turns the profit of an open position into cash: a loss in full, a profit as far as the pool reaches; whole units.
    function _settlePosition(Book memory book, uint256 account, LinearBook.Entry memory entry) internal {
        int256 profit = Perpetual.profit(book.hot, entry.size, entry.quote, book.mark);
        int256 units = profit < 0
            ? -int256(uint256(-profit) / QUOTE_UNIT)
            : int256(Rounding.min(uint256(profit) / QUOTE_UNIT, book.sums.pool));
        if (units == 0) return;
        int256 change = units * int256(QUOTE_UNIT);
        entry.quote = _toInt128(entry.quote - change);
        if (entry.size > 0) book.sums.quoteLong -= int128(change);
        else book.sums.quoteShort -= int128(change);
        LinearBook.save(_accounts[account], account, entry);
        _moveCash(book, account, units);
    }

    /// @dev Pays an account's claim out of what has come into the pool since. A claim below one unit goes to the residual.
    function _settleClaim(Book memory book, uint256 account) internal {
        Account storage a = _accounts[account];
        LinearBook.Entry memory entry = LinearBook.find(a, book.instrument | Instrument.CLAIM);
        if (entry.quote == 0) return;
        uint256 claim = Perpetual.claimOf(book.claims, entry.size, entry.quote);
        uint256 units = Rounding.min(claim / QUOTE_UNIT, book.sums.pool);
        bool whole = claim - units * QUOTE_UNIT < QUOTE_UNIT;
        if (units == 0 && !whole) return;
        uint256 burnt = whole
            ? uint256(int256(entry.quote))
            : Rounding.mulDivUp(units * QUOTE_UNIT, WAD, book.claims.index);
        if (uint96(entry.size) == book.claims.epoch) _burnClaim(book, burnt, units * QUOTE_UNIT);
        entry.quote -= int128(int256(burnt));
        LinearBook.save(a, account, entry);
        _moveCash(book, account, int256(units));
    }

    /// @dev Takes shares off the claims; what they were worth beyond `paid` goes to the residual.
    function _burnClaim(Book memory book, uint256 shares, uint256 paid) private pure {
        uint256 worth = Perpetual.allClaims(book.claims);
        book.claims.shares -= uint128(shares);
        book.sums.residual += uint64(worth - Perpetual.allClaims(book.claims) - paid); // below one unit
        if (book.claims.shares == 0) book.claims.index = uint64(WAD);
    }

    function _addClaim(Book memory book, uint256 account, uint256 claim) private {
        Account storage a = _accounts[account];
        uint256 worth = Perpetual.allClaims(book.claims);
        uint256 shares = Rounding.mulDivDown(claim, WAD, book.claims.index);
        book.claims.shares = _toUint128(book.claims.shares + shares);
        book.sums.residual += uint64(worth + claim - Perpetual.allClaims(book.claims));
        LinearBook.Entry memory entry = LinearBook.find(a, book.instrument | Instrument.CLAIM);
        int96 epoch = int96(uint96(book.claims.epoch));
        if (entry.size != epoch) entry.quote = 0; // of an epoch that is over
        entry.size = epoch;
        entry.quote += int128(int256(shares));
        LinearBook.save(a, account, entry);
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
        emit ITradingTypes.Settled(account, book.instrument, units);
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
    ///      shorts and claims, each group in proportion to its profit, each side per unit of size. The loser itself is left out: its
    ///      position of its side, its claim by netting it with the loss. Others' profits add up to the pool plus the loser's
    ///      loss, so winners can always bear it; what is returned falls short of `lossWad` by rounding only: less than the open interest
    ///      times 1e-12, in USDC.
    function _haircut(Book memory book, uint256 account, uint256 lossWad) internal returns (uint256 taken) {
        uint256 total = book.sums.openInterest;
        int256 worth = int256(_cashInClaim(book, account));
        LinearBook.Entry memory entry = LinearBook.find(_accounts[account], book.instrument);
        worth += _takeOut(book, entry, book.mark);
        lossWad = Rounding.min(lossWad, Rounding.positivePart(-worth));
        uint256[2] memory size =
            [uint256(book.sums.openInterest), total - Rounding.positivePart(-int256(entry.size))];
        uint256[3] memory profit = [
            _sideProfit(book, int256(size[0]), book.sums.quoteLong),
            _sideProfit(book, -int256(size[1]), book.sums.quoteShort),
            Perpetual.allClaims(book.claims)
        ];
        uint256 winners = profit[0] + profit[1] + profit[2];
        if (winners != 0) {
            lossWad = Rounding.min(lossWad, winners);
            uint256 fromLongs = _perUnit(Rounding.mulDivDown(lossWad, profit[0], winners), size[0]);
            uint256 fromShorts = _perUnit(Rounding.mulDivDown(lossWad, profit[1], winners), size[1]);
            book.hot.lossLong += uint64(fromLongs / PRICE_QUANTUM); // bounded by `_perUnit`
            book.hot.lossShort += uint64(fromShorts / PRICE_QUANTUM);
            // exact: both factors are multiples of their quantum
            fromLongs = Rounding.mulDivDown(size[0], fromLongs, WAD);
            fromShorts = Rounding.mulDivDown(size[1], fromShorts, WAD);
            uint256 fromClaims = _haircutClaims(book, Rounding.mulDivDown(lossWad, profit[2], winners));
            taken = fromLongs + fromShorts + fromClaims;
            emit ILiquidation.WinnersHaircut(book.instrument, fromLongs, fromShorts, fromClaims);
        }
        int256 cost = Perpetual.cost(book.hot, entry.size);
        _putBack(book, entry, worth + int256(taken) - Perpetual.product(entry.size, int256(book.mark) - cost));
        LinearBook.save(_accounts[account], account, entry);
    }

    /// @dev Gives up an account's claim and returns what it was worth; the caller puts it into the position's quote.
    function _cashInClaim(Book memory book, uint256 account) private returns (uint256 claim) {
        Account storage a = _accounts[account];
        LinearBook.Entry memory entry = LinearBook.find(a, book.instrument | Instrument.CLAIM);
        if (entry.quote == 0) return 0;
        claim = Perpetual.claimOf(book.claims, entry.size, entry.quote);
        if (uint96(entry.size) == book.claims.epoch) _burnClaim(book, uint256(int256(entry.quote)), claim);
        entry.quote = 0;
        LinearBook.save(a, account, entry);
    }

    function _sideProfit(Book memory book, int256 size, int128 quote) private pure returns (uint256) {
        if (size == 0) return 0;
        return Rounding.positivePart(Perpetual.profit(book.hot, size, quote, book.mark));
    }

    /// @dev USDC per unit, 1e18, rounded down to the price quantum; what does not fit the cost's width is left to the next bearer.
    function _perUnit(uint256 amount, uint256 size) private pure returns (uint256) {
        if (size == 0) return 0;
        return Perpetual.quantise(Rounding.min(Rounding.mulDivDown(amount, WAD, size), MAX_HAIRCUT));
    }

    /// @dev Takes `amount` of the claims, at most their worth. Where next to nothing would be left, the epoch ends: the rest goes to the
    ///      residual, later claims start anew, and can bear a later loss.
    function _haircutClaims(Book memory book, uint256 amount) private pure returns (uint256) {
        if (amount == 0) return 0;
        uint256 worth = Perpetual.allClaims(book.claims);
        uint256 index = Rounding.mulDivDown(book.claims.index, worth - amount, worth);
        if (index < MIN_CLAIM_INDEX) {
            book.sums.residual += uint64(worth - amount); // a part in 1e9 of the claims at most
            book.claims = Claims(0, uint64(WAD), book.claims.epoch + 1);
            return amount;
        }
        book.claims.index = uint64(index);
        book.sums.residual += uint64(worth - amount - Perpetual.allClaims(book.claims));
        return amount;
    }

    function _toInt128(int256 value) private pure returns (int128) {
        if (value != int128(value)) revert Ledger_AmountBounds(Rounding.abs(value));
        return int128(value);
    }
}
