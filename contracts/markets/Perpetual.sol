// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {E9, PRICE_QUANTUM, WAD} from "../libraries/Constants.sol";
import {Rounding} from "../libraries/Rounding.sol";
import {LedgerStorage} from "../ledger/LedgerStorage.sol";
import {IListing} from "../interfaces/IListing.sol";

/// @title A perpetual's mark, funding and profit, as pure functions
/// @notice unsettled profit = size * (mark - cost of the side) + quote. Sizes are multiples of 1e12, marks and costs of 1e6, so every
///         product is a whole number of 1e-18 USDC: nothing is rounded, and the profits of a market add up exactly (I1).
library Perpetual {
    uint256 private constant HOUR = 1 hours;

    /// @notice The hot state as of now: funding accrued, the premium decayed.
    /// @dev With p the stored premium and T the funding period, the premium falls linearly to zero over T unless it is sampled again, and
    ///      funding grows by index * integral of p / T, p bounded by the hourly cap. Truncated: both sides see the same number.
    /// @param index USDC per unit, 1e18.
    function accrue(LedgerStorage.MarketHot memory hot, uint256 index, IListing.PremiumConfig memory config)
        internal
        view
        returns (LedgerStorage.MarketHot memory)
    {
        uint256 elapsed = uint32(block.timestamp) - hot.updatedAt;
        if (elapsed == 0) return hot;
        hot.updatedAt = uint32(block.timestamp);
        if (hot.premium == 0) return hot;
        uint256 period = config.fundingPeriod;
        uint256 within = Rounding.min(elapsed, period);
        // the cap is per hour: premium / period * 3600 <= fundingCap
        int256 cap = int256(uint256(config.fundingCap) * period / HOUR);
        int256 paid = hot.premium;
        if (paid > cap) paid = cap;
        if (paid < -cap) paid = -cap;
        // integral of the decaying premium, in 1e9 seconds
        int256 integral = Rounding.mulDivTrunc(paid, within * (2 * period - within), 2 * period);
        hot.funding += int64(Rounding.mulDivTrunc(integral, index, period * E9 * PRICE_QUANTUM));
        hot.premium = int32(Rounding.mulDivTrunc(hot.premium, period - within, period));
        return hot;
    }

    /// @notice USDC per unit, 1e18, a multiple of the price quantum.
    function mark(uint256 index, int256 premium) internal pure returns (uint256) {
        return quantise(Rounding.mulDivDown(index, uint256(int256(E9) + premium), E9));
    }

    function quantise(uint256 price) internal pure returns (uint256) {
        return price - price % PRICE_QUANTUM;
    }

    /// @notice Cumulative cost per unit of the side a size is on, USDC 1e18.
    function cost(LedgerStorage.MarketHot memory hot, int256 size) internal pure returns (int256) {
        int256 units = size >= 0 ? int256(hot.funding) + int64(hot.lossLong) : int256(hot.funding) - int64(hot.lossShort);
        return units * int256(PRICE_QUANTUM);
    }

    /// @notice size * price, USDC 1e18, exact for multiples of the quanta.
    function product(int256 size, int256 price) internal pure returns (int256) {
        return size * price / int256(WAD);
    }

    /// @notice Unsettled profit of an open position, USDC 1e18.
    function profit(LedgerStorage.MarketHot memory hot, int256 size, int256 quote, uint256 markWad)
        internal
        pure
        returns (int256)
    {
        return product(size, int256(markWad) - cost(hot, size)) + quote;
    }

    /// @notice USDC 1e18 behind shares of a market's claims, rounded down.
    function claimOf(LedgerStorage.Claims memory claims, uint256 shares) internal pure returns (uint256) {
        return Rounding.mulDivDown(shares, claims.index, WAD);
    }
}
