// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ILiquidation} from "../interfaces/ILiquidation.sol";
import {E9, WAD} from "../libraries/Constants.sol";
import {Valuation} from "./Valuation.sol";

/// @title The accounts a call changes, and what they were before it
/// @notice The first change of an account in a call copies its packed words to transient storage. At the end of the outermost call each is
///         checked once, and where the rule compares before with after, both are valued with the same prices (I4).
/// @dev Transient layout, from base = keccak256(account, seed): base holds the marks, base + 1 the fees paid, the words of
///      `LedgerStorage.Account` come from base + WORDS on, the bounds of slices from base + LOWEST. The list of touched accounts starts at LIST.
abstract contract Touched is Valuation {
    uint256 internal constant TOUCHED = 1;
    /// @dev The account took a slice as a liquidator: it needs initial margin and may not lose equity, pause or not.
    uint256 internal constant LIQUIDATOR = 2;
    /// @dev Something was paid in after the first change: while a price deviates it must not make up for what left at that price.
    uint256 internal constant PAID_IN = 4;

    uint256 private constant LIST = uint256(keccak256("ballast.touched.list"));
    uint256 private constant SEED = uint256(keccak256("ballast.touched.account"));
    uint256 private constant FEES = 1;
    uint256 private constant WORDS = 2;
    uint256 private constant BALANCES = WORDS + 1;
    uint256 private constant SIZES = BALANCES + 16;
    uint256 private constant QUOTES = SIZES + 20;
    uint256 private constant SERIES = QUOTES + 20;
    uint256 private constant ENTRIES = SERIES + 1;
    uint256 private constant LOWEST = ENTRIES + 16; // of a liquidator, by token: smallest shares after a slice
    uint256 private constant HIGHEST = LOWEST + 32; // and largest

    uint256 private transient _touchedCount;

    function _touch(uint256 account, uint256 marks) internal {
        uint256 base = _base(account);
        // an account that did something else before is not excused as a liquidator's
        if (_tload(base) != 0) return;
        _tstore(base, marks | TOUCHED);
        _tstore(base + LOWEST, 0);
        uint256 count = _touchedCount;
        _tstore(LIST + count, account);
        _touchedCount = count + 1;
        _copyWords(account, base);
    }

    /// @dev A payment into an account that has been touched already; before that it simply belongs to the state before.
    function _markPaidIn(uint256 account) internal {
        uint256 base = _base(account);
        uint256 found = _tload(base);
        if (found != 0) _tstore(base, found | PAID_IN);
    }

    /// @dev Remembers what a slice made of the liquidator's balances but the quote token's: between that and what it had before it may
    ///      move them, and nothing else, while prices deviate or the guardian pauses.
    function _markSlice(uint256 account) internal {
        uint256 base = _base(account);
        uint256 recorded = _tload(base + LOWEST); // the quote token's place: bitmap of tokens, bit 0 once there was a slice
        uint256 tokens = recorded | _accounts[account].header.tokens | 1;
        _tstore(base + LOWEST, tokens);
        for (tokens >>= 1; tokens != 0; tokens &= tokens - 1) {
            uint8 token = _lowestToken(tokens) + 1;
            int256 shares = _sharesOf(account, token);
            // a token that no earlier slice recorded was not held then
            (int256 lowest, int256 highest) = (recorded >> token) & 1 == 0
                ? (int256(0), int256(0))
                : (int256(_tload(base + LOWEST + token)), int256(_tload(base + HIGHEST + token)));
            if (recorded == 0) (lowest, highest) = (shares, shares);
            _tstore(base + LOWEST + token, uint256(shares < lowest ? shares : lowest));
            _tstore(base + HIGHEST + token, uint256(shares > highest ? shares : highest));
        }
    }

    /// @dev Bitmap of the tokens that `_markSlice` recorded; the quote token's bit says nothing.
    function _slicedTokens(uint256 account) internal view returns (uint256) {
        return _tload(_base(account) + LOWEST);
    }

    /// @dev The bounds that `_markSlice` recorded for a token.
    function _sliceBounds(uint256 account, uint8 token) internal view returns (int256 lowest, int256 highest) {
        uint256 base = _base(account);
        if ((_tload(base + LOWEST) >> token) & 1 == 0) return (0, 0);
        return (int256(_tload(base + LOWEST + token)), int256(_tload(base + HIGHEST + token)));
    }

    function _isTouched(uint256 account) internal view returns (bool) {
        return _tload(_base(account)) != 0;
    }

    function _marksOf(uint256 account) internal view returns (uint256) {
        return _tload(_base(account));
    }

    function _addFee(uint256 account, uint256 feeWad) internal {
        uint256 slot = _base(account) + FEES;
        _tstore(slot, _tload(slot) + feeWad);
    }

    /// @dev Takes the last touched account off the list and forgets its marks; zero accounts left: returns false.
    function _popTouched() internal returns (bool any, uint256 account, uint256 marks, uint256 fees) {
        uint256 count = _touchedCount;
        if (count == 0) return (false, 0, 0, 0);
        _touchedCount = count - 1;
        account = _tload(LIST + count - 1);
        uint256 base = _base(account);
        (marks, fees) = (_tload(base), _tload(base + FEES));
        _tstore(base, 0);
        _tstore(base + FEES, 0);
        return (true, account, marks, fees);
    }

    /// @dev The account as it was when this call first touched it.
    function _loadBefore(uint256 account) internal view returns (Words memory words) {
        uint256 base = _base(account);
        uint256 header = _tload(base + WORDS);
        (words.tokens, words.linears, words.model) = (uint32(header), uint8(header >> 32), uint8(header >> 40));
        uint256 count = _balanceWords(words.tokens);
        words.balances = new uint256[](count);
        for (uint256 i; i < count; ++i) {
            if ((words.tokens >> (2 * i)) & 3 != 0) words.balances[i] = _tload(base + BALANCES + i);
        }
        count = (words.linears + 1) >> 1;
        words.sizes = new uint256[](count);
        words.quotes = new uint256[](count);
        for (uint256 i; i < count; ++i) {
            words.sizes[i] = _tload(base + SIZES + i);
            words.quotes[i] = _tload(base + QUOTES + i);
        }
        words.options = uint8(header >> 48);
        if (words.options == 0) return words;
        words.series = _tload(base + SERIES);
        words.entries = new uint256[](_entryWords(words.options));
        for (uint256 i; i < words.entries.length; ++i) {
            words.entries[i] = _tload(base + ENTRIES + i);
        }
    }

    // ------------------------------------------------------------ flag

    /// @dev Equity at or above the target health factor: the only way a flag clears.
    function _isAtTarget(Health memory health) internal view returns (bool) {
        if (health.equity < 0) return false;
        return uint256(health.equity) * WAD >= health.maintenance * (_liquidation.target * E9);
    }

    function _clearFlag(uint256 account) internal {
        if (_accounts[account].header.flaggedAt == 0) return;
        _accounts[account].header.flaggedAt = 0;
        emit ILiquidation.FlagCleared(account);
    }

    // ------------------------------------------------------------ transient words

    function _copyWords(uint256 account, uint256 base) private {
        Words memory words = _load(account);
        _tstore(
            base + WORDS,
            words.tokens | (words.linears << 32) | (uint256(words.model) << 40) | (words.options << 48)
        );
        for (uint256 i; i < words.balances.length; ++i) {
            if (words.balances[i] != 0) _tstore(base + BALANCES + i, words.balances[i]);
        }
        for (uint256 i; i < words.sizes.length; ++i) {
            _tstore(base + SIZES + i, words.sizes[i]);
            _tstore(base + QUOTES + i, words.quotes[i]);
        }
        if (words.options == 0) return;
        _tstore(base + SERIES, words.series);
        for (uint256 i; i < words.entries.length; ++i) {
            _tstore(base + ENTRIES + i, words.entries[i]);
        }
    }

    function _base(uint256 account) private pure returns (uint256 base) {
        uint256 seed = SEED;
        assembly ("memory-safe") {
            mstore(0, account)
            mstore(32, seed)
            base := keccak256(0, 64)
        }
    }

    function _tload(uint256 slot) private view returns (uint256 value) {
        assembly ("memory-safe") {
            value := tload(slot)
        }
    }

    function _tstore(uint256 slot, uint256 value) private {
        assembly ("memory-safe") {
            tstore(slot, value)
        }
    }
}
