// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {IOracleRouter} from "../interfaces/IOracleRouter.sol";

/// @title A feed's guards in two slots
library FeedConfig {
    /// @dev Two slots. Neither is read where the cached price slot serves.
    struct Packed {
        // slot 0
        address source; // 20 bytes
        uint8 decimals; // 1 byte
        uint24 maxAge; // 3 bytes
        uint16 cacheAge; // 2 bytes
        uint24 maxDeviation; // 3 bytes
        uint24 slowRate; // 3 bytes
        // slot 1
        uint112 minAnswer; // 14 bytes
        uint112 maxAnswer; // 14 bytes
        uint32 hardFactor; // 4 bytes
    }

    /// @notice Packs a feed whose values have passed `FeedBounds.validate`; what the router says of a listed one has.
    function pack(IOracleRouter.Feed memory feed) internal pure returns (Packed memory) {
        // Safe: `FeedBounds.validate` bounds each value below its width; maxAnswer is at most MAX_PRICE_WAD < 2^90.
        return Packed({
            source: feed.source,
            decimals: feed.decimals,
            maxAge: uint24(feed.maxAge),
            cacheAge: uint16(feed.cacheAge),
            maxDeviation: uint24(feed.maxDeviation),
            slowRate: uint24(feed.slowRate),
            minAnswer: uint112(uint192(feed.minAnswer)),
            maxAnswer: uint112(uint192(feed.maxAnswer)),
            hardFactor: feed.hardFactor
        });
    }

    function unpack(Packed memory feed) internal pure returns (IOracleRouter.Feed memory) {
        return IOracleRouter.Feed({
            source: feed.source,
            decimals: feed.decimals,
            maxAge: feed.maxAge,
            cacheAge: feed.cacheAge,
            maxDeviation: feed.maxDeviation,
            hardFactor: feed.hardFactor,
            slowRate: feed.slowRate,
            minAnswer: int192(uint192(feed.minAnswer)),
            maxAnswer: int192(uint192(feed.maxAnswer))
        });
    }
}
