"""The margin of a portfolio that is described by files: the contract's arithmetic on prices of one's own.

Sizes are counted in the lots of the deployment defaults, or in a decimal part of them where they are no multiple;
moves, weights and volatilities that are not on the chain's grids are taken as they are, to 18 decimals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from ballast.chain.instruments import expiry_label, expiry_of_label, parse_dated, series_of
from ballast.chain.params import NetworkParams
from ballast.chain.scenario_table import FloorMoves as TableFloor
from ballast.chain.scenario_table import ScenarioTable
from ballast.errors import UsageError
from ballast.market.margin_files import MarketFile, ParamsFile, PortfolioFile, SviEntry, UnderlyingEntry
from ballast.risk.arrays import Market, Moves, Series, price_strike
from ballast.risk.portfolio import Contingency, Factors, FloorMoves, Holdings, PortfolioMargin, Rows, evaluate
from ballast.risk.svi import Slice
from ballast.units import E6, WAD, from_wad, to_units_nearest

__all__ = ["FileMargin", "default_params", "file_margin"]

QUOTE = "USDC"
_PERP = "PERP"
_NO_AGE = 2**32 - 1


@dataclass(frozen=True)
class _Option:
    """One position in an option, by what it is."""

    name: str
    underlying: str
    expiry: int
    strike: int
    put: bool
    size: int


class FileMargin:
    """One portfolio under one market, table and set of parameters; ``UsageError`` names what they lack."""

    def __init__(
        self,
        portfolio: PortfolioFile,
        market: MarketFile,
        table: ScenarioTable,
        params: ParamsFile,
        lots: Mapping[str, int],
    ) -> None:
        self._portfolio, self._market, self._table, self._params = portfolio, market, table, params
        self._lots = lots
        self._assets = {name: number for number, name in enumerate(table.underlyings, start=1)}
        self._now = int(market.time.timestamp())
        self._quote = _wad(market.quote_price)

    def margin(self) -> PortfolioMargin:
        """What the PORTFOLIO model asks for."""
        options = self._options()
        arrays, places = self._arrays(options)
        holdings = Holdings(
            cash=_wad(self._portfolio.collateral.get(QUOTE, Decimal(0))),
            quote_usd=self._quote,
            tokens=self._tokens(),
            linears=self._linears(),
            options=tuple((*places[one.name], one.put, one.size // arrays[places[one.name][0]].lot) for one in options),
            indices={self._assets[name]: self._index(name) for name in {one.underlying for one in options}},
        )
        params = self._params
        shared = params.contingencies
        factors = Factors(
            maintenance=_e6(params.phi_mm),
            initial=_e6(params.phi_im),
            depeg_start=_e6(shared.depeg_start),
            depeg_slope=_e6(shared.depeg_slope),
            confidence=_e6(shared.confidence),
            array_age=_NO_AGE,
            surface_age=_NO_AGE,
            stale_vol=0,
        )
        return evaluate(
            holdings,
            self._rows(),
            arrays,
            factors,
            self._contingencies(),
            {self._assets[name]: _e6(part) for name, part in params.haircuts.items() if name in self._assets},
            _wad(params.minimum),
            self._now,
        )

    # ------------------------------------------------------------ what is held

    def _tokens(self) -> tuple[tuple[int, int, int], ...]:
        legs = []
        for name, amount in self._portfolio.collateral.items():
            if name == QUOTE or amount == 0:
                continue
            asset = self._asset(name, f"collateral.{name}")
            legs.append((asset, asset, _wad(amount) * self._index(name) // WAD))
        return tuple(legs)

    def _linears(self) -> tuple[tuple[int, int, int], ...]:
        legs = []
        for name, size in self._portfolio.positions.items():
            mark = self._linear_mark(name)
            if mark is not None and size:
                asset = self._asset(name.partition("-")[0], f"positions.{name}")
                legs.append((asset, _wad(size) * _wad(mark) // WAD, 0))
        return tuple(legs)

    def _linear_mark(self, name: str) -> Decimal | None:
        """The price of a perpetual or future; ``None`` for an option."""
        underlying, _, rest = name.partition("-")
        if rest == _PERP:
            mark = self._underlying(underlying, f"positions.{name}").perp_mark
            if mark is None:
                raise UsageError(f"positions.{name}: the market has no underlyings.{underlying}.perp_mark")
            return mark
        try:
            found = parse_dated(name)
        except UsageError as error:
            raise UsageError(f"positions.{name}: {error}, or ETH-PERP") from None
        if found.strike is not None:
            return None
        return self._underlying(underlying, f"positions.{name}").expiries[self._label(name)].forward

    def _options(self) -> list[_Option]:
        options = []
        for name, size in self._portfolio.positions.items():
            if size == 0 or self._linear_mark(name) is not None:
                continue
            found = parse_dated(name)
            assert found.strike is not None
            self._label(name)
            self._asset(found.underlying, f"positions.{name}")
            options.append(_Option(name, found.underlying, found.expiry, found.strike, found.put, _wad(size)))
        return options

    def _label(self, name: str) -> str:
        """The expiry's label of a dated instrument, which the market knows and which has not passed."""
        underlying, label, *_ = name.split("-")
        known = self._underlying(underlying, f"positions.{name}").expiries
        if label not in known:
            listed = ", ".join(known) or "none"
            raise UsageError(f"positions.{name}: the market has no expiry {label} of {underlying}; there are {listed}")
        if expiry_of_label(label) <= self._now:
            raise UsageError(
                f"positions.{name}: expired before the market's time, {self._market.time:%Y-%m-%dT%H:%M:%SZ}"
            )
        return label

    # ------------------------------------------------------------ arrays

    def _arrays(self, options: list[_Option]) -> tuple[dict[int, Series], dict[str, tuple[int, int]]]:
        """The arrays of the series held, of their held strikes alone, and where each option is in them."""
        arrays: dict[int, Series] = {}
        places: dict[str, tuple[int, int]] = {}
        for underlying, expiry in dict.fromkeys((one.underlying, one.expiry) for one in options):
            held = [one for one in options if (one.underlying, one.expiry) == (underlying, expiry)]
            strikes = sorted({one.strike for one in held})
            number = series_of(self._assets[underlying], expiry)
            arrays[number] = self._series(underlying, expiry, strikes, self._lot(underlying, held))
            places |= {one.name: (number, strikes.index(one.strike)) for one in held}
        return arrays, places

    def _series(self, underlying: str, expiry: int, strikes: list[int], lot: int) -> Series:
        found = self._market.underlyings[underlying]
        label = expiry_label(expiry)
        entry = found.expiries[label]
        if entry.svi is None:
            raise UsageError(f"underlyings.{underlying}.expiries.{label}.svi: missing; an option of it is held")
        forward = _wad(entry.forward)
        market = Market(forward, forward, expiry - self._now, lot, _slice(entry.svi))
        moves = self._moves(underlying, market.remaining)
        return Series(
            spot=self._index(underlying),
            forward=forward,
            time=self._now,
            version=self._table.version,
            round=1,
            surface_time=self._now,
            remaining=market.remaining,
            band=0,
            lot=lot,
            confidence=_e6(found.confidence),
            records=tuple(price_strike(market, moves, strike) for strike in strikes),
        )

    def _lot(self, underlying: str, held: list[_Option]) -> int:
        lot = self._lots.get(underlying, WAD)
        while any(one.size % lot for one in held):
            lot //= 10
        return lot

    def _moves(self, underlying: str, remaining: int) -> Moves:
        column = self._table.underlyings.index(underlying)
        floor = self._floors().get(underlying, _UNMOVED)
        spot = [floor.up, floor.up, floor.down, floor.down, *(row[column] for row in self._table.spot)]
        vol = [floor.vol_up, floor.vol_down, floor.vol_up, floor.vol_down, *(row[column] for row in self._table.vol)]
        power = _wad(self._table.vol_term_power)
        return Moves.of([WAD + _wad(one) for one in spot], [WAD + _wad(one) for one in vol], remaining, power)

    # ------------------------------------------------------------ table and parameters

    def _rows(self) -> Rows:
        table = self._table
        return Rows(
            version=table.version,
            tail=table.tail,
            weights=tuple(_wad(weight) for weight in table.weights),
            assets=tuple(self._assets.values()),
            spot=tuple(tuple(WAD + _wad(row[c]) for row in table.spot) for c in range(len(table.underlyings))),
            floors=tuple(_floor_of(self._floors().get(name)) for name in table.underlyings),
        )

    def _floors(self) -> dict[str, TableFloor]:
        """The floor's moves by underlying, of those that have one."""
        return {
            name: TableFloor(entry, -entry, *_DEFAULT_VOL) if isinstance(entry, Decimal) else entry.moves()
            for name, entry in self._params.floor.items()
        }

    def _contingencies(self) -> dict[int, Contingency]:
        return {
            self._assets[name]: Contingency(
                basis=_e6(entry.basis),
                basis_initial=_e6(entry.basis_initial),
                short_option=_e6(entry.short_option),
                short_option_initial=_e6(entry.short_option_initial),
                vega=_e6(entry.vega),
                gamma=_e6(entry.gamma),
                calendar=_e6(entry.calendar),
                concentration=_e6(entry.concentration),
                free=int(entry.free),
            )
            for name, entry in self._params.contingencies.underlyings.items()
            if name in self._assets
        }

    # ------------------------------------------------------------ look-ups

    def _asset(self, name: str, where: str) -> int:
        self._underlying(name, where)
        if name not in self._assets:
            known = ", ".join(self._assets)
            raise UsageError(f"{where}: the scenarios have no column for {name}; there are {known}")
        return self._assets[name]

    def _underlying(self, name: str, where: str) -> UnderlyingEntry:
        if name not in self._market.underlyings:
            known = ", ".join(self._market.underlyings)
            raise UsageError(f"{where}: the market has no underlying {name}; there are {known}")
        return self._market.underlyings[name]

    def _index(self, name: str) -> int:
        """USDC per unit, 1e18, rounded down."""
        return _wad(self._market.underlyings[name].spot) * WAD // self._quote


