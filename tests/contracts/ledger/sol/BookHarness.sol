// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {LedgerStorage} from "../../../../contracts/ledger/LedgerStorage.sol";
import {LinearBook} from "../../../../contracts/ledger/LinearBook.sol";

/// @dev The packed list of one account's positions, written by the caller's calls in one go.
contract BookHarness is LedgerStorage {
    struct Op {
        uint32 instrument;
        int96 size;
        int128 quote;
    }

    constructor() LedgerStorage(address(0)) {}

    /// @notice Saves each op as its instrument's entry; returns the list, and what each instrument is found as.
    function run(Op[] calldata ops, uint32[] calldata asked)
        external
        returns (LinearBook.Entry[] memory entries, LinearBook.Entry[] memory found)
    {
        Account storage account = _accounts[256];
        for (uint256 i; i < ops.length; ++i) {
            LinearBook.Entry memory entry = LinearBook.find(account, ops[i].instrument);
            (entry.size, entry.quote) = (ops[i].size, ops[i].quote);
            LinearBook.save(account, 256, entry);
        }
        entries = new LinearBook.Entry[](account.header.linears);
        for (uint256 i; i < entries.length; ++i) {
            entries[i] = LinearBook.at(account, i);
        }
        found = new LinearBook.Entry[](asked.length);
        for (uint256 i; i < asked.length; ++i) {
            found[i] = LinearBook.find(account, asked[i]);
        }
        // nothing of a removed entry stays behind
        for (uint256 i = entries.length; i < 32; ++i) {
            LinearBook.Entry memory empty = LinearBook.at(account, i);
            require(empty.instrument == 0 && empty.size == 0 && empty.quote == 0, "left behind");
        }
    }
}
