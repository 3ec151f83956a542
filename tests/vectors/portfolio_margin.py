"""Makes ``portfolio_margin.json``: ``python -m tests.vectors.portfolio_margin``.

Portfolios of every kind in one market: what the contract is given and what it must say, under the PORTFOLIO model and
under STANDARD. All randomness is of integers and of one seed, so the file is the same everywhere. Amounts are USDC in
1e18; numbers that a float could not hold are decimal strings.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ballast.chain.instruments import PERPETUAL, instrument_id, options_listing
from ballast.chain.protocol import Health
from ballast.index.state import Engine, Rates
from ballast.risk.arrays import Series
from ballast.risk.margin import STANDARD
from ballast.risk.portfolio import Contingency, Factors, Holdings, PortfolioMargin, evaluate, worth_of_options
from ballast.risk.standard import requirement
from ballast.risk.valuation import LinearLeg, OptionLeg, Portfolio, SeriesEnd, TokenLeg
from ballast.units import WAD
from tests.contracts.risk.books import FACTORS, Book, expired_legs, rows_of, with_expired
from tests.vectors.portfolio_kinds import EXPIRED_KINDS, KINDS, Desk
from tests.vectors.portfolio_market import (
    ENDS,
    HAIRCUTS,
    NOW,
    PERPETUALS,
    SOLD,
    SPOT,
    TERMS,
    TOKENS,
    arrays_of,
    make_table,
)

__all__ = ["PATH", "Case", "Golden", "dump", "load", "make"]

PATH = Path(__file__).with_suffix(".json")
MINIMUM = 10 * WAD
SEED = 20_260_801


@dataclass(frozen=True)
class Case:
    """One portfolio and what it must hold; ``over`` are its options that have expired, ``ends`` what settles them."""

    name: str
    holdings: Holdings
    expected: dict[str, Any]
    over: tuple[OptionLeg, ...]
    ends: dict[int, SeriesEnd]

    def portfolio(self, model: int = STANDARD) -> Portfolio:
        """The valued account that has them."""
        held = self.holdings
        return Portfolio(
            model,
            held.cash,
            held.quote_usd,
            tuple(TokenLeg(token, asset, value, value) for token, asset, value in held.tokens),
            tuple(
                LinearLeg(instrument_id(PERPETUAL, asset), notional, notional, pnl)
                for asset, notional, pnl in held.linears
            ),
            tuple(OptionLeg(*one) for one in held.options),
            expired_legs(self.over, self.ends),
            held.indices,
        )


@dataclass(frozen=True)
class Golden:
    """The file: one table, arrays and terms for all cases."""

    now: int
    minimum: int
    table: tuple[Any, ...]
    arrays: dict[int, Series]
    factors: Factors
    contingencies: dict[int, Contingency]
    haircuts: dict[int, int]
    token_rates: dict[int, Rates]
    instrument_rates: dict[int, Rates]
    ends: dict[int, SeriesEnd]
    cases: tuple[Case, ...]

    def case(self, name: str, holdings: Holdings, over: tuple[OptionLeg, ...], expected: dict[str, Any]) -> Case:
        """A price that is not fixed is the index."""
        ends = {
            series: one if one.is_fixed else one._replace(price=holdings.indices[series >> 14])
            for series, one in self.ends.items()
        }
        return Case(name, with_expired(holdings, over, ends), expected, over, ends)

    def book(self, case: Case) -> Book:
        """All that the contract is given."""
        rest = (self.contingencies, self.haircuts, case.over, case.ends)
        return Book(self.table, self.arrays, case.holdings, *rest)

    def evaluate(self, holdings: Holdings) -> PortfolioMargin:
        """What the twin says."""
        rows = rows_of(self.table)
        terms = (self.factors, self.contingencies, self.haircuts, self.minimum, self.now)
        return evaluate(holdings, rows, self.arrays, *terms)

    def standard(self, case: Case) -> Health:
        """The same under the STANDARD model."""
        engine = Engine("", self.token_rates, self.instrument_rates, self.minimum)
        worth = worth_of_options(case.holdings, rows_of(self.table), self.arrays, self.factors, self.now)
        return requirement(engine, case.portfolio(), worth, self.arrays)


#: What the spots have done since the arrays, in 1e-4; the peg of each, in 1e-4.
STATES = ((0, 10_000), (15, 10_000), (-60, 10_000), (120, 9_950), (-450, 9_700), (500, 10_010))


def _cases(source: random.Random) -> Iterator[tuple[str, Holdings, tuple[OptionLeg, ...]]]:
    desk = Desk(source)
    for name in (*KINDS, *EXPIRED_KINDS):
        for move, peg in STATES:
            for _ in range(2):
                held, over = (KINDS[name](desk), ()) if name in KINDS else EXPIRED_KINDS[name](desk)
                indices = {asset: spot * WAD * (10_000 + move) // 10_000 for asset, spot in SPOT.items()}
                yield name, replace(held, indices=indices, quote_usd=WAD * peg // 10_000), over


def make() -> Golden:
    """All of it, from the seed."""
    source = random.Random(SEED)
    table = make_table(source)
    golden = Golden(
        now=NOW,
        minimum=MINIMUM,
        table=table,
        arrays=arrays_of(table),
        factors=FACTORS,
        contingencies=dict.fromkeys(SPOT, TERMS),
        haircuts=HAIRCUTS,
        token_rates=TOKENS,
        instrument_rates={
            **{instrument_id(PERPETUAL, asset): one for asset, one in PERPETUALS.items()},
            **{options_listing(asset): one for asset, one in SOLD.items()},
        },
        ends=ENDS,
        cases=(),
    )
    drawn = [golden.case(*one, {}) for one in _cases(source)]
    cases = [replace(one, expected=_expected(golden.evaluate(one.holdings), golden.standard(one))) for one in drawn]
    return replace(golden, cases=tuple(cases))


def _expected(margin: PortfolioMargin, standard: Health) -> dict[str, Any]:
    found = asdict(margin)
    del found["profits"]
    return found | {
        "worst": list(margin.worst),
        "stale": sorted(margin.stale),
        "standard": [standard.equity, standard.initial, standard.maintenance],
    }


# ------------------------------------------------------------------ the file


def dump(golden: Golden) -> str:
    """The file's text: a case a line."""
    cases = [{"name": one.name, **_plain(_held(one)), "expected": _plain(one.expected)} for one in golden.cases]
    head = {
        "about": __doc__.splitlines()[0],
        "now": golden.now,
        "minimum": str(golden.minimum),
        "table": golden.table,
        "arrays": {str(series): "0x" + one.encode().hex() for series, one in golden.arrays.items()},
        "factors": asdict(golden.factors),
        "contingencies": {str(asset): asdict(one) for asset, one in golden.contingencies.items()},
        "haircuts": {str(token): one for token, one in golden.haircuts.items()},
        "token_rates": {str(token): list(one) for token, one in golden.token_rates.items()},
        "ends": {str(series): _plain(one._asdict()) for series, one in golden.ends.items()},
        "instrument_rates": {str(number): list(one) for number, one in golden.instrument_rates.items()},
    }
    parts = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    lines = ",\n".join(f"  {json.dumps(case)}" for case in cases)
    return "{\n" + ",\n".join(parts) + ',\n "cases": [\n' + lines + "\n ]\n}\n"


