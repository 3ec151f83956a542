// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {FixedPointMathLib} from "solady/src/utils/FixedPointMathLib.sol";

import {E9, PRICE_QUANTUM, WAD} from "../libraries/Constants.sol";
import {Rounding} from "../libraries/Rounding.sol";
import {LedgerStorage} from "../ledger/LedgerStorage.sol";
import {IListing} from "../interfaces/IListing.sol";

/// @title A perpetual's mark, funding and profit, as pure functions
/// @notice unsettled profit = size * (mark - cost of the side) + quote. Sizes are multiples of 1e12, marks and costs of 1e6, so every
///         product is a whole number of 1e-18 USDC: nothing is rounded, and the profits of a market add up exactly (I1).
library Perpetual {
    /// @notice The hot state as of now: funding accrued, the premium decayed.
    /// @dev With p0 the stored premium and T the funding period, p(t) = p0 * exp(-t / T) unless it is sampled again, and funding grows by
    ///      index * (integral of p) / T = index * (p0 - p(t)): how often it is accrued in between makes no difference but for rounding. The hourly
    ///      cap holds because Listing bounds the premium's cap by it. Truncated: both sides see the same number.
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
        int256 kept = FixedPointMathLib.expWad(-int256(elapsed * WAD / config.fundingPeriod));
        int256 premium = Rounding.mulDivTrunc(hot.premium, uint256(kept), WAD);
        hot.funding += int64(Rounding.mulDivTrunc(hot.premium - premium, index, E9 * PRICE_QUANTUM));
        hot.premium = int32(premium); // smaller than it was
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

    /// @notice USDC 1e18 behind an account's shares of a market's claims, rounded down; nothing where their epoch is over.
    function claimOf(LedgerStorage.Claims memory claims, int256 epoch, int256 shares) internal pure returns (uint256) {
        return uint256(epoch) == claims.epoch ? Rounding.mulDivDown(uint256(shares), claims.index, WAD) : 0;
    }

    /// @notice USDC 1e18 behind all shares of a market's claims, rounded down.
    function allClaims(LedgerStorage.Claims memory claims) internal pure returns (uint256) {
        return Rounding.mulDivDown(claims.shares, claims.index, WAD);
    }
}
