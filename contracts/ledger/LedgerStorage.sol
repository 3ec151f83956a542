// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {IListing} from "../interfaces/IListing.sol";
import {E9} from "../libraries/Constants.sol";

/// @title The one storage that the door and its modules share
/// @dev Every contract that runs over it inherits this first and adds no storage of its own: the modules are called by
///      delegatecall, so the layouts must be the same. AccessManaged's authority takes slot 0.
abstract contract LedgerStorage is AccessManaged {
    /// @dev 22 bytes. `tokens`: bit t is set where the balance of token t is not zero.
    struct Header {
        uint32 tokens;
        uint8 linears; // entries held: the first `linears` of sizes and quotes
        uint8 model;
        uint40 flaggedAt; // 0: not flagged
        uint32 steps; // liquidation steps
        uint48 riskBlock; // last block in which the owner's side acted while above initial margin
        uint8 options; // entries held
    }

    /// @dev 74 slots. An entry is a position, or (size 0, instrument marked as a claim) what a market's pool owes for closed ones.
    struct Account {
        Header header; // slot 0
        uint256[16] balances; // slots 1-16: two int128 share balances a word, token t in word t / 2, even t low
        // 16 markets with a position and a claim each, and claims on 8 series: 40 entries
        uint256[20] sizes; // slots 17-36: two entries a word, each instrument << 96 | int96 size (1e18)
        uint256[20] quotes; // slots 37-56: their int128 quotes, USDC 1e18; of a claim: shares of the market's claims,
        // its size their epoch
        uint256 series; // slot 57: the expiries of the options, and how many of each, as `OptionBook` packs them
        uint256[16] options; // slots 58-73: four entries a word, packed as there
    }

    struct Bank {
        // slot 0, 32 bytes: all that valuing a balance needs
        uint72 depositIndex; // 1e18
        uint72 borrowIndex; // 1e18
        uint32 depositRate; // 1e-17 a second
        uint32 borrowRate; // 1e-17 a second
        uint32 updatedAt;
        uint8 asset;
        uint8 decimals;
        // slot 1
        uint128 depositShares;
        uint128 borrowShares;
        // slot 2, token units
        uint128 held; // custody's own count of what it holds
        uint128 pools; // quote token: cash of all markets' pools
        // slot 3, token units
        uint128 insurance; // quote token
        uint128 fees; // quote token: trade fees not yet collected
        // slot 4, and rates with 1e6 = 100%
        address token;
        uint32 reserveFactor;
        uint32 kink;
        uint32 baseRate;
        // slot 5, and a cap in token units
        uint32 kinkSlope;
        uint32 maxSlope;
        uint128 supplyCap;
        // slot 6, token units
        uint128 borrowCap;
        uint128 uncovered; // written-off debt that neither insurance, winners nor deposits could bear
    }

    /// @dev One slot: what valuing a position needs. Costs are USDC per unit in 1e12, the premium in 1e9.
    struct MarketHot {
        int64 funding; // cumulative
        uint64 lossLong; // cumulative haircut of the long side
        uint64 lossShort; // cumulative haircut of the short side
        int32 premium; // average, decays to zero over the funding period
        uint32 updatedAt;
    }

    /// @dev Two slots: sums over the accounts of a market.
    struct MarketSums {
        uint96 openInterest; // sum of long sizes, 1e18
        uint96 pool; // USDC units
        uint64 residual; // USDC 1e18 that rounding left in the pool
        int128 quoteLong; // sum of the quotes of long positions
        int128 quoteShort; // sum of the quotes of short positions
    }

    /// @dev One slot: realised profits that the pool could not pay yet. A haircut of everything starts a new epoch: shares of an
    ///      older one are worth nothing.
    struct Claims {
        uint128 shares; // 1e18
        uint64 index; // 1e18 = no haircut
        uint64 epoch;
    }

    struct Market {
        MarketHot hot;
        MarketSums sums;
        Claims claims;
        IListing.MarketConfig config; // two slots
        bool listed;
        bool reduceOnly;
        uint40 sampledAt;
    }

    /// @dev Two slots: `IListing.LiquidationConfig` in 1e9.
    struct LiquidationTerms {
        uint32 target;
        uint32 startRate;
        uint32 healthSlope;
        uint32 rampRate;
        uint32 maxRate;
        uint32 insuranceFee;
        uint32 fundStepCap;
        uint32 fundDayCap;
        uint32 rampTime; // seconds
        uint96 dust; // USDC 1e18
    }

    struct OperatorGrant {
        uint64 validUntil;
        uint96 budgetWad; // USDC a day; 0: no bound
        uint96 spentWad; // USDC within the day
    }

    address internal _router;
    uint40 internal _pausedUntil;
    address internal _engine;
    uint8 internal _tokenCount;
    IListing.PremiumConfig internal _premium;
    LiquidationTerms internal _liquidation;
    uint40 internal _fundDay; // day of `_fundSpent`
    uint128 internal _fundSpent; // rewards the fund paid on that day, USDC units
    address internal _tradeFeeRecipient;
    address internal _reserveRecipient;

    mapping(uint256 account => Account) internal _accounts;
    mapping(uint8 token => Bank) internal _banks;
    mapping(address token => uint256 idPlusOne) internal _tokenIds;
    mapping(uint32 instrument => Market) internal _markets;
    mapping(uint256 account => mapping(address operator => OperatorGrant)) internal _operators;
    mapping(uint256 account => mapping(address operator => uint256 day)) internal _operatorDays;
    mapping(bytes32 orderHash => uint256 filled) internal _filled;
    mapping(uint256 account => mapping(uint256 word => uint256 bits)) internal _cancelled;
    mapping(address quoter => bool allowed) internal _quoters;

    constructor(address authority) AccessManaged(authority) {}

    /// @dev The liquidation parameters in 1e18.
    function _liquidationConfig() internal view returns (IListing.LiquidationConfig memory config) {
        LiquidationTerms memory terms = _liquidation;
        config.target = _toWad(terms.target);
        config.startRate = _toWad(terms.startRate);
        config.healthSlope = _toWad(terms.healthSlope);
        config.rampRate = _toWad(terms.rampRate);
        config.maxRate = _toWad(terms.maxRate);
        config.insuranceFee = _toWad(terms.insuranceFee);
        config.fundStepCap = _toWad(terms.fundStepCap);
        config.fundDayCap = _toWad(terms.fundDayCap);
        config.rampTime = terms.rampTime;
        config.dust = terms.dust;
    }

    function _toWad(uint32 rateE9) private pure returns (uint64) {
        return uint64(rateE9 * E9); // a uint32 in 1e9 fits a uint64 in 1e18
    }
}
