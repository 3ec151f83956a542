"""Marks of a real option chain, from the fit to the blob: each expiry's surface fitted, signed and submitted, strikes
listed, arrays refreshed, and each mark's volatility beside the exchange's. Branches: ``test_exchange_marks.tree``."""

from __future__ import annotations

from collections.abc import Iterator
from math import log
from pathlib import Path
from statistics import median

import pytest
from scipy.optimize import brentq
from scipy.special import ndtr

from ballast.chain.instruments import instrument_of_name
from ballast.chain.local import LocalChain
from ballast.chain.surfaces import Surface
from ballast.market.chain_csv import ChainExpiry, OptionChain, read_chain
from ballast.market.snapshot import ExpiryFit, fit_chain
from ballast.units import WAD, to_wad

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
YEAR = 365 * 86_400
E12 = 10**12
#: Of an expiry, those nearest the forward; what is traded, and what one call refreshes.
MOST_STRIKES = 30
CENT = WAD // 100


@pytest.fixture(scope="module")
def quotes() -> OptionChain:
    found = sorted(DATA.glob("chain_*.csv"))
    if not found:
        pytest.skip("the market data is not beside this tree")
    return read_chain(found[0])


@pytest.fixture(scope="module")
def chain(quotes: OptionChain) -> Iterator[LocalChain]:
    """At the time and the prices of the quotes."""
    with LocalChain(held_at=quotes.time) as chain:
        chain.set_prices({symbol: f"{price:.2f}" for symbol, price in quotes.index.items()})
        for symbol in quotes.index:
            chain.reset_slow_price(symbol)
        yield chain


def surface_of(chain: LocalChain, one: ExpiryFit, expiry: int) -> Surface:
    assert one.fit is not None, one.left_out
    fit, now = one.fit, chain.now()
    router, asset = chain.protocol.router.functions, chain.deployment.underlyings[one.underlying]
    spot = router.price(asset).call() * WAD // router.price(0).call()
    parameters = (round(value * E12) for value in (fit.a, fit.b, fit.rho, fit.m, fit.sigma))
    return Surface(asset, expiry, now, spot, round(one.forward * WAD), *parameters)


def volatility(value: float, forward: float, strike: float, years: float) -> float:
    """Of an option out of the money, worth ``value``: Black-76 inverted."""
    side = 1 if strike >= forward else -1

    def excess(vol: float) -> float:
        deviation = vol * years**0.5
        high = log(forward / strike) / deviation + deviation / 2
        return float(side * (forward * ndtr(side * high) - strike * ndtr(side * (high - deviation))) - value)

    return float(brentq(excess, 1e-3, 10, xtol=1e-12))


def errors_of(chain: LocalChain, one: ExpiryFit, quoted: ChainExpiry) -> list[float]:
    """Vol points between each mark and the exchange's, of the strikes nearest the forward: those of the fit."""
    strikes = sorted(sorted(quoted.vols, key=lambda strike: abs(log(strike / one.forward)))[:MOST_STRIKES])
    chain.options.list_strikes(one.underlying, one.label, [f"{strike:f}" for strike in strikes])
    surface = surface_of(chain, one, quoted.expiry)
    chain.options.submit(surface)
    used = chain.options.refresh(one.underlying, one.label)["gasUsed"]
    assert used < 15_000_000
    wads = [to_wad(f"{strike:f}") for strike in strikes]
    assert one.fit is not None
    fitted = dict(zip(quoted.vols, one.fit.errors, strict=True))
    found = []
    for strike in strikes:
        name = f"{one.underlying}-{one.label}-{strike:g}-{'C' if strike >= one.forward else 'P'}"
        number = instrument_of_name(name, surface.underlying, wads)
        mark, _, stale = chain.protocol.engine.functions.optionMark(number, surface.spot).call()
        assert not stale
        vol = volatility(mark / WAD, one.forward, strike, (quoted.expiry - surface.time) / YEAR)
        found.append(100 * (vol - quoted.vols[strike]))
        if mark > CENT:  # a mark has nine decimals
            assert found[-1] == pytest.approx(fitted[strike], abs=0.001)
    return [abs(error) for error in found]


def test_marks__of_a_real_chain__are_the_exchanges_within_the_fit(chain: LocalChain, quotes: OptionChain) -> None:
    medians = {}
    everything = []
    for one in fit_chain(quotes):
        quoted = quotes.expiries[one.underlying][one.label]
        errors = errors_of(chain, one, quoted)
        assert one.fit is not None
        print(
            f"{one.underlying} {one.label}: {len(errors)} marks, median error {median(errors):.2f} vol points"
            f" (largest {max(errors):.2f}), of the fit {one.fit.median_error:.2f}"
        )
        days = (quoted.expiry - quotes.time) / 86_400
        medians[one.underlying, one.label] = (days, median(errors))
        everything += errors
    print(f"{len(everything)} marks, median error {median(everything):.3f} vol points")
    assert len(medians) == 24
    assert median(everything) < 0.25
    assert all(error < 0.5 for days, error in medians.values() if days > 3)
