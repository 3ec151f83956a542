"""Logs to account state at block N, in a database."""

from ballast.index.index import REORG_LIMIT, Index
from ballast.index.state import Account, Bank, LedgerState, Market, Position

__all__ = ["REORG_LIMIT", "Account", "Bank", "Index", "LedgerState", "Market", "Position"]
