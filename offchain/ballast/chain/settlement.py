"""Fixing the price of an expiry: finds the rounds at which the contract's walk begins, and sends the calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction

from ballast.chain.artifacts import artifact
from ballast.chain.managed import send
from ballast.chain.protocol import Protocol
from ballast.chain.signers import Signer
from ballast.errors import ContractError, StaleDataError

__all__ = ["MAX_ROUNDS", "QUOTE", "WINDOW", "Hints", "Settlement", "round_in_force"]

#: Seconds before an expiry over which prices are averaged.
WINDOW = 1_800
#: Rounds of one feed that the contract counts in one call at most.
MAX_ROUNDS = 256
#: Asset id of the quote token.
QUOTE = 0

_PHASE_BITS = 64


@dataclass(frozen=True)
class Hints:
    """Ids of the rounds in force at the window's start; 0 of a feed whose walk has begun, where none is looked at."""

    asset_round: int
    quote_round: int


class Settlement:
    """One deployment's SettlementOracle. ``UsageError`` where the deployment has none."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.contract = protocol.contract("SettlementOracle")

    def price(self, asset: int, expiry: int) -> int | None:
        """USDC per unit, 1e18; None until it is fixed."""
        functions = self.contract.functions
        if not functions.isFixed(asset, expiry).call():
            return None
        return int(functions.priceOf(asset, expiry).call())

    def hints(self, asset: int, expiry: int) -> Hints:
        """What ``settlePrice`` asks for. ``StaleDataError`` where a feed had no round by the window's start."""
        return Hints(self._hint(asset, expiry), self._hint(QUOTE, expiry))

    def simulate(self, asset: int, expiry: int, max_rounds: int = MAX_ROUNDS) -> int:
        """The price that a call now would fix, 0 where rounds would be left; ``ContractError`` where it reverts."""
        return int(self._call(asset, expiry, max_rounds).call())

    def settle(self, signer: Signer, asset: int, expiry: int, max_rounds: int = MAX_ROUNDS) -> int:
        """Sends calls of at most ``max_rounds`` rounds per feed until the price is fixed, and returns it.

        Each is simulated first, so that a guard's ``ContractError`` costs nothing. A price that is fixed already is
        returned without a call.
        """
        while (price := self.price(asset, expiry)) is None:
            call = self._call(asset, expiry, max_rounds)
            call.call({"from": Web3.to_checksum_address(signer.address)})
            send(self.protocol.w3, signer, "settlePrice", self.contract.address, call._encode_transaction_data())
        return price

    def call_data(self, asset: int, expiry: int, max_rounds: int = MAX_ROUNDS) -> str:
        """Call data of ``settlePrice``; errors as ``hints``."""
        return str(self._call(asset, expiry, max_rounds)._encode_transaction_data())

    def _call(self, asset: int, expiry: int, max_rounds: int) -> ContractFunction:
        hints = self.hints(asset, expiry)
        return self.contract.functions.settlePrice(asset, expiry, hints.asset_round, hints.quote_round, max_rounds)

    def _hint(self, asset: int, expiry: int) -> int:
        if self.contract.functions.progressOf(asset, expiry).call()[1]:
            return 0
        feed = self.contract.functions.feedOf(asset, expiry).call()
        source = self.protocol.w3.eth.contract(
            address=Web3.to_checksum_address(feed[0]), abi=artifact("PushedAggregator")["abi"]
        )
        return round_in_force(source, expiry - WINDOW)


def round_in_force(source: Contract, time: int) -> int:
    """Id of the last round at or before a time, in the latest phase that has one; a number of requests that grows with
    the logarithm of the rounds. ``StaleDataError`` where there is none."""
    latest: int = source.functions.latestRoundData().call()[0]
    phase, last = latest >> _PHASE_BITS, latest & (1 << _PHASE_BITS) - 1
    for number in range(phase, -1, -1):
        base = number << _PHASE_BITS

        def begun(serial: int, base: int = base) -> bool:
            at = _updated_at(source, base | serial)
            return at is not None and at <= time

        serial = _last_before(last, begun) if number == phase else _last_after(begun)
        if serial:
            return base | serial
    raise StaleDataError(f"feed {source.address}: no round at or before {time}")


def _updated_at(source: Contract, round_id: int) -> int | None:
    """None where there is no such round: an aggregator reverts, or answers zeros."""
    try:
        found: int = source.functions.getRoundData(round_id).call()[3]
    except ContractError:
        return None
    return found or None


def _last_before(last: int, holds: Callable[[int], bool]) -> int:
    """The greatest number in 1 .. ``last`` that ``holds``, as all below it do; 0 where none does. Back from ``last`` in
    doubling steps: it is mostly near."""
    low, high, step = last, last + 1, 1
    while low > 0 and not holds(low):
        low, high, step = max(low - step, 0), low, step * 2
    return _between(low, high, holds)


def _last_after(holds: Callable[[int], bool]) -> int:
    """The same without a last number: from 1 in doubling steps."""
    low, high = 0, 1
    while holds(high):
        low, high = high, high * 2
    return _between(low, high, holds)


def _between(low: int, high: int, holds: Callable[[int], bool]) -> int:
    """The greatest that holds, where ``low`` does, or is 0, and ``high`` does not."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
