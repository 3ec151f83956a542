"""Only what changed is compiled, and artifacts hold what they should."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ballast.errors import BuildError, UsageError
from scripts._build.artifacts import oversized, select, write
from scripts._build.compiler import Compiler, find_compiler
from scripts._build.settings import load_settings
from scripts._build.sources import SourceTree
from scripts._build.units import Cache, Contract, Unit, compile_unit, plan_units

SETTINGS = load_settings()
HEAD = "// SPDX-License-Identifier: MIT\npragma solidity 0.8.30;\n"
SOURCES = {
    "contracts/One.sol": 'import "./Math.sol"; contract One { uint256 public x = Math.two(); }',
    "contracts/Two.sol": "contract Two { error Two_No(); function f() external pure {} }",
    "contracts/Math.sol": "library Math { function two() internal pure returns (uint256) { return 2; } }",
    "contracts/Base.sol": "abstract contract Base { function g() external virtual; }",
    "contracts/IOne.sol": "interface IOne { function x() external view returns (uint256); }",
    "contracts/ITwo.sol": "interface ITwo { function f() external; }",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in SOURCES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(HEAD + text)
    return tmp_path


@pytest.fixture(scope="module")
def compiler() -> Compiler:
    return find_compiler(SETTINGS)


def plan(root: Path) -> dict[tuple[str, ...], Unit]:
    return {unit.targets: unit for unit in plan_units(SourceTree(root, ()), SOURCES)}


def keys(root: Path) -> dict[tuple[str, ...], str]:
    settings = SETTINGS.standard_json()
    return {targets: unit.key("0.8.30", settings) for targets, unit in plan(root).items()}


def test_plan_units__mixed_files__one_unit_per_contract_and_one_for_interfaces(root: Path) -> None:
    assert set(plan(root)) == {
        ("contracts/One.sol",),
        ("contracts/Two.sol",),
        ("contracts/IOne.sol", "contracts/ITwo.sol"),
    }


def test_key__imported_source_changes__only_units_that_see_it_change(root: Path) -> None:
    before = keys(root)
    (root / "contracts/Math.sol").write_text(HEAD + SOURCES["contracts/Math.sol"] + "// x")
    after = keys(root)
    changed = {targets for targets, key in after.items() if before[targets] != key}
    assert changed == {("contracts/One.sol",)}


def test_key__settings_or_compiler_change__every_unit_changes(root: Path) -> None:
    unit = plan(root)["contracts/Two.sol",]
    settings = SETTINGS.standard_json()
    other = replace(SETTINGS, runs=SETTINGS.runs + 1).standard_json()
    assert len({unit.key("a", settings), unit.key("b", settings), unit.key("a", other)}) == 3


def test_compile_unit__contract_with_import__gives_working_artifact(root: Path, compiler: Compiler) -> None:
    contracts, warnings = compile_unit(compiler, plan(root)["contracts/One.sol",])
    (one,) = contracts
    assert (one.name, one.kind, warnings) == ("One", "contract", [])
    assert [entry["name"] for entry in one.abi] == ["x"]
    assert 0 < one.size < len(one.bytecode) // 2


def test_compile_unit__broken_source__error_shows_file_and_line(root: Path, compiler: Compiler) -> None:
    (root / "contracts/Two.sol").write_text(HEAD + "contract Two { uint256 x = y; }")
    with pytest.raises(BuildError, match=r"(?s)Undeclared identifier.*contracts/Two.sol:3"):
        compile_unit(compiler, plan(root)["contracts/Two.sol",])


def test_cache__stored_then_damaged__loads_then_misses(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    contracts = [made("A", "contract", size=3)]
    cache.store("k", contracts)
    assert cache.load("k") == contracts
    assert cache.load("other") is None
    (tmp_path / "k.json").write_text('[{"name": "A"')
    assert cache.load("k") is None


def made(name: str, kind: str, *, size: int = 0, source: str = "", links: bool = False) -> Contract:
    return Contract(
        kind=kind,
        name=name,
        source=source or f"contracts/{name}.sol",
        abi=[{"type": "function", "name": "f"}] if kind != "library" else [],
        bytecode="0x" + "00" * size,
        size=size,
        link_references={"contracts/L.sol": {"L": [{"start": 0, "length": 20}]}} if links else {},
    )


def test_select__every_kind__abstract_and_internal_libraries_are_left_out() -> None:
    contracts = [
        made("C", "contract", size=1),
        made("A", "abstract"),
        made("L", "library", size=1),
        made("I", "interface"),
    ]
    assert [contract.name for contract in select(contracts)] == ["C", "I"]


def test_select__contract_in_front_of_others__has_its_interfaces_functions_once() -> None:
    def function(name: str, parameter: str) -> dict[str, Any]:
        return {"type": "function", "name": name, "inputs": [{"name": parameter, "type": "uint256"}]}

    front = replace(made("Clearinghouse", "contract", size=1), abi=[function("own", ""), function("shared", "")])
    answered = [function("shared", "account"), function("viewed", "account")]
    interface = replace(made("IClearinghouse", "interface"), abi=answered)
    found = {contract.name: contract for contract in select([front, interface])}
    assert found["Clearinghouse"].abi == [function("own", ""), *answered]
    assert found["IClearinghouse"].abi == answered


def test_select__same_name_twice__error_names_both_files() -> None:
    twice = [made("C", "contract", source=f"contracts/{folder}/C.sol") for folder in ("a", "b")]
    with pytest.raises(BuildError, match=r"contracts/b/C.sol: C is also in contracts/a/C.sol"):
        select(twice)


def test_select__external_library_call__is_refused() -> None:
    with pytest.raises(BuildError, match="C calls L from outside"):
        select([made("C", "contract", size=1, links=True)])


def test_oversized__above_the_limit__reported_except_in_contracts_test() -> None:
    contracts = [
        made("Fits", "contract", size=24_576),
        made("Large", "contract", size=24_577),
        made("Harness", "contract", size=30_000, source="contracts/test/Harness.sol"),
    ]
    assert [contract.name for contract in oversized(contracts)] == ["Large"]


def test_write__changed_and_removed_contracts__folder_holds_exactly_the_rest(
    tmp_path: Path,
) -> None:
    first, second = made("A", "contract", size=1), made("B", "contract", size=2)
    assert write([first, second], tmp_path) == 2
    assert write([first, second], tmp_path) == 0
    assert write([replace(first, bytecode="0xff")], tmp_path) == 2
    assert json.loads((tmp_path / "A.json").read_text()) == {"abi": first.abi, "bytecode": "0xff"}
    assert [path.name for path in tmp_path.iterdir()] == ["A.json"]


def test_find_compiler__version_that_is_not_installed__usage_error_says_how() -> None:
    with pytest.raises(UsageError, match=r"solc 0\.4\.99: .*run `make setup`"):
        find_compiler(replace(SETTINGS, version="0.4.99"))


def test_load_settings__field_missing__usage_error_names_file_and_field(tmp_path: Path) -> None:
    config = tmp_path / "ape-config.yaml"
    config.write_text("solidity:\n  version: 0.8.30\n  import_remapping: []\n")
    with pytest.raises(UsageError, match=r"ape-config.yaml: solidity: KeyError\('evm_version'\)"):
        load_settings(config)
    with pytest.raises(UsageError, match=r"nothing\.yaml: not found"):
        load_settings(tmp_path / "nothing.yaml")