#: Volatility moves of a floor that is one number: those of the deployments.
_DEFAULT_VOL = (Decimal("0.40"), Decimal("-0.25"))
_UNMOVED = TableFloor(*(Decimal(0),) * 4)


def _floor_of(moves: TableFloor | None) -> FloorMoves | None:
    return None if moves is None else FloorMoves(WAD + _wad(moves.up), WAD + _wad(moves.down))


def file_margin(
    portfolio: PortfolioFile, market: MarketFile, table: ScenarioTable, params: ParamsFile, lots: Mapping[str, int]
) -> PortfolioMargin:
    """See ``FileMargin``. ``lots`` are those of options by underlying, units in 1e18."""
    return FileMargin(portfolio, market, table, params, lots).margin()


def default_params(network: NetworkParams, table: ScenarioTable) -> ParamsFile:
    """A network's parameters as a file would have them; the table's own floors come before the network's."""
    factors = network.margin.portfolio
    floors = {name: entry.moves() for name, entry in network.scenarios.floors.items()} | dict(table.floors)
    fields = ("up", "down", "vol_up", "vol_down")
    return ParamsFile.model_validate(
        {
            "phi_mm": _part(factors.maintenance),
            "phi_im": _part(factors.initial),
            "minimum": from_wad(network.margin.minimum_maintenance),
            "floor": {name: {field: getattr(moves, field) for field in fields} for name, moves in floors.items()},
            "contingencies": {
                "depeg_start": _part(factors.depeg_start),
                "depeg_slope": _part(factors.depeg_slope),
                "confidence": _part(factors.confidence),
                "underlyings": {
                    asset.symbol: {
                        name: Decimal(value) if name == "free" else _part(value)
                        for name, value in asset.options.contingency.model_dump().items()
                    }
                    for asset in network.assets
                    if asset.options is not None
                },
            },
            "haircuts": {asset.symbol: _part(asset.token.haircut) for asset in network.assets if asset.token.haircut},
        }
    )


def _part(e6: int) -> Decimal:
    return Decimal(e6) / E6


def _wad(number: Decimal) -> int:
    return to_units_nearest(number, 18)


def _e6(number: Decimal) -> int:
    return to_units_nearest(number, 6)


def _slice(svi: SviEntry) -> Slice:
    return Slice(*(to_units_nearest(value, 12) for value in (svi.a, svi.b, svi.rho, svi.m, svi.sigma)))