_HELD = ("cash", "quote_usd", "tokens", "linears", "options", "indices")


def _held(case: Case) -> dict[str, Any]:
    """What is held; of what has expired the options, not what they are worth."""
    held = {name: value for name, value in asdict(case.holdings).items() if name in _HELD}
    return held | {"over": case.over}


def _plain(value: Any) -> Any:
    """Numbers that a float could not hold become strings."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return str(value) if isinstance(value, int) and abs(value) >= 2**53 else value


def _number(value: Any) -> Any:
    """The reverse."""
    if isinstance(value, dict):
        return {key: _number(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_number(inner) for inner in value]
    return int(value) if isinstance(value, str) else value


def load() -> Golden:
    """The committed file."""
    data = json.loads(PATH.read_text("utf-8"))
    golden = Golden(
        now=data["now"],
        minimum=int(data["minimum"]),
        table=tuple(data["table"]),
        arrays={int(series): Series.decode(bytes.fromhex(one[2:])) for series, one in data["arrays"].items()},
        factors=Factors(**data["factors"]),
        contingencies={int(asset): Contingency(**one) for asset, one in data["contingencies"].items()},
        haircuts={int(token): one for token, one in data["haircuts"].items()},
        token_rates={int(token): Rates(*one) for token, one in data["token_rates"].items()},
        instrument_rates={int(number): Rates(*one) for number, one in data["instrument_rates"].items()},
        ends={int(series): _end(_number(one)) for series, one in data["ends"].items()},
        cases=(),
    )
    return replace(golden, cases=tuple(_case(golden, one) for one in data["cases"]))


def _case(golden: Golden, data: dict[str, Any]) -> Case:
    fields = {key: _number(data[key]) for key in _HELD}
    holdings = Holdings(
        cash=fields["cash"],
        quote_usd=fields["quote_usd"],
        tokens=tuple(map(tuple, fields["tokens"])),
        linears=tuple(map(tuple, fields["linears"])),
        options=tuple(map(tuple, fields["options"])),
        indices={int(asset): one for asset, one in fields["indices"].items()},
    )
    over = tuple(OptionLeg(*one) for one in _number(data["over"]))
    return golden.case(data["name"], holdings, over, _number(data["expected"]))


def _end(fields: dict[str, Any]) -> SeriesEnd:
    return SeriesEnd(**fields | {"strikes": tuple(fields["strikes"])})


if __name__ == "__main__":
    PATH.write_text(dump(make()), "utf-8")
