"""Before the first step: do chain, deployment, signer and settings fit together?"""

from __future__ import annotations

from ballast import units
from ballast.chain.protocol import Protocol
from ballast.errors import UsageError
from ballast.keeper.own import require_authority
from ballast.keeper.rpc import Rpc, quantity
from ballast.keeper.settings import KeeperSettings

__all__ = ["coin_asset", "find_liquidator", "require_chain", "require_coins"]


def require_chain(protocol: Protocol, settings: KeeperSettings) -> None:
    """``UsageError`` where the settings name another chain, or a contract has no code."""
    wanted, found = settings.chain_id, protocol.deployment.chain_id
    if wanted is not None and wanted != found:
        raise UsageError(f"chain_id: the settings say {wanted}, the chain is {found}")
    for name in ("OracleRouter", "MarginEngine"):
        address = protocol.deployment.contracts[name]
        if not protocol.w3.eth.get_code(protocol.w3.to_checksum_address(address)):
            raise UsageError(
                f"deployment: no {name} at {address} on this chain; the file is of an earlier chain, deploy again"
            )


def require_coins(rpc: Rpc, address: str) -> None:
    """``UsageError`` where the signer cannot pay for any gas."""
    if quantity(rpc.call("eth_getBalance", address, "latest")) == 0:
        raise UsageError(f"account: {address} has nothing to pay gas with; send it some")


def coin_asset(protocol: Protocol, settings: KeeperSettings) -> int | None:
    """The router's asset that prices the chain's coin; None where the settings price it."""
    symbol = settings.native_symbol
    if settings.native_price_usdc is not None:
        return None
    underlyings = protocol.deployment.underlyings
    if symbol not in underlyings:
        raise UsageError(
            f"native_symbol {symbol}: not an underlying of this deployment"
            f" ({', '.join(underlyings)}); name the one that prices gas, or set native_price_usdc"
        )
    return underlyings[symbol]


def find_liquidator(protocol: Protocol, settings: KeeperSettings, signer: str | None) -> int | None:
    """The account that receives slices; None in paper mode where none is given.

    ``UsageError`` where the signer may not act for it.
    """
    if settings.liquidator is not None:
        account = units.parse_account(settings.liquidator)
    elif signer is not None:
        account = units.account_id(signer, settings.account_index)
    else:
        return None
    if signer is not None:
        now = int(protocol.w3.eth.get_block("latest")["timestamp"])
        require_authority(protocol, signer, account, now)
    return account
