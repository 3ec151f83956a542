// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Rounding} from "../libraries/Rounding.sol";
import {Instrument} from "../markets/Instrument.sol";

/// @title Properties of pure functions over whole ranges, where a solver does not decide divisions
contract Exhaustive {
    /// @notice Days from `from` to below `to` whose expiry does not come back from its series, or whose neighbours count as expiries.
    function wrongDays(uint64 from, uint64 to, uint8 asset) external pure returns (uint256 wrong) {
        for (uint64 day = from; day < to; ++day) {
            uint32 series = (uint32(asset) << 14) | uint32(day);
            uint64 expiry = Instrument.expiryOfSeries(series);
            bool right = Instrument.isExpiry(expiry) && Instrument.seriesOf(asset, expiry) == series
                && Instrument.assetOfSeries(series) == asset && !Instrument.isExpiry(expiry + 1)
                && !Instrument.isExpiry(expiry - 1);
            if (!right) ++wrong;
        }
    }

    /// @notice Products and divisors up to `most` at which a rounding is not the nearest quotient on the side its name says.
    function wrongQuotients(uint256 most) external pure returns (uint256 wrong, uint256 seen) {
        for (uint256 d = 1; d <= most; ++d) {
            for (uint256 a; a <= most; ++a) {
                ++seen;
                uint256 down = Rounding.mulDivDown(a, 1, d);
                uint256 up = Rounding.mulDivUp(a, 1, d);
                bool right = down * d <= a && a < (down + 1) * d && up * d >= a && (up == 0 || (up - 1) * d < a);
                right = right && Rounding.divUp(a, d) == up && Rounding.divFloor(int256(a), int256(d)) == int256(down)
                    && Rounding.divFloor(-int256(a), int256(d)) == -int256(up)
                    && Rounding.mulDivFloor(-int256(a), 1, d) == -int256(up)
                    && Rounding.mulDivTrunc(-int256(a), 1, d) == -int256(down);
                if (!right) ++wrong;
            }
        }
    }
}
