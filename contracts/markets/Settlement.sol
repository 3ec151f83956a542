// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ISettlementOracle} from "../interfaces/ISettlementOracle.sol";
import {IStrikeBook} from "../interfaces/IStrikeBook.sol";
import {IExpirySettlement, ISettling} from "../interfaces/ITrading.sol";
import {WAD} from "../libraries/Constants.sol";
import {OptionBook} from "../risk/OptionBook.sol";
import {LedgerStorage} from "../ledger/LedgerStorage.sol";
import {LinearBook} from "../ledger/LinearBook.sol";
import {OptionList} from "../ledger/OptionList.sol";
import {Instrument} from "./Instrument.sol";
import {Perpetual} from "./Perpetual.sol";
import {PerpBook} from "./PerpBook.sol";

/// @title The module of settlement: profit and loss into cash, and what has expired
/// @notice An option that has expired is worth max(0, price - strike), a put max(0, strike - price), at the price that the settlement oracle has
///         fixed. Each account is settled by itself, whenever somebody does: a short pays into its series' pool, a long is paid as far as
///         that reaches and gets a claim for the rest. So no account can keep another from being settled. Losses are rounded up to units of
///         USDC, profits down, the difference is the pool's.
/// @dev Runs by delegatecall from the Clearinghouse. What positions are worth at expiry rests on the strikes and prices here, so they are
///      immutable.
contract Settlement is ISettling, IExpirySettlement, PerpBook {
    IStrikeBook private immutable STRIKES;
    ISettlementOracle private immutable PRICES;

    constructor(address authority, address strikes, address prices) LedgerStorage(authority) {
        (STRIKES, PRICES) = (IStrikeBook(strikes), ISettlementOracle(prices));
    }

    // ------------------------------------------------------------ actions

    /// @inheritdoc ISettling
    function settle(uint256 account) external {
        // what expired options paid needs no price of now, and no equity
        bool settled = _settleOptions(account, false);
        Words memory words = _load(account);
        if (words.linears == 0 && words.options == 0) return;
        Prices memory prices = _readPrices(_assetsOf(words));
        int256 equity = _evaluate(words, prices).equity;
        if (equity >= 0) {
            settled = true;
            _settleOptions(account, true);
            _settleFutures(account);
            words = _load(account);
        }
        for (uint256 i; i < words.linears; ++i) {
            (uint32 instrument,) = LinearBook.decode(words.sizes[i >> 1], i);
            bool claim = Instrument.isClaim(instrument);
            if (equity < 0) {
                // what a pool owes an insolvent account repays its lenders; its losses go through liquidation
                if (!claim) continue;
                _settleClaimOf(account, Instrument.market(instrument));
                settled = true;
            } else if (!claim) {
                _settleMarket(account, instrument, prices);
            } else if (_isClosed(words, instrument)) {
                _settleClaimOf(account, Instrument.market(instrument));
            }
        }
        if (!settled) revert Trade_SettleInsolvent(account, equity);
    }

    /// @dev A claim whose market the account has no position in: else the position's turn settles it.
    function _isClosed(Words memory words, uint32 claim) private pure returns (bool) {
        for (uint256 i; i < words.linears; ++i) {
            (uint32 instrument,) = LinearBook.decode(words.sizes[i >> 1], i);
            if (instrument == Instrument.market(claim)) return false;
        }
        return true;
    }

    function _settleMarket(uint256 account, uint32 instrument, Prices memory prices) private {
        Book memory book = _openBook(instrument, prices);
        _settlePosition(book, account, LinearBook.find(_accounts[account], instrument));
        _settleClaim(book, account);
        _closeBook(book);
    }

    /// @dev A claim needs no price: the market's funding waits for somebody who brings one.
    function _settleClaimOf(uint256 account, uint32 instrument) private {
        Book memory book = _openClaims(instrument);
        _settleClaim(book, account);
        _closeBook(book);
    }

    /// @inheritdoc IExpirySettlement
    function settleExpired(uint256 account) external {
        _settleOptions(account, true);
        _settleFutures(account);
    }

    // ------------------------------------------------------------ options

    /// @dev Closes the account's expired options whose price is fixed; of these the long ones alone, or all.
    /// @return settled Whether there were any.
    function _settleOptions(uint256 account, bool all) private returns (bool settled) {
        Account storage a = _accounts[account];
        if (a.header.options == 0) return false;
        uint256 word = a.series;
        for (uint256 slot; word >> (32 * slot) != 0; ++slot) {
            if (OptionBook.countAt(word, slot) == 0) continue;
            uint32 series = OptionBook.seriesAt(word, slot);
            if (_isFixed(series) && _settleSeries(account, series, slot, all)) settled = true;
        }
    }

    function _settleSeries(uint256 account, uint32 series, uint256 slot, bool all) private returns (bool settled) {
        Account storage a = _accounts[account];
        uint256[] memory strikes = STRIKES.strikesOf(Instrument.assetOfSeries(series), Instrument.expiryOfSeries(series));
        uint256 price = _priceOf(series);
        Book memory book = _openClaims(Instrument.seriesMarket(series));
        if (book.claims.index == 0) book.claims.index = uint64(WAD); // the first that is settled of the series
        // from the last to the first: what moves into the place of a closed one has been seen
        for (uint256 i = a.header.options; i != 0;) {
            --i;
            uint256 entry = OptionList.at(a, i);
            int256 lots = OptionBook.lotsOf(entry);
            if (OptionBook.slotOf(entry) != slot || (lots < 0 && !all)) continue;
            settled = true;
            _close(book, account, OptionList.Entry(i, slot, lots), entry, series, strikes[OptionBook.strikeOf(entry)], price);
        }
        if (!settled) return false;
        _settleClaim(book, account);
        _closeBook(book);
    }

    function _close(
        Book memory book,
        uint256 account,
        OptionList.Entry memory place,
        uint256 entry,
        uint32 series,
        uint256 strike,
        uint256 price
    ) private {
        bool put = OptionBook.isPut(entry);
        uint32 instrument = Instrument.option(series, OptionBook.strikeOf(entry), put);
        uint256 lot = _markets[Instrument.optionsOf(Instrument.assetOfSeries(series))].config.lot;
        int256 size = place.lots * int256(lot);
        if (size > 0) _markets[instrument].sums.openInterest -= uint96(uint256(size));
        OptionList.save(_accounts[account], account, instrument, place, 0, lot);
        int256 payoff = put ? int256(strike) - int256(price) : int256(price) - int256(strike);
        if (payoff > 0) _realise(book, account, Perpetual.product(size, payoff)); // exact: multiples of their quanta
    }

    // ------------------------------------------------------------ futures

    /// @dev Closes the account's expired futures whose price is fixed.
    function _settleFutures(uint256 account) private {
        Account storage a = _accounts[account];
        for (uint256 i = a.header.linears; i != 0;) {
            --i;
            if (i >= a.header.linears) continue; // a claim that was paid in full has left the list
            LinearBook.Entry memory entry = LinearBook.at(a, i);
            uint32 instrument = entry.instrument;
            if (Instrument.isClaim(instrument) || Instrument.kind(instrument) != Instrument.FUTURE) continue;
            uint32 series = Instrument.series(instrument);
            if (!_isFixed(series)) continue;
            Book memory book = _openClaims(instrument);
            book.mark = _priceOf(series);
            _trade(book, account, entry, -int256(entry.size), book.mark);
            _settleClaim(book, account);
            _closeBook(book);
        }
    }

    // ------------------------------------------------------------ prices

    function _isFixed(uint32 series) private view returns (bool) {
        uint64 expiry = Instrument.expiryOfSeries(series);
        return block.timestamp >= expiry && PRICES.isFixed(Instrument.assetOfSeries(series), expiry);
    }

    /// @dev USDC 1e18, a multiple of the price quantum.
    function _priceOf(uint32 series) private view returns (uint256) {
        return PRICES.priceOf(Instrument.assetOfSeries(series), Instrument.expiryOfSeries(series));
    }
}
