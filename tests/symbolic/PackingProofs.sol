// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {LinearBook} from "../../contracts/ledger/LinearBook.sol";
import {Instrument} from "../../contracts/markets/Instrument.sol";
import {ArrayBlob} from "../../contracts/risk/ArrayBlob.sol";
import {OptionBook} from "../../contracts/risk/OptionBook.sol";
import {ScenarioTable} from "../../contracts/risk/ScenarioTable.sol";

/// @title What is packed into words comes out again, whatever its neighbours are
contract PackingProofs {
    // ------------------------------------------------------------ ArrayBlob

    function check_encodeHeader__firstWord__everyFieldComesOut(
        uint96 spot,
        uint96 forward,
        uint40 time,
        uint8 count,
        uint8 rows
    ) external pure {
        ArrayBlob.Header memory h;
        (h.spot, h.forward, h.time, h.count, h.rows) = (spot, forward, time, count, rows);
        (uint256 first,) = ArrayBlob.encodeHeader(h);
        assert(ArrayBlob.spotOf(first) == spot && ArrayBlob.forwardOf(first) == forward);
        assert(ArrayBlob.timeOf(first) == time && ArrayBlob.countOf(first) == count);
        assert(ArrayBlob.rowsOf(first) == rows);
    }

    function check_encodeHeader__secondWord__everyFieldComesOut(
        uint32 version,
        uint32 round,
        uint40 surfaceTime,
        uint32 remaining,
        uint32 band,
        uint64 lot,
        uint24 confidence
    ) external pure {
        ArrayBlob.Header memory h;
        (h.version, h.round, h.surfaceTime, h.remaining) = (version, round, surfaceTime, remaining);
        (h.band, h.lot, h.confidence) = (band, lot, confidence);
        (, uint256 second) = ArrayBlob.encodeHeader(h);
        assert(second >> 224 == version && uint32(second >> 192) == round);
        assert(ArrayBlob.surfaceTimeOf(second) == surfaceTime && ArrayBlob.remainingOf(second) == remaining);
        assert(ArrayBlob.bandOf(second) == band && ArrayBlob.lotOf(second) == lot);
        assert(ArrayBlob.confidenceOf(second) == confidence);
    }

    // ------------------------------------------------------------ OptionBook

    /// @dev The entry is laid out as `OptionBook` documents it, at any place of a word whose other places hold anything.
    function check_optionEntry__anyPlace__everyFieldComesOut(
        int56 lots,
        uint8 strike,
        uint8 slot,
        bool put,
        uint8 index,
        uint256 others
    ) external pure {
        if (lots > OptionBook.MAX_LOTS || lots < -OptionBook.MAX_LOTS || strike > 31 || slot > 7 || index > 63) return;
        uint256 packed = uint64(int64(lots) << 9) | uint256(strike) << 4 | uint256(slot) << 1 | (put ? 1 : 0);
        uint256 shift = 64 * (uint256(index) % 4);
        uint256 word = (others & ~(uint256(type(uint64).max) << shift)) | (packed << shift);
        uint256 entry = OptionBook.entryAt(word, index);
        assert(OptionBook.lotsOf(entry) == lots && OptionBook.strikeOf(entry) == strike);
        assert(OptionBook.slotOf(entry) == slot && OptionBook.isPut(entry) == put);
    }

    function check_seriesWord__anySlot__seriesComesOut(uint32 series, uint16 count, uint8 slot, uint256 others)
        external
        pure
    {
        if (series > 0x3fffff || count > 64 || slot > 7) return;
        uint256 shift = 32 * uint256(slot);
        uint256 packed = uint256(count) << 22 | series;
        uint256 word = (others & ~(uint256(type(uint32).max) << shift)) | (packed << shift);
        assert(OptionBook.seriesAt(word, slot) == series);
    }

    // ------------------------------------------------------------ Instrument

    function check_instrument__anyOption__everyPartComesOut(uint8 kind, uint8 asset, uint16 day, uint8 index, bool put)
        external
        pure
    {
        if (kind > 7 || day > 0x3fff || index > 31) return;
        uint32 number = uint32(kind) << 28 | uint32(asset) << 20 | uint32(day) << 6 | uint32(index) << 1 | (put ? 1 : 0);
        assert(Instrument.kind(number) == kind && Instrument.asset(number) == asset);
        assert(Instrument.strikeIndex(number) == index && Instrument.isPut(number) == put);
        assert(Instrument.series(number) == uint32(asset) << 14 | day);
        assert(!Instrument.isClaim(number) && Instrument.isClaim(number | Instrument.CLAIM));
        assert(Instrument.market(number | Instrument.CLAIM) == number);
        assert(Instrument.kind(number | Instrument.CLAIM) == kind);
    }

    // ------------------------------------------------------------ LinearBook

    function check_linearBook__eitherHalf__entryComesOut(
        uint32 instrument, int96 size, int128 quote, uint8 index, uint128 otherSize, uint128 otherQuote
    ) external pure {
        uint256 half = uint256(instrument) << 96 | uint96(size);
        bool high = index & 1 == 1;
        uint256 sizes = high ? half << 128 | otherSize : uint256(otherSize) << 128 | half;
        uint256 quotes = high ? uint256(uint128(quote)) << 128 | otherQuote : uint256(otherQuote) << 128 | uint128(quote);
        (uint32 foundInstrument, int96 foundSize) = LinearBook.decode(sizes, index);
        assert(foundInstrument == instrument && foundSize == size);
        assert(LinearBook.decodeQuote(quotes, index) == quote);
    }

    // ------------------------------------------------------------ ScenarioTable

    function check_scenarioTable__header__everyFieldComesOut(
        uint32 version, uint8 rows, uint8 columns, uint8 tail, uint16 power, uint128 assets, uint8 column
    ) external pure {
        if (column > 15) return;
        uint256 header = uint256(version) << 224 | uint256(rows) << 216 | uint256(columns) << 208
            | uint256(tail) << 200 | uint256(power) << 184 | assets;
        assert(ScenarioTable.versionOf(header) == version && ScenarioTable.rowsOf(header) == rows);
        assert(ScenarioTable.columnsOf(header) == columns && ScenarioTable.tailOf(header) == tail);
        assert(ScenarioTable.termPowerOf(header) == power && ScenarioTable.assetsOf(header) >> 128 == assets);
        assert(ScenarioTable.assetOf(header, column) == uint8(assets >> (120 - 8 * uint256(column))));
    }
}
