"""I12: the state rebuilt from logs equals what the chain says.

Compared word for word with the ledger's storage, so a difference of one share or of 1e-18 USDC
shows, and with the views of engine and router for what is theirs. An account that the index has
missed shows in the sums: they are the chain's own, the index's are added up over the accounts it
knows.

Left out is ``Header.riskBlock``: it is compared with the running block's number only, so nothing
after a block depends on it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from web3 import Web3

from ballast.chain.instruments import OPTION, SERIES, kind_of, options_listing, series_of_instrument
from ballast.errors import ReorgError
from ballast.index.audit_engine import engine_pairs
from ballast.index.index import Index
from ballast.index.rpc import Node
from ballast.index.state import CLAIM, Bank, LedgerState, Market, OperatorGrant, Orders, Position
from ballast.index.storage import LedgerStorage, StoredAccount
from ballast.index.views import Views, plain
from ballast.units import E9, format_account

__all__ = ["Audit", "Difference", "audit", "compare"]

_Pair: TypeAlias = tuple[str, Any, Any]
_NO_POSITION = Position(0, 0)


@dataclass(frozen=True)
class Difference:
    """One value that the index has otherwise than the chain."""

    what: str
    index: Any
    chain: Any

    def __str__(self) -> str:
        return f"{self.what}: index {self.index}, chain {self.chain}"


@dataclass(frozen=True)
class Audit:
    """``checked`` values were compared at ``block``; I12 holds where none differs."""

    block: int
    checked: int
    differences: tuple[Difference, ...]

    @property
    def is_clean(self) -> bool:
        return not self.differences


def audit(w3: Web3, index: Index, block: int | None = None, *, accounts: Collection[int] | None = None) -> Audit:
    """Compares the index with the chain at ``block`` (default: the index's head).

    ``accounts`` restricts it to a sample, and then leaves out the sums over all accounts.
    ``ReorgError`` where the index's block is not the chain's, so that there is nothing to compare:
    sync first.
    """
    state = index.state(block, accounts=accounts)
    operators, orders = index.operators(state.block), index.orders(state.block)
    if accounts is not None:
        operators = {key: grant for key, grant in operators.items() if key[0] in accounts}
        orders = Orders({}, frozenset(key for key in orders.cancelled if key[0] in accounts))
    return compare(w3, state, operators, orders)


def compare(
    w3: Web3,
    state: LedgerState,
    operators: Mapping[tuple[int, str], OperatorGrant],
    orders: Orders,
) -> Audit:
    """``audit`` of states already read."""
    node = Node(w3)
    _require_same_block(node, state)
    storage = LedgerStorage(node, state.house, state.block)
    views = Views(w3, state.block)
    checked = 0
    differences: list[Difference] = []
    for pairs in (
        _accounts(storage, state),
        _banks(storage, state),
        _markets(storage, state),
        _globals(storage, state),
        _operators(storage, operators),
        _orders(storage, orders),
        engine_pairs(views, state),
        _feeds(views, state),
    ):
        for what, ours, theirs in pairs:
            checked += 1
            if ours != theirs:
                differences.append(Difference(what, ours, theirs))
    _require_same_block(node, state)
    return Audit(state.block, checked, tuple(differences))


def _require_same_block(node: Node, state: LedgerState) -> None:
    header = node.header(state.block)
    if header is None or (state.block_hash is not None and header.hash != state.block_hash):
        raise ReorgError(f"block {state.block}: not the chain's any more; sync the index first")


# ------------------------------------------------------------------ accounts


def _accounts(storage: LedgerStorage, state: LedgerState) -> Iterator[_Pair]:
    stored = storage.accounts(state.accounts, len(state.banks))
    for number, account in state.accounts.items():
        name, found = f"account {format_account(number)}", stored[number]
        yield f"{name} model", account.model, found.header["model"]
        yield f"{name} flagged at", account.flagged_at, found.header["flaggedAt"]
        yield f"{name} steps", account.steps, found.header["steps"]
        held = sum(1 << token for token in account.balances)
        yield f"{name} tokens", held, found.header["tokens"]
        options = {number: held.size for number, held in account.positions.items() if kind_of(number) == OPTION}
        others = {number: held for number, held in account.positions.items() if number not in options}
        yield f"{name} entries", len(others), found.header["linears"]
        yield f"{name} options", len(options), found.header["options"]
        yield from _entries(name, account.balances, others, found)
        for number in sorted(options.keys() | found.lots.keys()):
            lot = state.markets[options_listing(number >> 20 & 0xFF)].config["lot"]
            yield f"{name} size in {number}", options.get(number, 0), found.lots.get(number, 0) * lot
        yield f"{name} series", Counter(map(series_of_instrument, options)), found.series


def _entries(
    name: str,
    balances: Mapping[int, int],
    positions: Mapping[int, Position],
    found: StoredAccount,
) -> Iterator[_Pair]:
    for token in sorted(balances.keys() | found.balances.keys()):
        yield (
            f"{name} shares of token {token}",
            balances.get(token, 0),
            found.balances.get(token, 0),
        )
    for instrument in sorted(positions.keys() | found.positions.keys()):
        ours = positions.get(instrument, _NO_POSITION)
        theirs = found.positions.get(instrument, _NO_POSITION)
        yield f"{name} size in {instrument}", ours.size, theirs.size
        yield f"{name} quote in {instrument}", ours.quote, theirs.quote


# ------------------------------------------------------------------ banks and markets

_BANK_FIELDS = {
    "depositIndex": "deposit_index",
    "borrowIndex": "borrow_index",
    "depositRate": "deposit_rate",
    "borrowRate": "borrow_rate",
    "updatedAt": "updated_at",
    "decimals": "decimals",
    "held": "held",
    "insurance": "insurance",
    "fees": "fees",
    "uncovered": "uncovered",
}
_MARKET_FIELDS = {
    "hot.funding": "funding",
    "hot.lossLong": "loss_long",
    "hot.lossShort": "loss_short",
    "hot.premium": "premium",
    "hot.updatedAt": "updated_at",
    "sums.openInterest": "open_interest",
    "sums.pool": "pool",
    "sums.residual": "residual",
    "claims.shares": "claim_shares",
    "claims.index": "claim_index",
    "claims.epoch": "claim_epoch",
    "sampledAt": "sampled_at",
}


def _banks(storage: LedgerStorage, state: LedgerState) -> Iterator[_Pair]:
    stored = storage.banks(state.banks)
    for token, bank in state.banks.items():
        name, found = f"bank {token}", stored[token]
        yield f"{name} token", int(bank.address, 16), found["token"]
        for field, column in _BANK_FIELDS.items():
            yield f"{name} {field}", getattr(bank, column), found[field]
        for field, value in bank.config.items():
            yield f"{name} {field}", value, found[field]
        pools = sum(market.pool for market in state.markets.values()) if token == 0 else 0
        yield f"{name} pools", pools, found["pools"]
        if not state.partial:
            yield from _share_sums(name, bank, state, found)


def _share_sums(name: str, bank: Bank, state: LedgerState, found: Mapping[str, int]) -> Iterator[_Pair]:
    shares = [account.balances.get(bank.token, 0) for account in state.accounts.values()]
    yield f"{name} depositShares", sum(s for s in shares if s > 0), found["depositShares"]
    yield f"{name} borrowShares", -sum(s for s in shares if s < 0), found["borrowShares"]


def _markets(storage: LedgerStorage, state: LedgerState) -> Iterator[_Pair]:
    stored = storage.markets(state.markets)
    sums = _position_sums(state)
    for instrument, market in state.markets.items():
        name, found = f"market {market.symbol}", stored[instrument]
        is_series = kind_of(instrument) == SERIES  # whose options are listed together
        if not is_series:
            yield f"{name} listed", 1, found["listed"]
            yield f"{name} reduceOnly", int(market.reduce_only), found["reduceOnly"]
        for field, column in _MARKET_FIELDS.items():
            yield f"{name} {field}", getattr(market, column), found[field]
        for field, value in market.config.items() if not is_series else ():
            yield f"{name} {field}", value, found[f"config.{field}"]
        if not state.partial:
            yield from _market_sums(name, market, sums, found)
    if not state.partial:
        yield from _open_options(storage, state, sums)


def _open_options(storage: LedgerStorage, state: LedgerState, sums: Mapping[tuple[int, str], int]) -> Iterator[_Pair]:
    """Of every option that is listed: its open interest, which no event says."""
    engine = state.parameters.engine
    listed = {} if engine is None or engine.books is None else engine.books.strikes
    numbers = [
        OPTION << 28 | series << 6 | strike << 1 | put
        for series, strikes in sorted(listed.items())
        for strike in range(len(strikes))
        for put in (0, 1)
    ]
    for number, found in storage.markets(numbers).items():
        yield f"option {number} open interest", sums.get((number, "long"), 0), found["sums.openInterest"]


def _position_sums(state: LedgerState) -> Mapping[tuple[int, str], int]:
    """Sums over accounts by instrument: of longs, of the quotes of each side, of claims."""
    sums: dict[tuple[int, str], int] = defaultdict(int)
    for account in state.accounts.values():
        for instrument, position in account.positions.items():
            if instrument & CLAIM:
                number = instrument & ~CLAIM
                if position.size == state.markets[number].claim_epoch:
                    sums[number, "claims"] += position.quote
            elif position.size > 0:
                sums[instrument, "long"] += position.size
                sums[instrument, "quoteLong"] += position.quote
            else:
                sums[instrument, "quoteShort"] += position.quote
    return sums


def _market_sums(
    name: str, market: Market, sums: Mapping[tuple[int, str], int], found: Mapping[str, int]
) -> Iterator[_Pair]:
    number = market.instrument
    for ours, theirs in (
        ("long", "openInterest"),
        ("quoteLong", "quoteLong"),
        ("quoteShort", "quoteShort"),
    ):
        yield f"{name} sum of {ours}", sums.get((number, ours), 0), found[f"sums.{theirs}"]
    yield f"{name} sum of claims", sums.get((number, "claims"), 0), found["claims.shares"]


# ------------------------------------------------------------------ the rest of the ledger


def _globals(storage: LedgerStorage, state: LedgerState) -> Iterator[_Pair]:
    found, parameters = storage.global_fields(), state.parameters
    engine = parameters.engine
    for name, address in (
        ("_router", parameters.router),
        ("_engine", engine.address if engine else None),
        ("_tradeFeeRecipient", parameters.trade_recipient),
        ("_reserveRecipient", parameters.reserve_recipient),
        ("_authority", parameters.authority),
    ):
        yield f"ledger {name}", int(address, 16) if address else 0, found[name]
    yield "ledger _pausedUntil", parameters.paused_until, found["_pausedUntil"]
    yield "ledger _tokenCount", len(state.banks), found["_tokenCount"]
    premium = parameters.premium
    for field, column in {
        "premiumCap": "premium_cap",
        "fundingCap": "funding_cap",
        "sampleWindow": "sample_window",
        "fundingPeriod": "funding_period",
        "maxQuoteAge": "max_quote_age",
        "maxSpread": "max_spread",
        "minQuotes": "min_quotes",
    }.items():
        yield f"premium {field}", getattr(premium, column, 0), found[f"_premium.{field}"]
    liquidation = parameters.liquidation or {}
    for field, value in found.items():
        prefix, _, name = field.partition(".")
        if prefix == "_liquidation":
            scale = 1 if name in ("rampTime", "dust") else E9  # the ledger keeps parts in 1e9
            yield f"liquidation {name}", liquidation.get(name, 0), value * scale
    # a day on which the fund was asked and could pay nothing is stored, and means the same as none
    day = max(parameters.fund_day, found["_fundDay"])
    ours = parameters.fund_spent if parameters.fund_day == day else 0
    theirs = found["_fundSpent"] if found["_fundDay"] == day else 0
    yield f"fund spent on day {day}", ours, theirs
    for quoter, allowed in storage.quoters(sorted(parameters.quoters)).items():
        yield f"quoter {quoter}", True, allowed


def _operators(storage: LedgerStorage, operators: Mapping[tuple[int, str], OperatorGrant]) -> Iterator[_Pair]:
    for key, found in storage.operators(sorted(operators)).items():
        grant = operators[key]
        name = f"operator {key[1]} of {format_account(key[0])}"
        yield f"{name} validUntil", grant.valid_until, found["validUntil"]
        yield f"{name} budget", grant.budget, found["budgetWad"]
        yield f"{name} day", grant.day, found["day"]
        yield f"{name} spent", grant.spent, found["spentWad"]


def _orders(storage: LedgerStorage, orders: Orders) -> Iterator[_Pair]:
    for order, filled in storage.filled(sorted(orders.filled)).items():
        yield f"order 0x{order.hex()} filled", orders.filled[order], filled
    bitmaps: dict[tuple[int, int], int] = defaultdict(int)
    for account, nonce in orders.cancelled:
        bitmaps[account, nonce >> 8] |= 1 << (nonce & 0xFF)
    for (account, word), bits in storage.cancelled(sorted(bitmaps)).items():
        name = f"cancelled nonces of {format_account(account)} from {word << 8}"
        yield name, bitmaps[account, word], bits


# ------------------------------------------------------------------ the router


def _feeds(views: Views, state: LedgerState) -> Iterator[_Pair]:
    router = state.parameters.router
    if router is None:
        return
    assets = sorted({bank.asset for bank in state.banks.values()} | state.parameters.feeds.keys())
    for asset in assets:
        feed = state.parameters.feeds.get(asset)
        ours = () if feed is None else plain(feed.config)
        yield f"feed of asset {asset}", ours, views.call("OracleRouter", router, "feedOf", asset)
