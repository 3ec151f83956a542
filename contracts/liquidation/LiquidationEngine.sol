// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Address} from "@openzeppelin/contracts/utils/Address.sol";

import {ILiquidation, ILossAllocation} from "../interfaces/ILiquidation.sol";
import {ILiquidationCallback} from "../interfaces/ILiquidationCallback.sol";
import {IListing} from "../interfaces/IListing.sol";
import {IMarginEngine} from "../interfaces/IMarginEngine.sol";
import {IOracleRouter} from "../interfaces/IOracleRouter.sol";
import {IRiskArraysErrors} from "../interfaces/IRiskArrays.sol";
import {IExpirySettlement, IOptionSlices} from "../interfaces/ITrading.sol";
import {E9, PORTFOLIO, QUOTE, QUOTE_UNIT, WAD} from "../libraries/Constants.sol";
import {Rounding} from "../libraries/Rounding.sol";
import {Instrument} from "../markets/Instrument.sol";
import {PerpBook} from "../markets/PerpBook.sol";
import {OptionBook} from "../risk/OptionBook.sol";
import {LedgerStorage} from "../ledger/LedgerStorage.sol";
import {LinearBook} from "../ledger/LinearBook.sol";
import {LiquidationMath} from "./LiquidationMath.sol";

/// @title The module of liquidation
/// @dev Runs by delegatecall from the Clearinghouse. It works under a pause and while prices deviate; it stops where a price of the account is
///      unusable, and in the sequencer's grace period. Nothing the liquidated owner chooses is called, and no token moves.
contract LiquidationEngine is ILiquidation, PerpBook {
    /// @dev Units of USDC that rounding may leave a closed account short of.
    int256 private constant CLOSING_ROUNDING = 100;

    /// @dev Units of USDC that the account's part of a reward is less by where it takes all its equity; two more for each position, whose
    ///      realised loss is rounded too.
    uint256 private constant REWARD_ROUNDING = 4;

    /// @dev In the PORTFOLIO model positions hedge each other, and slices are whole lots: where a position is small, closing a lot too much of it
    ///      can cost more than the step gains. So an account whose maintenance is below this many times the dust, a position, is closed whole.
    uint256 private constant HEDGED_DUST = 3;

    /// @dev How long what has expired waits for somebody to fix its price. Anybody can from the expiry on, unless its feed is dead.
    uint256 private constant PRICE_GRACE = 1 hours;

    address private immutable LOSSES;
    address private immutable OPTIONS;
    address private immutable SETTLEMENT;

    /// @dev One step while it is worked out.
    struct Step {
        int256 equity;
        uint256 maintenance;
        uint256 fraction;
        uint256 accountReward; // USDC 1e18, from the account
        uint256 fundReward; // USDC 1e18, from insurance
        uint256 insuranceFee; // USDC 1e18, part of accountReward
        int256 sliceWad; // value of the tokens and options taken, without USDC
        bool moved; // a token or a position changed hands
        bool limited; // by the caller's maxFraction
        bool unpriced; // something has expired and has no price
    }

    constructor(address authority, address losses, address options, address settlement) LedgerStorage(authority) {
        (LOSSES, OPTIONS, SETTLEMENT) = (losses, options, settlement);
    }

    // ------------------------------------------------------------ actions

    /// @inheritdoc ILiquidation
    function liquidate(Liquidation calldata l) external returns (uint256 fraction, int256 paid) {
        _requireParties(l);
        Prices memory prices;
        IMarginEngine.Portfolio memory portfolio;
        Step memory step;
        {
            (Words memory words, uint64 expired) = _loadSettled(l.account);
            prices = _readPrices(_assetsOf(words));
            portfolio = _portfolioOf(words, prices);
            Health memory health = _assess(portfolio, prices);
            (step.equity, step.maintenance) = (health.equity, health.maintenance);
            if (step.equity >= int256(step.maintenance)) {
                revert Liquidation_Healthy(l.account, step.equity, step.maintenance);
            }
            if (health.stale | expired != 0) {
                _requireCurrent(l.account, words.series, health.stale, expired);
                step.unpriced = expired != 0;
            }
        }
        Header storage header = _accounts[l.account].header;
        if (step.equity < 0 && header.riskBlock == block.number) revert Liquidation_InsuranceLocked(l.account);
        _sizeStep(l, step, portfolio, header);

        _touch(l.liquidatorAccount, LIQUIDATOR);
        paid = _take(l, step, portfolio, prices);
        _markSlice(l.liquidatorAccount);
        if (paid > l.maxPaid) revert Liquidation_PaidAboveMax(paid, l.maxPaid);
        fraction = step.fraction;
        // Safe: 64 bits, one a step.
        unchecked {
            ++header.steps;
        }
        _requireHealthier(l.account, step, portfolio, prices);
        emit Liquidated(
            l.account,
            l.liquidatorAccount,
            header.steps,
            fraction,
            paid,
            step.equity,
            step.maintenance,
            step.accountReward,
            step.fundReward,
            step.insuranceFee
        );
        if (l.callbackData.length != 0) {
            _admitCallback(msg.sender);
            ILiquidationCallback(msg.sender).onLiquidate(
                l.account, l.liquidatorAccount, fraction, paid, l.callbackData
            );
            _lock();
        }
    }

    /// @inheritdoc ILiquidation
    function flag(uint256 account) external {
        if (_isTouched(account)) revert Liquidation_CheckDeferred(account);
        (Words memory words, uint64 expired) = _loadSettled(account);
        Health memory health = _evaluate(words, _readPrices(_assetsOf(words)));
        Header storage header = _accounts[account].header;
        if (health.equity < int256(health.maintenance)) {
            _requireCurrent(account, words.series, health.stale, expired);
            _startClock(account, header);
        } else if (header.flaggedAt == 0) {
            revert Liquidation_Healthy(account, health.equity, health.maintenance);
        } else if (_isAtTarget(health)) {
            _clearFlag(account);
        } else {
            revert Liquidation_NoFlagChange(account);
        }
    }

    // ------------------------------------------------------------ before the step

    function _requireParties(Liquidation calldata l) private view {
        if (l.account == l.liquidatorAccount) revert Liquidation_OwnAccount(l.account);
        if (!_mayTrade(l.liquidatorAccount, msg.sender)) revert Ledger_NotAuthorized(l.liquidatorAccount, msg.sender);
        if (_isTouched(l.account)) revert Liquidation_CheckDeferred(l.account);
        if (l.maxFraction == 0 || l.maxFraction > WAD) revert Liquidation_FractionBounds(l.maxFraction, WAD);
        uint64 steps = _accounts[l.account].header.steps;
        if (l.expectedStep != type(uint64).max && l.expectedStep != steps) {
            revert Liquidation_Step(l.expectedStep, steps);
        }
    }

    /// @dev What has a price is cash: a slice of it would be nobody's.
    /// @return words What is left. @return expired The latest expiry of what has passed one and has no price; 0 where nothing has.
    function _loadSettled(uint256 account) private returns (Words memory words, uint64 expired) {
        words = _load(account);
        if (words.series | words.linears == 0 || _expiredOf(words) == 0) return (words, 0);
        _callModule(SETTLEMENT, abi.encodeCall(IExpirySettlement.settleExpired, (account)));
        words = _load(account);
        expired = _expiredOf(words);
    }

    /// @dev Reverts where anybody can still tell better what an account is worth, by fixing a price or by a refresh.
    function _requireCurrent(uint256 account, uint256 seriesWord, uint256 stale, uint64 expired) private view {
        if (expired != 0 && block.timestamp - expired < PRICE_GRACE) revert Liquidation_AwaitsPrice(account, expired);
        if (stale == 0) return;
        uint32 series = IMarginEngine(_engine).refreshable(seriesWord, stale);
        if (series != 0) revert IRiskArraysErrors.RiskArrays_Stale(Instrument.expiryOfSeries(series));
    }

    /// @dev The latest expiry that an option or a dated future of the account is past; 0 where none is.
    function _expiredOf(Words memory words) private view returns (uint64 latest) {
        for (uint256 series = words.series; series != 0; series >>= 32) {
            if (OptionBook.countAt(series, 0) == 0) continue;
            latest = _later(latest, OptionBook.seriesAt(series, 0));
        }
        for (uint256 i; i < words.sizes.length; ++i) {
            for (uint256 pair = words.sizes[i]; pair != 0; pair >>= 128) {
                (uint32 instrument,) = LinearBook.decode(pair, 0);
                // nor a claim on one
                if (instrument >> 28 == Instrument.FUTURE) latest = _later(latest, Instrument.series(instrument));
            }
        }
    }

    function _later(uint64 latest, uint32 series) private view returns (uint64) {
        uint64 expiry = Instrument.expiryOfSeries(series);
        return expiry > block.timestamp || expiry < latest ? latest : expiry;
    }

    function _startClock(uint256 account, Header storage header) private {
        if (header.flaggedAt != 0) return;
        header.flaggedAt = uint40(block.timestamp);
        emit Flagged(account, block.timestamp);
    }

    /// @dev Fraction and rewards. In the block of the owner's last risky action, and where something has no price yet, the reward is the smallest and
    ///      the fund pays none of it.
    function _sizeStep(
        Liquidation calldata l,
        Step memory step,
        IMarginEngine.Portfolio memory portfolio,
        Header storage header
    ) private view {
        IListing.LiquidationConfig memory config = _liquidationConfig();
        bool fresh = header.riskBlock == block.number || step.unpriced;
        uint256 rate =
            LiquidationMath.rewardRate(step.equity, step.maintenance, _elapsed(header.flaggedAt), config);
        if (fresh) rate = Rounding.min(rate, config.startRate);
        uint256 factor = LiquidationMath.healthFactor(step.equity, step.maintenance);
        uint256 share = Rounding.min(rate, factor);

        step.fraction = LiquidationMath.fractionToTarget(factor, share, config.target);
        // where the minimum is in force, or would be for what is left, the requirement does not shrink with the account: close it
        uint256 left = Rounding.mulDivDown(step.maintenance, WAD - step.fraction, WAD);
        if (left <= IMarginEngine(_engine).minimumMaintenance()) step.fraction = WAD;
        uint256 positions = portfolio.linears.length;
        if (portfolio.options.length != 0) positions += portfolio.options[OptionBook.COUNT_AT];
        if (portfolio.model == PORTFOLIO && step.maintenance < HEDGED_DUST * config.dust * positions) {
            step.fraction = WAD;
        }
        uint256 gross = _grossOf(portfolio);
        step.limited = step.fraction > l.maxFraction;
        if (step.limited) step.fraction = l.maxFraction;
        if (Rounding.mulDivDown(gross, WAD - step.fraction, WAD) < config.dust && step.fraction != WAD) {
            if (l.maxFraction != WAD) revert Liquidation_DustRemains(step.fraction, l.maxFraction);
            step.fraction = WAD;
        }
        if (step.fraction < l.minFraction) revert Liquidation_FractionBelowMin(step.fraction, l.minFraction);

        uint256 base = Rounding.mulDivDown(step.maintenance, step.fraction, WAD);
        step.accountReward = Rounding.mulDivDown(base, share, WAD);
        uint256 rounding;
        // Safe: there are at most 32 entries.
        unchecked {
            rounding = (REWARD_ROUNDING + 2 * portfolio.linears.length) * QUOTE_UNIT;
        }
        if (Rounding.mulDivDown(base, factor - share, WAD) < rounding) {
            // next to nothing of the health is left to the account: the liquidator bears the rounding of its shares, so that none is missing
            step.accountReward = step.accountReward > rounding ? step.accountReward - rounding : 0;
        }
        step.insuranceFee = Rounding.mulDivDown(step.accountReward, config.insuranceFee, WAD);
        // the cap is of the rate, so that many small steps get no more of the fund than one
        if (!fresh) step.fundReward = Rounding.mulDivDown(base, Rounding.min(rate - share, config.fundStepCap), WAD);
    }

    /// @dev Seconds the reward's clock has run: it starts anew when a sequencer's grace period ends.
    function _elapsed(uint256 flaggedAt) private view returns (uint256) {
        // the first step flags by itself
        if (flaggedAt == 0 || flaggedAt == block.timestamp) return 0;
        uint256 liveAt = IOracleRouter(_router).liveSince();
        uint256 start = flaggedAt > liveAt ? flaggedAt : liveAt;
        // in the grace period prices revert; those that this block had before its feed changed start no clock
        return block.timestamp > start ? block.timestamp - start : 0;
    }

    function _grossOf(IMarginEngine.Portfolio memory portfolio) private view returns (uint256 gross) {
        gross = Rounding.abs(portfolio.cashWad);
        for (uint256 i; i < portfolio.tokens.length; ++i) {
            gross += Rounding.abs(portfolio.tokens[i].valueWad);
        }
        for (uint256 i; i < portfolio.linears.length; ++i) {
            gross += Rounding.abs(portfolio.linears[i].notionalWad);
        }
        if (portfolio.options.length != 0) gross += _grossOfOptions(portfolio.options);
    }

    /// @dev Sizes times the underlyings' prices.
    function _grossOfOptions(uint256[] memory options) private view returns (uint256 gross) {
        uint256[] memory lots = new uint256[](OptionBook.MAX_SERIES);
        for (uint256 i; i < options[OptionBook.COUNT_AT]; ++i) {
            uint256 entry = OptionBook.entryAt(options[OptionBook.ENTRIES_AT + (i >> 2)], i);
            lots[OptionBook.slotOf(entry)] += Rounding.abs(OptionBook.lotsOf(entry));
        }
        for (uint256 slot; slot < lots.length; ++slot) {
            if (lots[slot] == 0) continue;
            uint8 asset = Instrument.assetOfSeries(OptionBook.seriesAt(options[OptionBook.SERIES_AT], slot));
            uint256 size = lots[slot] * _markets[Instrument.optionsOf(asset)].config.lot;
            gross += Rounding.mulDivDown(size, options[OptionBook.INDICES_AT + slot], WAD);
        }
    }

    // ------------------------------------------------------------ the step

    function _take(
        Liquidation calldata l,
        Step memory step,
        IMarginEngine.Portfolio memory portfolio,
        Prices memory prices
    ) private returns (int256 paid) {
        ILossAllocation.Loss memory loss;
        uint256[] memory writtenOff = new uint256[](portfolio.tokens.length);
        if (step.equity < 0) {
            bytes memory call = abi.encodeCall(ILossAllocation.allocate, (l.account, step.fraction, step.equity));
            (loss, writtenOff) = abi.decode(_callModule(LOSSES, call), (ILossAllocation.Loss, uint256[]));
        }
        // before the tokens' values change
        int256 cash = _cashOf(portfolio);
        if (portfolio.options.length != 0) _takeOptions(l, step, portfolio, step.equity - cash);
        _takeTokens(l, step, portfolio, prices, writtenOff);
        _takePositions(l, step, portfolio, prices);
        // the slice's share of cash and unsettled profit is priced in `paid` but stays where it is, cash against cash
        paid = _pay(l, step) + Rounding.mulDivFloor(cash, step.fraction, WAD);
        if (step.equity < 0) {
            if (step.fraction == WAD) {
                bytes memory call = abi.encodeCall(ILossAllocation.finish, (l.account, loss));
                loss = abi.decode(_callModule(LOSSES, call), (ILossAllocation.Loss));
            }
            uint256 allocated = loss.insurance + loss.winners + loss.deposits + loss.uncovered;
            emit LossAllocated(
                l.account, allocated, loss.insurance, loss.winners, loss.deposits, loss.uncovered
            );
        }
    }

    function _callModule(address module, bytes memory call) private returns (bytes memory) {
        return Address.functionDelegateCall(module, call);
    }

    /// @dev Moves the fraction of every balance but USDC, rounded away from zero; a debt moves less what was written off of it. The slice is
    ///      priced by what the account lost, so that the rounding of shares is the liquidator's.
    function _takeTokens(
        Liquidation calldata l,
        Step memory step,
        IMarginEngine.Portfolio memory portfolio,
        Prices memory prices,
        uint256[] memory writtenOff
    ) private {
        for (uint256 i; i < portfolio.tokens.length; ++i) {
            uint8 token = uint8(portfolio.tokens[i].id);
            int256 balance = _balanceOf(l.account, token);
            int256 slice = balance;
            if (step.fraction != WAD) {
                int256 before = balance - int256(writtenOff[i]); // a debt was larger by it
                int256 part = int256(Rounding.mulDivUp(Rounding.abs(before), step.fraction, WAD));
                slice = before > 0 ? part : int256(writtenOff[i]) - part;
                if (before < 0 && slice > 0) slice = 0;
            }
            if (slice == 0) continue;
            _moveTwo(l.account, -slice, l.liquidatorAccount, slice, token);
            int256 left = _tokenValue(token, _balanceOf(l.account, token), prices);
            step.sliceWad += _tokenValue(token, balance, prices) - left;
            portfolio.tokens[i].valueWad = left;
            step.moved = true;
        }
    }

    /// @dev Moves the fraction of every position at mark; its profit or loss so far stays with the account.
    function _takePositions(
        Liquidation calldata l,
        Step memory step,
        IMarginEngine.Portfolio memory portfolio,
        Prices memory prices
    ) private {
        for (uint256 i; i < portfolio.linears.length; ++i) {
            uint32 instrument = portfolio.linears[i].instrument;
            if (Instrument.isClaim(instrument)) continue;
            LinearBook.Entry memory entry = LinearBook.find(_accounts[l.account], instrument);
            IListing.MarketConfig storage config = _markets[instrument].config;
            int256 slice = int256(
                LiquidationMath.sliceOf(Rounding.abs(entry.size), step.fraction, config.lot, config.minSize)
            );
            if (entry.size < 0) slice = -slice;
            Book memory book = _openBook(instrument, prices);
            _trade(book, l.account, entry, -slice, book.mark);
            _trade(book, l.liquidatorAccount, slice, book.mark);
            _settleClaim(book, l.account);
            _closeBook(book);
            step.moved = true;
        }
    }

    /// @dev Moves the fraction of every option; the slice is priced by what the account lost.
    /// @param value Equity without cash and profits. Less the tokens it is what the options are worth: the engine adds the same integers.
    function _takeOptions(
        Liquidation calldata l,
        Step memory step,
        IMarginEngine.Portfolio memory portfolio,
        int256 value
    ) private {
        for (uint256 i; i < portfolio.tokens.length; ++i) {
            value -= portfolio.tokens[i].valueWad;
        }
        bytes memory call = abi.encodeCall(
            IOptionSlices.sliceOptions, (l.account, l.liquidatorAccount, step.fraction, portfolio.options)
        );
        step.sliceWad += value - abi.decode(_callModule(OPTIONS, call), (int256));
        step.moved = true;
    }

    /// @dev Cash of the step, rounded against the liquidator: the account gets the slice's value less its reward, insurance its fee less
    ///      the fund's reward. Returns what the liquidator paid, USDC 1e18.
    function _pay(Liquidation calldata l, Step memory step) private returns (int256) {
        if (!step.moved) (step.accountReward, step.insuranceFee, step.fundReward) = (0, 0, 0);
        uint256 insurance = _banks[QUOTE].insurance;
        uint256 fund = _spendFund(step.fundReward / QUOTE_UNIT, insurance);
        step.fundReward = fund * QUOTE_UNIT;
        uint256 fee = Rounding.divUp(step.insuranceFee, QUOTE_UNIT);
        step.insuranceFee = fee * QUOTE_UNIT;
        int256 toAccount = -Rounding.mulDivFloor(int256(step.accountReward) - step.sliceWad, 1, QUOTE_UNIT);
        toAccount += _closingShortfall(l.account, step, toAccount);
        int256 fromLiquidator = toAccount + int256(fee) - int256(fund);
        _moveTwo(l.account, toAccount, l.liquidatorAccount, -fromLiquidator, QUOTE);
        if (fee != fund) _setInsurance(insurance + fee - fund);
        return fromLiquidator * int256(QUOTE_UNIT);
    }

    /// @dev Units that rounding leaves a solvent account short of when it is closed; the liquidator pays them, so that no debt of dust stays.
    function _closingShortfall(uint256 account, Step memory step, int256 toAccount) private view returns (int256) {
        if (step.fraction != WAD || step.equity < 0) return 0;
        int256 cash = _balanceOf(account, QUOTE) + toAccount;
        return cash < 0 && cash >= -CLOSING_ROUNDING ? -cash : int256(0);
    }

    /// @dev What the fund may pay of a reward: at most its daily part, and what it has.
    function _spendFund(uint256 wanted, uint256 insurance) private returns (uint256 units) {
        if (wanted == 0) return 0;
        uint40 day = uint40(block.timestamp / 1 days);
        uint256 spent = _fundDay == day ? _fundSpent : 0;
        uint256 cap = Rounding.mulDivDown(insurance + spent, _liquidation.fundDayCap, E9);
        units = Rounding.min(wanted, cap > spent ? cap - spent : 0);
        units = Rounding.min(units, insurance);
        _fundDay = day;
        _fundSpent = uint128(spent + units); // at most the fund
    }

    /// @dev Cash and unsettled profit.
    function _cashOf(IMarginEngine.Portfolio memory portfolio) private pure returns (int256 cash) {
        cash = portfolio.cashWad;
        for (uint256 i; i < portfolio.linears.length; ++i) {
            cash += portfolio.linears[i].pnlWad;
        }
    }

    // ------------------------------------------------------------ after the step

    /// @dev No step lowers the health factor (I5). A step that the caller did not limit, or that reaches the target, clears the flag; else the
    ///      clock starts or goes on.
    function _requireHealthier(
        uint256 account,
        Step memory step,
        IMarginEngine.Portfolio memory portfolio,
        Prices memory prices
    ) private {
        if (portfolio.linears.length == 0 && portfolio.options.length == 0) {
            // `_takeTokens` has left the portfolio up to date but for its cash
            portfolio.cashWad = _balanceOf(account, QUOTE) * int256(QUOTE_UNIT);
            if (_debtOf(portfolio) == 0) return _clearFlag(account);
        } else {
            Words memory words = _load(account);
            if (_isFree(words)) return _clearFlag(account);
            portfolio = _portfolioOf(words, prices);
        }
        Health memory health = _assess(portfolio, prices);
        // cross-multiplied, for a solvent account; with equity below zero the factor is zero before and after, and a
        // closed account has at most a claim that its market's pool could not pay yet
        if (step.equity >= 0 && step.fraction != WAD) {
            bool fell = health.equity < 0
                || uint256(health.equity) * step.maintenance < uint256(step.equity) * health.maintenance;
            if (fell) revert Liquidation_HealthFell(account, health.equity, health.maintenance);
        }
        if (!step.limited || _isAtTarget(health)) _clearFlag(account);
        else _startClock(account, _accounts[account].header);
    }
}
