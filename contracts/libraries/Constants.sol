// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @dev Fixed point one.
uint256 constant WAD = 1e18;
/// @dev 100% of a rate.
uint256 constant E6 = 1e6;
/// @dev 100% of a premium.
uint256 constant E9 = 1e9;
/// @dev USDC in 1e18 for one unit of the six-decimal quote token.
uint256 constant QUOTE_UNIT = 1e12;
/// @dev Prices and costs of positions are multiples of it and sizes of LOT_QUANTUM, so that size * price / 1e18 is exact.
uint256 constant PRICE_QUANTUM = 1e6;
uint256 constant LOT_QUANTUM = 1e12;
/// @dev Scale of a bank's rate: parts per 1e17 and second.
uint256 constant RATE_SCALE = 1e17;
uint256 constant SECONDS_PER_YEAR = 365 days;

/// @dev Limits of one account: what a margin check and a liquidation must be able to afford (invariant I9).
uint256 constant MAX_COLLATERALS = 8;
uint256 constant MAX_LINEARS = 16; // markets with a position or a claim
uint256 constant MAX_OPTIONS = 64;
uint256 constant MAX_SERIES = 8; // with options, or with a claim on what they paid
/// @dev Tokens that can be listed: two share balances a word, sixteen words.
uint256 constant MAX_TOKENS = 32;
/// @dev Assets that can be priced: the ledger counts bits of a bitmap of them.
uint256 constant MAX_ASSETS = 128;
/// @dev Margin models.
uint8 constant STANDARD = 0;
uint8 constant PORTFOLIO = 1;
uint8 constant ISOLATED = 2;
/// @dev The quote token's id, and its asset's.
uint8 constant QUOTE = 0;
