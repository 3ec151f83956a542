"""A market.json from an exchange's option chain: forwards as quoted, a surface fitted to each expiry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from ballast.errors import UsageError
from ballast.market.chain_csv import ChainExpiry, OptionChain
from ballast.market.svi_fit import SviFit, fit_svi

__all__ = ["ExpiryFit", "fit_chain", "snapshot_of_chain"]

_YEAR = 365 * 86_400
#: Digits of a fitted parameter in the file: those of the chain.
_DIGITS = 12


@dataclass(frozen=True)
class ExpiryFit:
    """What became of one expiry; without a fit, ``left_out`` says why."""

    underlying: str
    label: str
    strikes: int
    forward: float
    fit: SviFit | None
    left_out: str = ""


def fit_chain(chain: OptionChain) -> Iterator[ExpiryFit]:
    """A fit per expiry, as each is done."""
    for name, expiries in chain.expiries.items():
        for label, found in expiries.items():
            yield _fit(chain, name, label, found)


def snapshot_of_chain(chain: OptionChain, fits: Sequence[ExpiryFit]) -> dict[str, Any]:
    """The content of a market.json. A chain has no perpetuals: their mark is the index; the quote token counts as one
    USD."""
    underlyings = {
        name: {
            "spot": repr(index),
            "confidence": 1.0,
            "perp_mark": repr(index),
            "expiries": {one.label: _entry(one) for one in fits if one.underlying == name},
        }
        for name, index in chain.index.items()
    }
    time = datetime.fromtimestamp(chain.time, UTC)
    return {"time": f"{time:%Y-%m-%dT%H:%M:%SZ}", "quote_price": "1", "underlyings": underlyings}


def _fit(chain: OptionChain, underlying: str, label: str, found: ChainExpiry) -> ExpiryFit:
    strikes = np.array(list(found.vols))
    vols = np.array(list(found.vols.values()))
    try:
        fit = fit_svi(np.log(strikes / found.forward), vols, (found.expiry - chain.time) / _YEAR)
    except UsageError as error:
        return ExpiryFit(underlying, label, len(strikes), found.forward, None, str(error).removeprefix("svi: "))
    return ExpiryFit(underlying, label, len(strikes), found.forward, fit)


def _entry(one: ExpiryFit) -> dict[str, Any]:
    entry: dict[str, Any] = {"forward": repr(one.forward)}
    if one.fit is not None:
        names = ("a", "b", "rho", "m", "sigma")
        entry["svi"] = {name: f"{getattr(one.fit, name):.{_DIGITS}f}" for name in names}
    return entry
