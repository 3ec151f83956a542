"""Files that a margin is computed from: ``portfolio.json``, ``market.json`` and ``params.json``, read exactly."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from ballast.chain.exactfile import Entry, Number, read_exact
from ballast.chain.scenario_file import FloorEntry

__all__ = [
    "ContingencyEntry",
    "MarketFile",
    "ParamsFile",
    "PortfolioFile",
    "RatesEntry",
    "StandardEntry",
    "SviEntry",
    "read_market",
    "read_params",
    "read_portfolio",
]

_Positive = Annotated[Number, Field(gt=0)]
_Part = Annotated[Number, Field(ge=0)]
#: What the chain can price: marks have nine decimals, an oracle's answer is below 2^90.
_Price = Annotated[Number, Field(ge=Decimal("1e-9"), le=Decimal(10) ** 9)]


def _time(value: Any) -> datetime:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no time; write one as 2026-11-20T12:00:00Z")
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{value!r} is no time; write one as 2026-11-20T12:00:00Z") from None
    if time.tzinfo is None or time.microsecond:
        raise ValueError(f"{value!r} has no zone, or parts of a second; write one as 2026-11-20T12:00:00Z")
    return time.astimezone(UTC)


Time = Annotated[datetime, BeforeValidator(_time)]


class PortfolioFile(Entry):
    """Whole tokens and units by name, negative ones owed or short; instruments as ``ETH-26MAR27-3500-C``."""

    account: str = ""
    model: Literal["portfolio", "standard", "isolated"] = "portfolio"
    collateral: dict[str, Number] = Field(default_factory=dict)
    positions: dict[str, Number] = Field(default_factory=dict)


class SviEntry(Entry):
    """Total variance at k = ln(strike / forward)."""

    a: Number
    b: _Part
    rho: Annotated[Number, Field(gt=-1, lt=1)]
    m: Number
    sigma: _Positive


class ExpiryEntry(Entry):
    """One expiry: ``forward`` in USDC."""

    forward: _Price
    svi: SviEntry | None = None


class UnderlyingEntry(Entry):
    """One underlying: ``spot`` in USD, ``perp_mark`` in USDC, expiries by their labels."""

    spot: _Price
    confidence: Annotated[Number, Field(ge=0, le=1)] = Decimal(1)
    perp_mark: _Price | None = None
    expiries: dict[str, ExpiryEntry] = Field(default_factory=dict)


class MarketFile(Entry):
    """Prices at one time. ``quote_price`` is the USD price of USDC; ``spot`` is in USD, everything else in USDC."""

    time: Time
    quote_price: _Price
    underlyings: dict[str, UnderlyingEntry]


class ContingencyEntry(Entry):
    """Add-ons of one underlying, as parts; ``free`` in USDC."""

    basis: _Part = Decimal(0)
    basis_initial: _Part = Decimal(0)
    short_option: _Part = Decimal(0)
    short_option_initial: _Part = Decimal(0)
    vega: _Part = Decimal(0)
    gamma: _Part = Decimal(0)
    calendar: _Part = Decimal(0)
    concentration: _Part = Decimal(0)
    free: Annotated[Number, Field(ge=0)] = Decimal(0)


class _Contingencies(Entry):
    """Add-ons of all, and by underlying; what is not there is not charged."""

    depeg_start: _Part = Decimal(0)
    depeg_slope: _Part = Decimal(0)
    confidence: Annotated[Number, Field(ge=0, le=1)] = Decimal(0)
    underlyings: dict[str, ContingencyEntry] = Field(default_factory=dict)


class RatesEntry(Entry):
    """Charges as parts."""

    maintenance: _Part
    initial: _Part


class StandardEntry(Entry):
    """Rates of the STANDARD model: of tokens and of options' underlyings by symbol, of perpetuals and futures by
    instrument; a future without an entry has its perpetual's."""

    tokens: dict[str, RatesEntry] = Field(default_factory=dict)
    instruments: dict[str, RatesEntry] = Field(default_factory=dict)
    options: dict[str, RatesEntry] = Field(default_factory=dict)


class ParamsFile(Entry):
    """Factors and add-ons. A floor that is one number is that move of the spot both ways, at the volatility moves of
    the deployment defaults. ``standard`` where there is none: the deployment's."""

    phi_mm: _Positive
    phi_im: _Positive
    minimum: _Part = Decimal(0)
    floor: Mapping[str, Number | FloorEntry] = Field(default_factory=dict)
    contingencies: _Contingencies = Field(default_factory=_Contingencies)
    haircuts: dict[str, Annotated[Number, Field(ge=0, le=1)]] = Field(default_factory=dict)
    standard: StandardEntry | None = None


def read_portfolio(path: str | Path) -> PortfolioFile:
    return read_exact(path, PortfolioFile, "portfolio.json")


def read_market(path: str | Path) -> MarketFile:
    return read_exact(path, MarketFile, "market.json")


def read_params(path: str | Path) -> ParamsFile:
    return read_exact(path, ParamsFile, "params.json")
