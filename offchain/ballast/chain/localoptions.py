"""Expiries, surfaces and risk arrays of a local chain: what lists, signs and refreshes there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from web3.contract import Contract
from web3.types import TxReceipt

from ballast import units
from ballast.chain.instruments import expiry_label, expiry_of_label, instrument_of_name
from ballast.chain.surfaces import FULLY_SURE, Surface, sign_surface
from ballast.errors import ContractError, UsageError

if TYPE_CHECKING:
    from ballast.chain.local import LocalChain, Number

__all__ = ["ALL_STRIKES", "LocalOptions"]

_E12 = 10**12
_YEAR = 365 * 86_400
#: Strikes of a refresh that takes all of them.
ALL_STRIKES = 2**256 - 1


class LocalOptions:
    """Hands for the options of one local chain. Its governor lists and signs. Expiries are labels (``26MAR27``) or
    Unix seconds, prices decimals in USDC."""

    def __init__(self, chain: LocalChain) -> None:
        self._chain = chain

    @property
    def strikes(self) -> Contract:
        """The StrikeBook."""
        return self._chain.protocol.contract("StrikeBook")

    @property
    def surfaces(self) -> Contract:
        """The SurfaceOracle."""
        return self._chain.protocol.contract("SurfaceOracle")

    @property
    def arrays(self) -> Contract:
        """The RiskArrays."""
        return self._chain.protocol.contract("RiskArrays")

    def list_strikes(self, symbol: str, expiry: str | int, strikes: Sequence[Number]) -> TxReceipt:
        """Appends strikes to an expiry."""
        wads = [units.to_wad(strike) for strike in strikes]
        call = self.strikes.functions.listStrikes(self._asset(symbol), _seconds(expiry), wads)
        return self._chain.send(call, self._chain.governor)

    def list_future(self, symbol: str, expiry: str | int) -> TxReceipt:
        """Lists a dated future with the parameters' terms."""
        chain, seconds = self._chain, _seconds(expiry)
        terms = next(asset.futures for asset in chain.params.assets if asset.symbol == symbol)
        if terms is None:
            raise UsageError(f"assets.{symbol}.futures: not in the parameters; a dated future is listed with these")
        name = f"{symbol}-{expiry_label(seconds)}"
        number = instrument_of_name(name, self._asset(symbol))
        config = tuple(terms.terms.content(terms.lot).values())
        return chain.send(chain.protocol.house.functions.listMarket(number, name, config), chain.governor)

    def set_surface(
        self,
        symbol: str,
        expiry: str | int,
        vol: float = 0.6,
        *,
        forward: Number | None = None,
        smile: float = 0.1,
        skew: float = -0.2,
        width: float = 0.3,
        confidence: int = FULLY_SURE,
    ) -> Surface:
        """Signs and submits a surface as of the latest block: ``vol`` a year at the forward, default the spot, and a
        smile around it (SVI with b = ``smile`` * variance, rho = ``skew``, sigma = ``width``). Moves time on by as much
        as the oracle wants between two surfaces, where there is one of this second. Returns the surface."""
        if vol <= 0:
            raise UsageError(f"vol: is {vol}; give a volatility a year above 0, such as 0.6")
        chain, seconds = self._chain, _seconds(expiry)
        self._wait(symbol, seconds)
        spot = self._index(symbol)
        price = spot if forward is None else units.to_wad(forward)
        now = chain.now()
        variance = vol * vol * (seconds - now) / _YEAR
        surface = Surface(
            underlying=self._asset(symbol),
            expiry=seconds,
            time=now,
            spot=spot,
            forward=price,
            a=round(variance * (1 - smile * width) * _E12),
            b=round(variance * smile * _E12),
            rho=round(skew * _E12),
            m=0,
            sigma=round(width * _E12),
            confidence=confidence,
        )
        self.submit(surface)
        return surface

    def _wait(self, symbol: str, expiry: int) -> None:
        views = self.surfaces.functions
        try:
            _, time = views.basisOf(self._asset(symbol), expiry).call()
        except ContractError:
            return  # the first one
        missing = time + views.limits().call()[1] - self._chain.now()
        if missing > 0:
            self._chain.advance(missing)

    def submit(self, surface: Surface) -> TxReceipt:
        """Submits a surface with the governor's signature."""
        chain = self._chain
        key = chain.key_of(units.account_id(chain.governor, 0)).key
        signature = sign_surface(surface, key, chain.deployment.chain_id, self.surfaces.address)
        return chain.send(self.surfaces.functions.submit(surface.as_tuple(), [signature]), chain.governor)

    def refresh(self, symbol: str, expiry: str | int, first: int = 0, count: int = ALL_STRIKES) -> TxReceipt:
        """Prices strikes of an expiry under the table that holds."""
        call = self._chain.protocol.house.functions.refreshStrikes(self._asset(symbol), _seconds(expiry), first, count)
        return self._chain.send(call, self._chain.governor, gas=15_000_000)

    def _asset(self, symbol: str) -> int:
        known = self._chain.deployment.underlyings
        if symbol not in known:
            raise UsageError(f"underlying {symbol}: not in the deployment; there are {', '.join(known)}")
        return known[symbol]

    def _index(self, symbol: str) -> int:
        """USDC per unit in 1e18, rounded down: as the ledger values it."""
        router = self._chain.protocol.router.functions
        return int(router.price(self._asset(symbol)).call()) * units.WAD // int(router.price(0).call())


def _seconds(expiry: str | int) -> int:
    return expiry_of_label(expiry) if isinstance(expiry, str) else expiry
