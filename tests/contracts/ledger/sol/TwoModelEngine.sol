// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IMarginErrors, IMarginEngine} from "../../../../contracts/interfaces/IMarginEngine.sol";

/// @dev An engine with a second model, number 1, that asks for three times as much as another engine does for number 0.
contract TwoModelEngine {
    IMarginEngine private immutable ENGINE;

    constructor(IMarginEngine engine) {
        ENGINE = engine;
    }

    function requirement(IMarginEngine.Portfolio memory portfolio)
        external
        view
        returns (int256 equityWad, uint256 initialWad, uint256 maintenanceWad, uint256 stale)
    {
        uint8 model = portfolio.model;
        if (model > 1) revert IMarginErrors.Margin_UnknownModel(model);
        portfolio.model = 0;
        (equityWad, initialWad, maintenanceWad, stale) = ENGINE.requirement(portfolio);
        if (model == 1) (initialWad, maintenanceWad) = (3 * initialWad, 3 * maintenanceWad);
    }

    function minimumMaintenance() external view returns (uint256) {
        return ENGINE.minimumMaintenance();
    }
}
