// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAggregatorV3} from "../interfaces/IAggregatorV3.sol";

/// @title A two-hop feed as Chainlink's proxies are: it forwards to the aggregator of the current phase and marks round ids with it
/// @dev Storage reads are those of Chainlink's: the phase's slot, and an access controller's on the way.
contract PhaseProxy {
    struct Phase {
        uint16 id;
        IAggregatorV3 aggregator;
    }

    address public accessController;
    Phase private _phase;
    mapping(uint16 phase => IAggregatorV3) public phaseAggregators;

    constructor(IAggregatorV3 aggregator_) {
        confirmAggregator(aggregator_);
    }

    function confirmAggregator(IAggregatorV3 aggregator_) public {
        uint16 id = _phase.id + 1;
        _phase = Phase(id, aggregator_);
        phaseAggregators[id] = aggregator_;
    }

    function aggregator() external view returns (address) {
        return address(_phase.aggregator);
    }

    function decimals() external view returns (uint8) {
        return _phase.aggregator.decimals();
    }

    function description() external view returns (string memory) {
        return _phase.aggregator.description();
    }

    function latestRoundData()
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound)
    {
        require(accessController == address(0), "No access");
        Phase memory phase = _phase;
        (roundId, answer, startedAt, updatedAt, answeredInRound) = phase.aggregator.latestRoundData();
        roundId = _mark(phase.id, roundId);
        answeredInRound = _mark(phase.id, answeredInRound);
    }

    function getRoundData(uint80 id)
        external
        view
        returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound)
    {
        require(accessController == address(0), "No access");
        uint16 phase = uint16(id >> 64);
        (roundId, answer, startedAt, updatedAt, answeredInRound) = phaseAggregators[phase].getRoundData(uint64(id));
        roundId = _mark(phase, roundId);
        answeredInRound = _mark(phase, answeredInRound);
    }

    function _mark(uint16 phase, uint80 id) private pure returns (uint80) {
        return (uint80(phase) << 64) | uint64(id);
    }
}
