"""The margin of a portfolio that is described by files: the contract's arithmetic on prices of one's own.

Sizes are counted in the lots of the deployment defaults, or in a decimal part of them where they are no multiple;
moves, weights and volatilities that are not on the chain's grids are taken as they are, to 18 decimals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from ballast.chain.instruments import Dated, expiry_label, expiry_of_label, parse_dated, series_of
from ballast.chain.params import NetworkParams, RatesParams
from ballast.chain.scenario_table import FloorMoves as TableFloor
from ballast.chain.scenario_table import ScenarioTable
from ballast.errors import UsageError
from ballast.market.margin_files import MarketFile, ParamsFile, PortfolioFile, SviEntry, UnderlyingEntry
from ballast.risk.arrays import Market, Moves, Series, price_strike
from ballast.risk.file_limits import require_no_arbitrage, require_room
from ballast.risk.portfolio import Contingency, Factors, FloorMoves, Holdings, PortfolioMargin, Rows, evaluate
from ballast.risk.svi import Slice
from ballast.units import E6, WAD, from_wad, to_units_nearest

__all__ = ["FileLinear", "FileMargin", "FileOption", "FileToken", "default_params", "floor_moves"]

QUOTE = "USDC"
_PERP = "PERP"
_NO_AGE = 2**32 - 1


@dataclass(frozen=True)
class FileToken:
    """A balance but the quote token's; ``value`` is USDC in 1e18, rounded down."""

    name: str
    value: int


@dataclass(frozen=True)
class FileLinear:
    """A perpetual or a future; ``size`` and ``mark`` in 1e18, ``notional`` their product in USDC 1e18, rounded down."""

    name: str
    underlying: str
    size: int
    mark: int

    @property
    def notional(self) -> int:
        return self.size * self.mark // WAD


@dataclass(frozen=True)
class FileOption:
    """A position in an option: ``size`` and ``strike`` in 1e18, ``place`` the strike's index in the arrays of its
    ``series``, ``lots`` the size in their lots."""

    name: str
    underlying: str
    expiry: int
    strike: int
    put: bool
    size: int
    series: int
    place: int
    lots: int


