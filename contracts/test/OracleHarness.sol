// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IOracleRouter} from "../interfaces/IOracleRouter.sol";
import {PriceSlot, PriceSlotLib} from "../oracles/PriceSlot.sol";
import {SlowPrice} from "../oracles/SlowPrice.sol";

/// @title The pure parts of the oracle, and what a caller pays for a price
contract OracleHarness {
    function advance(uint256 slowWad, uint256 heldWad, uint256 elapsed, uint256 rateE6)
        external
        pure
        returns (uint256)
    {
        return SlowPrice.advance(slowWad, heldWad, elapsed, rateE6);
    }

    /// @notice Advances once per entry of `elapsed` towards the entry of `held`.
    function advanceMany(uint256 slowWad, uint256[] calldata held, uint256[] calldata elapsed, uint256 rateE6)
        external
        pure
        returns (uint256)
    {
        for (uint256 i; i < elapsed.length; ++i) {
            slowWad = SlowPrice.advance(slowWad, held[i], elapsed[i], rateE6);
        }
        return slowWad;
    }

    /// @notice What a slot of this block says after it was packed.
    function unpacked(uint256 priceWad, uint256 slowWad, uint256 age, uint256 serves, bool deviates)
        external
        view
        returns (uint256, uint256, uint256, uint256, uint256, uint256, bool, bool)
    {
        PriceSlot slot = PriceSlotLib.encode(priceWad, slowWad, age, serves, deviates);
        return (
            slot.priceWad(),
            slot.slowWad(),
            slot.syncedAt(),
            slot.updatedAt(),
            slot.servesUntil(),
            slot.deviates(),
            slot.isOfThisBlock(),
            slot.withLive().isOfThisBlock()
        );
    }

    /// @notice Gas of one `prices` call with everything cold, the call itself included.
    function gasOfPrices(IOracleRouter router, uint256 assets) public view returns (uint256) {
        uint256 before = gasleft();
        router.prices(assets);
        return before - gasleft();
    }

    /// @notice The same right after a sync in one transaction, as a block's later checks: only its storage is warm, so the caller adds
    ///         2,000 per slot and 2,500 for the account.
    function gasAfterSync(IOracleRouter router, uint256 assets) external returns (uint256) {
        router.sync(assets);
        return gasOfPrices(router, assets);
    }

    /// @notice Gas until a call of `price` gives up; 0 where it succeeds.
    function gasOfFailure(address target, bytes calldata data) external view returns (uint256) {
        uint256 before = gasleft();
        (bool ok,) = target.staticcall(data);
        return ok ? 0 : before - gasleft();
    }
}
