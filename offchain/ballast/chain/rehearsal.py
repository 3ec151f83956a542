"""The whole deployment on a private fork first: real gas of every transaction, and no surprise
later.

The fork has the target's state, so public feeds, balances and nonces are the real ones; the
sender is impersonated, so no key is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from web3 import Web3
from web3.types import RPCEndpoint

from ballast.chain.anvil import Anvil
from ballast.chain.deployer import deploy
from ballast.chain.deployment import Deployment
from ballast.chain.journal import Journal
from ballast.chain.params import NetworkParams
from ballast.chain.reads import Difference
from ballast.chain.rpc import connect
from ballast.chain.sender import Fees, Record, current_fees
from ballast.chain.signers import UnlockedSigner
from ballast.chain.verify import verify

__all__ = ["Rehearsal", "rehearse"]

_PLENTY = 10**24


@dataclass(frozen=True)
class Rehearsal:
    """``records`` are the transactions in order; ``fees`` what the target asks now, wei per gas."""

    records: list[Record]
    deployment: Deployment
    differences: list[Difference]
    fees: Fees

    @property
    def gas(self) -> int:
        return sum(record.gas for record in self.records)

    @property
    def cost(self) -> int:
        """Wei at the present base fee and tip. Rollups add their price of data."""
        return self.gas * self.fees.expected

    @property
    def most(self) -> int:
        """Wei that must be there: gas limits times the highest fee of a transaction."""
        return self.gas * 2 * self.fees.max_fee


def rehearse(
    w3: Web3,
    url: str,
    params: NetworkParams,
    sender: str,
    *,
    journal: Journal | None = None,
    known: Deployment | None = None,
) -> Rehearsal:
    """Deploys on a fork of ``url`` as ``sender`` would, from where ``journal`` stands, and
    verifies.

    Raises what the deployment itself would raise, and ``UsageError`` where there is no anvil.
    """
    quick = params.chain.model_copy(update={"block_time": Decimal("0.02"), "confirmations": 0})
    records: list[Record] = []
    with Anvil(fork_url=url, chain_id=params.chain.id, ipc=True) as node:
        fork = connect(node.ipc_path)
        for method, arguments in (
            ("anvil_impersonateAccount", [sender]),
            ("anvil_setBalance", [sender, hex(_PLENTY)]),
        ):
            fork.provider.make_request(RPCEndpoint(method), arguments)
        deployment = deploy(
            fork,
            params.model_copy(update={"chain": quick}),
            UnlockedSigner(sender),
            journal=None if journal is None else journal.copy(),
            known=known,
            notify=lambda record: records.append(record) if record.action == "mined" else None,
        )
        differences = verify(fork, params, deployment)
    return Rehearsal(records, deployment, differences, current_fees(w3))
