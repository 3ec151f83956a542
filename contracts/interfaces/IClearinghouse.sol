// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {ILedger, ILedgerViews} from "./ILedger.sol";
import {ILiquidation, ILiquidationViews} from "./ILiquidation.sol";
import {IListing} from "./IListing.sol";
import {IMarginErrors} from "./IMarginEngine.sol";
import {IOracleErrors} from "./IOracleErrors.sol";
import {IRiskArraysErrors} from "./IRiskArrays.sol";
import {IOrderViews, ISettling, ITrading} from "./ITrading.sol";

/// @title All that can be read
interface IClearinghouseViews is ILedgerViews, IOrderViews, ILiquidationViews {
    /// @notice A market's state as of its last change. Units as in `MarketSet` and `PoolSet`; sums of quotes in USDC 1e18.
    struct MarketView {
        int256 funding;
        uint256 lossLong;
        uint256 lossShort;
        int256 premium;
        uint256 updatedAt;
        uint256 openInterest;
        uint256 pool;
        uint256 residual;
        int256 quoteLong;
        int256 quoteShort;
        uint256 claimShares;
        uint256 claimIndex;
        uint256 claimEpoch;
        bool reduceOnly;
    }

    /// @notice A token's bank as of its last change; amounts in token units.
    struct BankView {
        uint8 id;
        uint8 asset;
        uint8 decimals;
        uint256 depositIndex;
        uint256 borrowIndex;
        uint256 depositRate;
        uint256 borrowRate;
        uint256 updatedAt;
        uint256 depositShares;
        uint256 borrowShares;
        uint256 held;
        uint256 pools;
        uint256 fees;
        uint256 uncovered;
    }

    function marketOf(uint32 instrument) external view returns (MarketView memory, IListing.MarketConfig memory);

    function bankOf(address token) external view returns (BankView memory, IListing.TokenConfig memory);

    function tokenAt(uint8 id) external view returns (address token);

    function tokenCount() external view returns (uint8);

    /// @notice Unsettled profit or loss of a position and what the market owes for closed ones, USDC 1e18.
    function unsettledOf(uint256 account, uint32 instrument) external view returns (int256);

    /// @notice The account's options and their signed sizes, 1e18.
    function optionsOf(uint256 account) external view returns (uint32[] memory instruments, int256[] memory sizes);

    /// @notice Packed account header fields, in the order of storage.
    function accountOf(uint256 account)
        external
        view
        returns (uint256 tokens, uint256 linears, uint8 model, uint256 riskBlock);

    function operatorOf(uint256 account, address operator)
        external
        view
        returns (uint64 validUntil, uint256 budgetWad, uint256 spentWad);

    function premiumConfig() external view returns (IListing.PremiumConfig memory);

    function liquidationConfig() external view returns (IListing.LiquidationConfig memory);

    function pausedUntil() external view returns (uint256);

    function isQuoter(address quoter) external view returns (bool);
}

/// @title The one contract that users, keepers and liquidators call
interface IClearinghouse is
    ILedger,
    ITrading,
    ISettling,
    ILiquidation,
    IListing,
    IClearinghouseViews,
    IMarginErrors,
    IRiskArraysErrors,
    IOracleErrors
{}
