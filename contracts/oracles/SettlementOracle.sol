// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IOracleRouter} from "../interfaces/IOracleRouter.sol";
import {ISettlementOracle} from "../interfaces/ISettlementOracle.sol";
import {PRICE_QUANTUM, QUOTE, WAD} from "../libraries/Constants.sol";
import {Rounding} from "../libraries/Rounding.sol";
import {Instrument} from "../markets/Instrument.sol";
import {FeedConfig} from "./FeedConfig.sol";
import {SettlementWindow} from "./SettlementWindow.sol";

/// @dev Rounds of one feed that one call may count: 7,000 gas each, 9,000 behind a proxy.
uint256 constant MAX_ROUNDS = 256;
/// @dev Time after an expiry in which only the feeds' rounds can fix its price.
uint256 constant GOVERNOR_DELAY = 24 hours;
/// @dev The governor's price lies within this factor of the slow price, either way.
uint256 constant GOVERNOR_BAND = 2;
/// @dev As the prices of a surface: 7.9e10 USDC.
uint256 constant MAX_SETTLEMENT_PRICE = type(uint96).max;

/// @title SettlementOracle
/// @dev The sequencer is not asked. While it is down no round is added, so an answer keeps holding, at most for the feed's `maxAge` before the
///      window and the window itself; nobody could trade on another price here meanwhile. The uptime feed's latest status would not tell either
///      whether it was down in the window: a price that hangs on it would depend on when it is asked.
///      Warning: the router is the one of the constructor; where the ledger's is replaced, this contract is too.
contract SettlementOracle is ISettlementOracle, AccessManaged {
    using FeedConfig for IOracleRouter.Feed;
    using FeedConfig for FeedConfig.Packed;

    // ------------------------------------------------------------ immutables

    IOracleRouter private immutable _router;

    // ------------------------------------------------------------ storage

    /// @dev Three slots: a feed's walk over one window.
    struct Leg {
        Progress progress;
        FeedConfig.Packed feed;
    }

    /// @dev Both by asset << 64 | expiry. A price is zero until it is fixed.
    mapping(uint256 key => uint256 priceWad) private _prices;
    mapping(uint256 key => Leg) private _legs;

    // ------------------------------------------------------------ constructor

    constructor(address authority, address router_) AccessManaged(authority) {
        _router = IOracleRouter(router_);
    }

    // ------------------------------------------------------------ actions

    /// @inheritdoc ISettlementOracle
    function settlePrice(uint8 asset, uint64 expiry, uint80 assetRound, uint80 quoteRound, uint256 maxRounds)
        external
        returns (uint256 priceWad)
    {
        _requireOpen(asset, expiry);
        if (block.timestamp < expiry) revert Settlement_NotExpired(expiry, block.timestamp);
        if (maxRounds == 0 || maxRounds > MAX_ROUNDS) revert Settlement_RoundCount(maxRounds, MAX_ROUNDS);
        Progress memory base = _advance(asset, expiry, assetRound, maxRounds);
        Progress memory quote = _advance(QUOTE, expiry, quoteRound, maxRounds);
        if (!base.done || !quote.done) return 0;
        priceWad = Rounding.mulDivDown(base.sumWadSeconds, WAD, quote.sumWadSeconds); // below 2^101 * 2^60
        priceWad -= priceWad % PRICE_QUANTUM;
        _fix(asset, expiry, priceWad, false);
    }

    // ------------------------------------------------------------ actions of roles

    /// @inheritdoc ISettlementOracle
    function setPriceByGovernor(uint8 asset, uint64 expiry, uint256 priceWad) external restricted {
        _requireOpen(asset, expiry);
        uint256 earliest = expiry + GOVERNOR_DELAY;
        if (block.timestamp < earliest) revert Settlement_TooEarly(block.timestamp, earliest);
        uint256 slowWad = Rounding.mulDivDown(_router.slowPrice(asset), WAD, _router.slowPrice(QUOTE));
        (uint256 lowest, uint256 highest) = (Rounding.divUp(slowWad, GOVERNOR_BAND), slowWad * GOVERNOR_BAND);
        if (priceWad < lowest || priceWad > highest) revert Settlement_OutsideBand(priceWad, lowest, highest);
        _fix(asset, expiry, priceWad, true);
    }

    // ------------------------------------------------------------ views

    /// @inheritdoc ISettlementOracle
    function priceOf(uint8 asset, uint64 expiry) external view returns (uint256 priceWad) {
        priceWad = _prices[_keyOf(asset, expiry)];
        if (priceWad == 0) revert Settlement_NotFixed(asset, expiry);
    }

    /// @inheritdoc ISettlementOracle
    function isFixed(uint8 asset, uint64 expiry) external view returns (bool) {
        return _prices[_keyOf(asset, expiry)] != 0;
    }

    /// @inheritdoc ISettlementOracle
    function progressOf(uint8 asset, uint64 expiry) external view returns (Progress memory) {
        return _legs[_keyOf(asset, expiry)].progress;
    }

    /// @inheritdoc ISettlementOracle
    function feedOf(uint8 asset, uint64 expiry) external view returns (IOracleRouter.Feed memory) {
        Leg storage leg = _legs[_keyOf(asset, expiry)];
        return leg.progress.lastRound == 0 ? _router.feedOf(asset) : leg.feed.unpack();
    }

    /// @inheritdoc ISettlementOracle
    function router() external view returns (address) {
        return address(_router);
    }

    // ------------------------------------------------------------ internals

    /// @dev Reverts unless this is something that expires and has no price yet.
    function _requireOpen(uint8 asset, uint64 expiry) private view {
        if (asset == QUOTE) revert Settlement_QuoteToken();
        if (!Instrument.isExpiry(expiry)) revert Settlement_NotAnExpiry(expiry);
        uint256 known = _prices[_keyOf(asset, expiry)];
        if (known != 0) revert Settlement_AlreadyFixed(asset, expiry, known);
    }

    /// @dev Goes on with one feed's sum, and pins the feed where it begins. Nothing to do where it is complete, as the quote token's may be.
    function _advance(uint8 asset, uint64 expiry, uint80 hint, uint256 maxRounds)
        private
        returns (Progress memory progress)
    {
        Leg storage leg = _legs[_keyOf(asset, expiry)];
        progress = leg.progress;
        if (progress.done) return progress;
        FeedConfig.Packed memory feed = leg.feed;
        if (progress.lastRound == 0) {
            IOracleRouter.Feed memory listed = _router.feedOf(asset);
            feed = listed.pack();
            leg.feed = feed;
            emit FeedPinned(asset, expiry, listed);
        }
        progress = SettlementWindow.advance(asset, feed, expiry, progress, hint, maxRounds);
        leg.progress = progress;
        emit RoundsCounted(asset, expiry, progress.sumWadSeconds, progress.lastRound, progress.done);
    }

    function _fix(uint8 asset, uint64 expiry, uint256 priceWad, bool byGovernor) private {
        if (priceWad == 0 || priceWad % PRICE_QUANTUM != 0 || priceWad > MAX_SETTLEMENT_PRICE) {
            revert Settlement_PriceBounds(priceWad, PRICE_QUANTUM, MAX_SETTLEMENT_PRICE);
        }
        _prices[_keyOf(asset, expiry)] = priceWad;
        emit PriceFixed(asset, expiry, priceWad, byGovernor);
    }

    function _keyOf(uint8 asset, uint64 expiry) private pure returns (uint256) {
        return (uint256(asset) << 64) | expiry;
    }
}
