"""The contracts' own pure functions, callable: compiled here, for comparison with the twin."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from web3.contract import Contract

from ballast.chain.anvil import Anvil
from ballast.chain.rpc import connect

ROOT = Path(__file__).parents[3]
SOURCE = """
pragma solidity 0.8.30;

import {FixedPointMathLib} from "solady/src/utils/FixedPointMathLib.sol";
import {IListing} from "contracts/interfaces/IListing.sol";
import {Interest} from "contracts/ledger/Interest.sol";
import {LedgerStorage} from "contracts/ledger/LedgerStorage.sol";
import {Perpetual} from "contracts/markets/Perpetual.sol";

contract Probe {
    LedgerStorage.Bank private _bank;

    function expWad(int256 x) external pure returns (int256) {
        return FixedPointMathLib.expWad(x);
    }

    function accrue(LedgerStorage.MarketHot memory hot, uint256 index, uint32 period)
        external
        view
        returns (LedgerStorage.MarketHot memory)
    {
        IListing.PremiumConfig memory config;
        config.fundingPeriod = period;
        return Perpetual.accrue(hot, index, config);
    }

    function mark(uint256 index, int256 premium) external pure returns (uint256) {
        return Perpetual.mark(index, premium);
    }

    function profit(LedgerStorage.MarketHot memory hot, int256 size, int256 quote, uint256 markWad)
        external
        pure
        returns (int256)
    {
        return Perpetual.profit(hot, size, quote, markWad);
    }

    function indices(LedgerStorage.Bank memory bank) external returns (uint256, uint256) {
        _bank = bank;
        return Interest.indices(_bank);
    }

    function amountOf(int256 shares, uint256 depositIndex, uint256 borrowIndex) external pure returns (int256) {
        return Interest.amountOf(shares, depositIndex, borrowIndex);
    }

    function time() external view returns (uint256) {
        return block.timestamp;
    }
}
"""


def _compile() -> tuple[list[dict[str, Any]], str]:
    (compiler,) = (Path(sys.prefix) / "solcx").glob("solc-v0.8.30")
    question = {
        "language": "Solidity",
        "sources": {"Probe.sol": {"content": SOURCE}},
        "settings": {
            "evmVersion": "cancun",
            "optimizer": {"enabled": True, "runs": 1},
            "remappings": [
                "@openzeppelin/contracts=node_modules/@openzeppelin/contracts",
                "solady=node_modules/solady",
            ],
            "outputSelection": {"Probe.sol": {"Probe": ["abi", "evm.bytecode.object"]}},
        },
    }
    answer = subprocess.run(
        [compiler, "--standard-json", "--base-path", str(ROOT)],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    output = json.loads(answer.stdout)
    assert "contracts" in output, output["errors"]
    found = output["contracts"]["Probe.sol"]["Probe"]
    return found["abi"], "0x" + found["evm"]["bytecode"]["object"]


@contextmanager
def probe() -> Iterator[Contract]:
    """A deployed probe on a node of its own; failing calls raise ``ContractError``."""
    abi, bytecode = _compile()
    with Anvil() as node:
        w3 = connect(node.url)
        receipt = w3.eth.wait_for_transaction_receipt(
            w3.eth.contract(abi=abi, bytecode=bytecode).constructor().transact({"from": w3.eth.accounts[0]})
        )
        yield w3.eth.contract(address=receipt["contractAddress"], abi=abi)
