// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Black76} from "../risk/Black76.sol";
import {Gaussian} from "../risk/Gaussian.sol";
import {Svi} from "../risk/Svi.sol";

/// @dev The pricing libraries, callable one by one and in rows, for comparison with a reference.
contract PricingHarness {
    function cdf(int256[] calldata x) external pure returns (uint256[] memory values) {
        values = new uint256[](x.length);
        for (uint256 i; i < x.length; ++i) {
            values[i] = Gaussian.cdf(x[i]);
        }
    }

    function call(int256[] calldata moneyness, uint256[] calldata ratio, uint256[] calldata deviation)
        external
        pure
        returns (uint256[] memory values)
    {
        values = new uint256[](ratio.length);
        for (uint256 i; i < ratio.length; ++i) {
            values[i] = Black76.call(moneyness[i], ratio[i], deviation[i]);
        }
    }

    function callWithGreeks(int256 moneyness, uint256 ratio, uint256 deviation)
        external
        pure
        returns (uint256 value, uint256 delta, uint256 density)
    {
        return Black76.callWithGreeks(moneyness, ratio, deviation);
    }

    /// @return spent Gas of one price, the loop's share taken off.
    function gasOfCall(int256 moneyness, uint256 ratio, uint256 deviation) external view returns (uint256 spent) {
        uint256 sum;
        uint256 before = gasleft();
        sum += Black76.call(moneyness, ratio, deviation);
        spent = before - gasleft();
        if (sum == type(uint256).max) spent = 0;
    }

    function variance(Svi.Slice calldata slice, int256[] calldata k) external pure returns (int256[] memory values) {
        values = new int256[](k.length);
        for (uint256 i; i < k.length; ++i) {
            values[i] = Svi.totalVariance(slice, k[i]);
        }
    }

    function durrleman(Svi.Slice calldata slice, int256[] calldata k) external pure returns (int256[] memory values) {
        values = new int256[](k.length);
        for (uint256 i; i < k.length; ++i) {
            values[i] = Svi.durrleman(slice, k[i]);
        }
    }

    function isBounded(Svi.Slice calldata slice) external pure returns (bool) {
        return Svi.isBounded(slice);
    }
}
