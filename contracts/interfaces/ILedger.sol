// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @title Events and errors of the ledger, shared by the door and its modules
interface ILedgerTypes {
    /// @notice A transfer in; `amount` is what arrived.
    event Deposited(uint256 indexed account, address indexed token, address indexed from, uint256 amount);
    event Withdrawn(uint256 indexed account, address indexed token, address indexed to, uint256 amount);
    /// @notice Between two accounts of one owner.
    event Transferred(uint256 indexed from, uint256 indexed to, address indexed token, uint256 amount);
    /// @notice The account's share balance after a change: positive times the deposit index, negative times the borrow index.
    event BalanceSet(uint256 indexed account, uint8 indexed token, int256 shares);
    /// @notice The account's position after a change; of an option without quote; with bit 31 of `instrument` set, its claim on that market for closed ones: `quote` shares
    ///         (1e18) of the market's claims, `size` their epoch.
    /// @param size Units, 1e18. @param quote USDC in 1e18: unsettled profit is size * (mark - cumulative cost of the side) + quote.
    event PositionSet(uint256 indexed account, uint32 indexed instrument, int256 size, int256 quote);
    /// @notice A bank's indices (1e18) and the rates (1e-17 a second) that hold from this block on.
    event BankAccrued(
        uint8 indexed token, uint256 depositIndex, uint256 borrowIndex, uint256 depositRate, uint256 borrowRate
    );
    /// @notice USDC units that insurance holds after a change.
    event InsuranceSet(uint256 insurance);
    event InsuranceFunded(address indexed from, uint256 amount);
    event FeesCollected(address indexed token, address indexed to, uint256 fees);
    event ReservesCollected(address indexed token, address indexed to, uint256 reserves);
    event OperatorSet(uint256 indexed account, address indexed operator, uint64 validUntil);
    event OperatorBudgetSet(uint256 indexed account, address indexed operator, uint256 budgetWad);
    /// @notice What an operator has lost of its budget on a day (days since 1970), USDC 1e18.
    event OperatorSpent(uint256 indexed account, address indexed operator, uint256 day, uint256 spentWad);
    event MarginModelSet(uint256 indexed account, uint8 model);
    event PausedUntil(uint40 until);

    error Ledger_Locked();
    error Ledger_AccountOutOfRange(uint256 account, uint256 bound);
    error Ledger_NotAuthorized(uint256 account, address caller);
    error Ledger_NotOwner(uint256 account, address caller);
    error Ledger_UnknownToken(address token);
    error Ledger_ZeroAmount();
    error Ledger_AmountBounds(uint256 amount);
    error Ledger_ZeroAddress();
    error Ledger_ThirdPartyToken(uint256 account, address token);
    error Ledger_TooManyTokens(uint256 account, uint256 limit);
    error Ledger_TooManyPositions(uint256 account, uint256 limit);
    error Ledger_TooManyOptions(uint256 account, uint256 limit);
    error Ledger_TooManySeries(uint256 account, uint256 limit);
    error Ledger_SupplyCap(address token, uint256 deposits, uint256 cap);
    error Ledger_BorrowCap(address token, uint256 borrows, uint256 cap);
    error Ledger_Illiquid(address token, uint256 amount, uint256 available);
    error Ledger_NothingReceived(address token);
    error Ledger_OperatorBudget(uint256 account, address operator, uint256 lossWad, uint256 leftWad);
    error Ledger_ModelUnchanged(uint8 model);
    error Ledger_BelowInitialMargin(uint256 account, int256 equityWad, uint256 initialWad);
    error Ledger_EquityFell(uint256 account, int256 beforeWad, int256 afterWad, uint256 feesWad);
    error Ledger_ExcessFell(uint256 account, int256 beforeWad, int256 afterWad);
    error Ledger_RiskIncreased(uint256 account, uint256 beforeWad, uint256 afterWad);
    error Ledger_NotReduction(uint256 account);
    error Ledger_Deviating(uint256 account, uint256 assets);
    error Ledger_ExposureGrew(uint256 account, uint256 assets);
    error Ledger_Insolvent(uint256 account, int256 equityWad);
    error Ledger_PriceNotRead(uint8 asset);
    error Ledger_BeyondSlice(uint256 account, uint8 token);
}

