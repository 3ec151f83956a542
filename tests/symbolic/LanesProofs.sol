// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Sums in lanes do not carry
/// @dev Products of an entry and a multiplier are below 2^58; 64 of what is below 2^58 add up without a carry. That a product is the entry's is
///      the fuzz's (`test_option_sums.py`): solvers do not decide products of that size.
contract LanesProofs {
    uint256 private constant LANE_BOUND = 1 << 58;

    function check_lanes__sumOfUpTo63AndOneMore__noLaneCarries(
        uint64 a3, uint64 a2, uint64 a1, uint64 a0, uint64 p3, uint64 p2, uint64 p1, uint64 p0
    ) external pure {
        uint256 most = 63 * (LANE_BOUND - 1);
        if (a3 > most || a2 > most || a1 > most || a0 > most) return;
        if (p3 >= LANE_BOUND || p2 >= LANE_BOUND || p1 >= LANE_BOUND || p0 >= LANE_BOUND) return;
        unchecked {
            uint256 sum = (uint256(a3) << 192 | uint256(a2) << 128 | uint256(a1) << 64 | a0)
                + (uint256(p3) << 192 | uint256(p2) << 128 | uint256(p1) << 64 | p0);
            assert(sum >> 192 == uint256(a3) + p3 && uint64(sum >> 128) == uint256(a2) + p2);
            assert(uint64(sum >> 64) == uint256(a1) + p1 && uint64(sum) == uint256(a0) + p0);
        }
    }
}
