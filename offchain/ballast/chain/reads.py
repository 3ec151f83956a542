"""Reading what the chain says about each check of a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_utils.abi import event_abi_to_log_topic
from eth_utils.address import is_address, to_checksum_address
from web3 import Web3
from web3.contract import Contract
from web3.exceptions import BadFunctionCallOutput, Web3Exception
from web3.types import EventData

from ballast.chain.artifacts import artifact
from ballast.chain.steps import Answers, AtLeast, Check, EventCheck, Ref
from ballast.errors import ContractError, RpcError

__all__ = ["ABSENT", "Difference", "Reader", "plain", "resolve", "scan_events", "scan_logs"]

#: Blocks asked for at once when scanning logs; halved where a node refuses.
_SCAN_BLOCKS = 10_000
_SCAN_BLOCKS_MIN = 50

#: What a check finds where the contract is not there, or the thing asked for is not.
ABSENT = "nothing"


@dataclass(frozen=True)
class Difference:
    """One value of the chain that is not what the parameters say. ``path`` is that of the YAML
    file."""

    path: str
    wanted: Any
    found: Any

    def __str__(self) -> str:
        return f"{self.path}: wanted {plain(self.wanted)}, found {plain(self.found)}"


def plain(value: Any) -> Any:
    """Values as a person and JSON can read them."""
    if isinstance(value, AtLeast):
        return f"at least {value.bound}"
    if isinstance(value, Answers):
        return "an answer"
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value


def resolve(value: Any, addresses: Mapping[str, str]) -> Any:
    """Replaces every ``Ref`` by its address; ``KeyError`` where that is not known yet."""
    if isinstance(value, Ref):
        return addresses[value.name]
    if isinstance(value, Mapping):
        return {key: resolve(inner, addresses) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(resolve(inner, addresses) for inner in value)
    return value


class Reader:
    """Answers checks over one connection. ``from_block`` is where event scans start."""

    def __init__(self, w3: Web3, addresses: Mapping[str, str], from_block: int) -> None:
        self.w3 = w3
        self.addresses = addresses
        self.from_block = from_block
        self._contracts: dict[tuple[str, str], Contract] = {}

    def contract(self, abi: str, target: Any) -> Contract:
        address = resolve(target, self.addresses)
        key = (abi, address)
        if key not in self._contracts:
            self._contracts[key] = self.w3.eth.contract(
                address=Web3.to_checksum_address(address), abi=artifact(abi)["abi"]
            )
        return self._contracts[key]

    def differences(self, check: Check | EventCheck) -> list[Difference]:
        """Empty where the chain says what is wanted."""
        wanted = resolve(check.wanted, self.addresses)
        found = self._last_event(check) if isinstance(check, EventCheck) else self._call(check)
        differing = _compare(check.path, wanted, found)
        if differing and isinstance(check, Check) and check.otherwise is not None:
            return [] if not self.differences(check.otherwise) else differing
        return differing

    def _call(self, check: Check) -> Any:
        contract = self.contract(check.abi, check.target)
        function = contract.get_function_by_name(check.function)(*resolve(check.args, self.addresses))
        try:
            result = function.call()
        except (ContractError, BadFunctionCallOutput):
            return ABSENT
        outputs: Sequence[dict[str, Any]] = function.abi["outputs"]
        if check.pick is not None:
            return _named(result[check.pick], outputs[check.pick])
        return _named(result, outputs[0]) if len(outputs) == 1 else result

    def _last_event(self, check: EventCheck) -> Any:
        contract = self.contract(check.abi, check.target)
        found = scan_events(self.w3, contract, check.event, self.from_block)
        return dict(found[-1]["args"]) if found else ABSENT


def _named(value: Any, output: dict[str, Any]) -> Any:
    """A struct as a dict by its field names."""
    if output["type"] != "tuple":
        return value
    components = output["components"]
    return {part["name"]: _named(inner, part) for part, inner in zip(components, value, strict=True)}


def _compare(path: str, wanted: Any, found: Any) -> list[Difference]:
    if isinstance(wanted, Answers):
        return [] if found != ABSENT else [Difference(path, wanted, found)]
    if isinstance(wanted, AtLeast):
        good = isinstance(found, int) and found >= wanted.bound
        return [] if good else [Difference(path, wanted, found)]
    if isinstance(wanted, Mapping) and isinstance(found, Mapping):
        return [
            difference
            for key, value in wanted.items()
            for difference in _compare(f"{path}.{key}", value, found.get(key, ABSENT))
        ]
    return [] if _normal(wanted) == _normal(found) else [Difference(path, wanted, found)]


def _normal(value: Any) -> Any:
    return to_checksum_address(value) if isinstance(value, str) and is_address(value) else value


def scan_events(
    w3: Web3, contract: Contract, event: str, from_block: int, to_block: int | None = None
) -> list[EventData]:
    """All events of one name of a contract in a range of blocks, oldest first."""
    return scan_logs(w3, contract, from_block, to_block, only=(event,))


def scan_logs(
    w3: Web3,
    contract: Contract,
    from_block: int,
    to_block: int | None = None,
    *,
    only: Sequence[str] = (),
) -> list[EventData]:
    """Events of a contract (all that its ABI names, or ``only`` some), oldest first.

    Ranges that a node refuses are made smaller; ``RpcError`` where it refuses even small ones.
    """
    events = {
        event_abi_to_log_topic(entry): contract.events[entry["name"]]()
        for entry in contract.abi
        if entry["type"] == "event" and (not only or entry["name"] in only)
    }
    last = w3.eth.block_number if to_block is None else to_block
    found: list[EventData] = []
    size, start = _SCAN_BLOCKS, from_block
    while start <= last:
        end = min(last, start + size - 1)
        request: Any = {
            "address": contract.address,
            "fromBlock": start,
            "toBlock": end,
            "topics": [["0x" + topic.hex() for topic in events]],
        }
        try:
            logs = w3.eth.get_logs(request)
        except (Web3Exception, OSError, ValueError) as error:
            if size <= _SCAN_BLOCKS_MIN:
                raise RpcError(f"rpc: logs of blocks {start} to {end}: {error}") from error
            size = max(_SCAN_BLOCKS_MIN, size // 4)
            continue
        found.extend(events[bytes(log["topics"][0])].process_log(log) for log in logs)
        start = end + 1
    return found
