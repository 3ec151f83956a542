// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IClearinghouse} from "../interfaces/IClearinghouse.sol";

/// @dev Everything that a ghost ledger compares, in one call: tests read the whole state after every step.
contract LedgerLens {
    struct AccountState {
        int256[] balances; // token units, by token
        int256[] sizes; // by instrument
        int256[] unsettled; // USDC 1e18, by instrument
        bool priced; // false: a price was unusable, the next three are zero
        int256 equity;
        uint256 initial;
        uint256 maintenance;
        uint64 flaggedAt;
        uint64 steps;
    }

    struct TokenState {
        uint256 deposits;
        uint256 borrows;
        uint256 reserves;
        uint256 insurance;
        uint256 pools;
        uint256 fees;
        uint256 held; // the ledger's count
        uint256 balance; // the token's own
        int256 surplus; // reserves before any rounding of totals, token units in 1e18, as of the bank's last change
    }

    struct MarketState {
        uint256 openInterest;
        uint256 pool; // USDC units
        uint256 residual; // USDC 1e18
        int256 funding;
        uint256 claimShares;
    }

    function snapshot(
        IClearinghouse house,
        uint256[] calldata accounts,
        address[] calldata tokens,
        uint32[] calldata instruments
    )
        external
        view
        returns (AccountState[] memory states, TokenState[] memory banks, MarketState[] memory markets)
    {
        states = new AccountState[](accounts.length);
        for (uint256 i; i < accounts.length; ++i) {
            states[i] = _account(house, accounts[i], tokens, instruments);
        }
        banks = new TokenState[](tokens.length);
        for (uint256 i; i < tokens.length; ++i) {
            banks[i] = _token(house, tokens[i]);
        }
        markets = new MarketState[](instruments.length);
        for (uint256 i; i < instruments.length; ++i) {
            (IClearinghouse.MarketView memory m,) = house.marketOf(instruments[i]);
            markets[i] = MarketState(m.openInterest, m.pool, m.residual, m.funding, m.claimShares);
        }
    }

    function _account(
        IClearinghouse house,
        uint256 account,
        address[] calldata tokens,
        uint32[] calldata instruments
    ) private view returns (AccountState memory state) {
        state.balances = new int256[](tokens.length);
        for (uint256 i; i < tokens.length; ++i) {
            state.balances[i] = house.balanceOf(account, tokens[i]);
        }
        state.sizes = new int256[](instruments.length);
        state.unsettled = new int256[](instruments.length);
        for (uint256 i; i < instruments.length; ++i) {
            state.sizes[i] = house.positionOf(account, instruments[i]);
            state.unsettled[i] = house.unsettledOf(account, instruments[i]);
        }
        try house.health(account) returns (int256 equity, uint256 initial, uint256 maintenance) {
            (state.priced, state.equity, state.initial, state.maintenance) = (true, equity, initial, maintenance);
        } catch {}
        (state.flaggedAt, state.steps) = house.liquidationStateOf(account);
    }

    function _token(IClearinghouse house, address token) private view returns (TokenState memory state) {
        (state.deposits, state.borrows, state.reserves, state.insurance) = house.totals(token);
        (IClearinghouse.BankView memory bank,) = house.bankOf(token);
        (state.pools, state.fees, state.held) = (bank.pools, bank.fees, bank.held);
        state.balance = IERC20(token).balanceOf(address(house));
        uint256 owned = (bank.held + bank.uncovered) * 1e18 + bank.borrowShares * bank.borrowIndex;
        uint256 owed = (state.insurance + bank.pools) * 1e18 + bank.depositShares * bank.depositIndex;
        state.surplus = int256(owned) - int256(owed);
    }
}
