// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {SSTORE2} from "solady/src/utils/SSTORE2.sol";

import {IOracleRouter} from "../interfaces/IOracleRouter.sol";
import {IRiskArrays} from "../interfaces/IRiskArrays.sol";
import {IScenarioBook} from "../interfaces/IScenarioBook.sol";
import {IStrikeBook} from "../interfaces/IStrikeBook.sol";
import {ISurfaceOracle} from "../interfaces/ISurfaceOracle.sol";
import {WAD} from "../libraries/Constants.sol";
import {Rounding} from "../libraries/Rounding.sol";
import {Instrument} from "../markets/Instrument.sol";
import {ArrayBlob} from "./ArrayBlob.sol";
import {ArrayBuilder} from "./ArrayBuilder.sol";
import {ScenarioTable} from "./ScenarioTable.sol";

/// @title RiskArrays
/// @dev Trusts the router for the spot and the surfaces for forward and volatility, the book for the strikes; the scenarios are its own reading of
///      the table. Nobody is trusted with the result: who calls only pays.
contract RiskArrays is IRiskArrays, AccessManaged {
    uint256 private constant BASIS_UNIT = 1e15;
    uint32 private constant MAX_AGE_BOUND = 1 hours;
    uint32 private constant BAND_CAP_BOUND = 0.1e6;
    uint32 private constant BAND_VOL_BOUND = 2e6;
    /// @dev What marks and strikes are stored in: 64 bits of 1e-9 USDC.
    uint256 private constant PRICE_BOUND = type(uint64).max * ArrayBlob.PRICE_UNIT;

    IOracleRouter public immutable ROUTER;
    ISurfaceOracle public immutable SURFACES;
    IScenarioBook public immutable SCENARIOS;
    IStrikeBook public immutable STRIKES;

    // ------------------------------------------------------------ storage

    /// @dev One slot.
    struct Pointer {
        address blob; // 20 bytes
        uint32 version; // 4 bytes
        uint40 time; // 5 bytes
        uint8 count; // 1 byte: strikes
    }

    /// @dev A refresh in several calls: the first part begins with what all of them share. Whoever comes next goes on with it.
    struct Session {
        address[] parts;
        uint40 time;
        uint8 done;
    }

    /// @dev What the calls of a refresh share.
    struct Shared {
        ArrayBlob.Header header;
        ArrayBuilder.Market market;
        address table;
    }

    Limits private _limits;
    /// @dev Under odd and even versions: arrays of a proposed table wait beside those in force. The scenario book never proposes a version of the
    ///      parity of the one that holds.
    mapping(uint32 series => Pointer[2]) private _pointers;
    mapping(uint32 series => Session[2]) private _sessions;

    // ------------------------------------------------------------ constructor

    constructor(
        address authority,
        address router,
        address surfaces,
        address scenarios,
        address strikes,
        Limits memory limits_
    ) AccessManaged(authority) {
        (ROUTER, SURFACES) = (IOracleRouter(router), ISurfaceOracle(surfaces));
        (SCENARIOS, STRIKES) = (IScenarioBook(scenarios), IStrikeBook(strikes));
        _setLimits(limits_);
    }

    // ------------------------------------------------------------ actions

    /// @inheritdoc IRiskArrays
    function refresh(uint32 underlying, uint64 expiry, uint256 from, uint256 count) external {
        (, address table) = SCENARIOS.active();
        _refresh(table, underlying, expiry, from, count);
    }

    /// @inheritdoc IRiskArrays
    function refreshProposed(uint32 underlying, uint64 expiry, uint256 from, uint256 count) external {
        (, address table,) = SCENARIOS.proposed();
        if (table == address(0)) revert RiskArrays_NothingProposed();
        _refresh(table, underlying, expiry, from, count);
    }

    /// @inheritdoc IRiskArrays
    function setLimits(Limits calldata limits_) external restricted {
        _setLimits(limits_);
    }

    // ------------------------------------------------------------ views

    /// @inheritdoc IRiskArrays
    function pointersOf(uint32[] calldata series, uint32 version) external view returns (address[] memory blobs) {
        blobs = new address[](series.length);
        // Safe: i is below the length.
        unchecked {
            for (uint256 i; i < series.length; ++i) {
                blobs[i] = _blobOf(series[i], version);
            }
        }
    }

    /// @inheritdoc IRiskArrays
    function firstMissing(uint32 version) external view returns (bool missing, uint32 underlying, uint64 expiry) {
        (uint32 current, address table) = SCENARIOS.active();
        uint256 header = uint256(bytes32(SSTORE2.read(table, 0, 32)));
        uint256 columns = ScenarioTable.columnsOf(header);
        for (uint256 i; i < columns; ++i) {
            uint8 asset = ScenarioTable.assetOf(header, i);
            uint64[] memory expiries = STRIKES.expiriesOf(asset);
            for (uint256 j; j < expiries.length; ++j) {
                if (_lacks(Instrument.seriesOf(asset, expiries[j]), current, version)) return (true, asset, expiries[j]);
            }
        }
    }

    /// @inheritdoc IRiskArrays
    function limits() external view returns (Limits memory) {
        return _limits;
    }

    // ------------------------------------------------------------ refresh

    function _refresh(address table, uint32 underlying, uint64 expiry, uint256 from, uint256 count) private {
        if (block.timestamp >= expiry) revert RiskArrays_Expired(expiry, block.timestamp);
        uint256[] memory strikes = STRIKES.strikesOf(underlying, expiry);
        bytes memory scenarios = SSTORE2.read(table);
        uint32 series = Instrument.seriesOf(uint8(underlying), expiry);
        if (from == 0 && count >= strikes.length) {
            Shared memory shared = _share(table, scenarios, underlying, expiry, strikes.length);
            bytes memory records = _price(shared, scenarios, underlying, strikes, 0, strikes.length);
            _publish(series, shared.header, records);
        } else {
            _continue(series, table, scenarios, strikes, expiry, from, count);
        }
    }

    /// @dev One part of a refresh in several calls.
    function _continue(
        uint32 series,
        address table,
        bytes memory scenarios,
        uint256[] memory strikes,
        uint64 expiry,
        uint256 from,
        uint256 count
    ) private {
        uint32 underlying = Instrument.assetOfSeries(series);
        Session storage session = _sessions[series][_versionOf(scenarios) & 1];
        bool over = block.timestamp > uint256(session.time) + _limits.maxAge;
        uint256 done = over ? 0 : session.done;
        if (from != done || count == 0) revert RiskArrays_Range(from, done, count);
        Shared memory shared;
        if (from == 0) {
            shared = _share(table, scenarios, underlying, expiry, strikes.length);
            delete session.parts;
            session.time = uint40(block.timestamp);
        } else {
            shared = abi.decode(SSTORE2.read(session.parts[0]), (Shared));
            // a proposal that was withdrawn meanwhile left its version to another one
            if (shared.table != table) revert RiskArrays_Range(from, 0, count);
        }
        uint256 end = count > shared.header.count - from ? shared.header.count : from + count;
        bytes memory records = _price(shared, scenarios, underlying, strikes, from, end);
        if (from == 0) session.parts.push(SSTORE2.write(abi.encode(shared)));
        emit ArraysAdvanced(series, uint32(shared.header.version), end);
        if (end != shared.header.count) {
            session.parts.push(SSTORE2.write(records));
            session.done = uint8(end);
            return;
        }
        bytes memory all;
        for (uint256 i = 1; i < session.parts.length; ++i) {
            all = bytes.concat(all, SSTORE2.read(session.parts[i]));
        }
        delete _sessions[series][_versionOf(scenarios) & 1];
        _publish(series, shared.header, bytes.concat(all, records));
    }

    /// @dev What is read once per refresh.
    function _share(address table, bytes memory scenarios, uint32 underlying, uint64 expiry, uint256 strikes)
        private
        view
        returns (Shared memory shared)
    {
        ISurfaceOracle.Current memory surface = SURFACES.surfaceOf(underlying, expiry);
        uint256 spot = _indexOf(underlying);
        uint256 forward = Rounding.mulDivDown(spot, surface.basis, BASIS_UNIT);
        if (spot == 0 || forward == 0 || forward >= PRICE_BOUND || spot >= PRICE_BOUND) {
            revert RiskArrays_PriceBounds(spot, forward, PRICE_BOUND);
        }
        shared.table = table;
        shared.market = ArrayBuilder.Market({
            forward: forward,
            signedForward: surface.forward,
            remaining: expiry - block.timestamp,
            signedRemaining: expiry - surface.time,
            lot: STRIKES.lotOf(underlying),
            slice: surface.slice
        });
        shared.header = ArrayBlob.Header({
            spot: spot,
            forward: forward,
            time: block.timestamp,
            count: strikes,
            rows: ScenarioTable.rowsOf(ScenarioTable.wordAt(scenarios, 0)),
            version: _versionOf(scenarios),
            round: surface.round,
            surfaceTime: surface.time,
            remaining: shared.market.remaining,
            band: 0,
            lot: shared.market.lot,
            confidence: surface.confidence
        });
        shared.header.band = _bandOf(shared.market);
    }

    /// @dev Records of strikes `from` to `end - 1`.
    function _price(
        Shared memory shared,
        bytes memory scenarios,
        uint32 underlying,
        uint256[] memory strikes,
        uint256 from,
        uint256 end
    ) private pure returns (bytes memory records) {
        uint256 column = _columnOf(scenarios, underlying);
        ArrayBuilder.Rows memory rows = ArrayBuilder.prepare(shared.market, scenarios, column);
        uint256 size = ArrayBlob.recordSize(shared.header.rows);
        records = new bytes((end - from) * size);
        uint256 place;
        assembly ("memory-safe") {
            place := add(records, 32)
        }
        for (uint256 i = from; i < end; ++i) {
            ArrayBuilder.write(shared.market, rows, strikes[i], place);
            place += size;
        }
    }

    function _publish(uint32 series, ArrayBlob.Header memory header, bytes memory records) private {
        (uint256 first, uint256 second) = ArrayBlob.encodeHeader(header);
        bytes memory blob = bytes.concat(bytes32(first), bytes32(second), records);
        address pointer = SSTORE2.write(blob);
        uint32 version = uint32(header.version);
        Pointer memory current = _pointers[series][version & 1];
        if (current.version == version) {
            // a refresh in parts that began before: positions may be held by what came since
            if (header.time < current.time) revert RiskArrays_Older(header.time, current.time);
            if (header.count < current.count) revert RiskArrays_FewerStrikes(header.count, current.count);
        }
        _pointers[series][version & 1] = Pointer(pointer, version, uint40(header.time), uint8(header.count));
        emit ArraysStored(series, version, pointer, blob);
    }

    // ------------------------------------------------------------ internals

    function _versionOf(bytes memory scenarios) private pure returns (uint32) {
        return ScenarioTable.versionOf(ScenarioTable.wordAt(scenarios, 0));
    }

    function _columnOf(bytes memory scenarios, uint32 underlying) private pure returns (uint256) {
        uint256 header = ScenarioTable.wordAt(scenarios, 0);
        uint256 columns = ScenarioTable.columnsOf(header);
        for (uint256 column; column < columns; ++column) {
            if (ScenarioTable.assetOf(header, column) == underlying) return column;
        }
        revert RiskArrays_UnknownUnderlying(underlying);
    }

    /// @dev USDC per unit, 1e18, rounded down: as the ledger values it.
    function _indexOf(uint32 underlying) private view returns (uint256) {
        (uint256[] memory usd,) = ROUTER.prices(1 | (1 << underlying));
        return Rounding.mulDivDown(usd[1], WAD, usd[0]);
    }

    /// @dev min(bandCap, bandVol * vol * sqrt(years)) at the forward, 1e9, rounded down.
    function _bandOf(ArrayBuilder.Market memory market) private view returns (uint256) {
        uint256 v = ArrayBuilder.deviationAtForward(market);
        uint256 cap = uint256(_limits.bandCap) * 1e3;
        uint256 band = uint256(_limits.bandVol) * v / 1e15;
        return band < cap ? band : cap;
    }

    /// @dev Whether a series has arrays under `current` and under `version` none, fewer, or older ones that are too old.
    function _lacks(uint32 series, uint32 current, uint32 version) private view returns (bool) {
        Pointer memory held = _pointers[series][current & 1];
        if (held.version != current || held.blob == address(0)) return false;
        Pointer memory next = _pointers[series][version & 1];
        if (next.version != version || next.count < held.count) return true;
        return next.time < held.time && block.timestamp > uint256(next.time) + _limits.maxAge;
    }

    function _blobOf(uint32 series, uint32 version) private view returns (address) {
        Pointer storage pointer = _pointers[series][version & 1];
        uint256 word; // both of its parts, read once
        assembly ("memory-safe") {
            word := sload(pointer.slot)
        }
        return uint32(word >> 160) == version ? address(uint160(word)) : address(0);
    }

    function _setLimits(Limits memory limits_) private {
        if (limits_.maxAge == 0 || limits_.maxAge > MAX_AGE_BOUND) {
            revert RiskArrays_Bounds("maxAge", limits_.maxAge, MAX_AGE_BOUND);
        }
        if (limits_.bandCap > BAND_CAP_BOUND) revert RiskArrays_Bounds("bandCap", limits_.bandCap, BAND_CAP_BOUND);
        if (limits_.bandVol > BAND_VOL_BOUND) revert RiskArrays_Bounds("bandVol", limits_.bandVol, BAND_VOL_BOUND);
        _limits = limits_;
        emit LimitsSet(limits_);
    }
}
