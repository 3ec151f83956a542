"""The numbered invariants, checked against a chain: by the demo, the test fixtures and anybody
else.

>>> from ballast.checks import check_all
>>> check_all(protocol)["I1"].held
True

Each check reads the deployment's logs, the chain's own views and storage, and, for what holds
between two transactions, runs them again (``ballast.checks.history``). Nothing is sent and
nothing changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ballast.checks.actions import check_actions
from ballast.checks.authority import check_authority
from ballast.checks.custody import check_custody
from ballast.checks.history import History, read_history
from ballast.checks.liquidations import check_liquidations
from ballast.checks.losses import check_losses
from ballast.checks.markets import check_markets
from ballast.checks.rebuild import check_rebuild
from ballast.checks.result import Result
from ballast.checks.rounding import check_rounding
from ballast.checks.view import ChainView

if TYPE_CHECKING:
    from ballast.chain.protocol import Protocol
    from ballast.index import Index

__all__ = ["INVARIANTS", "Result", "check_all", "check_history"]

#: What each number says, in the words of the design.
INVARIANTS: dict[str, str] = {
    "I1": "every market's sizes sum to zero, its unsettled profits to its pool",
    "I2": "tokens held = deposits - borrows + reserves + insurance + pools",
    "I3": "accounts change only by those who may, or by rule",
    "I4": "an owner's action leaves initial margin, or nothing worse",
    "I5": "liquidation only below maintenance, and only to better health",
    "I6": "losses are recorded at once, and each part of them has moved",
    "I7": "rounding never favours who acts",
    "I12": "the state rebuilt from logs equals the chain's",
}


def check_all(
    protocol: Protocol,
    index: Index | None = None,
    since_block: int | None = None,
    to_block: int | None = None,
) -> dict[str, Result]:
    """Verdicts by number, for the blocks from ``since_block`` (default: the deployment's) to
    ``to_block`` (default: the latest).

    I1 and I2 add up all accounts at the last block; the others judge every transaction in
    between. The node must keep the states of those blocks, and should know ``eth_simulateV1``:
    without it I4, I5 and I7 go by events as far as these reach, and their details say so.
    ``index`` is synced as far as needed; without one I12 rebuilds from scratch in memory. Raises
    ``RpcError`` where the node does not answer.
    """
    view = ChainView(protocol)
    last = view.tip() if to_block is None else to_block
    first = view.deployment.start_block if since_block is None else since_block
    return check_history(read_history(view, first, last), index)


def check_history(history: History, index: Index | None = None) -> dict[str, Result]:
    """As ``check_all``, of a history already read."""
    return {
        "I1": check_markets(history),
        "I2": check_custody(history),
        "I3": check_authority(history),
        "I4": check_actions(history),
        "I5": check_liquidations(history),
        "I6": check_losses(history),
        "I7": check_rounding(history),
        "I12": check_rebuild(history, index),
    }
