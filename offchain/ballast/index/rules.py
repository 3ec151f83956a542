"""Which event changes which row: the whole of the index's knowledge of the protocol.

Most events carry the state after the change, so a rule overwrites; where an event carries an amount
(custody, fees, fills), a rule adds. ``docs/index.md`` shows the same table in words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from ballast.chain.instruments import FUTURE, kind_of
from ballast.errors import IndexingError
from ballast.index import schema
from ballast.index.decode import Event
from ballast.index.schema import Versioned
from ballast.index.state import CLAIM

__all__ = [
    "FUND",
    "HOUSE_RULES",
    "MODULE_RULES",
    "WITHOUT_STATE",
    "Change",
    "Key",
    "Row",
    "Rule",
    "TokenIds",
    "fund_after",
]

Key: TypeAlias = tuple[Any, ...]
Row: TypeAlias = dict[str, Any]
#: Token ids by lower-case address.
TokenIds: TypeAlias = Mapping[str, int]

#: Name of the parameter that holds what the insurance fund has paid in rewards on one day.
FUND = "fund"

_UINT32_MAX = 2**32 - 1
_UINT72_MAX = 2**72 - 1
_UNIT = 10**12
_DAY = 86_400


@dataclass(frozen=True)
class Rule:
    """One row that an event changes.

    ``whole`` says that ``apply`` sets every value, so the row before need not be known.
    """

    table: Versioned
    key: Callable[[Event, TokenIds], Key]
    apply: Callable[[Row, Event], None]
    whole: bool = False


#: An event with what it changes.
Change: TypeAlias = tuple[Event, tuple[Rule, ...]]


# ------------------------------------------------------------------ keys


def _by(*names: str) -> Callable[[Event, TokenIds], Key]:
    return lambda event, _: tuple(event.args[name] for name in names)


def _by_token_address(event: Event, ids: TokenIds) -> Key:
    try:
        return (ids[event.args["token"]],)
    except KeyError:
        raise IndexingError(
            f"block {event.block}: {event.name} of {event.args['token']}, never listed; the index "
            " starts after the deployment did, check start_block"
        ) from None


def _quote(event: Event, ids: TokenIds) -> Key:
    return (0,)


def _parameter(name: str, *arguments: str) -> Callable[[Event, TokenIds], Key]:
    return lambda event, _: (
        event.source,
        ":".join([name, *(str(event.args[item]) for item in arguments)]),
    )


# ------------------------------------------------------------------ effects


def _sets(**values: str) -> Callable[[Row, Event], None]:
    """Column = argument."""

    def apply(row: Row, event: Event) -> None:
        for column, argument in values.items():
            row[column] = event.args[argument]

    return apply


def _adds(column: str, *arguments: str, sign: int = 1) -> Callable[[Row, Event], None]:
    def apply(row: Row, event: Event) -> None:
        row[column] += sign * sum(event.args[argument] for argument in arguments)

    return apply


def _value(*arguments: str) -> Callable[[Row, Event], None]:
    """A parameter: the argument itself, or several as an object."""

    def apply(row: Row, event: Event) -> None:
        if len(arguments) == 1:
            row["value"] = event.args[arguments[0]]
        else:
            row["value"] = {argument: event.args[argument] for argument in arguments}

    return apply


def _nothing(row: Row, event: Event) -> None:
    """The row's being there is all there is to know."""


def _accrued(row: Row, event: Event) -> None:
    # the contract stores what it announces, clamped to the width of its slot
    row["deposit_index"] = min(event.args["depositIndex"], _UINT72_MAX)
    row["borrow_index"] = min(event.args["borrowIndex"], _UINT72_MAX)
    row["deposit_rate"] = event.args["depositRate"]
    row["borrow_rate"] = event.args["borrowRate"]
    row["updated_at"] = event.time & _UINT32_MAX


def _fees_collected(row: Row, event: Event) -> None:
    row["held"] -= event.args["fees"]
    row["fees"] -= event.args["fees"]


