"""Makes ``portfolio_margin.json``: ``python -m tests.vectors.portfolio_margin``.

Named portfolios on arrays that ``ballast.risk.arrays.price_strike`` priced from SVI surfaces at BTC 60,000, ETH 3,000
and SOL 150, under a table of 32 rows that the three coins share: what the contract is given and what it must say, under
the PORTFOLIO model and under STANDARD. All randomness is of integers and of one seed, so the file is the same
everywhere. Amounts are USDC in 1e18; numbers that a float could not hold are decimal strings.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ballast.chain.instruments import PERPETUAL, instrument_id, options_listing
from ballast.chain.protocol import Health
from ballast.index.state import Engine, Rates
from ballast.risk.arrays import Market, Moves, Series, price_strike
from ballast.risk.portfolio import Contingency, Factors, Holdings, PortfolioMargin, evaluate, worth_of_options
from ballast.risk.standard import requirement
from ballast.risk.svi import Slice
from ballast.risk.valuation import LinearLeg, OptionLeg, Portfolio, TokenLeg
from ballast.units import E6, WAD
from tests.contracts.risk.arrays import MOVE
from tests.contracts.risk.books import FACTORS, rows_of

__all__ = ["PATH", "Case", "Golden", "load", "make", "portfolio_of"]

PATH = Path(__file__).with_suffix(".json")
NOW = 1_900_000_000
MINIMUM = 10 * WAD
SEED = 20_260_801
DAY = 86_400
ROWS = 32
BTC, ETH, SOL = 1, 2, 3
SPOT = {BTC: 60_000, ETH: 3_000, SOL: 150}
#: Volatility in per cent, lot in 1e18 and strikes from 70% to 130% of the spot.
VOL = {BTC: 55, ETH: 70, SOL: 95}
LOT = {BTC: 10**15, ETH: 10**16, SOL: 10**17}
PARTS = tuple(range(70, 131, 5))
AT_THE_MONEY = PARTS.index(100)
#: Series by name: asset, seconds to expiry, age of the arrays, of the surface.
EXPIRIES = {
    "BTC week": (BTC, 7 * DAY, 0, 0),
    "BTC month": (BTC, 30 * DAY, 60, 300),
    "BTC quarter": (BTC, 90 * DAY, 60, 300),
    "BTC hours": (BTC, 2 * 3_600, 0, 0),
    "BTC old": (BTC, 30 * DAY, 3 * 3_600, 4 * 3_600),
    "ETH week": (ETH, 7 * DAY, 0, 0),
    "ETH month": (ETH, 30 * DAY, 60, 300),
    "ETH doubtful": (ETH, 60 * DAY, 60, 300),
    "SOL month": (SOL, 30 * DAY, 60, 300),
}
SERIES = {name: asset << 14 | 4_300 + i for i, (name, (asset, *_)) in enumerate(EXPIRIES.items())}
TERMS = Contingency(20_000, 10_000, 3_000, 2_000, 20_000, 5_000, 10_000, 20_000, 5_000_000)
HAIRCUTS = {BTC: 50_000, ETH: 50_000, SOL: 150_000}
#: Under STANDARD: maintenance and initial of tokens, perpetuals and sold options, by coin.
TOKENS = {BTC: Rates(70_000, 120_000), ETH: Rates(80_000, 140_000), SOL: Rates(150_000, 250_000)}
PERPETUALS = {BTC: Rates(25_000, 50_000), ETH: Rates(30_000, 60_000), SOL: Rates(60_000, 100_000)}
SOLD = {BTC: Rates(90_000, 150_000), ETH: Rates(100_000, 160_000), SOL: Rates(150_000, 240_000)}


@dataclass(frozen=True)
class Case:
    """One portfolio and what it must hold."""

    name: str
    holdings: Holdings
    expected: dict[str, Any]


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
    cases: tuple[Case, ...]

    def evaluate(self, holdings: Holdings) -> PortfolioMargin:
        rows = rows_of(self.table)
        terms = (self.factors, self.contingencies, self.haircuts, self.minimum, self.now)
        return evaluate(holdings, rows, self.arrays, *terms)

    def standard(self, holdings: Holdings) -> Health:
        """The same under the STANDARD model."""
        engine = Engine("", self.token_rates, self.instrument_rates, self.minimum)
        worth = worth_of_options(holdings, rows_of(self.table), self.arrays, self.factors, self.now)
        return requirement(engine, portfolio_of(holdings), worth, self.arrays)


def portfolio_of(holdings: Holdings, model: int = 0) -> Portfolio:
    """The valued account that these are the holdings of."""
    return Portfolio(
        model,
        holdings.cash,
        holdings.quote_usd,
        tuple(TokenLeg(token, asset, value, value) for token, asset, value in holdings.tokens),
        tuple(
            LinearLeg(instrument_id(PERPETUAL, asset), notional, notional, pnl)
            for asset, notional, pnl in holdings.linears
        ),
        tuple(OptionLeg(*one) for one in holdings.options),
        (),
        holdings.indices,
    )


# ------------------------------------------------------------------ table and arrays


def _table(source: random.Random) -> tuple[Any, ...]:
    """Joint moves: a common part and each coin's own, volatility against the spot; a third of them large."""

    def bell(width: int) -> int:
        return sum(source.randrange(-width, width + 1) for _ in range(4)) // 2

    spot: list[list[int]] = [[], [], []]
    vol: list[list[int]] = [[], [], []]
    weights = []
    for row in range(ROWS):
        size = 1_600 if row % 3 == 0 else 700
        common, panic = bell(size), bell(900)
        weights.append(5_000 if row % 3 == 0 else 10_000)
        for i, beta in enumerate((10, 12, 15)):
            own = common * beta // 10 + bell(size // 3)
            spot[i].append(min(max(8_000 + own, 2_400), 16_000))
            vol[i].append(min(max(8_000 - own * 2 // 3 + panic, 4_000), 24_000))
    floors = [(9_200, 6_800, 11_200, 6_000), (9_200, 6_800, 11_200, 6_000), (9_600, 6_400, 11_200, 6_000)]
    names = ["0x" + "00" * 32] * ROWS
    return 3, 3_000, [BTC, ETH, SOL], weights, spot, vol, floors, names


def _arrays(table: tuple[Any, ...]) -> dict[int, Series]:
    return {SERIES[name]: _series(table, name) for name in EXPIRIES}


def _series(table: tuple[Any, ...], name: str) -> Series:
    asset, remaining, age, surface_age = EXPIRIES[name]
    column = asset - 1
    up, down, vol_up, vol_down = table[6][column]
    moves = Moves.of(
        [one * MOVE for one in (up, up, down, down, *table[4][column])],
        [one * MOVE for one in (vol_up, vol_down, vol_up, vol_down, *table[5][column])],
        remaining,
        table[1] * 10**14,
    )
    spot = SPOT[asset] * WAD
    forward = spot + spot * remaining // (365 * DAY) * 8 // 100  # 8% a year
    # 80% of the variance at the bottom of the smile; parameters in 1e12
    variance = VOL[asset] ** 2 * remaining * 10**8 // (365 * DAY)
    slice_ = Slice(variance * 8 // 10, variance // 2, -(10**12) // 4, 0, 3 * 10**11)
    market = Market(forward, forward, remaining, LOT[asset], slice_)
    deviation = market.deviation(0)
    return Series(
        spot=spot,
        forward=forward,
        time=NOW - age,
        version=1,
        round=7,
        surface_time=NOW - surface_age,
        remaining=remaining,
        band=min(deviation // 4 // 10**9, 20_000_000),
        lot=LOT[asset],
        confidence=300_000 if "doubtful" in name else E6,
        records=tuple(price_strike(market, moves, spot * part // 100) for part in PARTS),
    )


# ------------------------------------------------------------------ portfolios


@dataclass
class _Desk:
    """Draws sizes; whole units of the coin."""

    source: random.Random

    def lots(self, name: str, units: int = 0) -> int:
        asset = EXPIRIES[name][0]
        return (units or self.source.randrange(1, 200)) * (WAD // LOT[asset])

    def option(self, name: str, strike: int, put: bool, lots: int) -> tuple[int, int, bool, int]:
        return SERIES[name], AT_THE_MONEY + strike, put, lots

    def name(self, *names: str) -> str:
        return self.source.choice(names)

    def perp(self, asset: int, units: int) -> tuple[int, int, int]:
        return asset, units * SPOT[asset] * WAD, self.source.randrange(-(10**5), 10**5) * WAD

    def token(self, asset: int, units: int) -> tuple[int, int, int]:
        return asset, asset, units * SPOT[asset] * WAD


Kind = Callable[[_Desk], Holdings]


def _bought(d: _Desk) -> Holdings:
    """Nothing is owed."""
    name = d.name("BTC week", "BTC old", "ETH month", "ETH doubtful", "SOL month")
    strikes = d.source.sample(range(-6, 7), 3)
    legs = tuple(d.option(name, strike, d.source.random() < 0.5, d.lots(name)) for strike in strikes)
    coins = (d.token(ETH, d.source.randrange(1, 9)),) if d.source.random() < 0.5 else ()
    return Holdings(cash=d.source.choice((0, 0, 500)) * WAD, tokens=coins, options=legs)


def _covered_call(d: _Desk) -> Holdings:
    n, name = d.source.randrange(1, 100), d.name("BTC week", "BTC month")
    return Holdings(tokens=(d.token(BTC, n),), options=(d.option(name, 1, False, -d.lots(name, n)),))


def _cash_and_carry(d: _Desk) -> Holdings:
    n = d.source.randrange(1, 500)
    return Holdings(cash=10**5 * WAD, tokens=(d.token(ETH, n),), linears=(d.perp(ETH, -n),))


def _pair(d: _Desk) -> Holdings:
    n = d.source.randrange(1, 50)
    return Holdings(cash=10**6 * WAD, linears=(d.perp(BTC, n), d.perp(ETH, -20 * n)))


def _iron_condor(d: _Desk) -> Holdings:
    name = d.name("BTC week", "BTC month", "ETH month", "SOL month")
    n = d.lots(name)
    legs = ((-3, True, n), (-2, True, -n), (2, False, -n), (3, False, n))
    return Holdings(cash=10**6 * WAD, options=tuple(d.option(name, *leg) for leg in legs))


def _calendar(d: _Desk) -> Holdings:
    strike, n = d.source.randrange(-2, 3), d.lots("BTC week")
    legs = (d.option("BTC week", strike, False, -n), d.option("BTC quarter", strike, False, n))
    return Holdings(cash=10**6 * WAD, options=legs)


def _hedged_straddle(d: _Desk) -> Holdings:
    units, sign = d.source.randrange(1, 100), d.source.choice((-1, 1))
    n = sign * d.lots("ETH month", units)
    legs = (d.option("ETH month", 0, False, n), d.option("ETH month", 0, True, n))
    return Holdings(cash=10**6 * WAD, linears=(d.perp(ETH, -sign * units // 10),), options=legs)


def _collar(d: _Desk) -> Holdings:
    n = d.source.randrange(1, 100)
    lots = d.lots("BTC month", n)
    legs = (d.option("BTC month", -2, True, lots), d.option("BTC month", 2, False, -lots))
    return Holdings(tokens=(d.token(BTC, n),), options=legs)


def _short_strangle(d: _Desk) -> Holdings:
    name = d.name("BTC week", "ETH week", "SOL month")
    n = d.lots(name)
    return Holdings(cash=10**7 * WAD, options=(d.option(name, -2, True, -n), d.option(name, 2, False, -n)))


def _perp_hedge(d: _Desk) -> Holdings:
    n = d.source.randrange(1, 100)
    return Holdings(
        cash=10**6 * WAD, linears=(d.perp(BTC, n),), options=(d.option("BTC week", -1, True, d.lots("BTC week", n)),)
    )


def _box(d: _Desk) -> Holdings:
    name = d.name("BTC month", "ETH month")
    low, high, n = d.source.randrange(-5, 0), d.source.randrange(1, 6), d.lots(name)
    legs = ((low, False, n), (high, False, -n), (low, True, -n), (high, True, n))
    return Holdings(cash=1_000 * WAD, options=tuple(d.option(name, *leg) for leg in legs))


def _conversion(d: _Desk) -> Holdings:
    units, strike = d.source.randrange(1, 100), d.source.randrange(-3, 4)
    n = d.lots("BTC month", units)
    legs = (d.option("BTC month", strike, False, -n), d.option("BTC month", strike, True, n))
    return Holdings(tokens=(d.token(BTC, units),), options=legs)


def _wings(d: _Desk) -> Holdings:
    legs = [(-6, True), (-5, True), (-4, True), (4, False), (5, False), (6, False)]
    name = d.name("BTC month", "ETH month", "SOL month")
    return Holdings(cash=10**7 * WAD, options=tuple(d.option(name, *leg, -d.lots(name)) for leg in legs))


def _full(d: _Desk) -> Holdings:
    """64 options of eight series."""
    names = sorted(SERIES)[:8]
    keys = [(name, strike, put) for name in names for strike in range(-6, 7) for put in (False, True)]
    held = sorted(d.source.sample(keys, 64))
    legs = tuple(d.option(*key, d.source.choice((-1, 1)) * d.lots(key[0])) for key in held)
    perps = tuple(d.perp(asset, d.source.randrange(-50, 50)) for asset in SPOT)
    return Holdings(cash=10**8 * WAD, tokens=tuple(d.token(asset, 10) for asset in SPOT), linears=perps, options=legs)


def _dust(d: _Desk) -> Holdings:
    name = d.name("BTC week", "ETH month", "SOL month")
    legs = (d.option(name, d.source.randrange(-6, 7), d.source.random() < 0.5, d.source.choice((-1, 1))),)
    return Holdings(cash=d.source.randrange(20) * WAD, tokens=((1, BTC, d.source.randrange(-9, 10)),), options=legs)


def _extreme(d: _Desk) -> Holdings:
    """Near the largest multiplier that fits the lanes, and beyond it."""
    legs = tuple(
        d.option("BTC month", strike, put, d.source.choice((-1, 1)) * 10 ** d.source.randrange(8, 14))
        for strike, put in ((-3, False), (-1, True), (0, False), (0, True), (4, False))
    )
    return Holdings(cash=10**13 * WAD, linears=(d.perp(BTC, d.source.randrange(10**6)),), options=legs)


def _deep(d: _Desk) -> Holdings:
    name = d.name("BTC hours", "BTC quarter", "ETH week")
    legs = tuple(
        d.option(name, strike, put, d.source.choice((-1, 1)) * d.lots(name)) for strike, put in ((-6, False), (6, True))
    )
    return Holdings(cash=10**6 * WAD, options=legs)


def _near_expiry(d: _Desk) -> Holdings:
    legs = [
        d.option("BTC hours", strike, strike < 0, d.source.choice((-1, 1)) * d.lots("BTC hours"))
        for strike in (-1, 0, 1)
    ]
    return Holdings(cash=10**6 * WAD, options=tuple(legs))


def _stale(d: _Desk) -> Holdings:
    name = d.name("BTC old", "ETH doubtful")
    n = d.lots(name)
    return Holdings(cash=10**6 * WAD, options=(d.option(name, 0, False, n), d.option(name, 2, False, -n)))


def _borrowed(d: _Desk) -> Holdings:
    n = d.source.randrange(1, 50)
    return Holdings(cash=-n * 1_000 * WAD, tokens=(d.token(ETH, n), d.token(SOL, -n)))


KINDS: Mapping[str, Kind] = {
    "covered call": _covered_call,
    "cash and carry": _cash_and_carry,
    "BTC-ETH pair": _pair,
    "iron condor": _iron_condor,
    "calendar": _calendar,
    "delta-hedged straddle": _hedged_straddle,
    "collar": _collar,
    "short strangle": _short_strangle,
    "perpetual hedged by options": _perp_hedge,
    "box": _box,
    "conversion": _conversion,
    "all-short wings": _wings,
    "64 positions": _full,
    "dust": _dust,
    "extreme sizes": _extreme,
    "deep in and out of the money": _deep,
    "near expiry": _near_expiry,
    "stale or doubtful arrays": _stale,
    "borrowed": _borrowed,
    "bought options": _bought,
}
#: What the spots have done since the arrays, in 1e-4; the peg of each, in 1e-4.
STATES = ((0, 10_000), (15, 10_000), (-60, 10_000), (120, 9_950), (-450, 9_700), (500, 10_010))


def _cases(source: random.Random) -> Iterator[tuple[str, Holdings]]:
    for name, kind in KINDS.items():
        for move, peg in STATES:
            for _ in range(2):
                indices = {asset: spot * WAD * (10_000 + move) // 10_000 for asset, spot in SPOT.items()}
                yield name, replace(kind(_Desk(source)), indices=indices, quote_usd=WAD * peg // 10_000)


def make() -> Golden:
    """All of it, from the seed."""
    source = random.Random(SEED)
    table = _table(source)
    golden = Golden(
        now=NOW,
        minimum=MINIMUM,
        table=table,
        arrays=_arrays(table),
        factors=FACTORS,
        contingencies=dict.fromkeys(SPOT, TERMS),
        haircuts=HAIRCUTS,
        token_rates=TOKENS,
        instrument_rates={
            **{instrument_id(PERPETUAL, asset): one for asset, one in PERPETUALS.items()},
            **{options_listing(asset): one for asset, one in SOLD.items()},
        },
        cases=(),
    )
    cases = tuple(
        Case(name, one, _expected(golden.evaluate(one), golden.standard(one))) for name, one in _cases(source)
    )
    return replace(golden, cases=cases)


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
    cases = [
        {"name": one.name, **_plain(_held(one.holdings)), "expected": _plain(one.expected)} for one in golden.cases
    ]
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
        "instrument_rates": {str(number): list(one) for number, one in golden.instrument_rates.items()},
    }
    parts = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    lines = ",\n".join(f"  {json.dumps(case)}" for case in cases)
    return "{\n" + ",\n".join(parts) + ',\n "cases": [\n' + lines + "\n ]\n}\n"


_EXPIRED = ("expired", "unfixed", "owes_expired")


def _held(holdings: Holdings) -> dict[str, Any]:
    """All but what has expired, which no case holds."""
    return {name: value for name, value in asdict(holdings).items() if name not in _EXPIRED}


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
    cases = []
    for case in data["cases"]:
        fields = {key: _number(case[key]) for key in ("cash", "quote_usd", "tokens", "linears", "options", "indices")}
        holdings = Holdings(
            cash=fields["cash"],
            quote_usd=fields["quote_usd"],
            tokens=tuple(map(tuple, fields["tokens"])),
            linears=tuple(map(tuple, fields["linears"])),
            options=tuple(map(tuple, fields["options"])),
            indices={int(asset): one for asset, one in fields["indices"].items()},
        )
        cases.append(Case(case["name"], holdings, _number(case["expected"])))
    return Golden(
        now=data["now"],
        minimum=int(data["minimum"]),
        table=tuple(data["table"]),
        arrays={int(series): Series.decode(bytes.fromhex(one[2:])) for series, one in data["arrays"].items()},
        factors=Factors(**data["factors"]),
        contingencies={int(asset): Contingency(**one) for asset, one in data["contingencies"].items()},
        haircuts={int(token): one for token, one in data["haircuts"].items()},
        token_rates={int(token): Rates(*one) for token, one in data["token_rates"].items()},
        instrument_rates={int(number): Rates(*one) for number, one in data["instrument_rates"].items()},
        cases=tuple(cases),
    )


if __name__ == "__main__":
    PATH.write_text(dump(make()), "utf-8")
