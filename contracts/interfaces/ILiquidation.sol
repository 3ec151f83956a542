// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @title Partial liquidation at a price that rises with health and time
interface ILiquidation {
    /// @param liquidatorAccount An account the caller owns or operates; receives the slice.
    /// @param maxFraction Largest part to take, 1e18 = all. @param minFraction Smallest part worth it.
    /// @param maxPaid USDC in 1e18 the liquidator pays at most; negative: is paid at least.
    /// @param expectedStep Liquidation steps the account has had; the type's maximum: any.
    /// @param callbackData Not empty: the caller is called back (`ILiquidationCallback`) before its account is checked.
    struct Liquidation {
        uint256 account;
        uint256 liquidatorAccount;
        uint256 maxFraction;
        uint256 minFraction;
        int256 maxPaid;
        uint64 expectedStep;
        bytes callbackData;
    }

    /// @notice The reward's clock started at `at`, in seconds.
    event Flagged(uint256 indexed account, uint256 at);
    /// @notice The clock stopped: the account is at the target, or was taken as far as a step goes.
    event FlagCleared(uint256 indexed account);
    /// @notice One step, the account's `step`-th. @param fraction Part taken, 1e18. @param equity, maintenance Just before it.
    ///         Money is USDC in 1e18; `paid` by the liquidator, negative: to it.
    event Liquidated(
        uint256 indexed account,
        uint256 indexed liquidatorAccount,
        uint256 step,
        uint256 fraction,
        int256 paid,
        int256 equity,
        uint256 maintenance,
        uint256 accountReward,
        uint256 fundReward,
        uint256 insuranceFee
    );
    /// @notice Who bore the loss of a step, USDC 1e18. `loss` is the sum of the parts, each of which is what has moved; it is the step's
    ///         fraction of the negative equity but for the rounding of the parts to units of their tokens.
    event LossAllocated(
        uint256 indexed account, uint256 loss, uint256 insurance, uint256 winners, uint256 deposits, uint256 uncovered
    );
    /// @notice Token units of debt written off, or of loss that is no debt yet credited: `fromDeposits` lowered the deposit index, `uncovered`
    ///         nobody could bear yet.
    event DebtWrittenOff(uint8 indexed token, uint256 amount, uint256 fromDeposits, uint256 uncovered);
    /// @notice Unsettled profit taken from a market's winners, USDC 1e18, by group.
    event WinnersHaircut(uint32 indexed instrument, uint256 fromLongs, uint256 fromShorts, uint256 fromClaims);

    error Liquidation_Healthy(uint256 account, int256 equityWad, uint256 maintenanceWad);
    error Liquidation_CheckDeferred(uint256 account);
    error Liquidation_OwnAccount(uint256 account);
    error Liquidation_Step(uint64 expected, uint64 found);
    error Liquidation_FractionBelowMin(uint256 fraction, uint256 minFraction);
    error Liquidation_FractionBounds(uint256 maxFraction, uint256 bound);
    error Liquidation_DustRemains(uint256 fraction, uint256 maxFraction);
    error Liquidation_PaidAboveMax(int256 paidWad, int256 maxPaid);
    error Liquidation_HealthFell(uint256 account, int256 equityWad, uint256 maintenanceWad);
    error Liquidation_NoFlagChange(uint256 account);
    error Liquidation_InsuranceLocked(uint256 account);
    /// @dev Something of the account expired less than an hour ago, and anybody can fix its price first.
    error Liquidation_AwaitsPrice(uint256 account, uint64 expiry);

    /// @notice Takes the largest allowed fraction of an account whose equity is below its maintenance margin.
    /// @dev Who liquidates does not choose what an account is worth: arrays that are stale are refreshed first where there is a surface to do so,
    ///      `RiskArrays_Stale`, and a price of what has expired is fixed first, for an hour, `Liquidation_AwaitsPrice`. Where neither can be done
    ///      old arrays count with their drift, and what has expired at the index.
    /// @return fraction Part taken, 1e18. @return paid USDC in 1e18 the liquidator paid; negative: was paid.
    function liquidate(Liquidation calldata l) external returns (uint256 fraction, int256 paid);

    /// @notice Starts the reward's clock of an unhealthy account, or clears the flag of one back at the target. Open to all; the same has to be
    ///         refreshed and fixed before as for a liquidation.
    function flag(uint256 account) external;
}

/// @title What can be asked about a liquidation
interface ILiquidationViews {
    /// @notice When the account was flagged (0: not) and how many liquidation steps it has had.
    function liquidationStateOf(uint256 account) external view returns (uint64 flaggedAt, uint64 steps);
}

/// @title What the liquidation module asks of the module of losses
interface ILossAllocation {
    /// @notice The loss of a step and who bore it, USDC in 1e18.
    struct Loss {
        uint256 total;
        uint256 insurance;
        uint256 winners;
        uint256 deposits;
        uint256 uncovered;
    }

    /// @notice Allocates the loss of a step of `fraction` (1e18) of an account whose `equity` (USDC 1e18) is negative, before the slice is taken.
    /// @return loss Who bore it. @return writtenOff Units of debt written off, by token held other than the quote token, lowest id first.
    function allocate(uint256 account, uint256 fraction, int256 equity)
        external
        returns (Loss memory loss, uint256[] memory writtenOff);

    /// @notice Bears what closing an account left as USDC debt: fractions of units, and losses of positions that no winner could bear.
    function finish(uint256 account, Loss memory loss) external returns (Loss memory);
}
