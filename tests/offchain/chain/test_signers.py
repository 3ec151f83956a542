"""Keystores: found by path or alias, unlocked by passphrase, refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from ballast.chain.signers import anvil_accounts, keystore_address, load_keystore, open_keystore
from ballast.errors import UsageError

KEY = "0x" + "11" * 32
ADDRESS = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"


@pytest.fixture(scope="module")
def keystore() -> dict[str, Any]:
    content: dict[str, Any] = Account.encrypt(KEY, "secret", kdf="pbkdf2", iterations=100)
    return content


def test_open_keystore__right_passphrase__signs_as_its_address(keystore: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    path.write_text(json.dumps(keystore))
    assert keystore_address(str(path)) == ADDRESS
    signer = open_keystore(*load_keystore(str(path)), "secret")
    assert signer.address == ADDRESS
    signed = signer.sign(
        {
            "to": ADDRESS,  # type: ignore[typeddict-item]
            "nonce": 0,  # type: ignore[typeddict-item]
            "gas": 21_000,
            "value": 0,  # type: ignore[typeddict-item]
            "chainId": 1,
            "maxFeePerGas": 1,  # type: ignore[typeddict-item]
            "maxPriorityFeePerGas": 1,  # type: ignore[typeddict-item]
        }
    )
    assert signed.raw is not None
    assert Account.recover_transaction(signed.raw) == ADDRESS


def test_load_keystore__alias__is_found_in_apes_folder(keystore: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "deployer.json").write_text(json.dumps(keystore))
    path, content = load_keystore("deployer", ape_folder=tmp_path)
    assert path == tmp_path / "deployer.json"
    assert content == keystore


def test_load_keystore__unknown_alias__lists_those_there(keystore: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "deployer.json").write_text(json.dumps(keystore))
    with pytest.raises(UsageError, match=r"no file and no alias .*\(there: deployer\)"):
        load_keystore("nobody", ape_folder=tmp_path)


@pytest.mark.parametrize("prefix", ["", "0x"])
def test_load_keystore__raw_key__is_not_repeated(prefix: str, tmp_path: Path) -> None:
    key = "ab" * 32
    with pytest.raises(UsageError, match="a raw private key is never taken") as caught:
        load_keystore(prefix + key, ape_folder=tmp_path)
    assert key not in str(caught.value)


def test_open_keystore__wrong_passphrase__says_so(keystore: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="wrong passphrase"):
        open_keystore(tmp_path / "key.json", keystore, "other")


@pytest.mark.parametrize("text", ["", "not json", "[]", "{}", '"0x11"'])
def test_load_keystore__not_a_keystore__is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"not JSON|not a keystore"):
        load_keystore(str(path))


def test_open_keystore__damaged__is_refused(keystore: dict[str, Any], tmp_path: Path) -> None:
    damaged = json.loads(json.dumps(keystore))
    del damaged["crypto"]["kdfparams"]
    with pytest.raises(UsageError, match="damaged keystore"):
        open_keystore(tmp_path / "key.json", damaged, "secret")


def test_anvil_accounts__default_mnemonic__are_the_well_known_ones() -> None:
    first, second = anvil_accounts(2)
    assert first.address == "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    assert second.address == "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
