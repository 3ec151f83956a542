// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Rounding} from "../../contracts/libraries/Rounding.sol";

/// @title What is false: a run that finds no counterexample here proves nothing
contract CanaryProofs {
    function check_canary__divUp__isNotDivDown(uint16 a, uint16 d) external pure {
        if (d == 0) return;
        assert(Rounding.divUp(a, d) == a / d);
    }
}
