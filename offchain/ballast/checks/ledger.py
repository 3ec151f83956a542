"""The ledger in memory, moved by events: what an account or a market was just before a
transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from ballast.checks.view import CLAIM, LoggedEvent

__all__ = ["Ledger", "Market", "Token"]


class Token(NamedTuple):
    """``address`` in lower case."""

    address: str
    decimals: int


@dataclass
class Market:
    """Costs in 1e12, open interest and residual in 1e18, pool in USDC units, claims in shares and
    1e18."""

    loss_long: int = 0
    loss_short: int = 0
    open_interest: int = 0
    pool: int = 0
    residual: int = 0
    claim_shares: int = 0
    claim_index: int = 10**18
    claim_epoch: int = 0


@dataclass
class Ledger:
    """State from logs. Keys: (account, token id), (account, instrument), instrument, (account,
    operator), a token's address, its id."""

    shares: dict[tuple[int, int], int] = field(default_factory=dict)
    positions: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    markets: dict[int, Market] = field(default_factory=dict)
    operators: dict[tuple[int, str], int] = field(default_factory=dict)
    ids: dict[str, int] = field(default_factory=dict)
    tokens: dict[int, Token] = field(default_factory=dict)
    accounts: set[int] = field(default_factory=set)
    insurance: int = 0

    def apply(self, events: Iterable[LoggedEvent]) -> None:
        for event in events:
            self._apply(event)

    def _apply(self, event: LoggedEvent) -> None:
        match event.name:
            case "BalanceSet":
                self.accounts.add(event["account"])
                _put(self.shares, (event["account"], event["token"]), event["shares"])
            case "PositionSet":
                self.accounts.add(event["account"])
                key = (event["account"], event["instrument"])
                value = (event["size"], event["quote"])
                if value == (0, 0):
                    self.positions.pop(key, None)
                else:
                    self.positions[key] = value
            case "MarketSet":
                market = self.markets.setdefault(event["instrument"], Market())
                market.loss_long, market.loss_short = event["lossLong"], event["lossShort"]
            case "PoolSet":
                market = self.markets.setdefault(event["instrument"], Market())
                market.open_interest, market.pool = event["openInterest"], event["pool"]
                market.residual = event["residual"]
                market.claim_shares, market.claim_index = event["claimShares"], event["claimIndex"]
                market.claim_epoch = event["claimEpoch"]
            case "InsuranceSet":
                self.insurance = event["insurance"]
            case "OperatorSet":
                self.operators[event["account"], event["operator"]] = event["validUntil"]
            case "TokenListed":
                self.ids[event["token"]] = event["id"]
                self.tokens[event["id"]] = Token(event["token"], event["decimals"])

    def positions_in(self, instrument: int) -> list[tuple[int, int]]:
        """(size, quote) of every entry in an instrument."""
        return [value for (_, found), value in self.positions.items() if found == instrument]

    def entries_of(self, account: int) -> dict[int, tuple[int, int]]:
        """(size, quote) by instrument; claims have ``CLAIM`` set in theirs."""
        return {instrument: value for (owner, instrument), value in self.positions.items() if owner == account}

    def is_free(self, account: int) -> bool:
        """True where no price can hurt: no position, claim or debt."""
        return not self.entries_of(account) and all(
            shares >= 0 for (owner, _), shares in self.shares.items() if owner == account
        )

    def claims_in(self, instrument: int) -> list[int]:
        """Shares of every account's claim on a market; those of an epoch that is over are worth nothing."""
        epoch = self.markets[instrument].claim_epoch
        return [quote for found, quote in self.positions_in(instrument | CLAIM) if found == epoch]


def _put(table: dict[tuple[int, int], int], key: tuple[int, int], value: int) -> None:
    if value:
        table[key] = value
    else:
        table.pop(key, None)
