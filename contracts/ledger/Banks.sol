// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {QUOTE, WAD} from "../libraries/Constants.sol";
import {Rounding} from "../libraries/Rounding.sol";
import {Accounts} from "./Accounts.sol";
import {Interest} from "./Interest.sol";

/// @title Balances in the token banks: what is credited first repays, what is debited beyond the balance borrows
/// @dev Rounding (I7): a credit mints shares down and burns debt down, a debit burns shares up and mints debt up.
abstract contract Banks is Accounts {
    /// @dev Losses never lower a deposit index below this, so that a share keeps a value that new deposits can be divided by.
    uint256 internal constant MIN_DEPOSIT_INDEX = 1e9;
    /// @dev Units by which rounded totals may show more reserves than there are.
    uint256 private constant RESERVE_ROUNDING = 2;

    function _idOf(address token) internal view returns (uint8) {
        uint256 idPlusOne = _tokenIds[token];
        if (idPlusOne == 0) revert Ledger_UnknownToken(token);
        return uint8(idPlusOne - 1);
    }

    function _sharesOf(uint256 account, uint8 token) internal view returns (int256) {
        return _decodeShares(_accounts[account].balances[token >> 1], token);
    }

    function _decodeShares(uint256 word, uint8 token) internal pure returns (int256) {
        return int128(uint128(word >> ((token & 1) << 7)));
    }

    /// @dev Signed token units.
    function _balanceOf(uint256 account, uint8 token) internal view returns (int256) {
        (uint256 depositIndex, uint256 borrowIndex) = Interest.indices(_banks[token]);
        return Interest.amountOf(_sharesOf(account, token), depositIndex, borrowIndex);
    }

    /// @dev Adds token units to a balance. The caller has moved what backs them.
    function _credit(uint256 account, uint8 token, uint256 amount) internal {
        _move(account, token, int256(amount));
    }

    /// @dev Takes token units from a balance; what the balance lacks is borrowed.
    function _debit(uint256 account, uint8 token, uint256 amount) internal {
        _move(account, token, -int256(amount));
    }

    /// @dev Changes a balance by signed token units.
    function _move(uint256 account, uint8 token, int256 amount) internal {
        if (amount == 0) return;
        Bank storage bank = _banks[token];
        (uint256 depositIndex, uint256 borrowIndex) = Interest.indices(bank);
        _change(account, token, bank, amount, depositIndex, borrowIndex);
        _saveIndices(token, bank, depositIndex, borrowIndex);
    }

    /// @dev Changes two balances of one token, in this order; the bank's rates are set once.
    function _moveTwo(uint256 first, int256 firstAmount, uint256 second, int256 secondAmount, uint8 token) internal {
        if (firstAmount == 0 && secondAmount == 0) return;
        Bank storage bank = _banks[token];
        (uint256 depositIndex, uint256 borrowIndex) = Interest.indices(bank);
        _change(first, token, bank, firstAmount, depositIndex, borrowIndex);
        _change(second, token, bank, secondAmount, depositIndex, borrowIndex);
        _saveIndices(token, bank, depositIndex, borrowIndex);
    }

    function _change(
        uint256 account,
        uint8 token,
        Bank storage bank,
        int256 amount,
        uint256 depositIndex,
        uint256 borrowIndex
    ) private {
        if (amount == 0) return;
        int256 shares = _sharesOf(account, token);
        shares = amount > 0
            ? _sharesAfterCredit(bank, shares, uint256(amount), depositIndex, borrowIndex)
            : _sharesAfterDebit(bank, shares, uint256(-amount), depositIndex, borrowIndex);
        _save(account, token, shares);
    }

    /// @dev A credit repays first, then deposits.
    function _sharesAfterCredit(
        Bank storage bank,
        int256 shares,
        uint256 amount,
        uint256 depositIndex,
        uint256 borrowIndex
    ) private returns (int256) {
        if (shares < 0) {
            uint256 debtShares = uint256(-shares);
            uint256 debt = Rounding.mulDivUp(debtShares, borrowIndex, WAD);
            uint256 burnt = amount >= debt ? debtShares : Rounding.mulDivDown(amount, WAD, borrowIndex);
            bank.borrowShares -= uint128(burnt);
            shares += int256(burnt);
            amount = amount > debt ? amount - debt : 0;
        }
        if (amount == 0) return shares;
        uint256 minted = Rounding.mulDivDown(amount, WAD, depositIndex);
        bank.depositShares = _toUint128(bank.depositShares + minted);
        return shares + int256(minted);
    }

    /// @dev A debit takes the deposit first, then borrows.
    function _sharesAfterDebit(
        Bank storage bank,
        int256 shares,
        uint256 amount,
        uint256 depositIndex,
        uint256 borrowIndex
    ) private returns (int256) {
        if (shares > 0) {
            uint256 balance = Rounding.mulDivDown(uint256(shares), depositIndex, WAD);
            // the whole balance takes the whole shares, so no share worth less than a unit stays behind
            uint256 burnt = amount >= balance ? uint256(shares) : Rounding.mulDivUp(amount, WAD, depositIndex);
            bank.depositShares -= uint128(burnt);
            shares -= int256(burnt);
            amount = amount > balance ? amount - balance : 0;
        }
        if (amount == 0) return shares;
        uint256 minted = Rounding.mulDivUp(amount, WAD, borrowIndex);
        bank.borrowShares = _toUint128(bank.borrowShares + minted);
        return shares - int256(minted);
    }

    /// @dev Cancels `amount` of an account's debt that nobody will pay; `_bear` says who does. Never reverts for want of cover.
    function _writeOff(uint256 account, uint8 token, uint256 amount)
        internal
        returns (uint256 fromDeposits, uint256 uncovered)
    {
        Bank storage bank = _banks[token];
        (uint256 depositIndex, uint256 borrowIndex) = Interest.indices(bank);
        int256 shares = _sharesOf(account, token);
        uint256 debtShares = uint256(-shares);
        uint256 debt = Rounding.mulDivUp(debtShares, borrowIndex, WAD);
        uint256 burnt = amount >= debt ? debtShares : Rounding.mulDivDown(amount, WAD, borrowIndex);

        (fromDeposits, uncovered, depositIndex) = _bear(bank, amount, 0, depositIndex, borrowIndex);
        bank.borrowShares -= uint128(burnt);
        _save(account, token, shares + int256(burnt));
        _saveIndices(token, bank, depositIndex, borrowIndex);
    }

    /// @dev Credits an account with `amount` of a loss that is no debt yet; `_bear` says who pays, and the account's own deposit is not among
    ///      them. Never reverts for want of cover.
    function _compensate(uint256 account, uint8 token, uint256 amount)
        internal
        returns (uint256 fromDeposits, uint256 uncovered)
    {
        Bank storage bank = _banks[token];
        (uint256 before, uint256 borrowIndex) = Interest.indices(bank);
        uint256 own = Rounding.positivePart(_sharesOf(account, token));
        uint256 depositIndex;
        (fromDeposits, uncovered, depositIndex) = _bear(bank, amount, own, before, borrowIndex);
        amount += Rounding.mulDivDown(own, before, WAD) - Rounding.mulDivDown(own, depositIndex, WAD);
        _change(account, token, bank, int256(amount), depositIndex, borrowIndex);
        _saveIndices(token, bank, depositIndex, borrowIndex);
    }

    /// @dev Takes `amount` first from the depositors, through the deposit index, then from the reserves; what those cannot bear is kept as
    ///      `uncovered`. Returns the part of depositors and the last, and the index, which is not saved.
    /// @param exempt Shares whose part of the index's fall somebody makes good.
    function _bear(Bank storage bank, uint256 amount, uint256 exempt, uint256 depositIndex, uint256 borrowIndex)
        private
        returns (uint256 fromDeposits, uint256 uncovered, uint256)
    {
        uint256 shares = bank.depositShares - exempt;
        uint256 deposits = Rounding.mulDivDown(shares, depositIndex, WAD);
        uint256 kept = Rounding.mulDivUp(shares, MIN_DEPOSIT_INDEX, WAD);
        fromDeposits = deposits > kept ? Rounding.min(amount, deposits - kept) : 0;
        uint256 reserves = _spendable(_reserves(bank, depositIndex, borrowIndex));
        uint256 rest = amount - fromDeposits;
        uncovered = rest > reserves ? rest - reserves : 0;
        if (fromDeposits != 0) {
            depositIndex = Rounding.mulDivDown(depositIndex, deposits - fromDeposits, deposits);
        }
        if (uncovered != 0) bank.uncovered += uint128(uncovered);
        return (fromDeposits, uncovered, depositIndex);
    }

    /// @dev What is the protocol's own: interest reserves, uncollected fees and rounding. By definition
    ///      held = deposits - borrows - uncovered + reserves + insurance + pools (I2).
    function _reserves(Bank storage bank, uint256 depositIndex, uint256 borrowIndex) internal view returns (uint256) {
        uint256 owned = uint256(bank.held) + Rounding.mulDivUp(bank.borrowShares, borrowIndex, WAD) + bank.uncovered;
        uint256 owed = Rounding.mulDivDown(bank.depositShares, depositIndex, WAD) + bank.insurance + bank.pools;
        return owned > owed ? owned - owed : 0;
    }

    /// @dev What of the reserves is there whatever the rounding of the totals adds to it: both are rounded to the bank's favour.
    function _spendable(uint256 reserves) internal pure returns (uint256) {
        return reserves > RESERVE_ROUNDING ? reserves - RESERVE_ROUNDING : 0;
    }

    /// @dev Units that can leave or be lent: custody less what belongs to insurance and the pools.
    function _available(Bank storage bank, uint8 token) internal view returns (uint256) {
        uint256 held = bank.held;
        uint256 reserved = token == QUOTE ? uint256(bank.insurance) + bank.pools : 0;
        return held > reserved ? held - reserved : 0;
    }

    /// @dev Refuses borrowing beyond the cap; where the debt did not grow since `sharesBefore`, a lowered cap stops nobody.
    function _requireBorrowCap(uint8 token, uint256 sharesBefore) internal view {
        Bank storage bank = _banks[token];
        uint256 shares = bank.borrowShares;
        if (shares <= sharesBefore) return;
        uint256 borrows = Rounding.mulDivUp(shares, bank.borrowIndex, WAD);
        if (borrows > bank.borrowCap) revert Ledger_BorrowCap(bank.token, borrows, bank.borrowCap);
    }

    /// @dev Refuses deposits beyond the cap, whichever way they come; where they did not grow since `sharesBefore`, a lowered cap stops nobody.
    function _requireSupplyCap(Bank storage bank, uint256 sharesBefore) internal view {
        if (bank.depositShares <= sharesBefore) return;
        uint256 deposits = Rounding.mulDivDown(bank.depositShares, bank.depositIndex, WAD);
        if (deposits > bank.supplyCap) revert Ledger_SupplyCap(bank.token, deposits, bank.supplyCap);
    }

    function _setInsurance(uint256 insurance) internal {
        _banks[QUOTE].insurance = _toUint128(insurance);
        emit InsuranceSet(insurance);
    }

    /// @dev Keeps the indices as of now and the rates for the bank's present utilisation; silent where nothing is new.
    function _saveIndices(uint8 token, Bank storage bank, uint256 depositIndex, uint256 borrowIndex) internal {
        (uint256 depositRate, uint256 borrowRate) = Interest.rates(bank, depositIndex, borrowIndex);
        bool known = bank.updatedAt == uint32(block.timestamp) && bank.depositIndex == depositIndex
            && bank.borrowIndex == borrowIndex && bank.depositRate == depositRate && bank.borrowRate == borrowRate;
        if (known) return;
        bank.depositIndex = uint72(depositIndex); // both at most Interest.MAX_INDEX
        bank.borrowIndex = uint72(borrowIndex);
        bank.depositRate = uint32(depositRate); // both at most Interest.MAX_RATE
        bank.borrowRate = uint32(borrowRate);
        bank.updatedAt = uint32(block.timestamp);
        emit BankAccrued(token, depositIndex, borrowIndex, depositRate, borrowRate);
    }

    function _save(uint256 account, uint8 token, int256 shares) private {
        Account storage a = _accounts[account];
        uint256 shift = uint256(token & 1) << 7;
        uint256 word = a.balances[token >> 1];
        uint256 half = uint256(uint128(int128(shares))); // at most a total, which `_toUint128` keeps below 2^127
        a.balances[token >> 1] = (word & ~(uint256(type(uint128).max) << shift)) | (half << shift);
        _markToken(account, token, shares != 0);
        emit BalanceSet(account, token, shares);
    }

    /// @dev Totals and amounts stay below 2^127, so that an account's part fits int128.
    function _toUint128(uint256 value) internal pure returns (uint128) {
        if (value > uint256(uint128(type(int128).max))) revert Ledger_AmountBounds(value);
        return uint128(value);
    }
}