def _filled(row: Row, event: Event) -> None:
    row["filled"] += abs(event.args["takerSize"])


def _position(row: Row, event: Event) -> None:
    row["size"], row["quote"] = event.args["size"], event.args["quote"]
    if row["quote"] == 0 and event.args["instrument"] & CLAIM:
        row["size"] = 0  # a claim without shares is gone, whatever its epoch was


def _market(row: Row, event: Event) -> None:
    row["funding"] = event.args["funding"]
    row["loss_long"] = event.args["lossLong"]
    row["loss_short"] = event.args["lossShort"]
    row["premium"] = event.args["premium"]
    if kind_of(event.args["instrument"]) != FUTURE:  # where nothing accrues
        row["updated_at"] = event.time & _UINT32_MAX


def _market_listed(row: Row, event: Event) -> None:
    row["updated_at"] = event.time & _UINT32_MAX


def _flag_cleared(row: Row, event: Event) -> None:
    row["flagged_at"] = 0


def _synced(row: Row, event: Event) -> None:
    row["price"], row["slow"] = event.args["priceWad"], event.args["slowWad"]
    row["synced_at"], row["updated_at"] = event.time, event.args["updatedAt"]


def _table_proposed(row: Row, event: Event) -> None:
    table = {**event.args["table"], "names": [name.hex() for name in event.args["table"]["names"]]}
    proposed = {"version": event.args["version"], "readyAt": event.args["readyAt"], "table": table}
    row["value"] = {**(row["value"] or {}), "proposed": proposed}


def _table_activated(row: Row, event: Event) -> None:
    proposed = (row["value"] or {}).get("proposed")
    if proposed is None:
        raise IndexingError(
            f"block {event.block}: TableActivated of version {event.args['version']}, never proposed; the index starts"
            " after the deployment did, check start_block"
        )
    row["value"] = {"active": {"version": proposed["version"], "table": proposed["table"]}}


def _table_withdrawn(row: Row, event: Event) -> None:
    row["value"] = {name: value for name, value in (row["value"] or {}).items() if name != "proposed"}


def _arrays_of(event: Event, _: TokenIds) -> Key:
    # the contract has two places for each expiry, so that arrays of a proposed table wait beside those in force
    return event.source, f"arrays:{event.args['series']}:{event.args['version'] & 1}"


def _arrays_stored(row: Row, event: Event) -> None:
    row["value"] = {
        "version": event.args["version"],
        "pointer": event.args["pointer"],
        "blob": event.args["blob"].hex(),
    }


def _strikes_listed(row: Row, event: Event) -> None:
    known = list(row["value"] or ())
    if len(known) != event.args["first"]:
        raise IndexingError(
            f"block {event.block}: StrikesListed from {event.args['first']}, and {len(known)} are known; the index"
            " starts after the deployment did, check start_block"
        )
    row["value"] = known + list(event.args["strikesWad"])


def _surface(row: Row, event: Event) -> None:
    row["value"] = {"round": event.args["round"], **event.args["surface"]}


def _fund(row: Row, event: Event) -> None:
    row["value"] = fund_after(row["value"], event.time, event.args["fundReward"])


