"""Ten well-known strategies, and the capital that each margin model wants for them.

A strategy is built from a market file: strikes are parts of the spot in three digits, the near expiry is the first that
is at least a week away, the far one the next. Its numbers are initial margin, and the USDC to bring beyond what is held
(margin less equity, at least 0 in each account). Options are held at their value, so their premium is in equity. The
columns:

* ``portfolio``, ``standard``: one account;
* ``derive``: an account per underlying, since nothing nets between two there;
* ``isolated``: an account for each position alone, under ISOLATED, and one for each token held; what one has left over
  does not help another.

Models differ in how large a move they insure, so each number also stands beside that model's own margin for the
perpetual of the same size: what is left of that is what the model's netting saves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Context, Decimal
from math import log, sqrt

from scipy.special import ndtr

from ballast.chain.instruments import expiry_of_label
from ballast.errors import UsageError
from ballast.market.margin_files import MarketFile, PortfolioFile
from ballast.risk.file_models import FileModels

__all__ = ["COLUMNS", "Capital", "Need", "Strategy", "capitals", "outright_of", "strategies_of"]

COLUMNS = ("portfolio", "standard", "derive", "isolated")

_WEEK = 7 * 86_400
_STRIKE = Context(prec=3, rounding=ROUND_HALF_EVEN)
#: A hedge is whole thousandths of the strategy's size.
_HEDGE_STEPS = 1_000


@dataclass(frozen=True)
class Strategy:
    """What is held: whole tokens and units by name, without any USDC."""

    name: str
    words: str
    collateral: Mapping[str, Decimal] = field(default_factory=dict)
    positions: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def portfolio(self) -> PortfolioFile:
        return PortfolioFile(account=self.name, collateral=dict(self.collateral), positions=dict(self.positions))

    def by_underlying(self) -> Iterable[PortfolioFile]:
        """A portfolio for what is held of each underlying."""
        for asset in dict.fromkeys(name.partition("-")[0] for name in (*self.collateral, *self.positions)):
            yield PortfolioFile(
                collateral={name: size for name, size in self.collateral.items() if name == asset},
                positions={name: size for name, size in self.positions.items() if name.partition("-")[0] == asset},
            )

    def alone(self) -> Iterable[PortfolioFile]:
        """A portfolio for each token and each position."""
        for name, amount in self.collateral.items():
            yield PortfolioFile(collateral={name: amount})
        for name, size in self.positions.items():
            yield PortfolioFile(positions={name: size})


@dataclass(frozen=True)
class Need:
    """USDC in 1e18: initial margin, and what is to be brought to have it."""

    initial: int
    to_bring: int


@dataclass(frozen=True)
class Capital:
    """What a strategy needs, by ``COLUMNS``; ``of_outright`` is initial margin as a part of that of ``outright_of``."""

    strategy: Strategy
    needs: Mapping[str, Need]
    of_outright: Mapping[str, float]


def capitals(strategies: Iterable[Strategy], outright: Strategy, models: FileModels) -> list[Capital]:
    """What each model wants for each strategy; errors as ``FileModels.margin``."""
    unit = _needs(outright, models)
    found = []
    for one in strategies:
        needs = _needs(one, models)
        parts = {column: need.initial / unit[column].initial for column, need in needs.items()}
        found.append(Capital(one, needs, parts))
    return found


def outright_of(underlying: str, size: Decimal) -> Strategy:
    """The perpetual alone, bought."""
    return Strategy("outright", "perpetual bought", positions={f"{underlying}-PERP": size})


def _needs(strategy: Strategy, models: FileModels) -> dict[str, Need]:
    accounts: dict[str, tuple[str, Iterable[PortfolioFile]]] = {
        "portfolio": ("portfolio", [strategy.portfolio]),
        "standard": ("standard", [strategy.portfolio]),
        "derive": ("derive", strategy.by_underlying()),
        "isolated": ("isolated", strategy.alone()),
    }
    needs = {}
    for column, (model, portfolios) in accounts.items():
        found = [models.margin(one, model) for one in portfolios]
        needs[column] = Need(
            initial=sum(one.initial for one in found), to_bring=sum(max(0, one.initial - one.equity) for one in found)
        )
    return needs


def strategies_of(market: MarketFile, underlying: str, other: str, size: Decimal) -> tuple[Strategy, ...]:
    """The ten, of ``size`` units of ``underlying``; ``other`` is the pair's second leg, of equal value.

    ``UsageError`` where the market lacks an underlying, a perpetual's mark, or two expiries with a surface.
    """
    return _Builder(market, underlying, other, size).build()


class _Builder:
    def __init__(self, market: MarketFile, underlying: str, other: str, size: Decimal) -> None:
        for name in (underlying, other):
            if name not in market.underlyings:
                raise UsageError(f"underlyings.{name}: missing; there are {', '.join(market.underlyings)}")
            if market.underlyings[name].perp_mark is None:
                raise UsageError(f"underlyings.{name}.perp_mark: missing; give one, a strategy has its perpetual")
        self._market, self._name, self._other, self._size = market, underlying, other, size
        self._spot = market.underlyings[underlying].spot
        self._near, self._far = self._expiries()

    def build(self) -> tuple[Strategy, ...]:
        near, far, size = self._near, self._far, self._size
        perp, pair = f"{self._name}-PERP", f"{self._other}-PERP"
        token = {self._name: size}
        ratio = self._spot / self._market.underlyings[self._other].spot
        call, put = self._call, self._put
        return (
            Strategy("covered call", "token, call at 110% sold", token, {call("1.1"): -size}),
            Strategy("cash-and-carry", "token, far future sold", token, {f"{self._name}-{far}": -size}),
            Strategy(
                f"{self._other}-{self._name} pair",
                f"{self._other} perpetual bought, {self._name} perpetual of the same value sold",
                positions={pair: _STRIKE.multiply(size, ratio).normalize(), perp: -size},
            ),
            Strategy(
                "iron condor",
                "put at 80% and call at 120% bought, put at 90% and call at 110% sold",
                positions={put("0.8"): size, put("0.9"): -size, call("1.1"): -size, call("1.2"): size},
            ),
            Strategy(
                "calendar",
                "far call at 100% bought, near one sold",
                positions={call("1"): -size, call("1", far): size},
            ),
            Strategy(
                "delta-hedged straddle",
                "call and put at 100% sold, their delta in perpetuals",
                positions={call("1"): -size, put("1"): -size, perp: self._straddle_delta(near)},
            ),
            Strategy(
                "collar",
                "token, put at 90% bought, call at 110% sold",
                token,
                {put("0.9"): size, call("1.1"): -size},
            ),
            Strategy(
                "short strangle", "put at 90% and call at 110% sold", positions={put("0.9"): -size, call("1.1"): -size}
            ),
            Strategy("perp-option hedge", "perpetual and put at 95% bought", positions={perp: size, put("0.95"): size}),
            Strategy(
                "box",
                "call at 90% and put at 110% bought, call at 110% and put at 90% sold",
                positions={call("0.9"): size, call("1.1"): -size, put("1.1"): size, put("0.9"): -size},
            ),
        )

    def _expiries(self) -> tuple[str, str]:
        """Labels of the near and the far expiry."""
        now = int(self._market.time.timestamp())
        known = self._market.underlyings[self._name].expiries
        usable = sorted((expiry_of_label(label), label) for label, one in known.items() if one.svi is not None)
        found = [label for seconds, label in usable if seconds - now >= _WEEK]
        if len(found) < 2:
            raise UsageError(
                f"underlyings.{self._name}.expiries: {len(found)} with a surface a week away or more; strategies need 2"
            )
        return found[0], found[1]

    def _strike(self, part: str) -> Decimal:
        return _STRIKE.multiply(self._spot, Decimal(part))

    def _call(self, part: str, label: str | None = None) -> str:
        return f"{self._name}-{label or self._near}-{_plain(self._strike(part))}-C"

    def _put(self, part: str) -> str:
        return f"{self._name}-{self._near}-{_plain(self._strike(part))}-P"

    def _straddle_delta(self, label: str) -> Decimal:
        """Perpetuals that take the delta of a straddle sold at 100%: 2 N(d1) - 1 a unit, in steps."""
        entry = self._market.underlyings[self._name].expiries[label]
        svi = entry.svi
        assert svi is not None
        k = log(self._strike("1") / entry.forward)
        distance = k - float(svi.m)
        skewed = float(svi.rho) * distance + sqrt(distance**2 + float(svi.sigma) ** 2)
        deviation = sqrt(float(svi.a) + float(svi.b) * skewed)
        delta = 2 * float(ndtr(-k / deviation + deviation / 2)) - 1
        return round(delta * _HEDGE_STEPS) * self._size / _HEDGE_STEPS


def _plain(number: Decimal) -> str:
    """Without an exponent or superfluous zeros, as instruments' names have it."""
    return f"{number.normalize():f}"
