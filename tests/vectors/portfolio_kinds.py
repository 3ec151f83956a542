"""The kinds of golden portfolios, and how one of each is drawn."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from ballast.risk.portfolio import Holdings
from ballast.risk.valuation import OptionLeg
from ballast.units import WAD
from tests.vectors.portfolio_market import AT_THE_MONEY, BTC, ENDED, ETH, EXPIRIES, LOT, SERIES, SOL, SPOT

__all__ = ["EXPIRED_KINDS", "KINDS", "Desk", "ExpiredKind", "Kind"]


@dataclass
class Desk:
    """Draws sizes; whole units of the coin."""

    source: random.Random

    def lots(self, name: str, units: int = 0) -> int:
        asset = SERIES[name] >> 14
        return (units or self.source.randrange(1, 200)) * (WAD // LOT[asset])

    def option(self, name: str, strike: int, put: bool, lots: int) -> tuple[int, int, bool, int]:
        return SERIES[name], AT_THE_MONEY + strike, put, lots

    def name(self, *names: str) -> str:
        return self.source.choice(names)

    def perp(self, asset: int, units: int) -> tuple[int, int, int]:
        return asset, units * SPOT[asset] * WAD, self.source.randrange(-(10**5), 10**5) * WAD

    def token(self, asset: int, units: int) -> tuple[int, int, int]:
        return asset, asset, units * SPOT[asset] * WAD


Kind = Callable[[Desk], Holdings]
#: With options of series that have expired, which the holdings leave out.
ExpiredKind = Callable[[Desk], tuple[Holdings, tuple[OptionLeg, ...]]]


def _bought(d: Desk) -> Holdings:
    """Nothing is owed."""
    name = d.name("BTC week", "BTC old", "ETH month", "ETH doubtful", "SOL month")
    strikes = d.source.sample(range(-6, 7), 3)
    legs = tuple(d.option(name, strike, d.source.random() < 0.5, d.lots(name)) for strike in strikes)
    coins = (d.token(ETH, d.source.randrange(1, 9)),) if d.source.random() < 0.5 else ()
    return Holdings(cash=d.source.choice((0, 0, 500)) * WAD, tokens=coins, options=legs)


def _covered_call(d: Desk) -> Holdings:
    n, name = d.source.randrange(1, 100), d.name("BTC week", "BTC month")
    return Holdings(tokens=(d.token(BTC, n),), options=(d.option(name, 1, False, -d.lots(name, n)),))


def _cash_and_carry(d: Desk) -> Holdings:
    n = d.source.randrange(1, 500)
    return Holdings(cash=10**5 * WAD, tokens=(d.token(ETH, n),), linears=(d.perp(ETH, -n),))


def _pair(d: Desk) -> Holdings:
    n = d.source.randrange(1, 50)
    return Holdings(cash=10**6 * WAD, linears=(d.perp(BTC, n), d.perp(ETH, -20 * n)))


def _iron_condor(d: Desk) -> Holdings:
    name = d.name("BTC week", "BTC month", "ETH month", "SOL month")
    n = d.lots(name)
    legs = ((-3, True, n), (-2, True, -n), (2, False, -n), (3, False, n))
    return Holdings(cash=10**6 * WAD, options=tuple(d.option(name, *leg) for leg in legs))


def _calendar(d: Desk) -> Holdings:
    strike, n = d.source.randrange(-2, 3), d.lots("BTC week")
    legs = (d.option("BTC week", strike, False, -n), d.option("BTC quarter", strike, False, n))
    return Holdings(cash=10**6 * WAD, options=legs)


def _hedged_straddle(d: Desk) -> Holdings:
    units, sign = d.source.randrange(1, 100), d.source.choice((-1, 1))
    n = sign * d.lots("ETH month", units)
    legs = (d.option("ETH month", 0, False, n), d.option("ETH month", 0, True, n))
    return Holdings(cash=10**6 * WAD, linears=(d.perp(ETH, -sign * units // 10),), options=legs)


def _collar(d: Desk) -> Holdings:
    n = d.source.randrange(1, 100)
    lots = d.lots("BTC month", n)
    legs = (d.option("BTC month", -2, True, lots), d.option("BTC month", 2, False, -lots))
    return Holdings(tokens=(d.token(BTC, n),), options=legs)


def _short_strangle(d: Desk) -> Holdings:
    name = d.name("BTC week", "ETH week", "SOL month")
    n = d.lots(name)
    return Holdings(cash=10**7 * WAD, options=(d.option(name, -2, True, -n), d.option(name, 2, False, -n)))


def _perp_hedge(d: Desk) -> Holdings:
    n = d.source.randrange(1, 100)
    return Holdings(
        cash=10**6 * WAD, linears=(d.perp(BTC, n),), options=(d.option("BTC week", -1, True, d.lots("BTC week", n)),)
    )


def _box(d: Desk) -> Holdings:
    name = d.name("BTC month", "ETH month")
    low, high, n = d.source.randrange(-5, 0), d.source.randrange(1, 6), d.lots(name)
    legs = ((low, False, n), (high, False, -n), (low, True, -n), (high, True, n))
    return Holdings(cash=1_000 * WAD, options=tuple(d.option(name, *leg) for leg in legs))


def _conversion(d: Desk) -> Holdings:
    units, strike = d.source.randrange(1, 100), d.source.randrange(-3, 4)
    n = d.lots("BTC month", units)
    legs = (d.option("BTC month", strike, False, -n), d.option("BTC month", strike, True, n))
    return Holdings(tokens=(d.token(BTC, units),), options=legs)


def _wings(d: Desk) -> Holdings:
    legs = [(-6, True), (-5, True), (-4, True), (4, False), (5, False), (6, False)]
    name = d.name("BTC month", "ETH month", "SOL month")
    return Holdings(cash=10**7 * WAD, options=tuple(d.option(name, *leg, -d.lots(name)) for leg in legs))


def _full(d: Desk) -> Holdings:
    """64 options of eight series."""
    names = sorted(EXPIRIES)[:8]
    keys = [(name, strike, put) for name in names for strike in range(-6, 7) for put in (False, True)]
    held = sorted(d.source.sample(keys, 64))
    legs = tuple(d.option(*key, d.source.choice((-1, 1)) * d.lots(key[0])) for key in held)
    perps = tuple(d.perp(asset, d.source.randrange(-50, 50)) for asset in SPOT)
    return Holdings(cash=10**8 * WAD, tokens=tuple(d.token(asset, 10) for asset in SPOT), linears=perps, options=legs)


def _dust(d: Desk) -> Holdings:
    name = d.name("BTC week", "ETH month", "SOL month")
    legs = (d.option(name, d.source.randrange(-6, 7), d.source.random() < 0.5, d.source.choice((-1, 1))),)
    return Holdings(cash=d.source.randrange(20) * WAD, tokens=((1, BTC, d.source.randrange(-9, 10)),), options=legs)


def _extreme(d: Desk) -> Holdings:
    """Near the largest multiplier that fits the lanes, and beyond it."""
    legs = tuple(
        d.option("BTC month", strike, put, d.source.choice((-1, 1)) * 10 ** d.source.randrange(8, 14))
        for strike, put in ((-3, False), (-1, True), (0, False), (0, True), (4, False))
    )
    return Holdings(cash=10**13 * WAD, linears=(d.perp(BTC, d.source.randrange(10**6)),), options=legs)


def _deep(d: Desk) -> Holdings:
    name = d.name("BTC hours", "BTC quarter", "ETH week")
    legs = tuple(
        d.option(name, strike, put, d.source.choice((-1, 1)) * d.lots(name)) for strike, put in ((-6, False), (6, True))
    )
    return Holdings(cash=10**6 * WAD, options=legs)


def _near_expiry(d: Desk) -> Holdings:
    legs = [
        d.option("BTC hours", strike, strike < 0, d.source.choice((-1, 1)) * d.lots("BTC hours"))
        for strike in (-1, 0, 1)
    ]
    return Holdings(cash=10**6 * WAD, options=tuple(legs))


def _stale(d: Desk) -> Holdings:
    name = d.name("BTC old", "ETH doubtful")
    n = d.lots(name)
    return Holdings(cash=10**6 * WAD, options=(d.option(name, 0, False, n), d.option(name, 2, False, -n)))


def _borrowed(d: Desk) -> Holdings:
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


# ------------------------------------------------------------------ with what has expired


def _ended(d: Desk, name: str, count: int) -> tuple[OptionLeg, ...]:
    keys = d.source.sample([(strike, put) for strike in range(-6, 7) for put in (False, True)], count)
    return tuple(OptionLeg(*d.option(name, *key, d.source.choice((-1, 1)) * d.lots(name))) for key in sorted(keys))


def _fixed(d: Desk) -> tuple[Holdings, tuple[OptionLeg, ...]]:
    return Holdings(cash=10**5 * WAD, tokens=(d.token(ETH, 9),)), _ended(d, "BTC fixed", 4)


def _awaited(d: Desk) -> tuple[Holdings, tuple[OptionLeg, ...]]:
    return Holdings(cash=10**5 * WAD, linears=(d.perp(ETH, -40),)), _ended(d, "ETH awaited", 5)


def _awaited_bought(d: Desk) -> tuple[Holdings, tuple[OptionLeg, ...]]:
    legs = _ended(d, "ETH awaited", 3)
    return Holdings(), tuple(leg._replace(lots=abs(leg.lots)) for leg in legs)


def _both_beside_others(d: Desk) -> tuple[Holdings, tuple[OptionLeg, ...]]:
    over = tuple(leg for name in ENDED for leg in _ended(d, name, 6))
    return replace(_iron_condor(d), tokens=(d.token(BTC, 3),), linears=(d.perp(ETH, 20),)), over


EXPIRED_KINDS: Mapping[str, ExpiredKind] = {
    "expired at a fixed price": _fixed,
    "expired, the price awaited": _awaited,
    "bought and expired, the price awaited": _awaited_bought,
    "expired, both, beside an iron condor": _both_beside_others,
}