def fund_after(fund: Mapping[str, int] | None, time: int, reward: int) -> dict[str, int]:
    """What the fund has paid in rewards on the day of its last payment, after a step.

    ``reward`` is USDC in 1e18, a multiple of the token's unit; ``spent`` is in units. The ledger
    resets the sum when the day changes; a step without a reward changes nothing that a later step
    could tell.
    """
    before = dict(fund) if fund else {"day": 0, "spent": 0}
    if reward == 0:
        return before
    day = time // _DAY
    return {"day": day, "spent": (before["spent"] if before["day"] == day else 0) + reward // _UNIT}


# ------------------------------------------------------------------ the table

#: Events of the Clearinghouse.
HOUSE_RULES: Mapping[str, tuple[Rule, ...]] = {
    # custody
    "Deposited": (Rule(schema.BANK, _by_token_address, _adds("held", "amount")),),
    "Withdrawn": (Rule(schema.BANK, _by_token_address, _adds("held", "amount", sign=-1)),),
    "InsuranceFunded": (Rule(schema.BANK, _quote, _adds("held", "amount")),),
    "InsuranceSet": (Rule(schema.BANK, _quote, _sets(insurance="insurance")),),
    "FeesCollected": (Rule(schema.BANK, _by_token_address, _fees_collected),),
    "ReservesCollected": (Rule(schema.BANK, _by_token_address, _adds("held", "reserves", sign=-1)),),
    "BankAccrued": (Rule(schema.BANK, _by("token"), _accrued),),
    "DebtWrittenOff": (Rule(schema.BANK, _by("token"), _adds("uncovered", "uncovered")),),
    # accounts
    "BalanceSet": (Rule(schema.BALANCE, _by("account", "token"), _sets(shares="shares"), whole=True),),
    "PositionSet": (Rule(schema.POSITION, _by("account", "instrument"), _position, whole=True),),
    "MarginModelSet": (Rule(schema.ACCOUNT, _by("account"), _sets(model="model")),),
    "Flagged": (Rule(schema.ACCOUNT, _by("account"), _sets(flagged_at="at")),),
    "FlagCleared": (Rule(schema.ACCOUNT, _by("account"), _flag_cleared),),
    "Liquidated": (
        Rule(schema.ACCOUNT, _by("account"), _sets(steps="step")),
        Rule(schema.PARAMETER, _parameter(FUND), _fund),
    ),
    "OperatorSet": (Rule(schema.OPERATOR, _by("account", "operator"), _sets(valid_until="validUntil")),),
    "OperatorBudgetSet": (Rule(schema.OPERATOR, _by("account", "operator"), _sets(budget="budgetWad")),),
    "OperatorSpent": (Rule(schema.OPERATOR, _by("account", "operator"), _sets(day="day", spent="spentWad")),),
    # trading
    "Filled": (
        Rule(schema.FILLED, _by("makerHash"), _filled),
        Rule(schema.FILLED, _by("takerHash"), _filled),
        Rule(schema.BANK, _quote, _adds("fees", "makerFee", "takerFee")),
    ),
    "OrderCancelled": (Rule(schema.CANCELLED, _by("account", "nonce"), _nothing, whole=True),),
    "MarketSet": (Rule(schema.MARKET, _by("instrument"), _market),),
    "PoolSet": (
        Rule(
            schema.MARKET,
            _by("instrument"),
            _sets(
                open_interest="openInterest",
                pool="pool",
                residual="residual",
                claim_shares="claimShares",
                claim_index="claimIndex",
                claim_epoch="claimEpoch",
            ),
        ),
    ),
    "Sampled": (Rule(schema.MARKET, _by("instrument"), _sets(sampled_at="time")),),
    # listing
    "TokenListed": (Rule(schema.TOKEN, _by("id"), _sets(address="token", decimals="decimals")),),
    "TokenConfigSet": (Rule(schema.TOKEN, _by("id"), _sets(config="config")),),
    "MarketListed": (
        Rule(schema.LISTING, _by("instrument"), _sets(symbol="symbol")),
        Rule(schema.MARKET, _by("instrument"), _market_listed),
    ),
    "MarketConfigSet": (Rule(schema.LISTING, _by("instrument"), _sets(config="config")),),
    "MarketStatusSet": (Rule(schema.LISTING, _by("instrument"), _sets(reduce_only="reduceOnly")),),
    "QuoterSet": (Rule(schema.QUOTER, _by("quoter"), _sets(allowed="allowed"), whole=True),),
    # parameters
    "PremiumConfigSet": (Rule(schema.PARAMETER, _parameter("premium"), _value("config")),),
    "LiquidationConfigSet": (Rule(schema.PARAMETER, _parameter("liquidation"), _value("config")),),
    "RouterSet": (Rule(schema.PARAMETER, _parameter("router"), _value("router")),),
    "EngineSet": (Rule(schema.PARAMETER, _parameter("engine"), _value("engine")),),
    "FeeRecipientsSet": (Rule(schema.PARAMETER, _parameter("recipients"), _value("trade", "reserve")),),
    "PausedUntil": (Rule(schema.PARAMETER, _parameter("paused"), _value("until")),),
    "AuthorityUpdated": (Rule(schema.PARAMETER, _parameter("authority"), _value("authority")),),
}

#: Events of routers, engines and their books. They set parameters of their own and can touch nothing else, so an event
#: of one name means in each contract that contract's.
MODULE_RULES: Mapping[str, tuple[Rule, ...]] = {
    # engines
    "TokenRatesSet": (Rule(schema.PARAMETER, _parameter("token", "token"), _value("rates")),),
    "InstrumentRatesSet": (Rule(schema.PARAMETER, _parameter("instrument", "instrument"), _value("rates")),),
    "MinimumMaintenanceSet": (Rule(schema.PARAMETER, _parameter("minimum"), _value("minimumWad")),),
    "FactorsSet": (Rule(schema.PARAMETER, _parameter("factors"), _value("factors")),),
    "ContingencySet": (Rule(schema.PARAMETER, _parameter("contingency", "asset"), _value("contingency")),),
    "HaircutSet": (Rule(schema.PARAMETER, _parameter("haircut", "token"), _value("haircut")),),
    "SourcesSet": (Rule(schema.PARAMETER, _parameter("sources"), _value("sources")),),
    # books of scenario tables and of risk arrays
    "TableProposed": (Rule(schema.PARAMETER, _parameter("tables"), _table_proposed),),
    "TableActivated": (Rule(schema.PARAMETER, _parameter("tables"), _table_activated),),
    "TableWithdrawn": (Rule(schema.PARAMETER, _parameter("tables"), _table_withdrawn),),
    "ArraysSet": (Rule(schema.PARAMETER, _parameter("arrays"), _value("arrays")),),
    "ArraysStored": (Rule(schema.PARAMETER, _arrays_of, _arrays_stored, whole=True),),
    "LimitsSet": (Rule(schema.PARAMETER, _parameter("limits"), _value("limits")),),
    # strike books
    "UnderlyingOpened": (Rule(schema.PARAMETER, _parameter("lot", "underlying"), _value("lotWad")),),
    "StrikesListed": (Rule(schema.PARAMETER, _parameter("strikes", "underlying", "expiry"), _strikes_listed),),
    # surface oracles
    "SurfaceSet": (Rule(schema.PARAMETER, _parameter("surface", "underlying", "expiry"), _surface),),
    "SignerSet": (Rule(schema.PARAMETER, _parameter("signer", "signer"), _value("allowed")),),
    "ThresholdSet": (Rule(schema.PARAMETER, _parameter("threshold"), _value("threshold")),),
    # settlement oracles
    "FeedPinned": (Rule(schema.PARAMETER, _parameter("pinned", "asset", "expiry"), _value("feed")),),
    "RoundsCounted": (
        Rule(
            schema.PARAMETER,
            _parameter("rounds", "asset", "expiry"),
            _value("sumWadSeconds", "lastRound", "done"),
        ),
    ),
    "PriceFixed": (Rule(schema.PARAMETER, _parameter("settled", "asset", "expiry"), _value("priceWad")),),
    # routers
    "FeedSet": (Rule(schema.PARAMETER, _parameter("feed", "asset"), _value("feed")),),
    "SequencerSet": (Rule(schema.PARAMETER, _parameter("sequencer"), _value("source", "grace")),),
    "Synced": (
        Rule(
            schema.SYNCED,
            lambda event, _: (event.source, event.args["asset"]),
            _synced,
            whole=True,
        ),
    ),
    "AuthorityUpdated": (Rule(schema.PARAMETER, _parameter("authority"), _value("authority")),),
}

#: Events that tell a story and change no state that another event does not set.
WITHOUT_STATE = frozenset(
    {"Transferred", "Settled", "LossAllocated", "WinnersHaircut", "ArraysAdvanced", "EIP712DomainChanged"}
)
