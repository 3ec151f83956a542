// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

/// @title The joint scenarios that portfolio margin is computed over
/// @notice One table holds at a time. A new one is proposed, waits, and replaces it; it may not move the largest weighted loss along fixed
///         directions faster than the limit, so that a wrong model raises or lowers margin slowly, and the floor bounds it from below.
interface IScenarioBook {
    /// @notice Relative moves are written as 1 + move in eighth-thousandths: 8000 is no move, 0 is -100%, 56000 is +600%. So every move of
    ///         whole thousandths is exact.
    /// @param up, down Spot after the floor's moves. @param volUp, volDown Volatility likewise.
    struct Floor {
        uint16 up;
        uint16 down;
        uint16 volUp;
        uint16 volDown;
    }

    /// @param tail m of the Expected Shortfall: the mean of the m largest weighted losses. @param termPower p of the tenor scaling, 1e4.
    /// @param underlyings The router's assets, one column each, ascending. @param weights One per row, 1e4.
    /// @param spot, vol One list per column of one move per row. @param floors One per column. @param names One per row, for people.
    struct Table {
        uint8 tail;
        uint16 termPower;
        uint8[] underlyings;
        uint16[] weights;
        uint16[][] spot;
        uint16[][] vol;
        Floor[] floors;
        bytes32[] names;
    }

    /// @param delay Seconds between proposal and activation, at most 14 days.
    /// @param maxChange 1e6: largest change of the loss along a direction, from 1 to 1e6, as a part of what it was.
    struct Limits {
        uint32 delay;
        uint32 maxChange;
    }

    event TableProposed(uint32 indexed version, uint64 readyAt, Table table);
    event TableActivated(uint32 indexed version);
    event TableWithdrawn(uint32 indexed version);
    event LimitsSet(Limits limits);
    event ArraysSet(address arrays);

    error Scenario_Rows(uint256 rows, uint256 multiple, uint256 bound);
    error Scenario_Columns(uint256 columns, uint256 bound);
    error Scenario_Length(bytes32 field, uint256 column, uint256 length, uint256 expected);
    error Scenario_Order(uint256 column, uint8 underlying);
    error Scenario_Tail(uint256 tail, uint256 bound);
    error Scenario_TermPower(uint256 termPower, uint256 bound);
    error Scenario_Weight(uint256 row, uint256 weight, uint256 bound);
    error Scenario_Spot(uint256 row, uint256 column, uint256 move, uint256 bound);
    error Scenario_Vol(uint256 row, uint256 column, uint256 move, uint256 bound);
    error Scenario_FloorBounds(uint256 column, bytes32 field, uint256 move, uint256 bound);
    error Scenario_ColumnRemoved(uint8 underlying);
    error Scenario_RateLimit(bytes32 direction, uint256 lossWad, uint256 previousWad, uint256 maxChange);
    error Scenario_AlreadyProposed(uint32 version);
    error Scenario_NothingProposed();
    error Scenario_NotReady(uint64 readyAt, uint256 time);
    error Scenario_ArraysMissing(uint32 version, uint32 underlying, uint64 expiry);
    error Scenario_NoTable();
    error Scenario_Bounds(bytes32 parameter, uint256 value, uint256 bound);
    error Scenario_ArraysAlreadySet(address arrays);
    error Scenario_NoCode(address arrays);

    /// @notice Proposes a table; restricted. The first one holds at once. Reverts with the first of: a bound of the table, an underlying of the
    ///         active table that is gone, a floor's move or a direction that changes faster than the limit.
    /// @return version Never used before, also not by a proposal that was withdrawn: arrays are kept by version.
    function propose(Table calldata table) external returns (uint32 version);

    /// @notice Takes the proposed table back; restricted.
    function withdrawProposal() external;

    /// @notice Lets the proposed table hold; anybody may once its time has come and every live expiry has arrays of it.
    function activate() external;

    /// @notice The table that holds: its version and the contract whose code is the packed table behind one byte; reverts where there is none.
    function active() external view returns (uint32 version, address pointer);

    /// @notice The proposed table, and from when it can be activated; zeros where there is none.
    function proposed() external view returns (uint32 version, address pointer, uint64 readyAt);

    /// @notice The table that holds, unpacked, without names; reverts where there is none.
    function table() external view returns (uint32 version, Table memory);

    /// @notice Sets delay and largest change, within bounds; restricted. A proposal that is there keeps its time.
    function setLimits(Limits calldata limits) external;

    /// @notice The contract that says whether every live expiry has arrays of a version; restricted, once.
    /// @dev Warning: while that contract reverts or names an expiry no table can be activated; nobody can exchange it.
    function setArrays(address arrays) external;

    function limits() external view returns (Limits memory);

    /// @notice Zero until it is set: then nothing is asked before a table is activated.
    function arrays() external view returns (address);
}
