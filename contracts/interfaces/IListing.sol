// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @title What governance lists and sets; every function is behind the AccessManager
interface IListing {
    /// @param asset The router's asset. @param supplyCap Token units. @param borrowCap Token units.
    /// @param reserveFactor 1e6 = 100% of the interest. @param kink Utilisation, 1e6.
    /// @param baseRate, kinkSlope, maxSlope A year, 1e6 = 100%: rate = base + kinkSlope * u up to the kink, maxSlope beyond.
    struct TokenConfig {
        uint8 asset;
        uint128 supplyCap;
        uint128 borrowCap;
        uint32 reserveFactor;
        uint32 kink;
        uint32 baseRate;
        uint32 kinkSlope;
        uint32 maxSlope;
    }

    /// @param lot Sizes are multiples of it, 1e18. @param tick Prices too (but the mark itself). @param minSize Smallest position.
    /// @param makerFee, takerFee, band 1e6 = 100% of notional or mark. @param bandAbsolute USDC, 1e18.
    /// @param openInterestCap Units, 1e18.
    struct MarketConfig {
        uint64 lot;
        uint64 tick;
        uint72 minSize;
        uint24 makerFee;
        uint24 takerFee;
        uint24 band;
        uint64 bandAbsolute;
        uint96 openInterestCap;
    }

    /// @param premiumCap 1e9 = 100% of the index: bounds the premium in mark and funding.
    /// @param fundingCap 1e9 = 100% of the index: bounds the funding of an hour.
    /// @param sampleWindow Seconds over which samples average. @param fundingPeriod Seconds over which a premium is paid.
    /// @param maxQuoteAge Seconds. @param maxSpread 1e6. @param minQuotes Signers a sample needs.
    struct PremiumConfig {
        uint32 premiumCap;
        uint32 fundingCap;
        uint32 sampleWindow;
        uint32 fundingPeriod;
        uint32 maxQuoteAge;
        uint32 maxSpread;
        uint8 minQuotes;
    }

    /// @param target Health factor a step restores, 1e18. @param startRate, healthSlope, rampRate, maxRate Parts of maintenance, 1e18.
    /// @param rampTime Seconds. @param insuranceFee Part of the account's share of the reward, 1e18.
    /// @param fundStepCap Largest rate the fund adds, part of maintenance, 1e18. @param fundDayCap Part of the fund per day, 1e18.
    ///        All of them multiples of 1e9: the ledger keeps them in 1e9, so that a liquidation reads two slots.
    /// @param dust USDC, 1e18: an account of less gross value is closed whole.
    struct LiquidationConfig {
        uint64 target;
        uint64 startRate;
        uint64 healthSlope;
        uint64 rampRate;
        uint64 maxRate;
        uint32 rampTime;
        uint64 insuranceFee;
        uint64 fundStepCap;
        uint64 fundDayCap;
        uint96 dust;
    }

    event TokenListed(uint8 indexed id, address indexed token, uint8 decimals);
    event TokenConfigSet(uint8 indexed id, TokenConfig config);
    event MarketListed(uint32 indexed instrument, string symbol);
    event MarketConfigSet(uint32 indexed instrument, MarketConfig config);
    event MarketStatusSet(uint32 indexed instrument, bool reduceOnly);
    event PremiumConfigSet(PremiumConfig config);
    event LiquidationConfigSet(LiquidationConfig config);
    event QuoterSet(address indexed quoter, bool allowed);
    event RouterSet(address indexed router);
    event EngineSet(address indexed engine);
    event FeeRecipientsSet(address indexed trade, address indexed reserve);

    error Listing_TokenListed(address token);
    error Listing_TokenDecimals(address token, uint8 decimals, uint8 bound);
    error Listing_TooManyTokens(uint256 bound);
    error Listing_InstrumentListed(uint32 instrument);
    error Listing_InstrumentKind(uint32 instrument);
    error Listing_Bounds(bytes32 parameter, uint256 value, uint256 bound);
    error Listing_NoCode(address target);
    error Listing_PauseTooLong(uint40 until, uint256 bound);
    error Listing_PauseTooShort(uint40 until, uint256 bound);
    error Listing_NoRecipient();

    /// @notice Lists a token; the first is the quote token (id 0, asset 0).
    function listToken(address token, TokenConfig calldata config) external returns (uint8 id);

    /// @notice Sets a listed token's caps and interest; interest until now is accrued at the old ones. The asset stays.
    function setTokenConfig(uint8 id, TokenConfig calldata config) external;

    /// @notice Lists a market. The instrument number is kind << 28 | asset << 20 | serial; kinds: 1 spot (the serial is a token's id), 2 perpetual, 3 dated
    ///         future (day << 6), 4 all options of the asset together (0). Of options `band` counts twice: of the mark, and of what doubling the
    ///         volatility would add to it.
    function listMarket(uint32 instrument, string calldata symbol, MarketConfig calldata config) external;

    /// @notice Sets a listed market's parameters; positions larger or smaller than they allow now stay.
    function setMarketConfig(uint32 instrument, MarketConfig calldata config) external;

    /// @notice A market in reduce-only status lets positions shrink and nothing grow.
    function setMarketStatus(uint32 instrument, bool reduceOnly) external;

    /// @notice Sets how the premium of every perpetual is sampled, bounded and paid.
    function setPremiumConfig(PremiumConfig calldata config) external;

    /// @notice Sets target, rewards and caps of liquidation.
    function setLiquidationConfig(LiquidationConfig calldata config) external;

    /// @notice Admits or drops a signer of quotes.
    function setQuoter(address quoter, bool allowed) external;

    /// @notice Replaces the source of prices. @dev Warning: every account is valued by it from the next call on.
    function setRouter(address router) external;

    /// @notice Replaces the requirements. @dev Warning: every account is judged by it from the next call on.
    function setEngine(address engine) external;

    /// @notice Names who gets trade fees and interest reserves; what is not collected yet goes to the new ones.
    function setFeeRecipients(address trade, address reserve) external;

    /// @notice The guardian stops what raises risk, 72 hours from now at most; only the governor lifts or shortens a pause.
    function pause(uint40 until) external;

    /// @notice Ends a pause.
    function unpause() external;

    /// @notice Sends trade fees and interest reserves to their named recipients. Open to all.
    function collect(address token) external;
}
