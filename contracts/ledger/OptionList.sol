// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ILedgerTypes} from "../interfaces/ILedger.sol";
import {MAX_OPTIONS, MAX_SERIES} from "../libraries/Constants.sol";
import {Instrument} from "../markets/Instrument.sol";
import {OptionBook} from "../risk/OptionBook.sol";
import {LedgerStorage} from "./LedgerStorage.sol";
import {LinearBook} from "./LinearBook.sol";

/// @title The packed list of an account's options: four to a slot, of at most eight series
/// @dev The list has no holes: the last entry moves into the place of one that is removed. The layout is `OptionBook`'s.
library OptionList {
    uint256 private constant PER_WORD = 4;
    uint256 private constant ENTRY_BITS = 64;
    /// @dev An entry's strike, slot and side: all but its lots.
    uint256 private constant KEY_MASK = 0x1ff;
    /// @dev The lowest and the highest bit of each lane.
    uint256 private constant LOWEST = 1 | (1 << 64) | (1 << 128) | (1 << 192);
    uint256 private constant HIGHEST = LOWEST << 63;

    /// @param index Place in the list; the number of entries where the account has no such option.
    /// @param slot Of the series; MAX_SERIES where the account has none of it.
    struct Entry {
        uint256 index;
        uint256 slot;
        int256 lots;
    }

    /// @notice The entry at a place of the list, 64 bits.
    function at(LedgerStorage.Account storage account, uint256 index) internal view returns (uint256) {
        return OptionBook.entryAt(account.options[index / PER_WORD], index);
    }

    /// @notice The number of the option that an entry is.
    function instrumentOf(uint256 entry, uint256 seriesWord) internal pure returns (uint32) {
        uint32 series = OptionBook.seriesAt(seriesWord, OptionBook.slotOf(entry));
        return Instrument.option(series, OptionBook.strikeOf(entry), OptionBook.isPut(entry));
    }

    /// @notice The account's position in an option.
    function find(LedgerStorage.Account storage account, uint32 instrument) internal view returns (Entry memory entry) {
        uint256 count = account.header.options;
        entry = Entry(count, slotOf(account.series, Instrument.series(instrument)), 0);
        if (entry.slot == MAX_SERIES) return entry;
        uint256 key =
            OptionBook.encode(0, Instrument.strikeIndex(instrument), entry.slot, Instrument.isPut(instrument));
        (uint256 i, uint256 word) = _search(account.options, key, count);
        // behind the last entry all is zero, which may look like the key
        if (i < count) (entry.index, entry.lots) = (i, OptionBook.lotsOf(word));
    }

    /// @dev The first place whose entry has the key, and what is from it on of its word; a place from `count` on where there is none. Four entries
    ///      at once, without bounds checks: a lane's highest bit is set where its key is another. Keys are nine bits, so no lane carries.
    function _search(uint256[16] storage words, uint256 key, uint256 count)
        private
        view
        returns (uint256 i, uint256 word)
    {
        (uint256 mask, uint256 highest, uint256 rest) = (KEY_MASK * LOWEST, HIGHEST, HIGHEST - LOWEST);
        assembly ("memory-safe") {
            let keys := mul(key, LOWEST)
            for {} lt(i, count) { i := add(i, PER_WORD) } {
                word := sload(add(words.slot, shr(2, i)))
                let others := and(add(and(xor(word, keys), mask), rest), highest)
                if eq(others, highest) { continue }
                for {} and(shr(63, others), 1) { others := shr(ENTRY_BITS, others) } {
                    word := shr(ENTRY_BITS, word)
                    i := add(i, 1)
                }
                break
            }
        }
    }

    /// @notice The slot of a series in a series word; MAX_SERIES where it is in none.
    function slotOf(uint256 seriesWord, uint32 series) internal pure returns (uint256 slot) {
        // Safe: eight lanes of 32 bits. A free one is zero as a whole.
        unchecked {
            for (; slot < MAX_SERIES; ++slot) {
                if (uint32(seriesWord) != 0 && OptionBook.seriesAt(seriesWord, 0) == series) return slot;
                seriesWord >>= 32;
            }
        }
    }

    /// @notice Sets a position to `lots`: appends it, changes it or, at zero, removes it.
    /// @param accountId The account's number, for errors and the event. @param entry As `find` gives it. @param lot Units of a lot, 1e18.
    function save(
        LedgerStorage.Account storage account,
        uint256 accountId,
        uint32 instrument,
        Entry memory entry,
        int256 lots,
        uint256 lot
    ) internal {
        uint256 count = account.header.options;
        if (lots != 0) {
            if (entry.index == count) {
                if (count == MAX_OPTIONS) revert ILedgerTypes.Ledger_TooManyOptions(accountId, MAX_OPTIONS);
                _join(account, accountId, instrument, entry);
                account.header.options = uint8(count + 1);
            }
            uint256 encoded =
                OptionBook.encode(lots, Instrument.strikeIndex(instrument), entry.slot, Instrument.isPut(instrument));
            _write(account, entry.index, encoded);
        } else if (entry.index != count) {
            uint256 last = count - 1;
            if (entry.index != last) _write(account, entry.index, at(account, last));
            _write(account, last, 0);
            account.header.options = uint8(last);
            uint256 seriesWord = account.series;
            uint256 left = OptionBook.countAt(seriesWord, entry.slot) - 1;
            account.series = OptionBook.withSlot(seriesWord, entry.slot, Instrument.series(instrument), left);
        }
        emit ILedgerTypes.PositionSet(accountId, instrument, lots * int256(lot), 0);
    }

    /// @dev Counts a new entry in its series' slot, which is taken if there is none yet.
    function _join(
        LedgerStorage.Account storage account,
        uint256 accountId,
        uint32 instrument,
        Entry memory entry
    ) private {
        (uint32 series, uint256 seriesWord) = (Instrument.series(instrument), account.series);
        if (entry.slot == MAX_SERIES) entry.slot = _freeSlot(account, accountId, series, seriesWord);
        uint256 joined = OptionBook.countAt(seriesWord, entry.slot) + 1;
        account.series = OptionBook.withSlot(seriesWord, entry.slot, series, joined);
    }

    /// @dev Series are limited whether the account has options of them or a claim on what those paid: so there is always room for the claim.
    function _freeSlot(LedgerStorage.Account storage account, uint256 accountId, uint32 series, uint256 seriesWord)
        private
        view
        returns (uint256 free)
    {
        free = MAX_SERIES;
        uint256 taken;
        for (uint256 slot = MAX_SERIES; slot != 0;) {
            --slot;
            if (OptionBook.countAt(seriesWord, slot) == 0) free = slot;
            else ++taken;
        }
        uint256 linears = account.header.linears;
        for (uint256 i; i < linears; ++i) {
            (uint32 found,) = LinearBook.decode(account.sizes[i >> 1], i);
            if (Instrument.kind(found) != Instrument.SERIES) continue;
            uint32 owed = Instrument.series(found);
            if (owed != series && slotOf(seriesWord, owed) == MAX_SERIES) ++taken;
        }
        if (taken >= MAX_SERIES) revert ILedgerTypes.Ledger_TooManySeries(accountId, MAX_SERIES);
    }

    function _write(LedgerStorage.Account storage account, uint256 index, uint256 entry) private {
        uint256 shift = (index & 3) << 6;
        uint256 word = account.options[index / PER_WORD];
        account.options[index / PER_WORD] = (word & ~(uint256(type(uint64).max) << shift)) | (entry << shift);
    }
}
