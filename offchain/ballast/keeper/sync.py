"""A service: writes fresh prices into the router, so that the slow price follows and reads are
cheap. Earns nothing."""

from __future__ import annotations

from dataclasses import dataclass

from ballast.keeper.candidates import error_name
from ballast.keeper.duty import Action, Decision, Desk, Moment
from ballast.keeper.fees import bid
from ballast.keeper.plan import gas_limit
from ballast.keeper.rpc import Fault, Request, quantity
from ballast.keeper.view import View, signature_call
from ballast.units import WAD

__all__ = ["SyncDuty"]


@dataclass(frozen=True, slots=True)
class _Slot:
    price: int
    synced_at: int


class SyncDuty:
    """Syncs an asset whose price has moved, or whose last sync is old; all that are due in one
    transaction."""

    name = "sync"

    def __init__(self, desk: Desk, symbols: dict[int, str]) -> None:
        self._desk = desk
        self._symbols = symbols

    def decide(self, moment: Moment) -> list[Decision]:
        """At most one decision to send, and one for each asset that is due and cannot be synced."""
        desk, view = self._desk, moment.view
        if any(duty == self.name for duty, _ in moment.busy):
            return []
        due = self._due(view)
        if not due:
            return []
        fees = bid(view, tip=desk.settings.priority_fee, max_fee=desk.settings.service_max_fee)
        if fees is None:
            reason = "fees are above service_max_fee"
            return [Decision(self.name, self._names(due), "wait", reason)]
        decisions, good = self._try(due, view)
        if not good:
            return decisions
        data = self._data(good)
        call = {"from": desk.caller, "to": desk.router, "data": data}
        used = desk.rpc.attempt("eth_estimateGas", call, view.tag)
        names = self._names(good)
        if isinstance(used, Fault):
            return [*decisions, Decision(self.name, names, "skip", error_name(used))]
        gas = gas_limit(quantity(used))
        ceiling = desk.settings.service_max_fee
        action = Action(self.name, names, desk.router, data, gas, fees, ceiling)
        reason = "the price moved, or its last sync is old"
        return [*decisions, Decision(self.name, names, "send", reason, action)]

    def _due(self, view: View) -> list[int]:
        settings = self._desk.settings
        assets = sorted(view.prices)
        calls = [signature_call("cached(uint8)", asset) for asset in assets]
        answers = self._desk.rpc.batch([self._request(call, view.tag) for call in calls])
        due = []
        for asset, answer in zip(assets, answers, strict=True):
            if isinstance(answer, Fault):
                continue
            data = bytes.fromhex(answer[2:])
            slot = _Slot(int.from_bytes(data[:32], "big"), int.from_bytes(data[64:96], "big"))
            age = view.time - slot.synced_at
            moved = abs(view.prices[asset] - slot.price) * WAD >= slot.price * settings.sync_move_wad
            old = age >= settings.sync_every_seconds
            if old or (moved and age >= settings.sync_pause_seconds):
                due.append(asset)
        return due

    def _try(self, due: list[int], view: View) -> tuple[list[Decision], list[int]]:
        """One dead feed would stop the others: each is tried alone."""
        requests = [self._request(self._data([asset]), view.tag) for asset in due]
        answers = self._desk.rpc.batch(requests)
        good = []
        decisions = []
        for asset, answer in zip(due, answers, strict=True):
            if isinstance(answer, Fault):
                name = self._names([asset])
                decisions.append(Decision(self.name, name, "skip", error_name(answer)))
            else:
                good.append(asset)
        return decisions, good

    def _request(self, data: str, tag: str) -> Request:
        call = {"from": self._desk.caller, "to": self._desk.router, "data": data}
        return ("eth_call", [call, tag])

    @staticmethod
    def _data(assets: list[int]) -> str:
        return signature_call("sync(uint256)", sum(1 << asset for asset in assets))

    def _names(self, assets: list[int]) -> str:
        return ", ".join(self._symbols.get(asset, str(asset)) for asset in assets)
