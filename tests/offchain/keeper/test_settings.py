"""Settings: where each comes from, and one line for what is wrong."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from ballast.errors import UsageError
from ballast.keeper.init import template, write_config
from ballast.keeper.keys import create_keystore, local_signer, read_passphrase_file
from ballast.keeper.settings import KeeperSettings
from ballast.units import WAD


def _write(folder: Path, text: str) -> Path:
    path = folder / "keeper.toml"
    path.write_text(text)
    return path


def test_load__nothing_given__has_defaults() -> None:
    settings = KeeperSettings.load()
    assert settings == KeeperSettings.load(account=None)
    assert (settings.min_profit, settings.tolerance, settings.largest_fraction) == (
        WAD,
        WAD // 4,
        WAD,
    )
    assert (settings.max_fee, settings.priority_fee) == (500 * 10**9, None)


def test_load__file_environment_option__the_later_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _write(tmp_path, 'min_profit_usdc = "2"\nmax_per_block = 4\nmax_fee_gwei = 0.5\n')
    settings = KeeperSettings.load(path)
    assert (settings.min_profit, settings.max_per_block) == (2 * WAD, 4)
    assert settings.max_fee == 5 * 10**8
    monkeypatch.setenv("BALLAST_KEEPER_MIN_PROFIT_USDC", "3")
    monkeypatch.setenv("BALLAST_KEEPER_DUTIES", "settle, sync")
    settings = KeeperSettings.load(path)
    assert (settings.min_profit, settings.duties) == (3 * WAD, ("settle", "sync"))
    assert KeeperSettings.load(path, min_profit_usdc="-4.5").min_profit == -45 * WAD // 10


def test_load__paths_in_the_file__are_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "key.json").touch()
    path = _write(tmp_path, 'deployment = "d/local.json"\naccount = "key.json"\n')
    settings = KeeperSettings.load(path)
    assert settings.deployment == tmp_path / "d" / "local.json"
    assert settings.account == str(tmp_path / "key.json")
    assert KeeperSettings.load(_write(tmp_path, 'account = "alias"')).account == "alias"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("min_profit_usdc = \n", r"keeper\.toml: not TOML: .*line 1"),
        ('min_profit_usdc = "much"', r"keeper\.toml: min_profit_usdc: .*decimal"),
        ("min_profit_usdc = nan", r"keeper\.toml: min_profit_usdc: .*finite"),
        ('private_key = "0x12"', r"keeper\.toml: private_key: unknown; a keeper has rpc, "),
        ('duties = ["rob"]', r"keeper\.toml: duties: .*'liquidate', 'sync' or 'settle'"),
        ("account_index = 256", r"keeper\.toml: account_index: .*less than or equal to 255"),
        ("max_fraction = 0", r"keeper\.toml: max_fraction: .*greater than 0"),
        ('tag = "safe"', r"keeper\.toml: tag: .*'auto', 'pending' or 'latest'"),
    ],
)
def test_load__wrong_file__one_line_says_where(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        KeeperSettings.load(_write(tmp_path, text))
    assert re.search(message, str(caught.value)), caught.value
    assert "\n" not in str(caught.value)


def test_load__wrong_variable_or_option__is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"^--account-index: "):
        KeeperSettings.load(account_index=300)
    monkeypatch.setenv("BALLAST_KEEPER_POLL_SECONDS", "-1")
    with pytest.raises(UsageError, match=r"^environment: BALLAST_KEEPER_POLL_SECONDS: "):
        KeeperSettings.load()


def test_load__variable_that_is_none__is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was meant would be lost without a word."""
    monkeypatch.setenv("BALLAST_KEEPER_MIN_PROFIT", "5")
    with pytest.raises(UsageError, match=r"^environment: BALLAST_KEEPER_MIN_PROFIT: unknown; .*min_profit_usdc"):
        KeeperSettings.load()


def test_load__no_such_file__says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="`ballast keeper init` writes one"):
        KeeperSettings.load(tmp_path / "keeper.toml")


def test_template__as_written__is_the_defaults(tmp_path: Path) -> None:
    text = template()
    assert KeeperSettings.load(_write(tmp_path, text)) == KeeperSettings.load()
    shown = re.findall(r"^(?:# )?([a-z_]+) = ", text, re.MULTILINE)
    assert shown == list(KeeperSettings.model_fields)


def test_template__every_example_uncommented__loads(tmp_path: Path) -> None:
    text = re.sub(r"^# ([a-z_]+ = )", r"\1", template(), flags=re.MULTILINE)
    settings = KeeperSettings.load(_write(tmp_path, text))
    assert settings.rpc == "http://127.0.0.1:8545"
    assert settings.native_price_usdc == Decimal(3000)


def test_write_config__file_is_there__is_kept_unless_forced(tmp_path: Path) -> None:
    path = tmp_path / "conf" / "keeper.toml"
    write_config(path, {"chain_id": 84532}, force=False)
    assert KeeperSettings.load(path).chain_id == 84532
    with pytest.raises(UsageError, match="is there already"):
        write_config(path, {}, force=False)
    assert KeeperSettings.load(path).chain_id == 84532
    write_config(path, {}, force=True)
    assert KeeperSettings.load(path).chain_id is None


def test_create_keystore__new_key__is_encrypted_and_private(tmp_path: Path) -> None:
    from eth_account import Account

    path = tmp_path / "keeper.json"
    address = create_keystore(path, "secret words")
    assert path.stat().st_mode & 0o777 == 0o600
    key = Account.decrypt(path.read_text(), "secret words")
    assert Account.from_key(key).address == address
    with pytest.raises(UsageError, match="is there already"):
        create_keystore(path, "secret words")
    with pytest.raises(UsageError, match="empty passphrase"):
        create_keystore(tmp_path / "other.json", "")
    assert not (tmp_path / "other.json").exists()


def test_read_passphrase_file__first_to_last__without_line_end(tmp_path: Path) -> None:
    path = tmp_path / "pass"
    path.write_text(" secret words \n")
    assert read_passphrase_file(path) == " secret words "
    path.write_text("\n")
    with pytest.raises(UsageError, match="is empty"):
        read_passphrase_file(path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_passphrase_file(tmp_path / "none")


def test_local_signer__number__on_local_chains_only() -> None:
    assert local_signer(1, 31337).address == "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
    with pytest.raises(UsageError, match="on chain 31337 only, this is 1"):
        local_signer(1, 1)
    with pytest.raises(UsageError, match="accounts 0 to 9"):
        local_signer(10, 31337)
