// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IClearinghouseViews} from "../interfaces/IClearinghouse.sol";
import {ILedgerViews} from "../interfaces/ILedger.sol";
import {ILiquidationViews} from "../interfaces/ILiquidation.sol";
import {IListing} from "../interfaces/IListing.sol";
import {IMarginEngine} from "../interfaces/IMarginEngine.sol";
import {IOrderViews, ITrading, ITradingTypes} from "../interfaces/ITrading.sol";
import {IOracleRouter} from "../interfaces/IOracleRouter.sol";
import {QUOTE, WAD} from "../libraries/Constants.sol";
import {Rounding} from "../libraries/Rounding.sol";
import {Instrument} from "../markets/Instrument.sol";
import {OrderHash} from "../markets/OrderHash.sol";
import {Perpetual} from "../markets/Perpetual.sol";
import {OptionBook} from "../risk/OptionBook.sol";
import {Interest} from "./Interest.sol";
import {LedgerStorage} from "./LedgerStorage.sol";
import {LinearBook} from "./LinearBook.sol";
import {OptionList} from "./OptionList.sol";
import {Valuation} from "./Valuation.sol";

/// @title The module of views: nothing half done, and no number made from a price that is not usable
/// @dev Runs by delegatecall from the Clearinghouse's fallback, over the same storage. Every function here is a view, so whatever is sent to that
///      fallback changes nothing. Called directly it works on its own empty storage.
contract LedgerViews is IClearinghouseViews, Valuation {
    constructor(address authority) LedgerStorage(authority) {}

    modifier readable() {
        _requireReadable();
        _;
    }

    // ------------------------------------------------------------ accounts

    /// @inheritdoc ILedgerViews
    function health(uint256 account)
        external
        view
        readable
        returns (int256 equity, uint256 initialMargin, uint256 maintenanceMargin)
    {
        _ownerOf(account);
        Health memory current = _healthOf(account);
        return (current.equity, current.initial, current.maintenance);
    }

    /// @inheritdoc ILedgerViews
    function healthFactor(uint256 account) external view readable returns (uint256) {
        _ownerOf(account);
        Health memory current = _healthOf(account);
        if (current.equity < 0) return 0;
        if (current.maintenance == 0) return type(uint256).max;
        return Rounding.mulDivDown(uint256(current.equity), WAD, current.maintenance);
    }

    /// @inheritdoc ILedgerViews
    function risk(uint256 account) external view readable returns (int256[] memory, uint256, uint8[] memory) {
        _ownerOf(account);
        Words memory words = _load(account);
        return IMarginEngine(_engine).scenarios(_portfolioOf(words, _readPrices(_assetsOf(words))));
    }

    /// @inheritdoc ILedgerViews
    function positionOf(uint256 account, uint32 instrument) external view readable returns (int256) {
        _ownerOf(account);
        if (instrument >> 28 != Instrument.OPTION) return LinearBook.find(_accounts[account], instrument).size;
        return OptionList.find(_accounts[account], instrument).lots * _lotOf(instrument);
    }

    /// @inheritdoc IClearinghouseViews
    function optionsOf(uint256 account)
        external
        view
        readable
        returns (uint32[] memory instruments, int256[] memory sizes)
    {
        Account storage a = _accounts[account];
        (instruments, sizes) = (new uint32[](a.header.options), new int256[](a.header.options));
        for (uint256 i; i < sizes.length; ++i) {
            uint256 entry = OptionList.at(a, i);
            instruments[i] = OptionList.instrumentOf(entry, a.series);
            sizes[i] = OptionBook.lotsOf(entry) * _lotOf(instruments[i]);
        }
    }

    function _lotOf(uint32 instrument) private view returns (int256) {
        return int256(uint256(_markets[Instrument.listing(instrument)].config.lot));
    }

    /// @inheritdoc ILedgerViews
    function balanceOf(uint256 account, address token) external view readable returns (int256) {
        _ownerOf(account);
        return _balanceOf(account, _idOf(token));
    }

    /// @inheritdoc IClearinghouseViews
    function unsettledOf(uint256 account, uint32 instrument) external view readable returns (int256) {
        Account storage a = _accounts[account];
        LinearBook.Entry memory entry = LinearBook.find(a, instrument | Instrument.CLAIM);
        int256 claim = int256(Perpetual.claimOf(_markets[instrument].claims, entry.size, entry.quote));
        entry = LinearBook.find(a, instrument);
        if (entry.size == 0) return claim;
        (MarketHot memory hot, uint256 markWad) = _hotOf(instrument, _pricesFor(instrument));
        return claim + Perpetual.profit(hot, entry.size, entry.quote, markWad);
    }

    /// @inheritdoc IClearinghouseViews
    function accountOf(uint256 account) external view readable returns (uint256, uint256, uint8, uint256) {
        Header memory header = _accounts[account].header;
        return (header.tokens, header.linears, header.model, header.riskBlock);
    }

    /// @inheritdoc ILiquidationViews
    function liquidationStateOf(uint256 account) external view returns (uint64 flaggedAt, uint64 steps) {
        Header memory header = _accounts[account].header;
        return (header.flaggedAt, header.steps);
    }

    /// @inheritdoc IClearinghouseViews
    function operatorOf(uint256 account, address operator) external view returns (uint64, uint256, uint256) {
        OperatorGrant memory grant = _operators[account][operator];
        bool today = _operatorDays[account][operator] == block.timestamp / 1 days;
        return (grant.validUntil, grant.budgetWad, today ? grant.spentWad : 0);
    }

    // ------------------------------------------------------------ orders

    /// @inheritdoc IOrderViews
    function filledOf(bytes32 orderHash) external view returns (uint256) {
        return _filled[orderHash];
    }

    /// @inheritdoc IOrderViews
    function isCancelled(uint256 account, uint256 nonce) external view returns (bool) {
        return _isNonceCancelled(account, nonce);
    }

    /// @inheritdoc IOrderViews
    function hashOrder(ITrading.Order calldata order) external view returns (bytes32) {
        return OrderHash.ofOrder(order, OrderHash.domainSeparator());
    }

    // ------------------------------------------------------------ prices and markets

    /// @inheritdoc ILedgerViews
    function priceOf(address token) external view returns (uint256) {
        return IOracleRouter(_router).price(_banks[_idOf(token)].asset);
    }

    /// @inheritdoc ILedgerViews
    function markOf(uint32 instrument) external view readable returns (uint256 mark) {
        if (!_markets[Instrument.listing(instrument)].listed) revert ITradingTypes.Trade_UnknownInstrument(instrument);
        Prices memory prices = _pricesFor(instrument);
        if (Instrument.kind(instrument) == Instrument.OPTION) {
            (mark,,) = IMarginEngine(_engine).optionMark(instrument, _indexOf(prices, Instrument.asset(instrument)));
            return mark;
        }
        if (Instrument.kind(instrument) == Instrument.SPOT) {
            return Perpetual.quantise(_indexOf(prices, Instrument.asset(instrument)));
        }
        (, mark) = _hotOf(instrument, prices);
    }

    function _pricesFor(uint32 instrument) private view returns (Prices memory) {
        return _readPrices((1 << QUOTE) | (1 << Instrument.asset(instrument)));
    }

    /// @inheritdoc IClearinghouseViews
    function marketOf(uint32 instrument)
        external
        view
        readable
        returns (MarketView memory shown, IListing.MarketConfig memory config)
    {
        Market storage market = _markets[instrument];
        Market storage listing = _markets[Instrument.listing(instrument)];
        if (instrument >> 28 == Instrument.SERIES) listing = _markets[Instrument.optionsOf(Instrument.asset(instrument))];
        if (!listing.listed) revert ITradingTypes.Trade_UnknownInstrument(instrument);
        (MarketHot memory hot, MarketSums memory sums) = (market.hot, market.sums);
        shown = MarketView({
            funding: hot.funding,
            lossLong: hot.lossLong,
            lossShort: hot.lossShort,
            premium: hot.premium,
            updatedAt: hot.updatedAt,
            openInterest: sums.openInterest,
            pool: sums.pool,
            residual: sums.residual,
            quoteLong: sums.quoteLong,
            quoteShort: sums.quoteShort,
            claimShares: market.claims.shares,
            claimIndex: market.claims.index,
            claimEpoch: market.claims.epoch,
            reduceOnly: listing.reduceOnly
        });
        config = listing.config;
    }

    // ------------------------------------------------------------ banks

    /// @inheritdoc ILedgerViews
    function totals(address token)
        external
        view
        readable
        returns (uint256 deposits, uint256 borrows, uint256 reserves, uint256 insurance)
    {
        Bank storage bank = _banks[_idOf(token)];
        (uint256 depositIndex, uint256 borrowIndex) = Interest.indices(bank);
        deposits = Rounding.mulDivDown(bank.depositShares, depositIndex, WAD);
        borrows = Rounding.mulDivUp(bank.borrowShares, borrowIndex, WAD) + bank.uncovered;
        reserves = _reserves(bank, depositIndex, borrowIndex);
        insurance = bank.insurance;
    }

    /// @inheritdoc IClearinghouseViews
    function bankOf(address token)
        external
        view
        readable
        returns (BankView memory shown, IListing.TokenConfig memory config)
    {
        uint8 id = _idOf(token);
        Bank memory bank = _banks[id];
        shown = BankView({
            id: id,
            asset: bank.asset,
            decimals: bank.decimals,
            depositIndex: bank.depositIndex,
            borrowIndex: bank.borrowIndex,
            depositRate: bank.depositRate,
            borrowRate: bank.borrowRate,
            updatedAt: bank.updatedAt,
            depositShares: bank.depositShares,
            borrowShares: bank.borrowShares,
            held: bank.held,
            pools: bank.pools,
            fees: bank.fees,
            uncovered: bank.uncovered
        });
        config = IListing.TokenConfig({
            asset: bank.asset,
            supplyCap: bank.supplyCap,
            borrowCap: bank.borrowCap,
            reserveFactor: bank.reserveFactor,
            kink: bank.kink,
            baseRate: bank.baseRate,
            kinkSlope: bank.kinkSlope,
            maxSlope: bank.maxSlope
        });
    }

    /// @inheritdoc IClearinghouseViews
    function tokenAt(uint8 id) external view returns (address) {
        return _banks[id].token;
    }

    /// @inheritdoc IClearinghouseViews
    function tokenCount() external view returns (uint8) {
        return _tokenCount;
    }

    // ------------------------------------------------------------ parameters

    /// @inheritdoc IClearinghouseViews
    function premiumConfig() external view returns (IListing.PremiumConfig memory) {
        return _premium;
    }

    /// @inheritdoc IClearinghouseViews
    function liquidationConfig() external view returns (IListing.LiquidationConfig memory) {
        return _liquidationConfig();
    }

    /// @inheritdoc IClearinghouseViews
    function pausedUntil() external view returns (uint256) {
        return _pausedUntil;
    }

    /// @inheritdoc IClearinghouseViews
    function isQuoter(address quoter) external view returns (bool) {
        return _quoters[quoter];
    }
}
