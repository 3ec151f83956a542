// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @dev Time over which the slow price closes the gap to a constant price.
uint256 constant SLOW_WINDOW = 24 hours;
/// @dev x = 1 in the arithmetic of `advance`: r and 2 - r in 1e6, halved, over an hour.
uint256 constant SLOW_SCALE = 2e12 * 1 hours;

/// @title The slow price: what a price was over the last day, as one update cannot move it
/// @notice It follows the price that held until now, not the one that arrives now:
///
///             w     = min(dt, 24 h) / 24 h
///             x     = (r - r*r/2) * min(dt, 24 h) / 1 h            r = rate per hour
///             slow' = slow + w * (held - slow), kept within [slow / (1 + x), slow * (1 + x)]
///
/// @dev Since 1 + x <= exp(x) and r - r*r/2 <= ln(1 + r), over any time t and however often it is advanced it moves by a factor of at
///      most (1 + r)^(t / 1 h) in either direction: 6% an hour means 6% also where somebody syncs every second.
library SlowPrice {
    /// @notice The slow price after `elapsed` seconds in which `heldWad` was the price.
    /// @param slowWad USD in 1e18, positive, below 2^96.
    /// @param heldWad USD in 1e18, positive, below 2^96: the price of the previous sync.
    /// @param rateE6 The most it moves in an hour, 1e6 = 100%; at most 1e6.
    /// @return Between `slowWad` and `heldWad`, rounded towards `slowWad`.
    function advance(uint256 slowWad, uint256 heldWad, uint256 elapsed, uint256 rateE6) internal pure returns (uint256) {
        // Safe: every factor is bounded as stated (2^96 * 2^20 * 2^21 * 2^17 < 2^256), and a step is at most the gap.
        unchecked {
            if (elapsed > SLOW_WINDOW) elapsed = SLOW_WINDOW;
            uint256 x = rateE6 * (2e6 - rateE6) * elapsed; // of SLOW_SCALE
            if (heldWad > slowWad) {
                uint256 step = (heldWad - slowWad) * elapsed / SLOW_WINDOW;
                uint256 limit = slowWad * x / SLOW_SCALE;
                return slowWad + (step < limit ? step : limit);
            } else {
                uint256 step = (slowWad - heldWad) * elapsed / SLOW_WINDOW;
                uint256 limit = slowWad * x / (SLOW_SCALE + x);
                return slowWad - (step < limit ? step : limit);
            }
        }
    }
}
