// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {MAX_LINEARS} from "../libraries/Constants.sol";
import {ILedgerTypes} from "../interfaces/ILedger.sol";
import {Instrument} from "../markets/Instrument.sol";
import {LedgerStorage} from "./LedgerStorage.sol";

/// @title The packed list of an account's linear positions: two to a slot, and their quotes two to a slot
library LinearBook {
    uint256 private constant HALF_MASK = (1 << 128) - 1;
    uint256 private constant INSTRUMENT_SHIFT = 96;
    uint256 private constant HIGH_INSTRUMENT_SHIFT = 224;

    /// @dev `index == header.linears` where the account has no such position.
    struct Entry {
        uint256 index;
        uint32 instrument;
        int96 size; // 1e18; the epoch where the entry is a claim
        int128 quote; // USDC 1e18; shares of the market's claims where the entry is one
    }

    /// @notice The instrument and size at one half of a sizes word.
    function decode(uint256 sizesWord, uint256 index) internal pure returns (uint32 instrument, int96 size) {
        uint256 half = sizesWord >> ((index & 1) << 7);
        instrument = uint32(half >> INSTRUMENT_SHIFT);
        size = int96(uint96(half));
    }

    /// @notice The quote at one half of a quotes word.
    function decodeQuote(uint256 quotesWord, uint256 index) internal pure returns (int128) {
        return int128(uint128(quotesWord >> ((index & 1) << 7)));
    }

    function at(LedgerStorage.Account storage account, uint256 index) internal view returns (Entry memory entry) {
        entry.index = index;
        (entry.instrument, entry.size) = decode(account.sizes[index >> 1], index);
        entry.quote = decodeQuote(account.quotes[index >> 1], index);
    }

    /// @notice The account's position in an instrument, or an empty entry behind the last one.
    function find(LedgerStorage.Account storage account, uint32 instrument)
        internal
        view
        returns (Entry memory entry)
    {
        uint256 count = account.header.linears;
        uint256[20] storage sizes = account.sizes;
        uint256 i;
        uint256 word;
        // every fill and every step of a liquidation searches: without bounds checks. No instrument is zero, so a free half is none's
        assembly ("memory-safe") {
            for {} lt(i, count) { i := add(i, 2) } {
                word := sload(add(sizes.slot, shr(1, i)))
                if eq(and(shr(INSTRUMENT_SHIFT, word), 0xffffffff), instrument) { break }
                if eq(shr(HIGH_INSTRUMENT_SHIFT, word), instrument) {
                    i := add(i, 1)
                    break
                }
            }
        }
        (entry.index, entry.instrument) = (count, instrument);
        if (i < count) {
            entry.index = i;
            (, entry.size) = decode(word, i);
            entry.quote = decodeQuote(account.quotes[i >> 1], i);
        }
    }

    /// @notice Writes an entry back: appends a new one, moves the last into the place of an emptied one.
    /// @param accountId The account's number, for the error and the event.
    function save(LedgerStorage.Account storage account, uint256 accountId, Entry memory entry) internal {
        uint256 count = account.header.linears;
        if (entry.quote == 0 && (entry.size == 0 || Instrument.isClaim(entry.instrument))) {
            if (entry.index < count) _remove(account, entry.index, count);
        } else {
            if (entry.index == count) {
                _requireRoom(account, accountId, entry, count);
                account.header.linears = uint8(count + 1);
            }
            _write(account, entry);
        }
        emit ILedgerTypes.PositionSet(accountId, entry.instrument, entry.size, entry.quote);
    }

    /// @dev Markets are limited, whether the account has a position or a claim in them: so a market that realises a profit in a liquidation
    ///      always has room for its claim. Claims on series have places of their own.
    function _requireRoom(
        LedgerStorage.Account storage account,
        uint256 accountId,
        Entry memory entry,
        uint256 count
    ) private view {
        if (count < MAX_LINEARS || Instrument.isClaim(entry.instrument)) return;
        uint256 markets;
        for (uint256 i; i < count; ++i) {
            (uint32 instrument,) = decode(account.sizes[i >> 1], i);
            if (Instrument.kind(instrument) == Instrument.SERIES) continue;
            if (Instrument.market(instrument) == entry.instrument) return; // has a claim there already
            bool counted = Instrument.isClaim(instrument)
                && find(account, Instrument.market(instrument)).index < count;
            if (!counted) ++markets;
        }
        if (markets >= MAX_LINEARS) revert ILedgerTypes.Ledger_TooManyPositions(accountId, MAX_LINEARS);
    }

    function _remove(LedgerStorage.Account storage account, uint256 index, uint256 count) private {
        uint256 last = count - 1;
        if (index != last) {
            Entry memory moved = at(account, last);
            moved.index = index;
            _write(account, moved);
        }
        _write(account, Entry(last, 0, 0, 0));
        account.header.linears = uint8(last);
    }

    function _write(LedgerStorage.Account storage account, Entry memory entry) private {
        uint256 word = entry.index >> 1;
        uint256 half = (uint256(entry.instrument) << INSTRUMENT_SHIFT) | uint96(entry.size);
        uint256 sizesWord = account.sizes[word];
        uint256 changed = _replace(sizesWord, entry.index, half);
        if (changed != sizesWord) account.sizes[word] = changed;
        uint256 quotesWord = account.quotes[word];
        changed = _replace(quotesWord, entry.index, uint128(entry.quote));
        if (changed != quotesWord) account.quotes[word] = changed;
    }

    function _replace(uint256 word, uint256 index, uint256 half) private pure returns (uint256) {
        uint256 shift = (index & 1) << 7;
        return (word & ~(HALF_MASK << shift)) | (half << shift);
    }
}