/// @title Accounts, balances and custody
/// @notice `account = uint160(owner) << 8 | index`. Token amounts are in token units, everything named Wad in 1e18.
/// @dev Assumptions on a listed token, for safety: its transfers move what they say or less, balances do not change by
///      themselves (no rebasing), `decimals()` is 18 at most. A fee on transfer is borne by the depositor. For liveness: it can be
///      transferred to those who withdraw.
interface ILedger is ILedgerTypes {
    /// @dev Each is called by delegatecall alone. `views` answers what the door has no function for.
    struct Modules {
        address trading;
        address options;
        address settlement;
        address liquidation;
        address listing;
        address views;
    }

    /// @notice Pulls `amount` of `token` from the caller and credits the account with what arrives.
    /// @dev Anyone may deposit USDC, or a token the account already has; only owner or operator adds another.
    ///      Works with dead oracles and under pause: a repayment is always possible. Only a token that is new to an account with a debt or a
    ///      position must have a usable price and rates: else it would keep the account from being liquidated. In a batch deposit first:
    ///      while a price deviates, what comes after a withdrawal or a fill does not make up for it.
    function deposit(uint256 account, address token, uint256 amount) external;

    /// @notice As `deposit`, with an ERC-2612 permit. A permit that was used already does not stop the deposit.
    function depositWithPermit(
        uint256 account,
        address token,
        uint256 amount,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external;

    /// @notice Sends `amount` to `to`; beyond the balance it borrows. `type(uint256).max` is the whole positive balance.
    /// @dev Only the owner. A debt-free account without positions leaves without any price.
    function withdraw(uint256 account, address token, uint256 amount, address to) external;

    /// @notice Moves a balance between two accounts of one owner.
    function transfer(uint256 from, uint256 to, address token, uint256 amount) external;

    /// @notice Runs calls to this contract in order; each touched account is checked once, at the end.
    function batch(bytes[] calldata calls) external returns (bytes[] memory results);

    /// @notice Lets `operator` trade for one account until `validUntil` (0 revokes). An operator never withdraws or grants.
    function setOperator(uint256 account, address operator, uint64 validUntil) external;

    /// @notice Bounds what an operator may lose in fees and against the mark in a day; 0 removes the bound.
    function setOperatorBudget(uint256 account, address operator, uint256 budgetWad) external;

    /// @notice Chooses the margin model; initial margin must hold under it.
    function setMarginModel(uint256 account, uint8 model) external;

    /// @notice Prices strikes `from` to `from + count - 1` of an expiry under every scenario: see `IRiskArrays.refresh`. Open to all.
    function refreshStrikes(uint32 underlying, uint64 expiry, uint256 from, uint256 count) external;

    /// @notice Gives USDC to the insurance fund.
    function fundInsurance(uint256 amount) external;

    /// @notice The modules that the door runs over its storage, immutable, and the contracts that governance can replace.
    function modules() external view returns (Modules memory, address router, address engine);
}

/// @title What can be read of accounts and tokens
interface ILedgerViews {
    /// @notice Equity (USDC), initial and maintenance margin, 1e18.
    function health(uint256 account)
        external
        view
        returns (int256 equity, uint256 initialMargin, uint256 maintenanceMargin);

    /// @notice Equity over maintenance margin, 1e18; the type's maximum without requirement, 0 with negative equity.
    function healthFactor(uint256 account) external view returns (uint256);

    /// @notice P&L of the account in each scenario (USDC 1e18, unweighted), their Expected Shortfall, and the rows of the largest weighted losses,
    ///         worst first. What the PORTFOLIO model sees, whatever model the account has.
    function risk(uint256 account)
        external
        view
        returns (int256[] memory scenarioPnl, uint256 expectedShortfall, uint8[] memory worst);

    /// @notice Signed size, 1e18.
    function positionOf(uint256 account, uint32 instrument) external view returns (int256);

    /// @notice Signed token units; debts are rounded up.
    function balanceOf(uint256 account, address token) external view returns (int256);

    /// @notice USD price of a whole token, 1e18.
    function priceOf(address token) external view returns (uint256);

    /// @notice USDC mark, 1e18.
    function markOf(uint32 instrument) external view returns (uint256);

    /// @notice Token units. held = deposits - borrows + reserves + insurance + market pools.
    function totals(address token)
        external
        view
        returns (uint256 deposits, uint256 borrows, uint256 reserves, uint256 insurance);
}
