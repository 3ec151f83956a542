// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @title Orders and quotes, and what is logged of fills and settlement
interface ITradingTypes {
    /// @notice EIP-712 `Order`, signed by the account's owner or an operator.
    /// @param size Units, 1e18; positive buys.
    /// @param limitPrice USDC per unit, 1e18.
    /// @param maxFee USDC in 1e18 for the whole order; a partial fill may use its share.
    /// @param nonce Unordered; cancelling a nonce cancels every order that carries it.
    /// @param counterparty Owner of the other account; 0: anyone.
    struct Order {
        uint256 account;
        uint32 instrument;
        int256 size;
        uint256 limitPrice;
        uint256 maxFee;
        uint256 nonce;
        uint64 expiry;
        bool reduceOnly;
        address counterparty;
    }

    /// @notice EIP-712 `Quote`: a two-sided quote of a registered quoter, from which the premium is averaged.
    /// @param bidPrice USDC, 1e18. @param askPrice USDC, 1e18. @param time Seconds; later than the market's last sample.
    struct Quote {
        uint32 instrument;
        uint256 bidPrice;
        uint256 askPrice;
        uint64 time;
    }

    /// @notice Two orders traded. @param takerSize Units, 1e18; positive: the taker bought. @param price The maker's limit, USDC 1e18.
    /// @param makerFee, takerFee USDC units.
    event Filled(
        uint32 indexed instrument,
        uint256 indexed maker,
        uint256 indexed taker,
        bytes32 makerHash,
        bytes32 takerHash,
        int256 takerSize,
        uint256 price,
        uint256 makerFee,
        uint256 takerFee
    );
    event OrderCancelled(uint256 indexed account, uint256 nonce);
    /// @notice A market's hot state after a change. Costs are USDC per unit in 1e12, premium in 1e9.
    event MarketSet(
        uint32 indexed instrument, int256 funding, uint256 lossLong, uint256 lossShort, int256 premium
    );
    /// @notice A market's sums after a change: long open interest (1e18), pool (USDC units), rounding remainder (1e18),
    ///         and the realised profits that the pool owes: shares times index (both 1e18) of the epoch.
    event PoolSet(
        uint32 indexed instrument,
        uint256 openInterest,
        uint256 pool,
        uint256 residual,
        uint256 claimShares,
        uint256 claimIndex,
        uint256 claimEpoch
    );
    /// @notice Unsettled profit turned into cash; negative: the account paid. USDC units.
    event Settled(uint256 indexed account, uint32 indexed instrument, int256 amount);
    event Sampled(uint32 indexed instrument, int256 sampleE9, uint256 quotes, uint256 time);

    error Trade_UnknownInstrument(uint32 instrument);
    error Trade_InstrumentMismatch(uint32 maker, uint32 taker);
    error Trade_Closed(uint32 instrument);
    error Trade_InstrumentExpired(uint32 instrument, uint64 expiry);
    error Trade_SameAccount(uint256 account);
    error Trade_SameSide();
    error Trade_BadSignature(uint256 account, bytes32 hash);
    error Trade_Expired(uint64 expiry, uint256 nowAt);
    error Trade_NonceCancelled(uint256 account, uint256 nonce);
    error Trade_Overfilled(bytes32 hash, uint256 size, uint256 left);
    error Trade_Counterparty(address wanted, address found);
    error Trade_LimitCrossed(uint256 price, uint256 limit);
    error Trade_OutsideBand(uint256 price, uint256 lowest, uint256 highest);
    error Trade_FeeAboveMax(uint256 fee, uint256 bound);
    error Trade_ReduceOnly(uint256 account, int256 position, int256 change);
    error Trade_Lot(uint256 size, uint256 lot);
    error Trade_Tick(uint256 price, uint256 tick);
    error Trade_BelowMinimum(uint256 account, uint256 size, uint256 minimum);
    error Trade_SizeBounds(int256 size, uint256 bound);
    error Trade_OpenInterestCap(uint32 instrument, uint256 openInterest, uint256 cap);
    error Trade_NoQuotes(uint256 quotes, uint256 minimum);
    error Trade_NotQuoter(address signer);
    error Trade_QuotersNotAscending(address previous, address next);
    error Trade_QuoteTime(uint64 time, uint256 earliest, uint256 latest);
    error Trade_QuoteSpread(uint256 bidPrice, uint256 askPrice, uint256 maxSpreadE6);
    error Trade_SettleInsolvent(uint256 account, int256 equityWad);
    error Trade_LiquidatorRestricted(uint256 account);
}

/// @title Two signed orders become a trade
interface IFills is ITradingTypes {
    /// @notice Trades `size` (1e18, positive) between two orders at the maker's limit. Open to all.
    /// @dev A signature may be empty where the caller is the owner or an operator of that account.
    function fill(
        Order calldata maker,
        bytes calldata makerSig,
        Order calldata taker,
        bytes calldata takerSig,
        uint256 size
    ) external;
}

/// @title Fills, cancellation and quotes
interface ITrading is IFills {
    /// @notice Cancels all orders of an account that carry `nonce`, for good.
    function cancel(uint256 account, uint256 nonce) external;

    /// @notice Samples the premium of one market from quotes whose signers ascend.
    function submitQuotes(Quote[] calldata quotes, bytes[] calldata signatures) external;
}

/// @title Turning profit, loss and what has expired into cash
interface ISettling is ITradingTypes {
    /// @notice Turns unsettled profit and loss into cash: losses in full, profits as far as the market's pool reaches. Options and dated futures that
    ///         have expired are closed at their settlement price, once it is fixed.
    /// @dev Open to all. An account below zero equity pays through liquidation, not here; what it is owed it gets.
    function settle(uint256 account) external;
}

/// @title What the liquidation module asks of the module of settlement
interface IExpirySettlement {
    /// @notice Closes all that has expired and has a price, whatever the account's equity.
    function settleExpired(uint256 account) external;
}

/// @title What the liquidation module asks of the module of options
interface IOptionSlices {
    /// @notice Moves a part of every option of an account to another: a multiple of the lot, rounded up, all where less than the minimum would stay.
    /// @param fraction 1e18 = all. @param options The account's, as `OptionBook` lays them out with the prices to value them by.
    /// @return leftWad What the account's options are worth after it, USDC 1e18.
    function sliceOptions(uint256 account, uint256 liquidatorAccount, uint256 fraction, uint256[] calldata options)
        external
        returns (int256 leftWad);
}

/// @title What can be asked about orders
interface IOrderViews {
    /// @notice Units of an order already filled, 1e18.
    function filledOf(bytes32 orderHash) external view returns (uint256);

    function isCancelled(uint256 account, uint256 nonce) external view returns (bool);

    /// @notice EIP-712 digest of an order.
    function hashOrder(ITrading.Order calldata order) external view returns (bytes32);
}