class FileMargin:
    """One portfolio under one market, table and set of parameters; ``UsageError`` names what they lack.

    ``cash`` is USDC in 1e18; ``tokens``, ``linears`` and ``options`` are what else is held, ``arrays`` those of the
    options' series, ``markets`` what these were computed from.
    """

    def __init__(
        self,
        portfolio: PortfolioFile,
        market: MarketFile,
        table: ScenarioTable,
        params: ParamsFile,
        lots: Mapping[str, int],
    ) -> None:
        self._portfolio, self._market, self._table, self._params = portfolio, market, table, params
        self._option_lots = lots
        self._floors = floor_moves(params)
        self._assets = {name: number for number, name in enumerate(table.underlyings, start=1)}
        self._now = int(market.time.timestamp())
        self._quote = _wad(market.quote_price)
        self.cash = _wad(portfolio.collateral.get(QUOTE, Decimal(0)))
        self.tokens = self._tokens()
        self.linears = self._linears()
        self.arrays: dict[int, Series] = {}
        self.markets: dict[int, Market] = {}
        self.options = self._options()
        require_room(self.tokens, self.linears, self.options)

    def margin(self) -> PortfolioMargin:
        """What the PORTFOLIO model asks for."""
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
            self.holdings,
            self._rows(),
            self.arrays,
            factors,
            self._contingencies(),
            {self._assets[name]: _e6(part) for name, part in params.haircuts.items() if name in self._assets},
            self.minimum,
            self._now,
        )

    @property
    def holdings(self) -> Holdings:
        """The portfolio as the PORTFOLIO model takes it."""
        return Holdings(
            cash=self.cash,
            quote_usd=self._quote,
            tokens=tuple((self._assets[leg.name], self._assets[leg.name], leg.value) for leg in self.tokens),
            linears=tuple((self._assets[leg.underlying], leg.notional, 0) for leg in self.linears),
            options=tuple((leg.series, leg.place, leg.put, leg.lots) for leg in self.options),
            indices={self._assets[leg.underlying]: self.index(leg.underlying) for leg in self.options},
        )

    @property
    def minimum(self) -> int:
        """The least maintenance of who owes anything, USDC in 1e18."""
        return _wad(self._params.minimum)

    # ------------------------------------------------------------ what is held

    def _tokens(self) -> tuple[FileToken, ...]:
        legs = []
        for name, amount in self._portfolio.collateral.items():
            if name == QUOTE or amount == 0:
                continue
            self._require_asset(name, f"collateral.{name}")
            legs.append(FileToken(name, _wad(amount) * self.index(name) // WAD))
        return tuple(legs)

    def _linears(self) -> tuple[FileLinear, ...]:
        legs = []
        for name, size in self._portfolio.positions.items():
            mark = self._linear_mark(name)
            if mark is not None and size:
                underlying = name.partition("-")[0]
                self._require_asset(underlying, f"positions.{name}")
                legs.append(FileLinear(name, underlying, _wad(size), _wad(mark)))
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

    def _options(self) -> tuple[FileOption, ...]:
        """The options held; their series' arrays are computed, of the strikes held alone."""
        held: dict[tuple[str, int], list[tuple[str, Dated, int]]] = {}
        for name, size in self._portfolio.positions.items():
            if size == 0 or self._linear_mark(name) is not None:
                continue
            found = parse_dated(name)
            self._label(name)
            self._require_asset(found.underlying, f"positions.{name}")
            held.setdefault((found.underlying, found.expiry), []).append((name, found, _wad(size)))
        legs = []
        for (underlying, expiry), positions in held.items():
            strikes = sorted({found.strike for _, found, _ in positions if found.strike is not None})
            lot = self._lot(underlying, [size for *_, size in positions])
            series = series_of(self._assets[underlying], expiry)
            self.arrays[series] = self._series(series, underlying, expiry, strikes, lot)
            for name, found, units in positions:
                assert found.strike is not None
                legs.append(
                    FileOption(
                        name=name,
                        underlying=underlying,
                        expiry=expiry,
                        strike=found.strike,
                        put=found.put,
                        size=units,
                        series=series,
                        place=strikes.index(found.strike),
                        lots=units // lot,
                    )
                )
        return tuple(legs)

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

    def _series(self, series: int, underlying: str, expiry: int, strikes: list[int], lot: int) -> Series:
        found = self._market.underlyings[underlying]
        label = expiry_label(expiry)
        entry = found.expiries[label]
        if entry.svi is None:
            raise UsageError(f"underlyings.{underlying}.expiries.{label}.svi: missing; an option of it is held")
        forward = _wad(entry.forward)
        require_no_arbitrage(f"underlyings.{underlying}.expiries.{label}.svi", entry.svi, entry.forward, strikes)
        left = expiry - self._now
        market = self.markets[series] = Market(forward, forward, left, left, lot, _slice(entry.svi))
        moves = self._moves(underlying, market.remaining)
        return Series(
            spot=self.index(underlying),
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

    def _lot(self, underlying: str, sizes: list[int]) -> int:
        lot = self._option_lots.get(underlying, WAD)
        while any(size % lot for size in sizes):
            lot //= 10
        return lot

    def _moves(self, underlying: str, remaining: int) -> Moves:
        column = self._table.underlyings.index(underlying)
        floor = self._floors.get(underlying, _UNMOVED)
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
            floors=tuple(_floor_of(self._floors.get(name)) for name in table.underlyings),
        )

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

    def _require_asset(self, name: str, where: str) -> None:
        self._underlying(name, where)
        if name not in self._assets:
            known = ", ".join(self._assets)
            raise UsageError(f"{where}: the scenarios have no column for {name}; there are {known}")

    def _underlying(self, name: str, where: str) -> UnderlyingEntry:
        if name not in self._market.underlyings:
            known = ", ".join(self._market.underlyings)
            raise UsageError(f"{where}: the market has no underlying {name}; there are {known}")
        return self._market.underlyings[name]

    def index(self, name: str) -> int:
        """USDC per unit, 1e18, rounded down."""
        return _wad(self._market.underlyings[name].spot) * WAD // self._quote


#: Volatility moves of a floor that is one number: those of the deployments.
_DEFAULT_VOL = (Decimal("0.40"), Decimal("-0.25"))
_UNMOVED = TableFloor(*(Decimal(0),) * 4)


def _floor_of(moves: TableFloor | None) -> FloorMoves | None:
    return None if moves is None else FloorMoves(WAD + _wad(moves.up), WAD + _wad(moves.down))


def floor_moves(params: ParamsFile) -> dict[str, TableFloor]:
    """The floor's moves by underlying, of those that have one."""
    return {
        name: TableFloor(entry, -entry, *_DEFAULT_VOL) if isinstance(entry, Decimal) else entry.moves()
        for name, entry in params.floor.items()
    }


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
            "standard": _standard(network),
        }
    )


def _standard(network: NetworkParams) -> dict[str, dict[str, dict[str, Decimal]]]:
    """Rates of the STANDARD model as a file would have them."""
    charged: dict[str, dict[str, RatesParams | None]] = {
        "tokens": {asset.symbol: asset.token.rates for asset in network.assets},
        "instruments": {market.symbol: market.rates for asset in network.assets for market in asset.markets},
        "options": {asset.symbol: asset.options.rates for asset in network.assets if asset.options is not None},
    }
    return {
        kind: {
            name: {"maintenance": _part(rates.maintenance), "initial": _part(rates.initial)}
            for name, rates in found.items()
            if rates is not None
        }
        for kind, found in charged.items()
    }


def _part(e6: int) -> Decimal:
    return Decimal(e6) / E6


def _wad(number: Decimal) -> int:
    return to_units_nearest(number, 18)


def _e6(number: Decimal) -> int:
    return to_units_nearest(number, 6)


def _slice(svi: SviEntry) -> Slice:
    return Slice(*(to_units_nearest(value, 12) for value in (svi.a, svi.b, svi.rho, svi.m, svi.sigma)))
