// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @dev The largest price a slot holds: 1.2379e9 USD in 1e18.
uint256 constant MAX_PRICE_WAD = (1 << 90) - 1;

/// @dev All that a margin check needs of a feed, in one word. Zero where the asset is not listed.
///
///          bits     width
///          0-89     90     price, USD in 1e18
///          90-179   90     slow price, USD in 1e18
///          180-211  32     syncedAt: time of the sync, unix seconds (to 2106)
///          212-231  20     age of the source's round at the sync, seconds
///          232-243  12     low bits of the block number of the sync
///          244-253  10     serves: seconds from syncedAt on in which the slot stands for a read of the source in later blocks too
///          254      1      live: the sequencer was live at the sync
///          255      1      deviates: the price lies further from the slow price than the feed allows
///
///      Prices keep the full 1e18 scale, so nothing is rounded: a feed of 18 decimals or fewer is stored exactly, and a price of
///      1e-9 USD still has nine digits. `serves` is what is left of the cache's age or of the round's, whichever ends first, so one
///      comparison settles staleness. The block bits beside the time are there because chains put several blocks into one second.
type PriceSlot is uint256;

using PriceSlotLib for PriceSlot global;

/// @title Access to a cached price
library PriceSlotLib {
    /// @notice The slot of a sync in this block.
    /// @param priceWad_ At most MAX_PRICE_WAD, as `slowWad_`: the feed's maxAnswer sees to it.
    /// @param age Below 2^20: the bound of `maxAge` sees to it.
    /// @param serves Below 2^10: the bound of `cacheAge` sees to it.
    function encode(uint256 priceWad_, uint256 slowWad_, uint256 age, uint256 serves, bool deviates_)
        internal
        view
        returns (PriceSlot)
    {
        uint256 word = priceWad_ | (slowWad_ << 90) | (block.timestamp << 180) | (age << 212) | (serves << 244);
        word |= (block.number & 0xfff) << 232;
        return PriceSlot.wrap(deviates_ ? word | (1 << 255) : word);
    }

    /// @notice The same, marked as synced while the sequencer was live.
    function withLive(PriceSlot slot) internal pure returns (PriceSlot) {
        return PriceSlot.wrap(PriceSlot.unwrap(slot) | (1 << 254));
    }

    function isListed(PriceSlot slot) internal pure returns (bool) {
        return PriceSlot.unwrap(slot) != 0;
    }

    /// @notice Whether the slot was written in this block while the sequencer was live: nothing else needs to be read.
    function isOfThisBlock(PriceSlot slot) internal view returns (bool) {
        uint256 word = PriceSlot.unwrap(slot);
        return syncedAt(slot) == block.timestamp && (word >> 232) & 0xfff == block.number & 0xfff
            && (word >> 254) & 1 != 0;
    }

    function priceWad(PriceSlot slot) internal pure returns (uint256) {
        return PriceSlot.unwrap(slot) & MAX_PRICE_WAD;
    }

    function slowWad(PriceSlot slot) internal pure returns (uint256) {
        return (PriceSlot.unwrap(slot) >> 90) & MAX_PRICE_WAD;
    }

    function syncedAt(PriceSlot slot) internal pure returns (uint256) {
        return (PriceSlot.unwrap(slot) >> 180) & 0xffffffff;
    }

    /// @notice Time of the source's round.
    function updatedAt(PriceSlot slot) internal pure returns (uint256) {
        return syncedAt(slot) - ((PriceSlot.unwrap(slot) >> 212) & 0xfffff);
    }

    /// @notice First second in which the slot no longer stands for a read of the source; `syncedAt` where it does in its own block only.
    function servesUntil(PriceSlot slot) internal pure returns (uint256) {
        return syncedAt(slot) + ((PriceSlot.unwrap(slot) >> 244) & 0x3ff);
    }

    /// @notice 1 where the price deviates from the slow price, else 0.
    function deviates(PriceSlot slot) internal pure returns (uint256) {
        return PriceSlot.unwrap(slot) >> 255;
    }
}
