"""Liquidations tried out on a state of the chain before they are sent.

Where the node has ``eth_simulateV1`` the whole sequence runs one after another, as it would in the
block, and each step's own event says what it earned. Elsewhere each runs by itself through
``eth_call`` and ``eth_estimateGas``; what it earned is then read off the price, and is too low for
an insolvent account whose token debts nobody covers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils.abi import event_signature_to_log_topic, function_signature_to_4byte_selector

from ballast import units
from ballast.chain.reverts import decode_revert
from ballast.errors import ContractError
from ballast.keeper.candidates import Candidate
from ballast.keeper.rpc import Fault, Rpc, quantity

__all__ = [
    "ANY_PRICE",
    "Order",
    "Refusal",
    "Simulation",
    "Simulator",
    "encode_liquidation",
    "reward_of",
]

#: Largest int256: accepts any price.
ANY_PRICE = 2**255 - 1

_STRUCT = "(uint256,uint256,uint256,uint256,int256,uint64,bytes)"
_LIQUIDATE = function_signature_to_4byte_selector(f"liquidate({_STRUCT})")
_LIQUIDATED = event_signature_to_log_topic(
    "Liquidated(uint256,uint256,uint256,uint256,int256,int256,uint256,uint256,uint256,uint256)"
)
#: JSON-RPC's "method not found", and what nodes answer that gate a method.
_UNSUPPORTED = (-32601, -32004)


@dataclass(frozen=True, slots=True)
class Order:
    """A liquidation to try: ``fraction`` (1e18) is the most to take."""

    candidate: Candidate
    fraction: int


@dataclass(frozen=True, slots=True)
class Simulation:
    """What a liquidation would do. ``paid`` and ``reward`` are USDC 1e18: the price (negative: is
    paid) and what the liquidator's equity gains; ``gas`` is what it used."""

    order: Order
    fraction: int
    paid: int
    reward: int
    gas: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the contract would refuse it."""

    order: Order
    error: ContractError


def encode_liquidation(
    candidate: Candidate,
    liquidator: int,
    *,
    max_fraction: int,
    min_fraction: int = 0,
    max_paid: int = ANY_PRICE,
) -> str:
    """Call data of ``liquidate`` for the account's next step."""
    fields = (
        candidate.account,
        liquidator,
        max_fraction,
        min_fraction,
        max_paid,
        candidate.steps,
        b"",
    )
    return "0x" + (_LIQUIDATE + encode([_STRUCT], [fields])).hex()


def reward_of(logs: Sequence[Any], house: str, account: int) -> int | None:
    """What the ``Liquidated`` event of ``account`` among raw logs gave its liquidator, USDC 1e18;
    None without one."""
    topic = account.to_bytes(32, "big")
    for log in logs:
        topics = [_raw(value) for value in log["topics"]]
        ours = str(log["address"]).lower() == house.lower()
        if ours and topics[:2] == [_LIQUIDATED, topic]:
            values = decode(
                [
                    "uint256",
                    "uint256",
                    "int256",
                    "int256",
                    "uint256",
                    "uint256",
                    "uint256",
                    "uint256",
                ],
                _raw(log["data"]),
            )
            from_account, from_fund, fee = values[5:]
            return int(from_account + from_fund - fee)
    return None


class Simulator:
    """Tries liquidations as ``caller``, for the account ``liquidator``."""

    def __init__(self, rpc: Rpc, house: str, caller: str, liquidator: int) -> None:
        self._rpc = rpc
        self._house = house
        self._caller = caller
        self._liquidator = liquidator
        self._sequences: bool | None = None

    @property
    def runs_sequences(self) -> bool:
        """Whether the node's last answer came from ``eth_simulateV1``."""
        return bool(self._sequences)

    def run(self, orders: Sequence[Order], tag: str) -> list[Simulation | Refusal]:
        """One result an order: of each after those before it where the node can do that, else of
        each alone."""
        if not orders:
            return []
        if self._sequences is not False:
            results = self._run_sequence(orders, tag)
            if results is not None:
                return results
        return self._run_each(orders, tag)

    # ------------------------------------------------------------ eth_simulateV1

    def _run_sequence(self, orders: Sequence[Order], tag: str) -> list[Simulation | Refusal] | None:
        calls = [self._call(order) for order in orders]
        answer = self._rpc.attempt("eth_simulateV1", {"blockStateCalls": [{"calls": calls}]}, tag)
        if isinstance(answer, Fault):
            if answer.code in _UNSUPPORTED or "not found" in answer.message.lower():
                self._sequences = False
            return None
        self._sequences = True
        found = answer[0]["calls"]
        if len(found) != len(orders):
            return None
        return [self._result(order, call) for order, call in zip(orders, found, strict=True)]

    def _result(self, order: Order, call: Any) -> Simulation | Refusal:
        if quantity(call["status"]) != 1:
            data = call.get("returnData") or "0x"
            if data == "0x":
                data = Fault.of(call.get("error") or {}).data
            return Refusal(order, decode_revert(_raw(data)))
        fraction, paid = decode(["uint256", "int256"], _raw(call["returnData"]))
        reward = reward_of(call["logs"], self._house, order.candidate.account)
        if reward is None:
            reward = _reward_from_price(order, fraction, paid)
        return Simulation(order, fraction, paid, reward, quantity(call["gasUsed"]))

    # ------------------------------------------------------------ eth_call

    def _run_each(self, orders: Sequence[Order], tag: str) -> list[Simulation | Refusal]:
        calls = [self._call(order) for order in orders]
        answers = self._rpc.batch(
            [("eth_call", [call, tag]) for call in calls] + [("eth_estimateGas", [call, tag]) for call in calls]
        )
        results: list[Simulation | Refusal] = []
        for order, answer, gas in zip(orders, answers[: len(orders)], answers[len(orders) :], strict=True):
            fault = next((part for part in (answer, gas) if isinstance(part, Fault)), None)
            if fault is not None:
                error = decode_revert(_raw(fault.data))
                results.append(Refusal(order, error if error.name else _unnamed(fault)))
                continue
            fraction, paid = decode(["uint256", "int256"], _raw(answer))
            reward = _reward_from_price(order, fraction, paid)
            results.append(Simulation(order, fraction, paid, reward, quantity(gas)))
        return results

    def _call(self, order: Order) -> dict[str, str]:
        data = encode_liquidation(order.candidate, self._liquidator, max_fraction=order.fraction)
        return {"from": self._caller, "to": self._house, "data": data}


def _reward_from_price(order: Order, fraction: int, paid: int) -> int:
    """The slice is worth its part of the equity; what it costs less is the reward."""
    return order.candidate.health.equity * fraction // units.WAD - paid


def _unnamed(fault: Fault) -> ContractError:
    return ContractError("Error", {"message": fault.message}, data=fault.data)


def _raw(value: Any) -> bytes:
    if isinstance(value, str):
        return bytes.fromhex(value[2:] if value.startswith("0x") else value)
    return bytes(value)
