"""``Index``: the ledger rebuilt from its logs, and kept."""

from __future__ import annotations

from collections.abc import Collection
from types import TracebackType

from sqlalchemy import Connection
from web3 import Web3

from ballast.chain.artifacts import artifact
from ballast.chain.deployment import Deployment
from ballast.errors import IndexingError, UsageError
from ballast.index import load
from ballast.index.decode import Decoder
from ballast.index.fetch import Fetcher
from ballast.index.rpc import Node
from ballast.index.state import LedgerState, OperatorGrant, Orders
from ballast.index.store import Identity, Store, block_in, head_in, identity_in
from ballast.index.sync import Progress, Sync

__all__ = ["REORG_LIMIT", "Index"]

#: Blocks that a re-org may undo.
REORG_LIMIT = 128
_MODULES = (
    "MarginEngine",
    "OracleRouter",
    "ScenarioBook",
    "RiskArrays",
    "StrikeBook",
    "SurfaceOracle",
    "SettlementOracle",
)


class Index:
    """Account state of one deployment at any block, from its logs.

    ``database_url`` is SQLAlchemy's: ``sqlite:///path``, ``postgresql+psycopg://…``. One database
    holds one deployment; several processes may use it at once. Use it as a context manager, or
    ``close()`` it.
    """

    def __init__(self, database_url: str, *, reorg_limit: int = REORG_LIMIT) -> None:
        if reorg_limit < 1:
            raise UsageError(f"reorg_limit {reorg_limit}: give at least 1 block")
        self._store = Store(database_url)
        self._limit = reorg_limit
        self._decoders: tuple[Decoder, Decoder] | None = None

    def close(self) -> None:
        self._store.close()

    def __enter__(self) -> Index:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def head(self) -> int | None:
        """The last block indexed; ``None`` while empty."""
        return self._store.head()

    # -------------------------------------------------------------- writing

    def sync(
        self,
        w3: Web3,
        deployment: Deployment,
        to_block: int | None = None,
        *,
        progress: Progress | None = None,
    ) -> int:
        """Reads logs up to ``to_block`` (default: the latest), undoing re-orgs first; returns the
        block reached.

        ``UsageError`` where node, deployment and database do not belong together; ``RpcError``
        where the node fails (what was read until then is kept); ``IndexingError`` where a re-org is
        deeper than the limit.
        """
        node = Node(w3)
        house = deployment.contracts["Clearinghouse"].lower()
        self._store.claim(_identity(node, deployment, house))
        if self._decoders is None:
            self._decoders = _decoders()
        sync = Sync(
            self._store,
            Fetcher(node),
            house,
            deployment.start_block,
            self._decoders,
            self._limit,
        )
        return sync.run(to_block, progress)

    # -------------------------------------------------------------- reading

    def state(self, block: int | None = None, *, accounts: Collection[int] | None = None) -> LedgerState:
        """State at the end of ``block`` (default: the head); ``accounts`` reads only those.

        ``UsageError`` where the index does not reach to the block.
        """
        with self._store.read() as connection:
            identity, block = _at(connection, block)
            block_hash, time = block_in(connection, block) or (None, None)
            return LedgerState(
                chain_id=identity.chain_id,
                house=identity.house,
                block=block,
                block_hash=block_hash,
                time=time,
                accounts=load.load_accounts(connection, block, accounts),
                banks=load.load_banks(connection, block),
                markets=load.load_markets(connection, block),
                parameters=load.load_parameters(connection, block, identity.house),
                partial=accounts is not None,
            )

    def operators(self, block: int | None = None) -> dict[tuple[int, str], OperatorGrant]:
        """Grants by (account, operator) at the end of ``block``."""
        with self._store.read() as connection:
            return load.load_operators(connection, _at(connection, block)[1])

    def orders(self, block: int | None = None) -> Orders:
        """Fills and cancellations at the end of ``block``."""
        with self._store.read() as connection:
            return load.load_orders(connection, _at(connection, block)[1])


def _at(connection: Connection, block: int | None) -> tuple[Identity, int]:
    identity, head = identity_in(connection), head_in(connection)
    if identity is None or head is None:
        raise IndexingError("index: empty; sync it first")
    if block is None:
        return identity, head
    if not identity.start_block <= block <= head:
        raise UsageError(f"block {block}: not indexed; the index holds {identity.start_block} to {head}")
    return identity, block


def _identity(node: Node, deployment: Deployment, house: str) -> Identity:
    chain_id = node.chain_id()
    if chain_id != deployment.chain_id:
        raise UsageError(f"node {node.name}: has chain id {chain_id}, the deployment is on {deployment.chain_id}")
    start = node.header(deployment.start_block)
    if start is None:
        raise UsageError(
            f"node {node.name}: has no block {deployment.start_block}, where the deployment began; "
            "the deployment file is of another chain"
        )
    return Identity(chain_id, house, deployment.start_block, start.hash)


def _decoders() -> tuple[Decoder, Decoder]:
    house = artifact("Clearinghouse")["abi"]
    modules = [artifact(name)["abi"] for name in _MODULES]
    return Decoder([house]), Decoder(modules)
