"""Settings come from the environment and are named in their errors."""

from __future__ import annotations

import pytest

from ballast.config import load_settings
from ballast.errors import UsageError


def test_load_settings__variables_set__are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BALLAST_RPC", "http://127.0.0.1:9999")
    monkeypatch.setenv("BALLAST_PASSPHRASE", "secret")
    found = load_settings()
    assert found.rpc == "http://127.0.0.1:9999"
    assert "secret" not in repr(found)


def test_load_settings__empty_variable__counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BALLAST_RPC", "")
    assert load_settings().rpc is None


def test_load_settings__bad_value__names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BALLAST_RPC_TIMEOUT", "soon")
    with pytest.raises(UsageError, match="BALLAST_RPC_TIMEOUT"):
        load_settings()
