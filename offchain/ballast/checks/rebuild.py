"""I12: the whole state can be rebuilt from logs, and equals what the chain says."""

from __future__ import annotations

from ballast.checks.history import History
from ballast.checks.result import Result
from ballast.index import Index
from ballast.index.audit import audit

__all__ = ["check_rebuild"]

_SHOWN = 3


def check_rebuild(history: History, index: Index | None) -> Result:
    """Syncs the index (a new one in memory without one) to the last block and compares it with
    the chain's storage."""
    if index is None:
        with Index("sqlite://") as fresh:
            return check_rebuild(history, fresh)
    view = history.view
    index.sync(view.w3, view.deployment, history.last)
    found = audit(view.w3, index, history.last)
    if found.differences:
        more = len(found.differences) - _SHOWN
        words = "; ".join(map(str, found.differences[:_SHOWN]))
        return Result(False, words + (f"; {more} more" if more > 0 else ""))
    return Result(True, f"{found.checked} values equal at block {found.block}")
