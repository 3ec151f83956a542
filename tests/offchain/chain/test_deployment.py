"""The deployment file: written whole, read back, and refused where it is not whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ballast.chain.deployment import Deployment, write_atomically
from ballast.chain.local import LocalChain
from ballast.errors import UsageError

KEYS = {
    "chain_id",
    "start_block",
    "contracts",
    "tokens",
    "underlyings",
    "instruments",
    "feeds",
    "surface_signers",
}


def test_save__deployed_chain__has_the_keys_that_outside_programs_read(chain: LocalChain, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "local.json"
    chain.deployment.save(path)
    content = json.loads(path.read_text())
    assert content.keys() == KEYS
    assert content["contracts"]["Vault"] == content["contracts"]["Clearinghouse"]
    assert content["tokens"]["BTC"]["decimals"] == 8
    assert content["underlyings"] == {"BTC": 1, "ETH": 2, "SOL": 3}
    assert content["feeds"].keys() == {"USDC", "BTC", "ETH", "SOL"}
    assert content["instruments"]["ETH-PERP"] == 2 << 28 | 2 << 20
    assert content["surface_signers"] == [chain.governor]
    assert Deployment.load(path) == chain.deployment
    assert [entry.name for entry in path.parent.iterdir()] == ["local.json"]


def test_load__missing_file__says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no deployment file; run `ballast up`"):
        Deployment.load(tmp_path / "none.json")


@pytest.mark.parametrize("part", [0.0, 0.3, 0.9])
def test_load__half_written__is_refused(chain: LocalChain, tmp_path: Path, part: float) -> None:
    path = tmp_path / "local.json"
    chain.deployment.save(path)
    text = path.read_text()
    path.write_text(text[: int(len(text) * part)])
    with pytest.raises(UsageError, match="not a whole deployment file"):
        Deployment.load(path)


def test_load__missing_contract__is_named(chain: LocalChain, tmp_path: Path) -> None:
    path = tmp_path / "local.json"
    content = chain.deployment.model_dump()
    del content["contracts"]["Clearinghouse"]
    path.write_text(json.dumps(content))
    with pytest.raises(UsageError, match=r"contracts\.Clearinghouse: missing"):
        Deployment.load(path)


def test_load__unknown_field__is_named(chain: LocalChain, tmp_path: Path) -> None:
    path = tmp_path / "local.json"
    path.write_text(json.dumps(chain.deployment.model_dump() | {"extra": 1}))
    with pytest.raises(UsageError, match="extra"):
        Deployment.load(path)


def test_write_atomically__place_that_cannot_be_written__is_refused(tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("")
    with pytest.raises(UsageError, match=r"file\.json: cannot be written \(.*\); give another place"):
        write_atomically(tmp_path / "occupied" / "file.json", "")
