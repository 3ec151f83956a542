"""Connecting to a node: one place for timeouts, chain checks and the words of their errors."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from web3 import HTTPProvider, IPCProvider, Web3
from web3.exceptions import Web3Exception
from web3.middleware import ExtraDataToPOAMiddleware

from ballast.chain import reverts
from ballast.errors import RpcError, UsageError

__all__ = ["MAX_CALL_GAS", "connect", "hide_secrets", "require_chain", "rpc_error"]

DEFAULT_TIMEOUT = 30.0
#: Gas that a read may burn where a node asks for a number.
MAX_CALL_GAS = 50_000_000


def connect(url: str | Path, *, timeout: float = DEFAULT_TIMEOUT) -> Web3:
    """A checked connection: the node answers, and reverts come back as ``ContractError``.

    ``url`` is an http(s) URL or the path of a Unix socket. ``UsageError`` where nothing answers
    there.
    """
    text = str(url)
    provider: HTTPProvider | IPCProvider
    if text.startswith(("http://", "https://")):
        session = requests.Session()
        # A node on this machine is reached directly, whatever proxy the environment names.
        session.trust_env = urlsplit(text).hostname not in ("127.0.0.1", "localhost", "::1")
        provider = HTTPProvider(text, request_kwargs={"timeout": timeout}, session=session)
        weakref.finalize(provider, session.close)
    elif Path(text).is_socket():
        provider = IPCProvider(text, timeout=int(timeout))
        # web3 never closes the socket that it keeps.
        weakref.finalize(provider, _close, provider._socket)
    else:
        raise UsageError(f"rpc {hide_secrets(text)}: not a node's address; give http://HOST:PORT or a socket's path")
    w3 = Web3(provider)
    w3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)
    reverts.install(w3)
    try:
        w3.eth.chain_id  # noqa: B018 - asks the node
    except (OSError, ValueError, Web3Exception) as error:
        raise UsageError(
            f"rpc {hide_secrets(text)}: no node answers there ({_words(error)}); start one (`ballast up`),"
            " or name another with --rpc or BALLAST_RPC"
        ) from None
    return w3


def _close(kept: Any) -> None:
    """Closes the socket that an IPC provider has kept, if it has opened one."""
    if kept.sock is not None:
        kept.sock.close()
        kept.sock = None


def require_chain(w3: Web3, chain_id: int, what: str) -> None:
    """``UsageError`` unless the node is of this chain. ``what`` is what names the chain id, such as
    a file."""
    found = w3.eth.chain_id
    if found != chain_id:
        raise UsageError(f"rpc: the node's chain id is {found}, {what} says {chain_id}; connect to the right chain")


def hide_secrets(url: str) -> str:
    """A URL as it may be shown: without user, path and query, where providers put their keys."""
    parts = urlsplit(url)
    if not parts.scheme or not parts.hostname:
        return url
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit((parts.scheme, parts.hostname + port, "", "", ""))


def rpc_error(error: Exception) -> RpcError:
    """A node's failure in one line."""
    return RpcError(f"rpc: {_words(error)}")


def _words(error: Exception) -> str:
    if isinstance(error, requests.exceptions.Timeout):
        return "timeout"
    if isinstance(error, requests.exceptions.ConnectionError):
        return "connection refused"
    return " ".join(str(error).split())[:120] or type(error).__name__
