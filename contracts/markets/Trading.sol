// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IMarginEngine} from "../interfaces/IMarginEngine.sol";
import {IRiskArraysErrors} from "../interfaces/IRiskArrays.sol";
import {ITrading} from "../interfaces/ITrading.sol";
import {QUOTE, QUOTE_UNIT, WAD} from "../libraries/Constants.sol";
import {Rounding} from "../libraries/Rounding.sol";
import {LedgerStorage} from "../ledger/LedgerStorage.sol";
import {Fills} from "./Fills.sol";
import {Instrument} from "./Instrument.sol";
import {Perpetual} from "./Perpetual.sol";
import {Premium} from "./Premium.sol";

/// @title The module of fills in spot, perpetuals and dated futures, of cancellation and quotes
/// @dev Runs by delegatecall from the Clearinghouse, which opens and closes the gate and checks every touched account afterwards.
///      Called directly it works on its own empty storage and can do nothing.
contract Trading is ITrading, Fills, Premium {
    constructor(address authority) LedgerStorage(authority) {}

    // ------------------------------------------------------------ actions

    /// @inheritdoc ITrading
    function cancel(uint256 account, uint256 nonce) external {
        if (!_mayTrade(account, msg.sender)) revert Ledger_NotAuthorized(account, msg.sender);
        _cancelled[account][nonce >> 8] |= 1 << (nonce & 0xff);
        emit OrderCancelled(account, nonce);
    }

    /// @inheritdoc ITrading
    function submitQuotes(Quote[] calldata quotes, bytes[] calldata signatures) external {
        if (quotes.length == 0) revert Trade_NoQuotes(0, _premium.minQuotes);
        uint32 instrument = quotes[0].instrument;
        if (!_markets[instrument].listed || Instrument.kind(instrument) != Instrument.PERPETUAL) {
            revert Trade_UnknownInstrument(instrument);
        }
        Prices memory prices = _readPrices(1 | (1 << Instrument.asset(instrument)));
        Book memory book = _openBook(instrument, prices);
        _sample(book, quotes, signatures, _indexOf(prices, Instrument.asset(instrument)));
        _closeBook(book);
    }

    // ------------------------------------------------------------ the fill

    /// @inheritdoc Fills
    function _execute(
        Order calldata maker,
        Side memory makerSide,
        Side memory takerSide,
        Prices memory prices,
        Market storage market
    ) internal override returns (uint256 mark, uint256) {
        uint8 kind = Instrument.kind(maker.instrument);
        if (kind == Instrument.SPOT) return (_fillSpot(maker, makerSide, takerSide, prices), 0);
        if (kind == Instrument.FUTURE) _requireLive(maker.instrument, prices);
        return (_fillLinear(maker, makerSide, takerSide, prices, market), 0);
    }

    /// @dev A future that has not expired, with a forward that is not too old.
    function _requireLive(uint32 instrument, Prices memory prices) private view {
        uint64 expiry = Instrument.expiry(instrument);
        if (block.timestamp >= expiry) revert Trade_InstrumentExpired(instrument, expiry);
        uint256 index = _indexOf(prices, Instrument.asset(instrument));
        (, bool stale) = IMarginEngine(_engine).futureMark(instrument, index);
        if (stale) revert IRiskArraysErrors.RiskArrays_Stale(expiry);
    }

    function _fillLinear(
        Order calldata maker,
        Side memory makerSide,
        Side memory takerSide,
        Prices memory prices,
        Market storage market
    ) private returns (uint256 mark) {
        Book memory book = _openBook(maker.instrument, prices);
        mark = book.mark;
        uint256 before = book.sums.openInterest;
        (takerSide.sizeBefore, takerSide.sizeAfter) = _trade(book, takerSide.account, takerSide.change, maker.limitPrice);
        (makerSide.sizeBefore, makerSide.sizeAfter) = _trade(book, makerSide.account, makerSide.change, maker.limitPrice);
        // a taker who closed with a profit can draw what a closing maker has just paid in
        _settleClaim(book, takerSide.account);
        uint256 openInterest = book.sums.openInterest;
        uint256 cap = market.config.openInterestCap;
        if (openInterest > before && openInterest > cap) {
            revert Trade_OpenInterestCap(maker.instrument, openInterest, cap);
        }
        _closeBook(book);
    }

    /// @dev Exchanges the token against USDC; the cost is computed once, rounded up, and booked on both.
    function _fillSpot(Order calldata maker, Side memory makerSide, Side memory takerSide, Prices memory prices)
        private
        returns (uint256 mark)
    {
        mark = Perpetual.quantise(_indexOf(prices, Instrument.asset(maker.instrument)));
        uint8 token = uint8(Instrument.serial(maker.instrument));
        uint256 scale = 10 ** (18 - _banks[token].decimals);
        (Side memory buyer, Side memory seller) =
            makerSide.change > 0 ? (makerSide, takerSide) : (takerSide, makerSide);
        (buyer.sizeBefore, seller.sizeBefore) =
            (_balanceOf(buyer.account, token) * int256(scale), _balanceOf(seller.account, token) * int256(scale));
        (uint256 quoteDebt, uint256 tokenDebt) = (_banks[QUOTE].borrowShares, _banks[token].borrowShares);
        (uint256 quoteDeposits, uint256 tokenDeposits) = (_banks[QUOTE].depositShares, _banks[token].depositShares);
        uint256 units = uint256(buyer.change) / scale; // the lot is a multiple of the scale
        uint256 cost = Rounding.divUp(Rounding.mulDivUp(uint256(buyer.change), maker.limitPrice, WAD), QUOTE_UNIT);
        _moveTwo(buyer.account, -int256(cost), seller.account, int256(cost), QUOTE);
        _moveTwo(seller.account, -int256(units), buyer.account, int256(units), token);
        buyer.sizeAfter = buyer.sizeBefore + buyer.change;
        seller.sizeAfter = seller.sizeBefore + seller.change;
        _requireBorrowCap(QUOTE, quoteDebt);
        _requireBorrowCap(token, tokenDebt);
        _requireSupplyCap(_banks[QUOTE], quoteDeposits);
        _requireSupplyCap(_banks[token], tokenDeposits);
    }
}
