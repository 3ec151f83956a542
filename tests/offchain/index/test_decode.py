"""The word decoder against the general one, and against logs of another shape."""

from __future__ import annotations

import random
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.abi import collapse_if_tuple, event_abi_to_log_topic
from eth_utils.address import to_checksum_address
from web3 import Web3

from ballast.chain.artifacts import artifact
from ballast.errors import IndexingError
from ballast.index.decode import Decoder

HOUSE = "0x" + "ab" * 20
CONTRACTS = ("Clearinghouse", "OracleRouter", "MarginEngine", "ScenarioBook", "RiskArrays")


def _events() -> list[tuple[str, dict[str, Any]]]:
    return [
        (contract, entry) for contract in CONTRACTS for entry in artifact(contract)["abi"] if entry["type"] == "event"
    ]


def _type_of(item: dict[str, Any]) -> str:
    return str(collapse_if_tuple(item))  # type: ignore[arg-type]


def _random_value(item: dict[str, Any], rng: random.Random) -> Any:
    kind = item["type"]
    if kind.endswith("[]"):
        inner = {**item, "type": kind.removesuffix("[]")}
        return [_random_value(inner, rng) for _ in range(rng.randrange(4))]
    if kind == "bytes":
        return rng.randbytes(rng.randrange(70))
    if kind == "tuple":
        return tuple(_random_value(part, rng) for part in item["components"])
    if kind == "bool":
        return rng.random() < 0.5
    if kind == "address":
        return to_checksum_address(rng.randbytes(20))
    if kind == "bytes32":
        return rng.randbytes(32)
    if kind == "string":
        return "".join(rng.choice("ETH-PERP é") for _ in range(rng.randrange(0, 70)))
    bits = int(kind.removeprefix("u").removeprefix("int"))
    low, high = (0, 2**bits - 1) if kind[0] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return rng.choice((low, high, 0, rng.randint(low, high)))


def _raw_log(entry: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    topics, types, values = [event_abi_to_log_topic(entry)], [], []  # type: ignore[arg-type]
    for item in entry["inputs"]:
        value = _random_value(item, rng)
        if item["indexed"]:
            topics.append(encode([_type_of(item)], [value]))
        else:
            types.append(_type_of(item))
            values.append(value)
    return {
        "address": to_checksum_address(HOUSE),
        "topics": ["0x" + topic.hex() for topic in topics],
        "data": "0x" + encode(types, values).hex(),
        "blockNumber": "0x10",
        "blockHash": "0x" + "11" * 32,
        "transactionHash": "0x" + "22" * 32,
        "transactionIndex": "0x0",
        "logIndex": "0x3",
    }


def _lowered(value: Any) -> Any:
    """As the decoder gives it: addresses in lower case, structs as plain dicts."""
    if isinstance(value, str) and value.startswith("0x") and len(value) == 42:
        return value.lower()
    if hasattr(value, "items"):
        return {key: _lowered(inner) for key, inner in value.items()}
    return [_lowered(inner) for inner in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize(("contract", "entry"), _events(), ids=lambda v: v if isinstance(v, str) else v["name"])
def test_decode__any_event_of_the_protocol__as_the_general_decoder(contract: str, entry: dict[str, Any]) -> None:
    rng = random.Random(entry["name"])
    decoder = Decoder([artifact(contract)["abi"]])
    reference = Web3().eth.contract(abi=[entry]).events[entry["name"]]()
    for _ in range(20):
        log = _raw_log(entry, rng)
        event = decoder.decode(log, 1_700_000_000)
        assert event is not None
        formatted = {
            **log,
            "topics": [bytes.fromhex(topic[2:]) for topic in log["topics"]],
            "data": bytes.fromhex(log["data"][2:]),
        }
        assert dict(event.args) == _lowered(dict(reference.process_log(formatted)["args"]))
        assert (event.name, event.source) == (entry["name"], HOUSE)
        assert (event.block, event.position, event.time) == (16, 3, 1_700_000_000)


def _deposited() -> dict[str, Any]:
    entry = next(entry for _, entry in _events() if entry["name"] == "Deposited")
    return _raw_log(entry, random.Random(1))


def test_decode__unknown_topic__none() -> None:
    decoder = Decoder([artifact("Clearinghouse")["abi"]])
    assert decoder.decode({**_deposited(), "topics": ["0x" + "00" * 32]}, 0) is None
    assert decoder.decode({**_deposited(), "topics": []}, 0) is None


@pytest.mark.parametrize("change", [{"data": "0x"}, {"data": "0x" + "00" * 31}, {"topics": 3}])
def test_decode__log_of_another_shape__error_names_block_and_event(change: dict[str, Any]) -> None:
    log = _deposited()
    if "topics" in change:
        change = {"topics": log["topics"][:-1]}
    decoder = Decoder([artifact("Clearinghouse")["abi"]])
    with pytest.raises(IndexingError, match="block 16, log 3: a Deposited of another shape"):
        decoder.decode({**log, **change}, 0)


@pytest.mark.parametrize(("kind", "indexed"), [("function", False), ("function[]", False), ("uint256[]", True)])
def test_decoder__argument_type_that_is_not_decoded__refused_at_once(kind: str, indexed: bool) -> None:
    inputs = [{"name": "many", "type": kind, "indexed": indexed}]
    with pytest.raises(IndexingError, match=r"many.*(function|uint256)"):
        Decoder([[{"type": "event", "name": "Odd", "inputs": inputs, "anonymous": False}]])


def test_decode__dynamic_data_cut_short__error_names_block_and_event() -> None:
    entry = next(entry for _, entry in _events() if entry["name"] == "ArraysStored")
    log = _raw_log(entry, random.Random(2))
    decoder = Decoder([artifact("RiskArrays")["abi"]])
    assert decoder.decode(log, 0) is not None
    with pytest.raises(IndexingError, match="block 16, log 3: a ArraysStored of another shape"):
        decoder.decode({**log, "data": log["data"][:-64]}, 0)


def test_decode__one_name_with_two_signatures__each_by_its_own() -> None:
    entries = [(contract, entry) for contract, entry in _events() if entry["name"] == "LimitsSet"]
    decoder = Decoder([artifact(contract)["abi"] for contract, _ in entries])
    found = {contract: decoder.decode(_raw_log(entry, random.Random(3)), 0) for contract, entry in entries}
    limits = {contract: event and set(event.args["limits"]) for contract, event in found.items()}
    assert limits == {"ScenarioBook": {"delay", "maxChange"}, "RiskArrays": {"maxAge", "bandCap", "bandVol"}}
