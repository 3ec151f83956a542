// SPDX-License-Identifier: MIT
pragma solidity ^0.8.19;

import {Id, IMorpho, MarketParams, Position} from "@morpho-org/morpho-blue/src/interfaces/IMorpho.sol";
import {IOracle} from "@morpho-org/morpho-blue/src/interfaces/IOracle.sol";
import {MarketParamsLib} from "@morpho-org/morpho-blue/src/libraries/MarketParamsLib.sol";
import {MathLib} from "@morpho-org/morpho-blue/src/libraries/MathLib.sol";
import {ORACLE_PRICE_SCALE} from "@morpho-org/morpho-blue/src/libraries/ConstantsLib.sol";
import {MorphoBalancesLib} from "@morpho-org/morpho-blue/src/libraries/periphery/MorphoBalancesLib.sol";

/// @title Health of a Morpho Blue position, as an integrator reads it
/// @notice Morpho Blue has no health view: `_isHealthy` is internal. This asks Morpho for the position, its own
/// periphery library for the debt with interest up to now, and the market's oracle for the price.
contract MorphoHealthLens {
    using MarketParamsLib for MarketParams;
    using MathLib for uint256;
    using MorphoBalancesLib for IMorpho;

    IMorpho public immutable MORPHO;

    constructor(IMorpho morpho) {
        MORPHO = morpho;
    }

    /// @notice Collateral and debt of `user`, and the ratio of borrowing power to debt.
    /// @return collateral Value of the collateral, in loan token units, rounded down.
    /// @return debt Debt with interest accrued to this block, in loan token units, rounded up.
    /// @return healthWad Health factor, 1e18 = at the liquidation threshold; the type's maximum without debt.
    function health(MarketParams memory marketParams, address user)
        external
        view
        returns (uint256 collateral, uint256 debt, uint256 healthWad)
    {
        Position memory position = MORPHO.position(marketParams.id(), user);
        collateral =
            uint256(position.collateral).mulDivDown(IOracle(marketParams.oracle).price(), ORACLE_PRICE_SCALE);
        debt = MORPHO.expectedBorrowAssets(marketParams, user);
        healthWad = debt == 0 ? type(uint256).max : collateral.wMulDown(marketParams.lltv).wDivDown(debt);
    }
}
