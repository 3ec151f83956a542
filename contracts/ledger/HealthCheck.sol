// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IMarginEngine} from "../interfaces/IMarginEngine.sol";
import {IRiskArraysErrors} from "../interfaces/IRiskArrays.sol";
import {QUOTE, QUOTE_UNIT} from "../libraries/Constants.sol";
import {Instrument} from "../markets/Instrument.sol";
import {OptionBook} from "../risk/OptionBook.sol";
import {LinearBook} from "./LinearBook.sol";
import {OptionList} from "./OptionList.sol";
import {Touched} from "./Touched.sol";

/// @title The rule every touched account must satisfy when a call ends (invariant I4)
/// @dev equity >= initial margin passes, unless a price deviates or the guardian pauses: then nothing may rise, neither in sum nor in any
///      asset that is in question (nor any option whose arrays are stale), for sums at a wrong price can be moved into what it overstates.
///      Below initial margin the excess must not fall and equity may fall by fees only; below maintenance nothing may grow at all. What a rule
///      compares is valued at the end of the call with the same prices, so a batch that changes prices on its way gains nothing.
abstract contract HealthCheck is Touched {
    /// @dev What rounding against a liquidator may cost it in a step without reward, USDC 1e18: units of up to eight tokens.
    int256 private constant LIQUIDATOR_ROUNDING = 0.01e18;
    /// @dev What settling may cost an account in rounded shares, USDC 1e18.
    uint256 private constant SETTLE_ROUNDING = 10 * QUOTE_UNIT;

    function _checkTouched() internal {
        (bool any, uint256 account, uint256 marks, uint256 fees) = _popTouched();
        while (any) {
            _check(account, marks, fees + SETTLE_ROUNDING);
            (any, account, marks, fees) = _popTouched();
        }
    }

    function _check(uint256 account, uint256 marks, uint256 fees) private {
        Words memory words = _load(account);
        bool isFree = _isFree(words);
        if (isFree && words.options == 0) return _clearFlag(account);
        Words memory prior = _loadBefore(account);
        // bought options need no mark, unless there are more of them: a pause and a deviation stop that
        if (isFree && !_optionsGrow(~uint256(0), prior, words)) return _clearFlag(account);
        Prices memory prices = _readPrices(_assetsOf(words) | _assetsOf(prior));
        if (words.linears != 0) prices.deviating |= _unpriced(words);
        Health memory current = _evaluate(words, prices);
        bool covered = current.equity >= int256(current.initial);
        bool paused = _pausedUntil > block.timestamp;
        if (covered && current.deviating == 0) _accounts[account].header.riskBlock = uint48(block.number);
        if (!covered || paused || current.deviating != 0 || current.stale != 0) {
            Health memory before = _evaluate(prior, prices);
            if (marks & LIQUIDATOR != 0) _requireLiquidator(account, before, current, covered, prior);
            else if (marks & PAID_IN != 0 && current.deviating != 0) revert Ledger_Deviating(account, current.deviating);
            else if (!covered || current.deviating != 0 || current.stale != 0) {
                _requireNoWorse(account, before, current, fees, prior, words);
            }
            else _requireNoMoreRisk(account, before, current, fees);
            if (marks & LIQUIDATOR == 0) {
                // every price is divided by the quote token's
                bool all = paused || (current.deviating >> QUOTE) & 1 != 0;
                _requireNoGrowth(account, all ? ~uint256(0) : current.deviating, prior, words);
                if (_optionsGrow(current.stale, prior, words)) _revertStale(words, current);
            }
        }
        if (_isAtTarget(current)) _clearFlag(account);
    }

    /// @dev Assets of dated futures that have expired and have no price yet: the index stands for it, which counts as a price that deviates.
    function _unpriced(Words memory words) private view returns (uint256 assets) {
        for (uint256 i; i < words.linears; ++i) {
            (uint32 instrument,) = LinearBook.decode(words.sizes[i >> 1], i);
            if (instrument >> 28 != Instrument.FUTURE || block.timestamp < Instrument.expiry(instrument)) continue;
            (, bool stale) = IMarginEngine(_engine).futureMark(instrument, 0);
            if (stale) assets |= 1 << Instrument.asset(instrument);
        }
    }

    /// @dev Initial margin under the model just chosen, whatever it was before.
    function _requireModel(uint256 account) internal view {
        Health memory current = _healthOf(account);
        if (current.equity < int256(current.initial)) {
            revert Ledger_BelowInitialMargin(account, current.equity, current.initial);
        }
    }

    /// @dev A liquidator's account under a pause or a deviation: initial margin, no equity leaves with the slice, and of every token but the
    ///      quote token it ends with something between what it had and what the slice left: it may sell the slice and nothing else.
    function _requireLiquidator(
        uint256 account,
        Health memory before,
        Health memory current,
        bool covered,
        Words memory prior
    ) private view {
        if (!covered) revert Ledger_BelowInitialMargin(account, current.equity, current.initial);
        uint256 tokens = prior.tokens | _accounts[account].header.tokens | _slicedTokens(account);
        for (tokens >>= 1; tokens != 0; tokens &= tokens - 1) {
            uint8 token = _lowestToken(tokens) + 1;
            int256 had = _sharesIn(prior, token);
            int256 has = _sharesOf(account, token);
            (int256 lowest, int256 highest) = _sliceBounds(account, token);
            if (has < (had < lowest ? had : lowest) || has > (had > highest ? had : highest)) {
                revert Ledger_BeyondSlice(account, token);
            }
        }
        if (current.equity + LIQUIDATOR_ROUNDING < before.equity) {
            revert Ledger_EquityFell(account, before.equity, current.equity, 0);
        }
    }

    /// @dev Below initial margin, or while a price deviates or arrays are stale.
    function _requireNoWorse(
        uint256 account,
        Health memory before,
        Health memory current,
        uint256 fees,
        Words memory prior,
        Words memory words
    ) private pure {
        int256 excessBefore = before.equity - int256(before.initial);
        int256 excess = current.equity - int256(current.initial);
        if (excess < excessBefore) {
            if (current.equity >= int256(current.initial)) {
                if (current.deviating == 0) _revertStale(words, current);
                revert Ledger_Deviating(account, current.deviating);
            }
            if (excessBefore >= 0) revert Ledger_BelowInitialMargin(account, current.equity, current.initial);
            revert Ledger_ExcessFell(account, excessBefore, excess);
        }
        // an insolvent account pays through liquidation, where the loss goes to those who must bear it
        if (current.equity < 0) revert Ledger_Insolvent(account, current.equity);
        if (current.equity + int256(fees) < before.equity) {
            revert Ledger_EquityFell(account, before.equity, current.equity, fees);
        }
        // the same over maintenance, which no uncredited profit is part of: cashing one in makes no room for risk
        int256 roomBefore = before.equity - int256(before.maintenance);
        int256 room = current.equity - int256(current.maintenance);
        if (room + int256(fees) < roomBefore) revert Ledger_ExcessFell(account, roomBefore, room);
        if (before.equity < int256(before.maintenance)) _requireReduction(account, prior, words);
    }

    /// @dev Under a pause: neither the requirement nor the debt may rise; what initial margin allows may still leave.
    function _requireNoMoreRisk(uint256 account, Health memory before, Health memory current, uint256 fees)
        private
        pure
    {
        if (current.initial > before.initial) revert Ledger_RiskIncreased(account, before.initial, current.initial);
        if (current.maintenance > before.maintenance) {
            revert Ledger_RiskIncreased(account, before.maintenance, current.maintenance);
        }
        if (current.debt > before.debt + fees) revert Ledger_RiskIncreased(account, before.debt, current.debt);
    }

    /// @dev Below maintenance: no position grows or turns, no debt but the quote token's (a realised loss) grows.
    function _requireReduction(uint256 account, Words memory prior, Words memory words) private pure {
        if (_positionsGrow(~uint256(0), prior, words)) revert Ledger_NotReduction(account);
        for (uint8 token = QUOTE + 1; token < 2 * words.balances.length; ++token) {
            int256 shares = _sharesIn(words, token);
            if (shares < 0 && shares < _sharesIn(prior, token)) revert Ledger_NotReduction(account);
        }
    }

    /// @dev No position, balance or debt in any of these assets grows or turns; the quote token is what they are paid with.
    function _requireNoGrowth(uint256 account, uint256 assets, Words memory prior, Words memory words) private view {
        bool grow = _positionsGrow(assets, prior, words);
        for (uint8 token = QUOTE + 1; token < 2 * words.balances.length; ++token) {
            if ((assets >> _banks[token].asset) & 1 != 0) {
                grow = grow || _grows(_sharesIn(prior, token), _sharesIn(words, token));
            }
        }
        if (grow) revert Ledger_ExposureGrew(account, assets);
    }

    function _positionsGrow(uint256 assets, Words memory prior, Words memory words) private pure returns (bool) {
        for (uint256 i; i < words.linears; ++i) {
            (uint32 instrument, int96 size) = LinearBook.decode(words.sizes[i >> 1], i);
            // the size of a claim is its epoch
            if (Instrument.isClaim(instrument) || (assets >> Instrument.asset(instrument)) & 1 == 0) continue;
            if (_grows(_sizeIn(prior, instrument), size)) return true;
        }
        uint256 slots;
        for (uint256 slot; words.series >> (32 * slot) != 0; ++slot) {
            uint8 asset = Instrument.assetOfSeries(OptionBook.seriesAt(words.series, slot));
            if ((assets >> asset) & 1 != 0) slots |= 1 << slot;
        }
        return _optionsGrow(slots, prior, words);
    }

    /// @dev Whether an option in one of these series slots grew or turned.
    function _optionsGrow(uint256 slots, Words memory prior, Words memory words) private pure returns (bool) {
        if (slots == 0) return false;
        for (uint256 i; i < words.options; ++i) {
            uint256 entry = OptionBook.entryAt(words.entries[i >> 2], i);
            if ((slots >> OptionBook.slotOf(entry)) & 1 == 0) continue;
            if (_grows(_lotsIn(prior, OptionList.instrumentOf(entry, words.series), i), OptionBook.lotsOf(entry))) {
                return true;
            }
        }
        return false;
    }

    /// @param hint Where the entry is if the list has not changed.
    function _lotsIn(Words memory words, uint32 instrument, uint256 hint) private pure returns (int256) {
        for (uint256 n; n < words.options; ++n) {
            uint256 i = (hint + n) % words.options;
            uint256 entry = OptionBook.entryAt(words.entries[i >> 2], i);
            if (OptionList.instrumentOf(entry, words.series) == instrument) return OptionBook.lotsOf(entry);
        }
        return 0;
    }

    /// @dev Names the first expiry whose arrays are stale.
    function _revertStale(Words memory words, Health memory current) private pure {
        uint256 slot;
        while ((current.stale >> slot) & 1 == 0) ++slot;
        uint32 series = OptionBook.seriesAt(words.series, slot);
        revert IRiskArraysErrors.RiskArrays_Stale(Instrument.expiryOfSeries(series));
    }

    function _grows(int256 was, int256 has) private pure returns (bool) {
        return has > 0 ? has > was : has < 0 && has < was;
    }

    function _sharesIn(Words memory words, uint8 token) private pure returns (int256) {
        return token >> 1 < words.balances.length ? _decodeShares(words.balances[token >> 1], token) : int256(0);
    }

    function _sizeIn(Words memory words, uint32 instrument) private pure returns (int96) {
        for (uint256 i; i < words.linears; ++i) {
            (uint32 found, int96 size) = LinearBook.decode(words.sizes[i >> 1], i);
            if (found == instrument) return size;
        }
        return 0;
    }
}
