// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {WAD} from "../../../../contracts/libraries/Constants.sol";
import {Rounding} from "../../../../contracts/libraries/Rounding.sol";
import {Banks} from "../../../../contracts/ledger/Banks.sol";
import {Interest} from "../../../../contracts/ledger/Interest.sol";
import {LedgerStorage} from "../../../../contracts/ledger/LedgerStorage.sol";

/// @dev The ledger's banks, run in one call over a state that the caller gives. Nothing is kept where the call is an `eth_call`.
contract BanksHarness is Banks {
    enum Kind {
        CREDIT,
        DEBIT,
        WRITE_OFF,
        ACCRUE,
        COMPENSATE
    }

    /// @param elapsed Seconds that pass before it.
    struct Op {
        Kind kind;
        uint256 account;
        uint256 amount;
        uint32 elapsed;
    }

    struct Trace {
        int256 shares;
        int256 balanceBefore;
        int256 balanceAfter;
        Totals before;
        Totals later;
        uint256 fromDeposits;
        uint256 uncovered;
    }

    /// @param surplus What the bank owns less what it owes, in 1e-18 of a unit, before any rounding of totals.
    struct Totals {
        uint256 deposits;
        uint256 borrows;
        uint256 reserves;
        uint256 depositIndex;
        uint256 borrowIndex;
        int256 surplus;
    }

    constructor() LedgerStorage(address(0)) {}

    /// @notice Runs `ops` on token 1 from a given bank and share balances.
    function run(Bank memory bank, uint256[] memory accounts, int256[] memory shares, Op[] memory ops)
        external
        returns (Trace[] memory traces, Bank memory finally_)
    {
        _start(bank);
        for (uint256 i; i < accounts.length; ++i) {
            _accounts[accounts[i]].balances[0] = uint256(uint128(int128(shares[i]))) << 128;
            if (shares[i] != 0) _accounts[accounts[i]].header.tokens = 2;
        }
        traces = new Trace[](ops.length);
        for (uint256 i; i < ops.length; ++i) {
            traces[i] = _step(ops[i]);
        }
        return (traces, _banks[1]);
    }

    /// @notice Indices and rates of a bank as of `elapsed` seconds after its last update.
    function accrued(Bank memory bank, uint32 elapsed)
        external
        returns (uint256 depositIndex, uint256 borrowIndex, uint256 depositRate, uint256 borrowRate)
    {
        _start(bank);
        _banks[1].updatedAt -= elapsed;
        (depositIndex, borrowIndex) = Interest.indices(_banks[1]);
        (depositRate, borrowRate) = Interest.rates(_banks[1], depositIndex, borrowIndex);
    }

    function amountOf(int256 shares, uint256 depositIndex, uint256 borrowIndex) external pure returns (int256) {
        return Interest.amountOf(shares, depositIndex, borrowIndex);
    }

    function _start(Bank memory bank) private {
        _banks[1] = bank;
        _banks[1].updatedAt = uint32(block.timestamp);
    }

    function _step(Op memory op) private returns (Trace memory trace) {
        Bank storage bank = _banks[1];
        trace.before = _totals(bank);
        bank.updatedAt -= op.elapsed;
        _accrue(bank);
        trace.balanceBefore = _balanceOf(op.account, 1);
        if (op.kind == Kind.CREDIT) {
            bank.held += uint128(op.amount);
            _credit(op.account, 1, op.amount);
        } else if (op.kind == Kind.DEBIT) {
            bank.held -= uint128(op.amount);
            _debit(op.account, 1, op.amount);
        } else if (op.kind == Kind.WRITE_OFF) {
            (trace.fromDeposits, trace.uncovered) = _writeOff(op.account, 1, op.amount);
        } else if (op.kind == Kind.COMPENSATE) {
            (trace.fromDeposits, trace.uncovered) = _compensate(op.account, 1, op.amount);
        } else {
            _saveIndices(1, bank, bank.depositIndex, bank.borrowIndex);
        }
        trace.shares = _sharesOf(op.account, 1);
        trace.balanceAfter = _balanceOf(op.account, 1);
        trace.later = _totals(bank);
    }

    /// @dev The indices as of now, with the rates as they were.
    function _accrue(Bank storage bank) private {
        (uint256 depositIndex, uint256 borrowIndex) = Interest.indices(bank);
        (bank.depositIndex, bank.borrowIndex) = (uint72(depositIndex), uint72(borrowIndex));
        bank.updatedAt = uint32(block.timestamp);
    }

    function _totals(Bank storage bank) private view returns (Totals memory totals) {
        (totals.depositIndex, totals.borrowIndex) = (bank.depositIndex, bank.borrowIndex);
        totals.deposits = Rounding.mulDivDown(bank.depositShares, bank.depositIndex, WAD);
        totals.borrows = Rounding.mulDivUp(bank.borrowShares, bank.borrowIndex, WAD);
        totals.reserves = _reserves(bank, bank.depositIndex, bank.borrowIndex);
        uint256 owned = (uint256(bank.held) + bank.uncovered) * WAD + uint256(bank.borrowShares) * bank.borrowIndex;
        uint256 owed = (uint256(bank.insurance) + bank.pools) * WAD + uint256(bank.depositShares) * bank.depositIndex;
        totals.surplus = int256(owned) - int256(owed);
    }
}
