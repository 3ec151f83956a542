// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title An ERC-20 with ERC-2612 permit that anyone may mint: for local chains and testnets
/// @dev Warning: worthless by construction. Never list it where real value is at stake.
contract TestToken is ERC20Permit {
    // ------------------------------------------------------------ immutables

    uint8 private immutable DECIMALS;

    // ------------------------------------------------------------ constructor

    constructor(string memory name_, string memory symbol_, uint8 decimals_) ERC20(name_, symbol_) ERC20Permit(name_) {
        DECIMALS = decimals_;
    }

    // ------------------------------------------------------------ actions

    /// @notice Creates `amount` token units for `to`. Open to all.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    // ------------------------------------------------------------ views

    function decimals() public view override returns (uint8) {
        return DECIMALS;
    }
}
