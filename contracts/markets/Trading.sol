// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IListing} from "../interfaces/IListing.sol";
import {ITrading} from "../interfaces/ITrading.sol";
import {E6, QUOTE, QUOTE_UNIT, WAD} from "../libraries/Constants.sol";
import {Rounding} from "../libraries/Rounding.sol";
import {LinearBook} from "../ledger/LinearBook.sol";
import {LedgerStorage} from "../ledger/LedgerStorage.sol";
import {Instrument} from "./Instrument.sol";
import {Orders} from "./Orders.sol";
import {Perpetual} from "./Perpetual.sol";
import {Premium} from "./Premium.sol";

/// @title The module of fills, cancellation, settlement and quotes
/// @dev Runs by delegatecall from the Clearinghouse, which opens and closes the gate and checks every touched account afterwards.
///      Called directly it works on its own empty storage and can do nothing.
contract Trading is ITrading, Orders, Premium {
    /// @dev One side of a fill.
    struct Side {
        uint256 account;
        int256 change; // units, 1e18
        address operator; // zero: the owner signed
        bytes32 hash;
        uint256 fee; // USDC units
        int256 sizeBefore;
        int256 sizeAfter;
    }

    constructor(address authority) LedgerStorage(authority) {}

    // ------------------------------------------------------------ actions

    /// @inheritdoc ITrading
    function fill(
        Order calldata maker,
        bytes calldata makerSig,
        Order calldata taker,
        bytes calldata takerSig,
        uint256 size
    ) external {
        Market storage market = _markets[maker.instrument];
        _requireMatch(maker, taker, size, market);
        Side memory makerSide = _sideOf(maker, makerSig, size);
        Side memory takerSide = _sideOf(taker, takerSig, size);
        _touch(maker.account, TOUCHED);
        _touch(taker.account, TOUCHED);

        Prices memory prices = _readPrices(1 | (1 << Instrument.asset(maker.instrument)));
        _requireUnrestricted(maker.account);
        _requireUnrestricted(taker.account);
        uint256 mark = Instrument.kind(maker.instrument) == Instrument.PERPETUAL
            ? _fillPerpetual(maker, makerSide, takerSide, prices, market)
            : _fillSpot(maker, makerSide, takerSide, prices);

        _requireSide(maker, makerSide, market);
        _requireSide(taker, takerSide, market);
        IListing.MarketConfig memory config = market.config;
        _requirePrice(maker.limitPrice, mark, config);
        _chargeFee(maker, makerSide, config.makerFee, maker.limitPrice, mark);
        _chargeFee(taker, takerSide, config.takerFee, maker.limitPrice, mark);
        _moveTwo(makerSide.account, -int256(makerSide.fee), takerSide.account, -int256(takerSide.fee), QUOTE);
        _banks[QUOTE].fees += uint128(makerSide.fee + takerSide.fee);
        _emitFilled(maker, makerSide, takerSide);
    }

    /// @inheritdoc ITrading
    function cancel(uint256 account, uint256 nonce) external {
        if (!_mayTrade(account, msg.sender)) revert Ledger_NotAuthorized(account, msg.sender);
        _cancelled[account][nonce >> 8] |= 1 << (nonce & 0xff);
        emit OrderCancelled(account, nonce);
    }

    /// @inheritdoc ITrading
    function settle(uint256 account) external {
        Words memory words = _load(account);
        if (words.linears == 0) return;
        Prices memory prices = _readPrices(_assetsOf(words));
        int256 equity = _evaluate(words, prices).equity;
        bool settled = equity >= 0;
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

    // ------------------------------------------------------------ before a fill

    function _requireMatch(Order calldata maker, Order calldata taker, uint256 size, Market storage market)
        private
        view
    {
        if (!market.listed) revert Trade_UnknownInstrument(maker.instrument);
        if (maker.instrument != taker.instrument) revert Trade_InstrumentMismatch(maker.instrument, taker.instrument);
        if (maker.account == taker.account) revert Trade_SameAccount(maker.account);
        if (size == 0 || size > uint96(type(int96).max)) {
            revert Trade_SizeBounds(int256(size), uint96(type(int96).max));
        }
        if (maker.limitPrice > type(uint128).max) revert Trade_OutsideBand(maker.limitPrice, 0, type(uint128).max);
        _requireSize(maker.size);
        _requireSize(taker.size);
        if ((maker.size > 0) == (taker.size > 0)) revert Trade_SameSide();
        if (size % market.config.lot != 0) revert Trade_Lot(size, market.config.lot);
        _requireCounterparty(maker, taker.account);
        _requireCounterparty(taker, maker.account);
        bool crossed = taker.size > 0 ? maker.limitPrice > taker.limitPrice : maker.limitPrice < taker.limitPrice;
        if (crossed) revert Trade_LimitCrossed(maker.limitPrice, taker.limitPrice);
    }

    /// @dev A liquidator's account, which the end of the call excuses from pause and deviation for the slice it took, takes no more.
    function _requireUnrestricted(uint256 account) private view {
        if (_marksOf(account) & LIQUIDATOR == 0) return;
        bool restricted = _pausedUntil > block.timestamp || _readPrices(_assetsOf(_load(account))).deviating != 0;
        if (restricted) revert Trade_LiquidatorRestricted(account);
    }

    function _requireSize(int256 size) private pure {
        if (size == 0 || size != int96(size) || size == type(int96).min) {
            revert Trade_SizeBounds(size, uint96(type(int96).max));
        }
    }

    function _requireCounterparty(Order calldata order, uint256 other) private pure {
        address found = _ownerOf(other);
        if (order.counterparty != address(0) && order.counterparty != found) {
            revert Trade_Counterparty(order.counterparty, found);
        }
    }

    function _sideOf(Order calldata order, bytes calldata signature, uint256 size) private returns (Side memory side) {
        side.account = order.account;
        side.change = order.size > 0 ? int256(size) : -int256(size);
        (side.hash, side.operator) = _useOrder(order, signature, size);
    }

    // ------------------------------------------------------------ the fill

    function _fillPerpetual(
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

    // ------------------------------------------------------------ after a fill

    function _requireSide(Order calldata order, Side memory side, Market storage market) private view {
        bool shrinks = side.sizeBefore > 0
            ? side.change < 0 && side.sizeAfter >= 0
            : side.change > 0 && side.sizeAfter <= 0;
        if (!shrinks) {
            if (order.reduceOnly) revert Trade_ReduceOnly(side.account, side.sizeBefore, side.change);
            if (market.reduceOnly) revert Trade_Closed(order.instrument);
        }
        if (Instrument.kind(order.instrument) != Instrument.PERPETUAL) return;
        uint256 size = Rounding.abs(side.sizeAfter);
        if (size != 0 && size < market.config.minSize) {
            revert Trade_BelowMinimum(side.account, size, market.config.minSize);
        }
    }

    /// @dev A price equal to the mark is inside whatever band and tick.
    function _requirePrice(uint256 price, uint256 mark, IListing.MarketConfig memory config) private pure {
        if (price == mark) return;
        if (price % config.tick != 0) revert Trade_Tick(price, config.tick);
        uint256 width = config.bandAbsolute + Rounding.mulDivDown(mark, config.band, E6);
        uint256 lowest = mark > width ? mark - width : 0;
        if (price < lowest || price > mark + width) revert Trade_OutsideBand(price, lowest, mark + width);
    }

    /// @dev The fee, rounded up, within what the order allows; an operator's loss against the mark counts with it.
    function _chargeFee(Order calldata order, Side memory side, uint256 rate, uint256 price, uint256 mark) private {
        uint256 size = Rounding.abs(side.change);
        uint256 notional = Rounding.mulDivUp(size, price, WAD);
        side.fee = Rounding.divUp(Rounding.mulDivUp(notional, rate, E6), QUOTE_UNIT);
        uint256 feeWad = side.fee * QUOTE_UNIT;
        uint256 bound = Rounding.min(order.maxFee, type(uint128).max); // beyond any fee there is
        bound = Rounding.mulDivDown(bound, size, Rounding.abs(order.size));
        if (feeWad > bound) revert Trade_FeeAboveMax(feeWad, bound);
        _addFee(side.account, feeWad + _roundingOf(order.instrument, price));
        if (side.operator != address(0)) {
            int256 againstMark = (int256(price) - int256(mark)) * side.change / int256(WAD);
            _spendBudget(side.account, side.operator, feeWad + Rounding.positivePart(againstMark));
        }
    }

    /// @dev What rounding of shares may cost a side beyond its fee, USDC 1e18: some units of USDC, and of a spot market's token. A weak
    ///      account may lose it in a fill, as it may the fee.
    function _roundingOf(uint32 instrument, uint256 price) private view returns (uint256 rounding) {
        rounding = 4 * (2 + _banks[QUOTE].borrowIndex / WAD) * QUOTE_UNIT;
        if (Instrument.kind(instrument) == Instrument.SPOT) {
            Bank storage bank = _banks[uint8(Instrument.serial(instrument))];
            rounding += Rounding.mulDivUp(2 + bank.borrowIndex / WAD, price, 10 ** bank.decimals);
        }
    }

    function _emitFilled(Order calldata maker, Side memory makerSide, Side memory takerSide) private {
        emit Filled(
            maker.instrument,
            makerSide.account,
            takerSide.account,
            makerSide.hash,
            takerSide.hash,
            takerSide.change,
            maker.limitPrice,
            makerSide.fee,
            takerSide.fee
        );
    }
}
