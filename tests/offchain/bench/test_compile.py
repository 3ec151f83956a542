"""Compiling out of node_modules: which sources are read, and when nothing is compiled."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ballast.bench.compile import PeerError, Unit, compile_unit, package_version
from ballast.errors import UsageError

UNIT = Unit(
    name="unit",
    compiler="solc",
    settings={"optimizer": {"enabled": False}, "evmVersion": "cancun"},
    contracts={"Main": "own/main/Main.sol", "Far": "own/lib/Far.sol"},
    remappings={"far/": "wrong/", "far/lib/": "own/lib/"},
)
MAIN = """
// SPDX-License-Identifier: MIT
pragma solidity ^0.8.0;
// import "absent/Commented.sol";
/* import "absent/Also.sol"; */
import {
    Near
} from './../main//Near.sol';
import {Far} from "far/lib/Far.sol";
contract Main is Near { function f() external pure returns (uint256) { return Far.f(); } }
"""
NEAR = "// SPDX-License-Identifier: MIT\npragma solidity ^0.8.0;\ncontract Near {}\n"
FAR = (
    "// SPDX-License-Identifier: MIT\npragma solidity ^0.8.0;\n"
    "library Far { function f() external pure returns (uint256) { return 7; } }\n"
)


@pytest.fixture
def unit(tmp_path: Path) -> Unit:
    """Three sources with relative, remapped and commented-out imports."""
    root = tmp_path / "own"
    for path, text in (("main/Main.sol", MAIN), ("main/Near.sol", NEAR), ("lib/Far.sol", FAR)):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return replace(UNIT, roots={"own/": root})


def test_compile_unit__unchanged_sources__compiled_once(unit: Unit, scratch_project: Path) -> None:
    compiled: list[str] = []
    first = compile_unit(unit, scratch_project, on_compile=compiled.append)
    second = compile_unit(unit, scratch_project, on_compile=compiled.append)
    assert len(compiled) == 1
    assert "3 sources" in compiled[0]
    assert first == second
    assert list(first["Main"].links) == ["own/lib/Far.sol:Far"]
    assert first["Main"].abi[0]["name"] == "f"


def test_compile_unit__imported_source_changed__compiled_anew(unit: Unit, scratch_project: Path) -> None:
    before = compile_unit(unit, scratch_project)
    (unit.roots["own/"] / "lib/Far.sol").write_text(FAR.replace("return 7", "return 8"))
    after = compile_unit(unit, scratch_project)
    assert before["Far"].bytecode != after["Far"].bytecode


def test_compile_unit__settings_changed__compiled_anew(unit: Unit, scratch_project: Path) -> None:
    compiled: list[str] = []
    compile_unit(unit, scratch_project, on_compile=compiled.append)
    optimized = replace(unit, settings={"optimizer": {"enabled": True, "runs": 1}})
    compile_unit(optimized, scratch_project, on_compile=compiled.append)
    assert len(compiled) == 2


def test_compile_unit__source_missing__names_it(unit: Unit, scratch_project: Path) -> None:
    (unit.roots["own/"] / "lib/Far.sol").unlink()
    with pytest.raises(UsageError, match=r"unit: source .*Far\.sol is missing"):
        compile_unit(unit, scratch_project)


def test_compile_unit__source_broken__reports_first_error(unit: Unit, scratch_project: Path) -> None:
    (unit.roots["own/"] / "lib/Far.sol").write_text(FAR.replace("return 7;", "return x;"))
    with pytest.raises(PeerError, match=r"unit: 1 compile error.*Undeclared identifier"):
        compile_unit(unit, scratch_project)
    assert not (scratch_project / "build").exists()


def test_package_version__not_installed__says_what_to_run(scratch_project: Path) -> None:
    with pytest.raises(UsageError, match=r"npm package absent-package is not in .*make setup"):
        package_version(scratch_project, "absent-package")
