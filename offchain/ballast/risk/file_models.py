"""The margin of a portfolio in a file under any model.

Exact are PORTFOLIO, STANDARD and ISOLATED. SPAN and Derive's are only compared with: in floating point, losses and
requirements rounded up to 1e-6 USDC and P&L down, by underlying, which they do not net. Equity is the same integer for
all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from math import ceil, floor

import numpy as np

from ballast.chain.params import NetworkParams
from ballast.chain.scenario_table import FloorMoves, ScenarioTable
from ballast.errors import UsageError
from ballast.market.margin_files import MarketFile, ParamsFile, PortfolioFile
from ballast.risk import derive, span
from ballast.risk.file_margin import FileMargin, default_params, floor_moves
from ballast.risk.file_standard import isolated_margin, standard_margin
from ballast.risk.fixed import ln_wad
from ballast.risk.float_book import Balance, Book, Expiry
from ballast.risk.model_margin import GridMargin, ModelMargin
from ballast.units import WAD

__all__ = ["MODELS", "FileModels"]

MODELS = ("portfolio", "standard", "isolated", "span", "derive")

_MICRO = 10**6


class FileModels:
    """One market, table and set of parameters, for many portfolios.

    What ``params`` lack for STANDARD and SPAN is ``network``'s.
    """

    def __init__(
        self, market: MarketFile, table: ScenarioTable, params: ParamsFile | None, network: NetworkParams
    ) -> None:
        defaults = default_params(network, table)
        chosen = defaults if params is None else params
        self.params = chosen if chosen.standard else chosen.model_copy(update={"standard": defaults.standard})
        self._market, self._table = market, table
        self._ranges = {name: _range(moves) for name, moves in {**floor_moves(defaults), **floor_moves(chosen)}.items()}
        self._lots = {asset.symbol: asset.options.lot for asset in network.assets if asset.options is not None}

    def margin(self, portfolio: PortfolioFile, model: str) -> ModelMargin:
        """What a model of ``MODELS`` asks for; ``UsageError`` or ``PortfolioError`` where it cannot be computed."""
        file = FileMargin(portfolio, self._market, self._table, self.params, self._lots)
        view = ModelMargin.of_portfolio(file.margin(), self._table.names)
        standard = self.params.standard
        assert standard is not None
        match model:
            case "portfolio":
                return view
            case "standard":
                return standard_margin(file, standard, view)
            case "isolated":
                return isolated_margin(file, standard, view)
            case "span":
                return self._span(file, view.equity)
            case "derive":
                return self._derive(file, view.equity)
        raise UsageError(f"model {model}: unknown; there are {', '.join(MODELS)}")

    # ------------------------------------------------------------ models in floating point

    def _span(self, file: FileMargin, equity: int) -> ModelMargin:
        found, ranges = {}, {}
        for name, book in self._books(file).items():
            if name not in self._ranges:
                raise UsageError(
                    f"underlyings.{name}: the parameters have no floor.{name}, which is SPAN's price range"
                )
            ranges[name] = self._ranges[name]
            profits = span.profits(book, ranges[name])
            loss, row = span.scan_risk(profits * span.WEIGHTS)
            found[name] = GridMargin(
                initial=_wad_up(span.INITIAL_FACTOR * loss),
                maintenance=_wad_up(loss),
                shortfall=_wad_up(loss),
                profits=tuple(map(_wad_down, profits)),
                worst=row,
            )
        constants = {
            "ranges": {name: asdict(one) for name, one in ranges.items()},
            "weights": list(span.WEIGHTS),
            "initial_factor": span.INITIAL_FACTOR,
        }
        return ModelMargin.of_grids(equity, span.ROWS, found, constants)

    def _derive(self, file: FileMargin, equity: int) -> ModelMargin:
        numbers = derive.DERIVE
        found = {}
        for name, book in self._books(file).items():
            one = derive.requirement(book, numbers)
            found[name] = GridMargin(
                initial=_wad_up(one.initial),
                maintenance=_wad_up(one.maintenance),
                shortfall=_wad_up(one.loss),
                profits=tuple(map(_wad_down, one.profits)),
                worst=one.worst,
                contingencies={key: _wad_up(value) for key, value in one.contingencies.items()},
                initial_only={key: _wad_up(value) for key, value in one.initial_only.items()},
            )
        rows = (*(scenario.name for scenario in numbers.scenarios), derive.BASIS)
        return ModelMargin.of_grids(equity, rows, found, numbers.content())

    def _books(self, file: FileMargin) -> dict[str, Book]:
        """What is held of each underlying."""
        names = [leg.name for leg in file.tokens]
        names += [leg.underlying for leg in file.linears]
        names += [leg.underlying for leg in file.options]
        return {name: self._book(file, name) for name in dict.fromkeys(names)}

    def _book(self, file: FileMargin, name: str) -> Book:
        confidence = float(self._market.underlyings[name].confidence)
        numbers = derive.DERIVE
        return Book(
            spot=file.index(name) / WAD,
            quote=float(self._market.quote_price),
            confidence=confidence,
            linear_confidence=confidence,
            linears=tuple((leg.size / WAD, leg.mark / WAD) for leg in file.linears if leg.underlying == name),
            balances=tuple(
                Balance(leg.value / WAD, True, numbers.haircut, numbers.haircut_initial, confidence)
                for leg in file.tokens
                if leg.name == name
            ),
            expiries=tuple(_expiries(file, name, confidence)),
        )


def _expiries(file: FileMargin, underlying: str, confidence: float) -> Iterable[Expiry]:
    for series, market in file.markets.items():
        legs = [leg for leg in file.options if leg.series == series]
        if legs[0].underlying != underlying:
            continue
        deviations = np.array([market.deviation(ln_wad(leg.strike)) for leg in legs], dtype=float)
        yield Expiry(
            seconds=market.remaining,
            forward=market.forward / WAD,
            strikes=np.array([leg.strike / WAD for leg in legs]),
            vols=deviations / market.root_time,
            calls=np.array([not leg.put for leg in legs]),
            sizes=np.array([leg.size / WAD for leg in legs]),
            confidence=confidence,
        )


def _range(moves: FloorMoves) -> span.Ranges:
    return span.Ranges(
        price=float(max(moves.up, -moves.down)), vol_up=float(moves.vol_up), vol_down=-float(moves.vol_down)
    )


def _wad_up(usdc: float) -> int:
    return ceil(usdc * _MICRO) * (WAD // _MICRO)


def _wad_down(usdc: float) -> int:
    return floor(usdc * _MICRO) * (WAD // _MICRO)
