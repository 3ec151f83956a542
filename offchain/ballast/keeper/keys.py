"""Keys of a keeper: a new keystore, or an account of a local chain. Never a raw key."""

from __future__ import annotations

import json
import os
from pathlib import Path

from eth_account import Account

from ballast.chain.signers import KeySigner, anvil_accounts
from ballast.errors import UsageError

__all__ = ["LOCAL_CHAIN", "create_keystore", "local_signer", "read_passphrase_file"]

#: Chain id on which anvil's accounts may sign by number.
LOCAL_CHAIN = 31337
_LOCAL_ACCOUNTS = 10


def create_keystore(path: Path, passphrase: str) -> str:
    """Makes a new key and writes it encrypted, readable by its owner only; returns its address.

    ``UsageError`` where something is there already, or the passphrase is empty.
    """
    if not passphrase:
        raise UsageError(f"keystore {path}: empty passphrase; whoever has the file had the key")
    account = Account.create()
    content = Account.encrypt(account.key, passphrase)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"keystore {path}: is there already; name another file") from None
    except OSError as error:
        raise UsageError(f"keystore {path}: cannot be written: {error}") from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(json.dumps(content, indent=1) + "\n")
    return str(account.address)


def read_passphrase_file(path: Path) -> str:
    """The content of a file without its line end; ``UsageError`` where there is none."""
    try:
        found = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"passphrase file {path}: cannot be read ({error})") from None
    if not found:
        raise UsageError(f"passphrase file {path}: is empty; write the passphrase into it")
    return found


def local_signer(number: int, chain_id: int) -> KeySigner:
    """Anvil's account ``number``; ``UsageError`` on any chain but a local one."""
    if chain_id != LOCAL_CHAIN:
        raise UsageError(
            f"account {number}: accounts go by number on chain {LOCAL_CHAIN} only, this is"
            f" {chain_id}; give a keystore file or an ape alias"
        )
    if number >= _LOCAL_ACCOUNTS:
        raise UsageError(f"account {number}: a local chain has accounts 0 to {_LOCAL_ACCOUNTS - 1}")
    return KeySigner(anvil_accounts()[number])
