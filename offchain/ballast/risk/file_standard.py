"""STANDARD and ISOLATED margin of a portfolio in a file.

STANDARD charges each balance and position by itself (``ballast.risk.standard``, ``ballast.risk.standard_options``).
ISOLATED is the same for an account with one market: a perpetual, a dated future, or the options of one underlying and
expiry. Shortfall, floor and P&L are those of the scenario table, for they are facts about the portfolio: neither
requirement is made of them.
"""

from __future__ import annotations

from dataclasses import replace

from ballast.errors import UsageError
from ballast.market.margin_files import RatesEntry, StandardEntry
from ballast.risk.completed import completed
from ballast.risk.file_margin import FileMargin
from ballast.risk.model_margin import ModelMargin
from ballast.risk.rounding import mul_div_up
from ballast.risk.standard_options import Charge, OptionRates, option_charge, option_value
from ballast.units import E6, to_units_nearest

__all__ = ["isolated_margin", "standard_margin"]

_PERP = "PERP"


def standard_margin(file: FileMargin, rates: StandardEntry, view: ModelMargin) -> ModelMargin:
    """What the STANDARD model asks for; ``view`` is the PORTFOLIO model's margin of the same.

    ``UsageError`` names the leg that there is no rate for.
    """
    charges: dict[str, Charge] = {}
    for token in file.tokens:
        entry = _rates(rates.tokens.get(token.name), f"collateral.{token.name}", f"standard.tokens.{token.name}")
        charges[token.name] = _linear_charge(token.value, entry)
    for linear in file.linears:
        perpetual = f"{linear.underlying}-{_PERP}"
        found = rates.instruments.get(linear.name, rates.instruments.get(perpetual))
        entry = _rates(found, f"positions.{linear.name}", f"standard.instruments.{perpetual}")
        charges[linear.name] = _linear_charge(linear.notional, entry)
    for option in file.options:
        asset = option.underlying
        entry = _rates(rates.options.get(asset), f"positions.{option.name}", f"standard.options.{asset}")
        index = file.index(asset)
        value = option_value(file.arrays[option.series], option.place, option.put, option.lots, index)
        charges[option.name] = option_charge(value, option.put, option.strike, index, option.size, entry)
    maintenance = sum(charge.maintenance for charge in charges.values())
    initial = sum(charge.initial for charge in charges.values())
    minimum = file.minimum if file.holdings.owes else None
    equity, initial, maintenance = completed(view.equity, initial, maintenance, minimum)
    uncredited = view.initial_only["uncredited_profit"]  # one rule for both models
    return replace(
        view,
        equity=equity,
        initial=initial + uncredited,
        maintenance=maintenance,
        contingencies={},
        initial_only={"uncredited_profit": uncredited},
        charges=charges,
    )


def isolated_margin(file: FileMargin, rates: StandardEntry, view: ModelMargin) -> ModelMargin:
    """STANDARD's numbers of a portfolio in one market; ``UsageError`` names two where there are more."""
    markets = {leg.name: leg.name for leg in file.linears}
    for option in file.options:
        market = "-".join(option.name.split("-")[:2])
        markets.setdefault(f"options of {market}", option.name)
    if len(markets) > 1:
        first, second, *_ = markets.values()
        raise UsageError(
            f"positions.{second}: another market than that of {first}; an isolated account has one: a perpetual, a"
            " future, or the options of one underlying and expiry"
        )
    return standard_margin(file, rates, view)


def _linear_charge(value: int, rates: OptionRates) -> Charge:
    return Charge(*(mul_div_up(abs(value), rate, E6) for rate in rates))


def _rates(entry: RatesEntry | None, where: str, missing: str) -> OptionRates:
    if entry is None:
        raise UsageError(f"{where}: the parameters have no {missing}; STANDARD margin needs its rates")
    return OptionRates(to_units_nearest(entry.maintenance, 6), to_units_nearest(entry.initial, 6))
