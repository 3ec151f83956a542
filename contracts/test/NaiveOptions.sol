// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Sums over options, slow and obvious
/// @notice What `OptionSums` promises, one position, one row and one entry at a time, in checked arithmetic: no lanes, no shared words, no
///         assembly. For comparison only.
library NaiveOptions {
    uint256 private constant BILLION = 1e9;
    uint256 private constant MILLION = 1e6;
    /// @dev Units of 1e-9 USDC that rounding may have taken off a mark.
    int256 private constant FLOORED = 4;

    /// @dev Lots are of one strike, in calls or puts. `strike` is its index.
    struct Position {
        uint256 slot;
        uint256 strike;
        bool put;
        int256 lots;
    }

    /// @dev As `ArrayBlob` says of a header and its records, the entries without their offset.
    struct Strike {
        int256 price;
        int256 mark;
        int256 delta;
        int256 gamma;
        int256 vega;
        int256 scale;
        int256[] entries;
    }

    /// @dev Forwards in 1e-9 USDC, band in 1e9 of the forward then.
    struct Expiry {
        int256 forwardThen;
        int256 forwardNow;
        int256 band;
        Strike[] strikes;
    }

    /// @dev As `OptionSums.Series`, each sum by itself; the floor's P&L is the expiry's own, 1e-6 USDC.
    struct Sums {
        int256 calls;
        int256 puts;
        int256 value;
        int256 delta;
        int256 gross;
        int256 vega;
        int256 gamma;
        int256 drift;
        int256[4] floors;
    }

    /// @return sums One per expiry. @return profits P&L of all in each row, 1e-6 USDC, the puts' forwards not in it.
    function sum(Expiry[] memory expiries, Position[] memory held, uint256 rows)
        internal
        pure
        returns (Sums[] memory sums, int256[] memory profits)
    {
        sums = new Sums[](expiries.length);
        profits = new int256[](rows);
        for (uint256 i; i < expiries.length; ++i) {
            for (uint256 j; j < expiries[i].strikes.length; ++j) {
                _addStrike(sums[i], profits, expiries[i], expiries[i].strikes[j], _netOf(sums[i], held, i, j));
            }
            for (uint256 k; k < held.length; ++k) {
                if (held[k].slot == i && held[k].put) {
                    sums[i].value += held[k].lots * expiries[i].strikes[held[k].strike].price;
                }
            }
            // a put is a call less the forward, which was rounded down
            int256 forward = expiries[i].forwardNow;
            sums[i].value -= sums[i].puts * (sums[i].puts > 0 ? forward + 1 : forward);
        }
    }

    /// @dev Net lots of calls and puts of a strike; also adds them to the expiry's.
    function _netOf(Sums memory s, Position[] memory held, uint256 slot, uint256 strike) private pure returns (int256 net) {
        for (uint256 k; k < held.length; ++k) {
            if (held[k].slot != slot || held[k].strike != strike) continue;
            net += held[k].lots;
            if (held[k].put) s.puts += held[k].lots;
            else s.calls += held[k].lots;
        }
    }

    function _addStrike(Sums memory s, int256[] memory profits, Expiry memory expiry, Strike memory strike, int256 net)
        private
        pure
    {
        if (net == 0) return;
        (int256 mark, int256 width) = carry(expiry, strike);
        int256 many = net < 0 ? -net : net;
        s.value += net * (net < 0 ? mark + FLOORED : mark);
        s.delta += net * strike.delta;
        s.gross += many;
        s.vega += many * strike.vega;
        s.gamma += many * strike.gamma;
        s.drift += many * width;
        for (uint256 i; i < strike.entries.length; ++i) {
            // entries are rounded down, so a short is charged one step more
            int256 profit = net * strike.scale * (net < 0 ? strike.entries[i] + 1 : strike.entries[i]);
            if (i < 4) s.floors[i] += profit;
            else profits[i - 4] += profit;
        }
    }

    /// @notice What `MarkCarry` promises: the mark at the forward now, and the width of its bounds beyond the band.
    function carry(Expiry memory expiry, Strike memory strike) internal pure returns (int256 mark, int256 width) {
        int256 then = expiry.forwardThen;
        int256 most = then * expiry.band / int256(BILLION);
        int256 inside = expiry.forwardNow - then;
        if (inside > most) inside = most;
        if (inside < -most) inside = -most;
        int256 outside = expiry.forwardNow - then - inside;
        int256 square = inside * inside / (2 * then);
        mark = strike.mark + floorDiv(strike.delta * inside, BILLION) + floorDiv(strike.gamma * square, MILLION);
        if (outside != 0) {
            int256 slope = strike.delta + floorDiv(strike.gamma * floorDiv(inside * int256(BILLION), uint256(then)), MILLION);
            if (slope < 0) slope = 0;
            if (slope > int256(BILLION)) slope = int256(BILLION);
            mark += floorDiv(slope * outside, BILLION);
            int256 spread = outside > 0 ? (int256(BILLION) - slope) * outside : -slope * outside;
            width = -floorDiv(-spread, BILLION);
        }
        int256 least = expiry.forwardNow - strike.price;
        if (least < 0) least = 0;
        if (mark < least) mark = least;
        if (mark > expiry.forwardNow) mark = expiry.forwardNow;
    }

    function floorDiv(int256 a, uint256 b) internal pure returns (int256 q) {
        q = a / int256(b);
        if (a % int256(b) < 0) q -= 1;
    }
}
