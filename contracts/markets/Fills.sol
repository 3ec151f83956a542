// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IListing} from "../interfaces/IListing.sol";
import {IFills} from "../interfaces/ITrading.sol";
import {E6, QUOTE, QUOTE_UNIT, WAD} from "../libraries/Constants.sol";
import {Rounding} from "../libraries/Rounding.sol";
import {SETTLEMENT_WINDOW} from "../oracles/SettlementWindow.sol";
import {Instrument} from "./Instrument.sol";
import {Orders} from "./Orders.sol";

/// @title What a fill is, whatever is traded: two orders that match, a price in the band, fees
abstract contract Fills is IFills, Orders {
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

    /// @inheritdoc IFills
    function fill(
        Order calldata maker,
        bytes calldata makerSig,
        Order calldata taker,
        bytes calldata takerSig,
        uint256 size
    ) external {
        Market storage market = _markets[Instrument.listing(maker.instrument)];
        _requireMatch(maker, taker, size, market);
        Side memory makerSide = _sideOf(maker, makerSig, size);
        Side memory takerSide = _sideOf(taker, takerSig, size);
        _touch(maker.account, TOUCHED);
        _touch(taker.account, TOUCHED);

        Prices memory prices = _readPrices(1 | (1 << Instrument.asset(maker.instrument)));
        _requireUnrestricted(maker.account);
        _requireUnrestricted(taker.account);
        (uint256 mark, uint256 slack) = _execute(maker, makerSide, takerSide, prices, market);

        _requireSide(maker, makerSide, market);
        _requireSide(taker, takerSide, market);
        IListing.MarketConfig memory config = market.config;
        _requirePrice(maker.limitPrice, mark, slack, config);
        _chargeFee(maker, makerSide, config.makerFee, maker.limitPrice, mark);
        _chargeFee(taker, takerSide, config.takerFee, maker.limitPrice, mark);
        _moveTwo(makerSide.account, -int256(makerSide.fee), takerSide.account, -int256(takerSide.fee), QUOTE);
        _banks[QUOTE].fees += uint128(makerSide.fee + takerSide.fee);
        _emitFilled(maker, makerSide, takerSide);
    }

    /// @dev Changes the two accounts' positions and cash, and fills in the sides' sizes.
    /// @return mark USDC 1e18. @return slack How much wider than the market's parameters the band around it is, USDC 1e18.
    function _execute(
        Order calldata maker,
        Side memory makerSide,
        Side memory takerSide,
        Prices memory prices,
        Market storage market
    ) internal virtual returns (uint256 mark, uint256 slack);

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

    // ------------------------------------------------------------ after a fill

    function _requireSide(Order calldata order, Side memory side, Market storage market) private view {
        bool shrinks = side.sizeBefore > 0
            ? side.change < 0 && side.sizeAfter >= 0
            : side.change > 0 && side.sizeAfter <= 0;
        if (!shrinks) {
            if (order.reduceOnly) revert Trade_ReduceOnly(side.account, side.sizeBefore, side.change);
            if (market.reduceOnly || _isSettling(order.instrument)) revert Trade_Closed(order.instrument);
        }
        if (Instrument.kind(order.instrument) == Instrument.SPOT) return;
        uint256 size = Rounding.abs(side.sizeAfter);
        if (size != 0 && size < market.config.minSize) {
            revert Trade_BelowMinimum(side.account, size, market.config.minSize);
        }
    }

    /// @dev In the window whose average is the settlement price, mark and margin follow the spot and the payoff does not: positions only shrink.
    function _isSettling(uint32 instrument) private view returns (bool) {
        uint8 kind = Instrument.kind(instrument);
        if (kind != Instrument.FUTURE && kind != Instrument.OPTION) return false;
        return block.timestamp + SETTLEMENT_WINDOW >= Instrument.expiry(instrument);
    }

    /// @dev A price equal to the mark is inside whatever band and tick. @param slack What widens the band beyond the market's parameters.
    function _requirePrice(uint256 price, uint256 mark, uint256 slack, IListing.MarketConfig memory config)
        private
        pure
    {
        if (price == mark) return;
        if (price % config.tick != 0) revert Trade_Tick(price, config.tick);
        uint256 width = config.bandAbsolute + slack + Rounding.mulDivDown(mark, config.band, E6);
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
