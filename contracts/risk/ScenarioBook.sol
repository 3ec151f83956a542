// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {SSTORE2} from "solady/src/utils/SSTORE2.sol";

import {IRiskArrays} from "../interfaces/IRiskArrays.sol";
import {IScenarioBook} from "../interfaces/IScenarioBook.sol";
import {ScenarioBounds} from "./ScenarioBounds.sol";
import {ScenarioRate} from "./ScenarioRate.sol";
import {ScenarioTable} from "./ScenarioTable.sol";

/// @title The scenario table that holds, and the one that is to follow it
contract ScenarioBook is IScenarioBook, AccessManaged {
    uint256 private constant MAX_DELAY = 14 days;
    uint256 private constant MIN_CHANGE = 1;
    uint256 private constant MAX_CHANGE = 1e6;

    /// @dev One slot: 4 + 20 bytes.
    struct Active {
        uint32 version;
        address pointer;
    }

    /// @dev One slot: 4 + 20 + 8 bytes.
    struct Proposal {
        uint32 version;
        address pointer;
        uint64 readyAt;
    }

    Active private _active;
    Proposal private _proposal;
    /// @dev Of the latest proposal, whatever became of it.
    uint32 private _lastVersion;
    Limits private _limits;
    address private _arrays;

    constructor(address authority, Limits memory limits_) AccessManaged(authority) {
        _setLimits(limits_);
    }

    // ------------------------------------------------------------ tables

    /// @inheritdoc IScenarioBook
    function propose(Table calldata table_) external restricted returns (uint32 version) {
        if (_proposal.version != 0) revert Scenario_AlreadyProposed(_proposal.version);
        ScenarioBounds.check(table_);
        version = _lastVersion + 1;
        // arrays are kept by the version's parity: those of a proposal must not take the place of those in force
        if ((version ^ _active.version) & 1 == 0) ++version;
        _lastVersion = version;
        bytes memory data = ScenarioTable.pack(table_, version);
        bool first = _active.version == 0;
        if (!first) ScenarioRate.check(SSTORE2.read(_active.pointer), data, _limits.maxChange);
        uint64 readyAt = uint64(block.timestamp + (first ? 0 : _limits.delay));
        _proposal = Proposal(version, SSTORE2.write(data), readyAt);
        emit TableProposed(version, readyAt, table_);
        if (first) _activate();
    }

    /// @inheritdoc IScenarioBook
    function withdrawProposal() external restricted {
        uint32 version = _proposal.version;
        if (version == 0) revert Scenario_NothingProposed();
        delete _proposal;
        emit TableWithdrawn(version);
    }

    /// @inheritdoc IScenarioBook
    function activate() external {
        Proposal memory next = _proposal;
        if (next.version == 0) revert Scenario_NothingProposed();
        if (block.timestamp < next.readyAt) revert Scenario_NotReady(next.readyAt, block.timestamp);
        if (_arrays != address(0)) {
            (bool missing, uint32 underlying, uint64 expiry) = IRiskArrays(_arrays).firstMissing(next.version);
            if (missing) revert Scenario_ArraysMissing(next.version, underlying, expiry);
        }
        _activate();
    }

    function _activate() private {
        uint32 version = _proposal.version;
        _active = Active(version, _proposal.pointer);
        delete _proposal;
        emit TableActivated(version);
    }

    // ------------------------------------------------------------ parameters

    /// @inheritdoc IScenarioBook
    function setLimits(Limits calldata limits_) external restricted {
        _setLimits(limits_);
    }

    /// @inheritdoc IScenarioBook
    function setArrays(address arrays_) external restricted {
        if (_arrays != address(0)) revert Scenario_ArraysAlreadySet(_arrays);
        if (arrays_.code.length == 0) revert Scenario_NoCode(arrays_);
        _arrays = arrays_;
        emit ArraysSet(arrays_);
    }

    function _setLimits(Limits memory limits_) private {
        if (limits_.delay > MAX_DELAY) revert Scenario_Bounds("delay", limits_.delay, MAX_DELAY);
        if (limits_.maxChange < MIN_CHANGE) revert Scenario_Bounds("maxChange", limits_.maxChange, MIN_CHANGE);
        if (limits_.maxChange > MAX_CHANGE) revert Scenario_Bounds("maxChange", limits_.maxChange, MAX_CHANGE);
        _limits = limits_;
        emit LimitsSet(limits_);
    }

    // ------------------------------------------------------------ views

    /// @inheritdoc IScenarioBook
    function active() public view returns (uint32 version, address pointer) {
        (version, pointer) = (_active.version, _active.pointer);
        if (version == 0) revert Scenario_NoTable();
    }

    /// @inheritdoc IScenarioBook
    function proposed() external view returns (uint32 version, address pointer, uint64 readyAt) {
        return (_proposal.version, _proposal.pointer, _proposal.readyAt);
    }

    /// @inheritdoc IScenarioBook
    function table() external view returns (uint32, Table memory) {
        (, address pointer) = active();
        return ScenarioTable.unpack(SSTORE2.read(pointer));
    }

    /// @inheritdoc IScenarioBook
    function limits() external view returns (Limits memory) {
        return _limits;
    }

    /// @inheritdoc IScenarioBook
    function arrays() external view returns (address) {
        return _arrays;
    }
}
