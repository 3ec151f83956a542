// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {IListing} from "../interfaces/IListing.sol";
import {IStrikeBook} from "../interfaces/IStrikeBook.sol";
import {E6, E9, LOT_QUANTUM, MAX_ASSETS, MAX_TOKENS, PRICE_QUANTUM, QUOTE, RATE_SCALE, SECONDS_PER_YEAR, WAD} from "../libraries/Constants.sol";
import {Rounding} from "../libraries/Rounding.sol";
import {Instrument} from "../markets/Instrument.sol";
import {Banks} from "./Banks.sol";
import {Interest} from "./Interest.sol";
import {LedgerStorage} from "./LedgerStorage.sol";

/// @title The module of governance: listings, parameters and their bounds, the pause, and fee collection
/// @dev Runs by delegatecall from the Clearinghouse; `restricted` asks the AccessManager about the Clearinghouse's own selector.
contract Listing is IListing, Banks {
    using SafeERC20 for IERC20;

    uint8 private constant QUOTE_DECIMALS = 6;
    uint8 private constant MAX_DECIMALS = 18;
    uint256 private constant MAX_PAUSE = 72 hours;
    uint256 private constant MAX_FEE = 0.01e6;
    uint256 private constant MAX_BAND = 0.2e6;
    uint256 private constant MAX_PREMIUM = 0.1e9;
    uint256 private constant MAX_FUNDING_PER_HOUR = 0.02e9;
    uint256 private constant MAX_TARGET = 2e18;
    uint256 private constant MAX_REWARD = 0.5e18;
    uint256 private constant MAX_DUST = 10_000e18;

    /// @dev Three years, the longest that is traded, and a few days.
    uint256 private constant MAX_AHEAD = 1_100 days;

    IStrikeBook private immutable STRIKES;

    constructor(address authority, address strikes) LedgerStorage(authority) {
        STRIKES = IStrikeBook(strikes);
    }

    // ------------------------------------------------------------ tokens

    /// @inheritdoc IListing
    function listToken(address token, TokenConfig calldata config) external restricted returns (uint8 id) {
        if (token.code.length == 0) revert Listing_NoCode(token);
        if (_tokenIds[token] != 0) revert Listing_TokenListed(token);
        id = _tokenCount;
        if (id == MAX_TOKENS) revert Listing_TooManyTokens(MAX_TOKENS);
        uint8 decimals = IERC20Metadata(token).decimals();
        uint8 bound = id == QUOTE ? QUOTE_DECIMALS : MAX_DECIMALS;
        if (decimals > bound || (id == QUOTE && decimals != bound)) revert Listing_TokenDecimals(token, decimals, bound);
        if ((config.asset == QUOTE) != (id == QUOTE)) revert Listing_Bounds("asset", config.asset, id);
        _requireAtMost("asset", config.asset, MAX_ASSETS - 1);

        _tokenCount = id + 1;
        _tokenIds[token] = uint256(id) + 1;
        Bank storage bank = _banks[id];
        bank.token = token;
        bank.decimals = decimals;
        bank.asset = config.asset;
        bank.depositIndex = uint72(WAD);
        bank.borrowIndex = uint72(WAD);
        bank.updatedAt = uint32(block.timestamp);
        emit TokenListed(id, token, decimals);
        _setTokenConfig(id, config);
    }

    /// @inheritdoc IListing
    function setTokenConfig(uint8 id, TokenConfig calldata config) external restricted {
        if (id >= _tokenCount) revert Listing_Bounds("token", id, _tokenCount);
        if (config.asset != _banks[id].asset) revert Listing_Bounds("asset", config.asset, _banks[id].asset);
        _setTokenConfig(id, config);
    }

    function _setTokenConfig(uint8 id, TokenConfig calldata config) private {
        _requireAtMost("reserveFactor", config.reserveFactor, E6);
        _requireAtMost("kink", config.kink, E6);
        uint256 highest = uint256(config.baseRate) + config.kinkSlope + config.maxSlope;
        _requireAtMost("highestRate", highest, Interest.MAX_RATE * SECONDS_PER_YEAR * E6 / RATE_SCALE);
        Bank storage bank = _banks[id];
        (uint256 depositIndex, uint256 borrowIndex) = Interest.indices(bank);
        bank.reserveFactor = config.reserveFactor;
        bank.kink = config.kink;
        bank.baseRate = config.baseRate;
        bank.kinkSlope = config.kinkSlope;
        bank.maxSlope = config.maxSlope;
        bank.supplyCap = config.supplyCap;
        bank.borrowCap = config.borrowCap;
        _saveIndices(id, bank, depositIndex, borrowIndex);
        emit TokenConfigSet(id, config);
    }

    // ------------------------------------------------------------ markets

    /// @inheritdoc IListing
    function listMarket(uint32 instrument, string calldata symbol, MarketConfig calldata config) external restricted {
        Market storage market = _markets[instrument];
        if (market.listed) revert Listing_InstrumentListed(instrument);
        _requireAtMost("asset", Instrument.asset(instrument), MAX_ASSETS - 1);
        uint256 kind = instrument >> 28;
        if (kind == Instrument.FUTURE) _requireFuture(instrument);
        else if (kind == Instrument.OPTION) _requireOptions(instrument, config);
        else if (kind == Instrument.SPOT) _requireSpotToken(instrument, config);
        else if (kind != Instrument.PERPETUAL) revert Listing_InstrumentKind(instrument);
        market.listed = true;
        market.hot.updatedAt = uint32(block.timestamp);
        market.claims.index = uint64(WAD);
        emit MarketListed(instrument, symbol);
        _setMarketConfig(instrument, config);
    }

    /// @inheritdoc IListing
    function setMarketConfig(uint32 instrument, MarketConfig calldata config) external restricted {
        if (!_markets[instrument].listed) revert Listing_InstrumentKind(instrument);
        if (Instrument.kind(instrument) == Instrument.SPOT) _requireSpotToken(instrument, config);
        if (Instrument.kind(instrument) == Instrument.OPTION) _requireOptions(instrument, config);
        _setMarketConfig(instrument, config);
    }

    /// @inheritdoc IListing
    function setMarketStatus(uint32 instrument, bool reduceOnly) external restricted {
        if (!_markets[instrument].listed) revert Listing_InstrumentKind(instrument);
        _markets[instrument].reduceOnly = reduceOnly;
        emit MarketStatusSet(instrument, reduceOnly);
    }

    /// @dev A dated future has index and put 0 and expires in the future, not beyond three years.
    function _requireFuture(uint32 instrument) private view {
        uint64 expiry = Instrument.expiry(instrument);
        bool odd = Instrument.isPut(instrument) || Instrument.strikeIndex(instrument) != 0 || Instrument.asset(instrument) == QUOTE;
        if (odd) revert Listing_InstrumentKind(instrument);
        _requireWithin("expiry", expiry, block.timestamp + 1, block.timestamp + MAX_AHEAD);
    }

    /// @dev An underlying's options are listed once, together, in the lots that the strike book counts them in; which there are that book says.
    function _requireOptions(uint32 instrument, MarketConfig calldata config) private view {
        if (Instrument.serial(instrument) != 0) revert Listing_InstrumentKind(instrument);
        uint256 lot = STRIKES.lotOf(Instrument.asset(instrument));
        if (config.lot != lot) revert Listing_Bounds("lot", config.lot, lot);
    }

    /// @dev A spot market's serial is a listed token of the same asset, its lot a multiple of the token's unit.
    function _requireSpotToken(uint32 instrument, MarketConfig calldata config) private view {
        uint256 token = Instrument.serial(instrument);
        if (token == QUOTE || token >= _tokenCount) revert Listing_InstrumentKind(instrument);
        Bank storage bank = _banks[uint8(token)];
        if (bank.asset != Instrument.asset(instrument)) revert Listing_Bounds("asset", Instrument.asset(instrument), bank.asset);
        if (config.lot % 10 ** (MAX_DECIMALS - bank.decimals) != 0) {
            revert Listing_Bounds("lot", config.lot, 10 ** (MAX_DECIMALS - bank.decimals));
        }
    }

    function _setMarketConfig(uint32 instrument, MarketConfig calldata config) private {
        if (config.lot == 0 || config.lot % LOT_QUANTUM != 0) revert Listing_Bounds("lot", config.lot, LOT_QUANTUM);
        if (config.tick == 0 || config.tick % PRICE_QUANTUM != 0) {
            revert Listing_Bounds("tick", config.tick, PRICE_QUANTUM);
        }
        if (config.minSize < config.lot) revert Listing_Bounds("minSize", config.minSize, config.lot);
        _requireAtMost("makerFee", config.makerFee, MAX_FEE);
        _requireAtMost("takerFee", config.takerFee, MAX_FEE);
        _requireAtMost("band", config.band, MAX_BAND);
        _markets[instrument].config = config;
        emit MarketConfigSet(instrument, config);
    }

    // ------------------------------------------------------------ parameters of all

    /// @inheritdoc IListing
    function setPremiumConfig(PremiumConfig calldata config) external restricted {
        _requireAtMost("premiumCap", config.premiumCap, MAX_PREMIUM);
        _requireAtMost("fundingCap", config.fundingCap, MAX_FUNDING_PER_HOUR);
        // the premium is paid over the funding period: its cap keeps funding within the hourly one
        uint256 hourly = uint256(config.premiumCap) * 1 hours / (config.fundingPeriod == 0 ? 1 : config.fundingPeriod);
        _requireAtMost("premiumCap", hourly, config.fundingCap);
        _requireWithin("sampleWindow", config.sampleWindow, 1 minutes, 1 days);
        _requireWithin("fundingPeriod", config.fundingPeriod, 1 hours, 7 days);
        _requireWithin("maxQuoteAge", config.maxQuoteAge, 1, 1 hours);
        _requireWithin("maxSpread", config.maxSpread, 1, 0.1e6);
        _requireWithin("minQuotes", config.minQuotes, 1, 32);
        _premium = config;
        emit PremiumConfigSet(config);
    }

    /// @inheritdoc IListing
    function setLiquidationConfig(LiquidationConfig calldata config) external restricted {
        _requireWithin("target", config.target, WAD + 1, MAX_TARGET);
        _requireAtMost("maxRate", config.maxRate, MAX_REWARD);
        _requireAtMost("startRate", config.startRate, config.maxRate);
        _requireAtMost("healthSlope", config.healthSlope, WAD);
        _requireAtMost("rampRate", config.rampRate, config.maxRate);
        _requireWithin("rampTime", config.rampTime, 1 minutes, 1 days);
        _requireAtMost("insuranceFee", config.insuranceFee, WAD / 2);
        _requireAtMost("fundStepCap", config.fundStepCap, MAX_REWARD);
        _requireAtMost("fundDayCap", config.fundDayCap, WAD);
        _requireAtMost("dust", config.dust, MAX_DUST);
        LiquidationTerms storage terms = _liquidation;
        terms.target = _toE9("target", config.target);
        terms.startRate = _toE9("startRate", config.startRate);
        terms.healthSlope = _toE9("healthSlope", config.healthSlope);
        terms.rampRate = _toE9("rampRate", config.rampRate);
        terms.maxRate = _toE9("maxRate", config.maxRate);
        terms.insuranceFee = _toE9("insuranceFee", config.insuranceFee);
        terms.fundStepCap = _toE9("fundStepCap", config.fundStepCap);
        terms.fundDayCap = _toE9("fundDayCap", config.fundDayCap);
        (terms.rampTime, terms.dust) = (config.rampTime, config.dust);
        emit LiquidationConfigSet(config);
    }

    /// @inheritdoc IListing
    function setQuoter(address quoter, bool allowed) external restricted {
        _quoters[quoter] = allowed;
        emit QuoterSet(quoter, allowed);
    }

    /// @inheritdoc IListing
    function setRouter(address router) external restricted {
        if (router.code.length == 0) revert Listing_NoCode(router);
        _router = router;
        emit RouterSet(router);
    }

    /// @inheritdoc IListing
    function setEngine(address engine) external restricted {
        if (engine.code.length == 0) revert Listing_NoCode(engine);
        _engine = engine;
        emit EngineSet(engine);
    }

    /// @inheritdoc IListing
    function setFeeRecipients(address trade, address reserve) external restricted {
        if (trade == address(0) || reserve == address(0)) revert Listing_NoRecipient();
        (_tradeFeeRecipient, _reserveRecipient) = (trade, reserve);
        emit FeeRecipientsSet(trade, reserve);
    }

    // ------------------------------------------------------------ guardian

    /// @inheritdoc IListing
    function pause(uint40 until) external restricted {
        if (until > block.timestamp + MAX_PAUSE) revert Listing_PauseTooLong(until, block.timestamp + MAX_PAUSE);
        // a pause is lifted or shortened by the governor alone
        uint256 shortest = _pausedUntil > block.timestamp ? _pausedUntil : block.timestamp + 1;
        if (until < shortest) revert Listing_PauseTooShort(until, shortest);
        _pausedUntil = until;
        emit PausedUntil(until);
    }

    /// @inheritdoc IListing
    function unpause() external restricted {
        _pausedUntil = 0;
        emit PausedUntil(0);
    }

    // ------------------------------------------------------------ fees

    /// @inheritdoc IListing
    function collect(address token) external {
        if (_tradeFeeRecipient == address(0)) revert Listing_NoRecipient();
        uint8 id = _idOf(token);
        Bank storage bank = _banks[id];
        (uint256 depositIndex, uint256 borrowIndex) = Interest.indices(bank);
        uint256 liquid = _available(bank, id);
        uint256 reserves = _reserves(bank, depositIndex, borrowIndex);
        // an uncovered loss is the first claim on the reserves; after one, even fees may not be there any more
        uint256 left = reserves > bank.uncovered ? reserves - bank.uncovered : 0;
        uint256 fees = Rounding.min(bank.fees, Rounding.min(left, liquid));
        uint256 interest = left > bank.fees ? Rounding.min(_spendable(left - bank.fees), liquid - fees) : 0;
        bank.fees -= uint128(fees);
        bank.held -= uint128(fees + interest);
        _saveIndices(id, bank, depositIndex, borrowIndex);
        emit FeesCollected(token, _tradeFeeRecipient, fees);
        emit ReservesCollected(token, _reserveRecipient, interest);
        if (fees != 0) IERC20(token).safeTransfer(_tradeFeeRecipient, fees);
        if (interest != 0) IERC20(token).safeTransfer(_reserveRecipient, interest);
    }

    // ------------------------------------------------------------ bounds

    /// @dev Bounded by 2e18 before, so it fits.
    function _toE9(bytes32 parameter, uint64 wad) private pure returns (uint32) {
        if (wad % E9 != 0) revert Listing_Bounds(parameter, wad, E9);
        return uint32(wad / E9);
    }

    function _requireAtMost(bytes32 parameter, uint256 value, uint256 bound) private pure {
        if (value > bound) revert Listing_Bounds(parameter, value, bound);
    }

    function _requireWithin(bytes32 parameter, uint256 value, uint256 lowest, uint256 highest) private pure {
        if (value < lowest) revert Listing_Bounds(parameter, value, lowest);
        if (value > highest) revert Listing_Bounds(parameter, value, highest);
    }
}
