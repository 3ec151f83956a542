"""Artifacts come from the package, and say what to do when they are not there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ballast.chain import artifacts
from ballast.chain.artifacts import artifact, artifact_names
from ballast.errors import UsageError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty artifact folder in place of the package's own."""
    monkeypatch.setattr(artifacts, "_FOLDER", tmp_path / "abi")
    artifact.cache_clear()
    yield tmp_path / "abi"
    artifact.cache_clear()


def test_artifact__built_contract__has_abi_and_bytecode() -> None:
    made = artifact("Clearinghouse")
    functions = {entry["name"] for entry in made["abi"] if entry["type"] == "function"}
    assert {"deposit", "withdraw", "fill", "liquidate", "health"} <= functions
    assert len(bytes.fromhex(made["bytecode"].removeprefix("0x"))) > 1000


def test_artifact__interface__has_no_bytecode() -> None:
    assert artifact("IOracleRouter")["bytecode"] == "0x"


def test_artifact_names__after_the_build__lists_ours_and_what_we_deploy_of_others() -> None:
    assert {"AccessManager", "Clearinghouse", "IOracleRouter"} <= set(artifact_names())


def test_artifact__nothing_built__usage_error_says_how(folder: Path) -> None:
    assert artifact_names() == []
    with pytest.raises(UsageError, match=r"artifact Vault: contracts are not built; run `make"):
        artifact("Vault")


def test_artifact__unknown_name__usage_error_counts_what_is_there(folder: Path) -> None:
    folder.mkdir()
    (folder / "Other.json").write_text('{"abi": [], "bytecode": "0x"}')
    with pytest.raises(UsageError, match="artifact Vault: no such contract among the 1 built"):
        artifact("Vault")


@pytest.mark.parametrize("content", ["", '{"abi": [', '{"abi": []}', "[]"])
def test_artifact__half_a_file__usage_error_names_it(folder: Path, content: str) -> None:
    folder.mkdir()
    (folder / "Vault.json").write_text(content)
    with pytest.raises(UsageError, match="artifact Vault: damaged file"):
        artifact("Vault")
