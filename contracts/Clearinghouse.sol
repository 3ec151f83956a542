// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";

import {ILedger} from "./interfaces/ILedger.sol";
import {ILiquidation} from "./interfaces/ILiquidation.sol";
import {IListing} from "./interfaces/IListing.sol";
import {IMarginEngine} from "./interfaces/IMarginEngine.sol";
import {IFills, ISettling, ITrading} from "./interfaces/ITrading.sol";
import {QUOTE} from "./libraries/Constants.sol";
import {Rounding} from "./libraries/Rounding.sol";
import {Custody} from "./ledger/Custody.sol";
import {LedgerStorage} from "./ledger/LedgerStorage.sol";
import {Instrument} from "./markets/Instrument.sol";

/// @title The door: custody, accounts and batches; trading, liquidation, listing and views run in modules over its storage
/// @notice Every entry goes through one gate and ends with one check of every touched account. The modules are immutable; what can be
///         replaced (prices and requirements) is only ever read. `IClearinghouse` is all that can be called: what has no function here is a
///         view, and goes to that module.
contract Clearinghouse is ILedger, ITrading, ISettling, ILiquidation, IListing, Custody {
    address private immutable TRADING;
    address private immutable OPTIONS;
    address private immutable SETTLEMENT;
    address private immutable LIQUIDATION;
    address private immutable LISTING;
    address private immutable VIEWS;

    constructor(address authority, Modules memory modules_) LedgerStorage(authority) {
        (TRADING, OPTIONS, SETTLEMENT) = (modules_.trading, modules_.options, modules_.settlement);
        LIQUIDATION = modules_.liquidation;
        (LISTING, VIEWS) = (modules_.listing, modules_.views);
    }

    // ------------------------------------------------------------ gate

    modifier guarded() {
        uint256 entered = _enter();
        _;
        _conclude(entered);
    }

    function _conclude(uint256 entered) private {
        if (_isOutermost(entered)) _checkTouched();
        _leave(entered);
    }

    /// @dev Runs the current call in a module, over this storage. Reverts with the module's error.
    function _forward(address module) private returns (bytes memory) {
        (bool ok, bytes memory result) = module.delegatecall(msg.data);
        if (!ok) _revertWith(result);
        return result;
    }

    function _revertWith(bytes memory reason) private pure {
        assembly ("memory-safe") {
            revert(add(reason, 32), mload(reason))
        }
    }

    // ------------------------------------------------------------ custody

    /// @inheritdoc ILedger
    function deposit(uint256 account, address token, uint256 amount) external guarded {
        _deposit(account, token, amount);
    }

    /// @inheritdoc ILedger
    function depositWithPermit(
        uint256 account,
        address token,
        uint256 amount,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external guarded {
        _idOf(token);
        // a permit that somebody else has sent already has set the allowance: go on
        try IERC20Permit(token).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        _deposit(account, token, amount);
    }

    function _deposit(uint256 account, address token, uint256 amount) private {
        uint8 id = _idOf(token);
        bool held = (_accounts[account].header.tokens >> id) & 1 != 0;
        if (_ownerOf(account) != msg.sender && id != QUOTE && !held && !_isOperator(account, msg.sender)) {
            revert Ledger_ThirdPartyToken(account, token);
        }
        Bank storage bank = _banks[id];
        uint256 deposits = bank.depositShares;
        uint256 received = _pull(bank, amount);
        _credit(account, id, received);
        if (!held) _requireValued(account, id);
        _markPaidIn(account);
        _requireSupplyCap(bank, deposits);
        emit Deposited(account, token, msg.sender, received);
    }

    /// @inheritdoc ILedger
    function withdraw(uint256 account, address token, uint256 amount, address to) external guarded {
        _requireOwner(account);
        if (to == address(0)) revert Ledger_ZeroAddress();
        uint8 id = _idOf(token);
        amount = _take(account, id, amount);
        emit Withdrawn(account, token, to, amount);
        _push(_banks[id], id, to, amount);
    }

    /// @inheritdoc ILedger
    function transfer(uint256 from, uint256 to, address token, uint256 amount) external guarded {
        _requireOwner(from);
        _requireOwner(to);
        uint8 id = _idOf(token);
        bool held = (_accounts[to].header.tokens >> id) & 1 != 0;
        uint256 deposits = _banks[id].depositShares;
        amount = _take(from, id, amount);
        _credit(to, id, amount);
        if (!held) _requireValued(to, id);
        _requireSupplyCap(_banks[id], deposits);
        _markPaidIn(to);
        emit Transferred(from, to, token, amount);
    }

    /// @dev Debits an account for its owner; the type's maximum is the whole positive balance.
    function _take(uint256 account, uint8 id, uint256 amount) private returns (uint256) {
        _touch(account, TOUCHED);
        if (amount == type(uint256).max) amount = Rounding.positivePart(_balanceOf(account, id));
        if (amount == 0) revert Ledger_ZeroAmount();
        uint256 debt = _banks[id].borrowShares;
        _debit(account, id, _toUint128(amount));
        _requireBorrowCap(id, debt);
        return amount;
    }

    /// @inheritdoc ILedger
    function fundInsurance(uint256 amount) external guarded {
        uint256 received = _pull(_banks[QUOTE], amount);
        _setInsurance(_banks[QUOTE].insurance + received);
        emit InsuranceFunded(msg.sender, received);
    }

    // ------------------------------------------------------------ batch

    /// @inheritdoc ILedger
    function batch(bytes[] calldata calls) external guarded returns (bytes[] memory results) {
        results = new bytes[](calls.length);
        for (uint256 i; i < calls.length; ++i) {
            _admitBatchCall();
            (bool ok, bytes memory result) = address(this).delegatecall(calls[i]);
            if (!ok) _revertWith(result);
            results[i] = result;
        }
        _lock();
    }

    // ------------------------------------------------------------ accounts

    /// @inheritdoc ILedger
    function setOperator(uint256 account, address operator, uint64 validUntil) external guarded {
        _requireOwner(account);
        if (operator == address(0)) revert Ledger_ZeroAddress();
        _operators[account][operator].validUntil = validUntil;
        emit OperatorSet(account, operator, validUntil);
    }

    /// @inheritdoc ILedger
    function setOperatorBudget(uint256 account, address operator, uint256 budgetWad) external guarded {
        _requireOwner(account);
        if (budgetWad > type(uint96).max) revert Ledger_AmountBounds(budgetWad);
        _operators[account][operator].budgetWad = uint96(budgetWad);
        emit OperatorBudgetSet(account, operator, budgetWad);
    }

    /// @inheritdoc ILedger
    function setMarginModel(uint256 account, uint8 model) external guarded {
        _requireOwner(account);
        Header storage header = _accounts[account].header;
        if (header.model == model) revert Ledger_ModelUnchanged(model);
        _touch(account, TOUCHED);
        header.model = model;
        emit MarginModelSet(account, model);
        _requireModel(account);
    }

    /// @inheritdoc ILedger
    /// @dev Touches nothing of the ledger. The engine names the arrays: the governor's word, as for every price.
    function refreshStrikes(uint32 underlying, uint64 expiry, uint256 from, uint256 count) external {
        IMarginEngine(_engine).ARRAYS().refresh(underlying, expiry, from, count);
    }

    // ------------------------------------------------------------ trading

    /// @inheritdoc IFills
    function fill(Order calldata maker, bytes calldata, Order calldata, bytes calldata, uint256) external guarded {
        _forward(Instrument.kind(maker.instrument) == Instrument.OPTION ? OPTIONS : TRADING);
    }

    /// @inheritdoc ITrading
    function cancel(uint256, uint256) external guarded {
        _forward(TRADING);
    }

    /// @inheritdoc ISettling
    function settle(uint256) external guarded {
        _forward(SETTLEMENT);
    }

    /// @inheritdoc ITrading
    function submitQuotes(Quote[] calldata, bytes[] calldata) external guarded {
        _forward(TRADING);
    }

    // ------------------------------------------------------------ liquidation

    /// @inheritdoc ILiquidation
    function liquidate(Liquidation calldata) external guarded returns (uint256 fraction, int256 paid) {
        return abi.decode(_forward(LIQUIDATION), (uint256, int256));
    }

    /// @inheritdoc ILiquidation
    function flag(uint256) external guarded {
        _forward(LIQUIDATION);
    }

    // ------------------------------------------------------------ listing

    /// @inheritdoc IListing
    function listToken(address, TokenConfig calldata) external guarded returns (uint8) {
        return abi.decode(_forward(LISTING), (uint8));
    }

    /// @inheritdoc IListing
    function setTokenConfig(uint8, TokenConfig calldata) external guarded {
        _forward(LISTING);
    }

    /// @inheritdoc IListing
    function listMarket(uint32, string calldata, MarketConfig calldata) external guarded {
        _forward(LISTING);
    }

    /// @inheritdoc IListing
    function setMarketConfig(uint32, MarketConfig calldata) external guarded {
        _forward(LISTING);
    }

    /// @inheritdoc IListing
    function setMarketStatus(uint32, bool) external guarded {
        _forward(LISTING);
    }

    /// @inheritdoc IListing
    function setPremiumConfig(PremiumConfig calldata) external guarded {
        _forward(LISTING);
    }

    /// @inheritdoc IListing
    function setLiquidationConfig(LiquidationConfig calldata) external guarded {
        _forward(LISTING);
    }

    /// @inheritdoc IListing
    function setQuoter(address, bool) external guarded {
        _forward(LISTING);
    }

    /// @inheritdoc IListing
    function setRouter(address) external guarded {
        _forward(LISTING);
    }

    /// @inheritdoc IListing
    function setEngine(address) external guarded {
        _forward(LISTING);
    }

    /// @inheritdoc IListing
    function setFeeRecipients(address, address) external guarded {
        _forward(LISTING);
    }

    /// @inheritdoc IListing
    function pause(uint40) external guarded {
        _forward(LISTING);
    }

    /// @inheritdoc IListing
    function unpause() external guarded {
        _forward(LISTING);
    }

    /// @inheritdoc IListing
    function collect(address) external guarded {
        _forward(LISTING);
    }

    // ------------------------------------------------------------ views

    /// @inheritdoc ILedger
    function modules() external view returns (Modules memory, address, address) {
        return (Modules(TRADING, OPTIONS, SETTLEMENT, LIQUIDATION, LISTING, VIEWS), _router, _engine);
    }

    /// @dev Whatever else is called is a view or nothing.
    fallback(bytes calldata) external returns (bytes memory) {
        return _forward(VIEWS);
    }
}
