"""The ledger's state at the end of a block, as integers.

Units are the contract's: shares and indices in 1e18, token amounts in token units, sizes and quotes
in 1e18, costs in 1e12 and premiums in 1e9, rates as each field says. ``LedgerState`` is what a
margin needs and more; orders and operators, which it does not need and which only grow, are read
apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

__all__ = [
    "CLAIM",
    "Account",
    "Bank",
    "Books",
    "Engine",
    "Feed",
    "Forward",
    "LedgerState",
    "Market",
    "OperatorGrant",
    "Orders",
    "Parameters",
    "Position",
    "PremiumConfig",
    "Proposal",
    "Rates",
    "Synced",
    "Table",
]

#: Marks an entry that is not a position but the claim of closed ones on the market's pool.
CLAIM = 1 << 31


class Position(NamedTuple):
    """``size`` in 1e18 units and ``quote`` in USDC 1e18; of a claim its epoch and its shares in 1e18."""

    size: int
    quote: int


@dataclass(slots=True)
class Account:
    """``balances`` holds shares by token, ``positions`` positions and claims by instrument."""

    model: int = 0
    flagged_at: int = 0
    steps: int = 0
    balances: dict[int, int] = field(default_factory=dict)
    positions: dict[int, Position] = field(default_factory=dict)

    @property
    def is_free(self) -> bool:
        """No position and no debt: nothing can go wrong, whatever the prices."""
        only_claims = all(instrument & CLAIM for instrument in self.positions)
        return only_claims and all(shares >= 0 for shares in self.balances.values())


@dataclass(frozen=True, slots=True)
class Bank:
    """A token and its bank as of its last change; rates are parts per 1e17 and second."""

    token: int
    address: str
    decimals: int
    asset: int
    deposit_index: int
    borrow_index: int
    deposit_rate: int
    borrow_rate: int
    updated_at: int
    held: int
    insurance: int
    fees: int
    uncovered: int
    config: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Market:
    """A market as of its last change. ``config`` has the names of ``IListing.MarketConfig``."""

    instrument: int
    symbol: str
    funding: int
    loss_long: int
    loss_short: int
    premium: int
    updated_at: int
    open_interest: int
    pool: int
    residual: int
    claim_shares: int
    claim_index: int
    claim_epoch: int
    sampled_at: int
    reduce_only: bool
    config: Mapping[str, int]


class Rates(NamedTuple):
    """Parts of a value, 1e6 = 100%."""

    maintenance: int
    initial: int


@dataclass(frozen=True, slots=True)
class PremiumConfig:
    """As ``IListing.PremiumConfig``."""

    premium_cap: int
    funding_cap: int
    sample_window: int
    funding_period: int
    max_quote_age: int
    max_spread: int
    min_quotes: int


class Table(NamedTuple):
    """A scenario table. ``content`` has the names and integers of ``IScenarioBook.Table``."""

    version: int
    content: Mapping[str, Any]


class Proposal(NamedTuple):
    """A table that waits; ``ready_at`` is the second from which it can be activated."""

    table: Table
    ready_at: int


class Forward(NamedTuple):
    """Of a surface: forward over spot in 1e15, rounded down, and the second it was observed at."""

    basis: int
    time: int


@dataclass(frozen=True, slots=True)
class Books:
    """What the engine reads: scenario tables, arrays of the table that holds, surfaces, strikes, settlement prices.

    ``scenarios``, ``arrays``, ``surfaces``, ``strike_book`` and ``settlement`` are the contracts, ``blobs`` the arrays
    by series as the chain stores them; limits have the names of ``IScenarioBook.Limits`` and ``IRiskArrays.Limits``.
    By series: the latest ``forwards``, all ``strikes`` (USDC 1e18) and the prices ``settled`` at (USDC 1e18). ``lots``
    are units in 1e18 by asset.
    """

    scenarios: str
    arrays: str
    surfaces: str
    strike_book: str
    settlement: str
    table: Table | None = None
    proposal: Proposal | None = None
    blobs: Mapping[int, bytes] = field(default_factory=dict)
    scenario_limits: Mapping[str, int] = field(default_factory=dict)
    array_limits: Mapping[str, int] = field(default_factory=dict)
    forwards: Mapping[int, Forward] = field(default_factory=dict)
    strikes: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    lots: Mapping[int, int] = field(default_factory=dict)
    settled: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Engine:
    """The margin engine: rates by token and by instrument, the minimum in USDC 1e18.

    Of the PORTFOLIO model ``factors`` and the ``contingencies`` by asset have the names of ``IPortfolioTerms``;
    ``haircuts`` by token are 1e6 = 100%. ``books`` is ``None`` where the engine has none.
    """

    address: str
    token_rates: Mapping[int, Rates]
    instrument_rates: Mapping[int, Rates]
    minimum: int
    factors: Mapping[str, int] = field(default_factory=dict)
    contingencies: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
    haircuts: Mapping[int, int] = field(default_factory=dict)
    books: Books | None = None


@dataclass(frozen=True, slots=True)
class Feed:
    """As ``IOracleRouter.Feed``, its names kept."""

    asset: int
    config: Mapping[str, int | str]


class Synced(NamedTuple):
    """A router's cached slot, prices in USD 1e18; ``synced_at`` and ``updated_at`` are seconds."""

    price: int
    slow: int
    synced_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class Parameters:
    """What governance sets. Addresses are checksummed; ``None`` where nothing was set yet."""

    router: str | None
    premium: PremiumConfig | None
    liquidation: Mapping[str, int] | None
    engine: Engine | None
    feeds: Mapping[int, Feed]
    synced: Mapping[int, Synced]
    sequencer: Mapping[str, int | str] | None
    paused_until: int
    trade_recipient: str | None
    reserve_recipient: str | None
    authority: str | None
    quoters: frozenset[str]
    fund_day: int
    fund_spent: int


class OperatorGrant(NamedTuple):
    """``valid_until`` in seconds; ``budget`` and ``spent`` (on that ``day``) in USDC 1e18."""

    valid_until: int
    budget: int
    day: int
    spent: int


@dataclass(frozen=True, slots=True)
class Orders:
    """Units filled by order hash, and cancelled (account, nonce)."""

    filled: Mapping[bytes, int]
    cancelled: frozenset[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class LedgerState:
    """Everything that values and margins depend on, at the end of block ``block``.

    ``block_hash`` and ``time`` are ``None`` where the index does not keep that block's header. With
    ``partial`` only some accounts were read, and sums over accounts say nothing.
    """

    chain_id: int
    house: str
    block: int
    block_hash: bytes | None
    time: int | None
    accounts: Mapping[int, Account]
    banks: Mapping[int, Bank]
    markets: Mapping[int, Market]
    parameters: Parameters
    partial: bool = False

    def account(self, account: int) -> Account:
        """An account; an empty one where the index has never seen it."""
        return self.accounts.get(account) or Account()
