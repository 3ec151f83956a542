"""Surfaces for the tests: a book with strikes, an oracle with three signers, and volatilities once more in Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from math import isqrt
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3.contract.contract import ContractFunction
from web3.types import TxReceipt

from ballast.chain.surfaces import Surface, sign_surface, sign_surface_by_all
from ballast.risk.fixed import ln_wad
from ballast.risk.svi import Slice, total_variance
from tests.contracts.harness import LocalChain, Revert, logged

__all__ = [
    "DAY",
    "ETH",
    "FORWARD",
    "HOUR",
    "LIMITS",
    "STRIKES",
    "WAD",
    "YEAR",
    "Limits",
    "SmileDesk",
    "allowed",
    "expiry_after",
    "k_of",
    "slice_of",
    "vol_at",
    "vol_of",
]

HOUR = 3_600
DAY = 24 * HOUR
YEAR = 365 * DAY
WAD = 10**18
ETH = 2
FORWARD = 3_050 * WAD
STRIKES = [strike * WAD for strike in (2_000, 2_500, 3_000, 3_500, 4_500)]
_FIRST_EXPIRY = 1_577_865_600


@dataclass(frozen=True)
class Limits:
    """``ISurfaceOracle.Limits``."""

    maxAge: int = 1_200
    minInterval: int = 10
    minVol: int = 50_000
    maxVol: int = 3_000_000
    volStep: int = 100_000
    volSpeed: int = 500_000
    maxBasis: int = 200_000
    basisStep: int = 5_000
    basisSpeed: int = 20_000

    @property
    def values(self) -> tuple[int, ...]:
        return astuple(self)


LIMITS = Limits()


def expiry_after(time: int, days: int) -> int:
    """The first 08:00 UTC that is so many days or more after ``time``."""
    return _FIRST_EXPIRY - (_FIRST_EXPIRY - time - days * DAY) // DAY * DAY


def vol_of(variance: int, left: int) -> int:
    """sqrt(w / T), 1e18, rounded down; ``variance`` in 1e18, ``left`` in seconds."""
    return isqrt(variance * YEAR * WAD // left)


def slice_of(surface: Surface) -> Slice:
    return Slice(surface.a, surface.b, surface.rho, surface.m, surface.sigma)


def k_of(surface: Surface, strike: int) -> int:
    """ln(strike / forward) in 1e18."""
    return ln_wad(strike) - ln_wad(surface.forward)


def vol_at(surface: Surface, strike: int) -> int:
    """A surface's volatility at a strike, 1e18, rounded down; its variance there must be positive."""
    variance = total_variance(slice_of(surface), k_of(surface, strike))
    return vol_of(variance, surface.expiry - surface.time)


def allowed(value: int, step: int, speed: int, elapsed: int) -> int:
    """``value * (step + speed * hours)``, rounded down; rates in 1e6, ``elapsed`` in seconds."""
    return value * (step * HOUR + speed * elapsed) // (10**6 * HOUR)


class SmileDesk:
    """A strike book and a surface oracle. Account 0 is governor; ``signers`` ascend by address."""

    def __init__(self, chain: LocalChain, limits: Limits = LIMITS, threshold: int = 1) -> None:
        self.chain = chain
        self.authority = chain.deploy("AccessManager", chain.accounts[0])
        self.book = chain.deploy("StrikeBook", self.authority.address)
        self.oracle = chain.deploy("SurfaceOracle", self.authority.address, self.book.address, limits.values)
        keys: list[LocalAccount] = [Account.from_key(number.to_bytes(32, "big")) for number in (11, 12, 13, 14)]
        keys.sort(key=lambda key: int(key.address, 16))
        self.stranger, *self.signers = keys
        for signer in self.signers:
            chain.send(self.oracle.functions.setSigner(signer.address, True))
        if threshold > 1:
            chain.send(self.oracle.functions.setThreshold(threshold))
        chain.send(self.book.functions.openUnderlying(ETH, 10**15))
        self.expiry = expiry_after(chain.now, 90)
        self.list_strikes(STRIKES)

    def list_strikes(self, strikes: Sequence[int], expiry: int | None = None) -> None:
        self.chain.send(self.book.functions.listStrikes(ETH, expiry or self.expiry, list(strikes)))

    # ------------------------------------------------------------ surfaces

    def flat(self, vol: float = 0.6, **changes: Any) -> Surface:
        """A surface of now without smile: w = a everywhere."""
        made = Surface(ETH, self.expiry, self.chain.now, 3_000 * WAD, FORWARD, 0, 0, 0, 0, 10**11)
        made = replace(made, **changes)
        if "a" in changes:
            return made
        return replace(made, a=round(vol**2 * (made.expiry - made.time) / YEAR * 1e12))

    def smile(self, vol: float = 0.6, **changes: Any) -> Surface:
        """A skewed smile without arbitrage, about ``vol`` at the money."""
        left = (changes.get("expiry", self.expiry) - changes.get("time", self.chain.now)) / YEAR
        w = vol**2 * left
        b = 0.25 * w
        values = {"a": w - 0.95 * b * 0.6, "b": b, "rho": -0.3, "m": 0.0, "sigma": 0.6}
        return self.flat(**{**{name: round(value * 1e12) for name, value in values.items()}, **changes})

    def sign(self, surface: Surface, count: int = 1, **domain: Any) -> list[bytes]:
        """By the first so many signers; ``chain_id`` and ``oracle`` may be others."""
        where = {"chain_id": 31337, "oracle": self.oracle.address, **domain}
        return sign_surface_by_all(surface, [signer.key for signer in self.signers[:count]], **where)

    def sign_by(self, surface: Surface, *keys: LocalAccount) -> list[bytes]:
        """By these keys, in this order."""
        return [sign_surface(surface, key.key, 31337, self.oracle.address) for key in keys]

    def call(self, surface: Surface, signatures: Sequence[bytes] | None = None) -> ContractFunction:
        given = self.sign(surface) if signatures is None else list(signatures)
        return self.oracle.functions.submit(surface.as_tuple(), given)

    def submit(self, surface: Surface, *, after: int = 1, count: int = 1) -> TxReceipt:
        return self.chain.send(self.call(surface, self.sign(surface, count)), self.chain.accounts[5], after=after)

    def refusal(self, surface: Surface, signatures: Sequence[bytes] | None = None) -> Revert:
        return self.chain.revert_of(self.call(surface, signatures))

    def current(self, expiry: int | None = None) -> Any:
        return self.oracle.functions.surfaceOf(ETH, expiry or self.expiry).call()

    def events(self, name: str, receipt: TxReceipt) -> list[dict[str, Any]]:
        return logged(self.oracle.events[name](), receipt)
