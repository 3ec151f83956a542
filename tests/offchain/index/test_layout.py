"""The transcribed storage layout against the compiler's own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ballast.index import layout
from ballast.index.layout import Field, Struct, mapping_slot

ROOT = Path(__file__).parents[3]
SOURCE = "contracts/ledger/LedgerStorage.sol"
PROBE = """
pragma solidity 0.8.30;
import {LedgerStorage} from "contracts/ledger/LedgerStorage.sol";
contract Probe is LedgerStorage { constructor() LedgerStorage(address(0)) {} }
"""


@pytest.fixture(scope="module")
def compiled() -> dict[str, Any]:
    """The compiler's ``storageLayout`` of a contract that only inherits the ledger's storage."""
    (compiler,) = (Path(sys.prefix) / "solcx").glob("solc-v0.8.30")
    question = {
        "language": "Solidity",
        "sources": {"Probe.sol": {"content": PROBE}},
        "settings": {
            "remappings": ["@openzeppelin/contracts=node_modules/@openzeppelin/contracts"],
            "outputSelection": {"Probe.sol": {"Probe": ["storageLayout"]}},
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
    found: dict[str, Any] = output["contracts"]["Probe.sol"]["Probe"]["storageLayout"]
    return found


def _fields(compiled: dict[str, Any], members: list[dict[str, Any]], first: int = 0) -> dict[str, Field]:
    found: dict[str, Field] = {}
    for member in members:
        kind = compiled["types"][member["type"]]
        slot = first + int(member["slot"])
        if "members" in kind:
            for name, field in _fields(compiled, kind["members"], slot).items():
                found[f"{member['label']}.{name}"] = field
        else:
            label = "uint256" if kind["encoding"] == "mapping" else kind["label"]
            found[member["label"]] = Field(slot, member["offset"], label)
    return found


def _struct(compiled: dict[str, Any], name: str) -> list[dict[str, Any]]:
    kind = next(t for t in compiled["types"].values() if t["label"] == f"struct LedgerStorage.{name}")
    members: list[dict[str, Any]] = kind["members"]
    return members


def test_globals__every_slot__as_the_compiler_lays_it_out(compiled: dict[str, Any]) -> None:
    assert layout.GLOBALS.fields == _fields(compiled, compiled["storage"])


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("Header", layout.ACCOUNT_HEADER),
        ("Bank", layout.BANK),
        ("Market", layout.MARKET),
        ("OperatorGrant", layout.OPERATOR),
    ],
)
def test_struct__every_field__as_the_compiler_lays_it_out(compiled: dict[str, Any], name: str, ours: Struct) -> None:
    assert ours.fields == _fields(compiled, _struct(compiled, name))
    kind = next(t for t in compiled["types"].values() if t["label"] == f"struct LedgerStorage.{name}")
    assert ours.words == int(kind["numberOfBytes"]) // 32


def test_account__arrays__begin_where_the_compiler_puts_them(compiled: dict[str, Any]) -> None:
    slots = {member["label"]: int(member["slot"]) for member in _struct(compiled, "Account")}
    assert slots == {
        "header": 0,
        "balances": layout.ACCOUNT_BALANCES,
        "sizes": layout.ACCOUNT_SIZES,
        "quotes": layout.ACCOUNT_QUOTES,
        "series": layout.ACCOUNT_SERIES,
        "options": layout.ACCOUNT_OPTIONS,
    }


def test_field__signed_and_packed__reads_its_own_bits() -> None:
    struct = Struct({"low": "int64", "high": "uint64", "flag": "bool", "next": "address"})
    words = [(1 << 128) | (5 << 64) | (2**64 - 3), 2**160 - 1]
    assert struct.words == 1 + 1
    assert struct.read(words) == {"low": -3, "high": 5, "flag": 1, "next": 2**160 - 1}


def test_mapping_slot__known_value__keccak_of_key_and_slot() -> None:
    # keccak256(abi.encode(uint256(1), uint256(0)))
    expected = 0xADA5013122D395BA3C54772283FB069B10426056EF8CA54750CB9BB552A59E7D
    assert mapping_slot(1, 0) == expected
