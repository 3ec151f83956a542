"""The deployed contracts as typed objects: addresses from a deployment file, ABIs from the
package."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from web3 import Web3
from web3.contract import Contract
from web3.types import BlockIdentifier

from ballast.chain import reverts
from ballast.chain.artifacts import artifact
from ballast.chain.deployment import Deployment
from ballast.chain.instruments import instrument_of_name, parse_dated
from ballast.chain.rpc import require_chain
from ballast.errors import ContractError, UsageError
from ballast.units import WAD

__all__ = ["Health", "Protocol"]

_T = TypeVar("_T")


@dataclass(frozen=True)
class Health:
    """Of one account, USDC in 1e18. ``initial`` and ``maintenance`` are requirements, ``equity`` is
    signed."""

    equity: int
    initial: int
    maintenance: int

    @property
    def is_healthy(self) -> bool:
        """Cannot be liquidated: E >= MM."""
        return self.equity >= self.maintenance

    @property
    def factor(self) -> int | None:
        """E / MM in 1e18, rounded down as on chain, 0 with negative equity; None where nothing is
        required."""
        if self.equity < 0:
            return 0
        return None if self.maintenance == 0 else self.equity * WAD // self.maintenance


class Protocol:
    """One deployment over one connection. Reverts raise ``ContractError``.

    ``UsageError`` where the node is of another chain, or nothing is deployed at the Clearinghouse's
    address.
    """

    def __init__(self, w3: Web3, deployment: Deployment) -> None:
        require_chain(w3, deployment.chain_id, "the deployment file")
        reverts.install(w3)
        self.w3 = w3
        self.deployment = deployment
        house = deployment.contracts["Clearinghouse"]
        if not w3.eth.get_code(Web3.to_checksum_address(house)):
            raise UsageError(
                f"deployment: no contract at {house} on this chain; the file is of an earlier chain, deploy again"
            )

    def contract(self, name: str, address: str | None = None) -> Contract:
        """Contract ``name`` of the deployment, or artifact ``name`` at an address."""
        if address is None:
            if name not in self.deployment.contracts:
                known = ", ".join(self.deployment.contracts)
                raise UsageError(f"contract {name}: not in the deployment; there are {known}")
            address = self.deployment.contracts[name]
        return self.w3.eth.contract(address=Web3.to_checksum_address(address), abi=artifact(name)["abi"])

    # ------------------------------------------------------------ contracts

    @cached_property
    def house(self) -> Contract:
        """The Clearinghouse."""
        return self.contract("Clearinghouse")

    @cached_property
    def router(self) -> Contract:
        """The OracleRouter that the Clearinghouse reads now."""
        return self.contract("OracleRouter", self.house.functions.modules().call()[1])

    @cached_property
    def engine(self) -> Contract:
        """The MarginEngine that the Clearinghouse reads now."""
        return self.contract("MarginEngine", self.house.functions.modules().call()[2])

    def token(self, symbol: str) -> Contract:
        """A collateral token by its symbol (USDC, BTC, ETH, SOL)."""
        return self.contract("TestToken", self._entry("token", self.deployment.tokens, symbol).address)

    def decimals(self, symbol: str) -> int:
        return self._entry("token", self.deployment.tokens, symbol).decimals

    def feed(self, symbol: str) -> Contract:
        """An asset's aggregator. ``submit`` exists on own (pushed) ones only."""
        return self.contract("PushedAggregator", self._entry("feed", self.deployment.feeds, symbol))

    def instrument(self, symbol: str) -> int:
        """An instrument's number by its name: ``ETH-PERP``, or a dated one such as ``ETH-26MAR27-3500-C``, whose strike
        the StrikeBook must have."""
        if symbol in self.deployment.instruments or symbol.count("-") not in (1, 3):
            return self._entry("instrument", self.deployment.instruments, symbol)
        try:
            found = parse_dated(symbol)
        except UsageError:
            return self._entry("instrument", self.deployment.instruments, symbol)
        asset = self._entry("underlying", self.deployment.underlyings, found.underlying)
        strikes = () if found.strike is None else self.strikes(asset, found.expiry)
        return instrument_of_name(symbol, asset, strikes)

    def strikes(self, asset: int, expiry: int) -> tuple[int, ...]:
        """Strikes of an expiry in the order of their indices, USDC in 1e18; none where it is not listed."""
        try:
            return tuple(self.contract("StrikeBook").functions.strikesOf(asset, expiry).call())
        except ContractError as error:
            if error.name == "Strikes_UnknownExpiry":
                return ()
            raise

    @cached_property
    def symbols(self) -> dict[int, str]:
        """Instrument names by number."""
        return {number: symbol for symbol, number in self.deployment.instruments.items()}

    @staticmethod
    def _entry(kind: str, known: dict[str, _T], symbol: str) -> _T:
        if symbol not in known:
            raise UsageError(f"{kind} {symbol}: not in the deployment; there are {', '.join(known)}")
        return known[symbol]

    # ------------------------------------------------------------ reads

    def health(self, account: int, block: BlockIdentifier = "latest") -> Health:
        """The contract's own view, at a block."""
        return Health(*self.house.functions.health(account).call(block_identifier=block))

    def balance(self, account: int, symbol: str, block: BlockIdentifier = "latest") -> int:
        """Token units, negative is borrowed."""
        token = self._entry("token", self.deployment.tokens, symbol).address
        return int(self.house.functions.balanceOf(account, token).call(block_identifier=block))

    def position(self, account: int, symbol: str, block: BlockIdentifier = "latest") -> int:
        """Signed size, 1e18."""
        instrument = self.instrument(symbol)
        return int(self.house.functions.positionOf(account, instrument).call(block_identifier=block))

    def mark(self, symbol: str, block: BlockIdentifier = "latest") -> int:
        """USDC per unit, 1e18."""
        return int(self.house.functions.markOf(self.instrument(symbol)).call(block_identifier=block))

    def price(self, symbol: str, block: BlockIdentifier = "latest") -> int:
        """USD per whole token, 1e18."""
        token = self._entry("token", self.deployment.tokens, symbol).address
        return int(self.house.functions.priceOf(token).call(block_identifier=block))
