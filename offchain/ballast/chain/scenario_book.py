"""The ScenarioBook of a deployment: what holds, what is proposed, and what a proposal would be answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from web3 import Web3
from web3.types import StateOverride, TxParams

from ballast.chain.protocol import Protocol
from ballast.chain.reads import scan_events
from ballast.chain.rpc import MAX_CALL_GAS
from ballast.chain.scenario_table import FLOOR_FIELDS, ScenarioTable

__all__ = ["Proposal", "ScenarioBook"]

_FIELDS = ("tail", "termPower", "underlyings", "weights", "spot", "vol", "floors", "names")
#: In place of an AccessManager: returns (1, 0) to whatever it is asked, so everybody may call without delay.
_ALLOW_ALL = "0x60015f5260405ff3"


@dataclass(frozen=True)
class Proposal:
    """A table that waits. ``ready_at`` is the Unix time from which it can be activated."""

    version: int
    ready_at: int
    table: ScenarioTable


class ScenarioBook:
    """Reads one deployment's book. ``UsageError`` where the deployment has none."""

    def __init__(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self.contract = protocol.contract("ScenarioBook")
        #: Underlyings by asset number.
        self.symbols = {number: symbol for symbol, number in protocol.deployment.underlyings.items()}

    @property
    def address(self) -> str:
        return str(self.contract.address)

    def limits(self) -> tuple[int, int]:
        """Delay in seconds, and largest change 1e-6."""
        delay, max_change = self.contract.functions.limits().call()
        return delay, max_change

    def active(self) -> tuple[int, dict[str, Any]]:
        """Version and the contract's ``Table``, without names. ``ContractError`` where there is none."""
        version, content = self.contract.functions.table().call()
        return version, _named(content)

    def active_table(self) -> ScenarioTable:
        """The table that holds, with the names of its proposal."""
        version, content = self.active()
        return ScenarioTable.from_chain(version, content, self.symbols, self._published(version)["names"])

    def waiting(self) -> tuple[int, int] | None:
        """Version and time of the proposal, None where there is none."""
        version, _, ready_at = self.contract.functions.proposed().call()
        return (version, ready_at) if version else None

    def proposal(self) -> Proposal | None:
        """The proposed table, from the log that announced it."""
        if (found := self.waiting()) is None:
            return None
        version, ready_at = found
        content = self._published(version)
        return Proposal(version, ready_at, ScenarioTable.from_chain(version, content, self.symbols, content["names"]))

    def encode_proposal(self, content: Mapping[str, Any]) -> str:
        """Call data of ``propose``."""
        return str(self.contract.encode_abi("propose", [content]))

    def try_proposal(self, content: Mapping[str, Any]) -> int:
        """The version that proposing would give; ``ContractError`` with the contract's reason where it refuses.

        Who asks does not count: in this call the AccessManager lets everybody pass.
        """
        request = {"to": self.address, "data": self.encode_proposal(content), "gas": MAX_CALL_GAS}
        manager = Web3.to_checksum_address(self.protocol.deployment.contracts["AccessManager"])
        override = cast(StateOverride, {manager: {"code": _ALLOW_ALL}})
        return int.from_bytes(self.protocol.w3.eth.call(cast(TxParams, request), "latest", override), "big")

    def _published(self, version: int) -> dict[str, Any]:
        return next(content for number, content in self._announced if number == version)

    @cached_property
    def _announced(self) -> list[tuple[int, dict[str, Any]]]:
        start = self.protocol.deployment.start_block
        events = scan_events(self.protocol.w3, self.contract, "TableProposed", start)
        return [(event["args"]["version"], _named(event["args"]["table"])) for event in events]


def _named(content: Mapping[str, Any] | Sequence[Any]) -> dict[str, Any]:
    """The struct by its fields, whether decoded with names or without."""
    found = _by_name(content, _FIELDS)
    return {**found, "floors": [_by_name(moves, tuple(FLOOR_FIELDS.values())) for moves in found["floors"]]}


def _by_name(content: Mapping[str, Any] | Sequence[Any], fields: Sequence[str]) -> dict[str, Any]:
    return dict(content) if isinstance(content, Mapping) else dict(zip(fields, content, strict=True))
