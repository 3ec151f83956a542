"""Who signs transactions: a keystore file, a key in memory, or an account that a local node holds.

There is no way to hand over a raw key on a command line.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import is_hex_address, to_checksum_address
from web3.types import TxParams

from ballast.chain.anvil import DEFAULT_MNEMONIC
from ballast.errors import UsageError

__all__ = [
    "KeySigner",
    "Signed",
    "Signer",
    "UnlockedSigner",
    "anvil_accounts",
    "keystore_address",
    "load_keystore",
    "open_keystore",
]

_RAW_KEY = re.compile(r"(0x)?[0-9a-fA-F]{64}")


@dataclass(frozen=True)
class Signed:
    """``raw`` is None where the node signs while sending; then the hash is known only
    afterwards."""

    hash: str | None
    raw: bytes | None


class Signer(Protocol):
    """Signs for one address."""

    @property
    def address(self) -> str: ...

    def sign(self, tx: TxParams) -> Signed: ...


class KeySigner:
    """Signs with a key in memory."""

    def __init__(self, account: LocalAccount) -> None:
        self._account = account

    @property
    def address(self) -> str:
        return str(self._account.address)

    def sign(self, tx: TxParams) -> Signed:
        signed = self._account.sign_transaction(cast(dict[str, Any], {k: v for k, v in tx.items() if k != "from"}))
        return Signed("0x" + signed.hash.hex().removeprefix("0x"), bytes(signed.raw_transaction))


class UnlockedSigner:
    """An account that the node itself signs for: anvil's own, and on a rehearsal an impersonated
    one."""

    def __init__(self, address: str) -> None:
        self._address = address

    @property
    def address(self) -> str:
        return self._address

    def sign(self, tx: TxParams) -> Signed:
        return Signed(None, None)


def anvil_accounts(count: int = 10, mnemonic: str = DEFAULT_MNEMONIC) -> list[LocalAccount]:
    """The first ``count`` accounts of a development mnemonic."""
    Account.enable_unaudited_hdwallet_features()
    return [Account.from_mnemonic(mnemonic, account_path=f"m/44'/60'/0'/0/{at}") for at in range(count)]


def load_keystore(account: str, *, ape_folder: Path | None = None) -> tuple[Path, dict[str, Any]]:
    """The keystore file behind a path or an alias of ape's accounts, and its content.

    ``UsageError`` where there is none, or it is not a keystore.
    """
    folder = ape_folder if ape_folder is not None else Path.home() / ".ape" / "accounts"
    if _RAW_KEY.fullmatch(account):  # not to be repeated, here or in a log
        raise UsageError("account: a raw private key is never taken; give a keystore file or an alias of ape accounts")
    path = Path(account)
    if not path.is_file():
        path = folder / f"{account}.json"
    if "/" in account and not Path(account).is_file():
        raise UsageError(f"account {account}: no such file; give a keystore file or an alias of ape accounts")
    if not path.is_file():
        known = ", ".join(sorted(found.stem for found in folder.glob("*.json"))) or "none"
        raise UsageError(f"account {account}: no file and no alias of ape accounts (there: {known})")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UsageError(f"account {path}: not JSON; give a keystore file") from None
    if not isinstance(content, dict) or not {"crypto", "Crypto"} & content.keys():
        raise UsageError(f"account {path}: not a keystore (no field `crypto`); make one with `ape accounts generate`")
    return path, content


def keystore_address(account: str) -> str | None:
    """The address that a keystore names without being unlocked; None where it names none."""
    _, content = load_keystore(account)
    address = str(content.get("address", ""))
    digits = address.removeprefix("0x")
    return to_checksum_address("0x" + digits) if is_hex_address("0x" + digits) else None


def open_keystore(path: Path, content: dict[str, Any], passphrase: str) -> KeySigner:
    """Unlocks a keystore; ``UsageError`` where the passphrase is wrong or the file is damaged."""
    try:
        key = Account.decrypt(content, passphrase)
    except ValueError as error:
        if "MAC" in str(error):
            raise UsageError(f"account {path}: wrong passphrase") from None
        raise UsageError(f"account {path}: damaged keystore ({error})") from None
    except (KeyError, TypeError, NotImplementedError) as error:
        raise UsageError(f"account {path}: damaged keystore ({error!r})") from None
    return KeySigner(Account.from_key(key))
