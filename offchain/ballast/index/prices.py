"""Prices that the router gives at a block: what the margin of that block is computed with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from web3 import Web3

from ballast.chain import reverts
from ballast.chain.artifacts import artifact
from ballast.errors import ContractError, ReorgError
from ballast.index.state import LedgerState

__all__ = ["PriceSheet", "assets_of", "read_prices"]


@dataclass(frozen=True)
class PriceSheet:
    """``usd`` holds USD per whole unit in 1e18 by asset, ``refused`` why an asset has no price.

    ``time`` is the block's timestamp, the second that margins of this block are computed for.
    """

    block: int
    time: int
    usd: Mapping[int, int]
    refused: Mapping[int, str]


def assets_of(state: LedgerState) -> set[int]:
    """Assets of all listed tokens and markets."""
    assets = {bank.asset for bank in state.banks.values()}
    return assets | {instrument >> 20 & 0xFF for instrument in state.markets}


def read_prices(w3: Web3, state: LedgerState, assets: Iterable[int] | None = None) -> PriceSheet:
    """The router's prices at the state's block, of all listed assets unless told which.

    The router's guards speak for each asset by itself: one that is stale is in ``refused``, with
    the name of the contract's error. ``ReorgError`` where the block is not the chain's any more.
    """
    reverts.install(w3)
    block = w3.eth.get_block(state.block)
    if state.block_hash is not None and bytes(block["hash"]) != state.block_hash:
        raise ReorgError(f"block {state.block}: not the chain's any more; sync the index first")
    usd: dict[int, int] = {}
    refused: dict[int, str] = {}
    router = state.parameters.router
    wanted = sorted(assets_of(state) if assets is None else assets)
    if router is None:
        return PriceSheet(state.block, block["timestamp"], {}, dict.fromkeys(wanted, "no router"))
    contract = w3.eth.contract(address=Web3.to_checksum_address(router), abi=artifact("OracleRouter")["abi"])
    for asset in wanted:
        try:
            usd[asset] = contract.functions.price(asset).call(block_identifier=state.block)
        except ContractError as error:
            refused[asset] = str(error)
    return PriceSheet(state.block, block["timestamp"], usd, refused)
