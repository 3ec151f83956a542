// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Rounding} from "../libraries/Rounding.sol";

/// @title A call's mark at a forward that has moved since its array was computed
/// @notice Within the band the mark moves by delta and gamma; beyond it, by the slope at the band's edge; always within what no-arbitrage allows:
///         at least forward - strike and zero, at most the forward. So near expiry, where gamma is huge, a move of the forward is never turned
///         into more than the move.
/// @dev A call is convex in the forward with a slope between 0 and 1. Beyond the edge its value therefore lies between the line that goes on with
///      the edge's slope and the one with slope 1 (upwards) or 0 (downwards): `width` is the distance of the two, the drift add-on per unit.
///      All prices in 1e-9 USDC; each term is rounded down, so a mark is at most FLOORED units below the sum.
library MarkCarry {
    /// @dev Units of 1e-9 USDC that rounding may take off a mark: that of the refresh, and three terms.
    int256 internal constant FLOORED = 4;

    int256 private constant E9 = 1e9;

    /// @param forward Now. @param inside The part of the move within the band, `outside` the rest, both signed.
    /// @param square inside^2 / (2 * forward then), rounded down. @param slope 1e9 * inside / forward then, rounded down.
    struct Move {
        int256 forward;
        int256 inside;
        int256 outside;
        int256 square;
        int256 slope;
    }

    /// @param forwardThen, forwardNow 1e-9 USDC. @param band 1e9 = 100% of the forward then.
    function moveOf(uint256 forwardThen, uint256 forwardNow, uint256 band) internal pure returns (Move memory move) {
        // Safe: prices are below 2^64 and the band at most 1e8.
        unchecked {
            int256 then = int256(forwardThen);
            int256 change = int256(forwardNow) - then;
            int256 most = then * int256(band) / E9;
            move.forward = int256(forwardNow);
            move.inside = change > most ? most : change < -most ? -most : change;
            move.outside = change - move.inside;
            move.square = move.inside * move.inside / (2 * then);
            move.slope = Rounding.divFloor(move.inside * E9, then);
        }
    }

    /// @param word A record's first word, as `ArrayBlob` has it.
    /// @return mark Rounded down. @return width Of the bounds beyond the band, rounded up; 0 within.
    function carry(uint256 word, Move memory move) internal pure returns (int256 mark, uint256 width) {
        // Safe: words hold 32 and 64 bits, moves are below 2^65 and slope below 2^31.
        assembly ("memory-safe") {
            // mark + delta * inside / 1e9, rounded down, + gamma * square / 1e6
            mark := mul(and(shr(96, word), 0xffffffff), mload(add(move, 32)))
            mark := sub(sdiv(mark, 1000000000), slt(smod(mark, 1000000000), 0))
            mark := add(mark, and(shr(128, word), 0xffffffffffffffff))
            mark := add(mark, div(mul(and(shr(64, word), 0xffffffff), mload(add(move, 96))), 1000000))
        }
        unchecked {
            if (move.outside != 0) {
                int256 delta = int256(uint256(uint32(word >> 96)));
                int256 gamma = int256(uint256(uint32(word >> 64)));
                delta += Rounding.divFloor(gamma * move.slope, 1e6);
                delta = delta < 0 ? int256(0) : delta > E9 ? E9 : delta;
                mark += Rounding.divFloor(delta * move.outside, E9);
                int256 spread = move.outside > 0 ? (E9 - delta) * move.outside : -delta * move.outside;
                width = (uint256(spread) + 1e9 - 1) / 1e9;
            }
            int256 forward = move.forward;
            int256 least = forward - int256(word >> 192);
            if (mark < least) mark = least;
            if (mark < 0) mark = 0;
            if (mark > forward) mark = forward;
        }
    }
}
