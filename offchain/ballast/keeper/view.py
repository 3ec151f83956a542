"""What a keeper sees of the chain at one moment: the block that comes next, its fees, prices and
waiting price updates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_utils.abi import function_signature_to_4byte_selector

from ballast import units
from ballast.errors import RpcError
from ballast.keeper.rpc import Fault, Rpc, quantity

__all__ = ["PriceUpdate", "View", "ViewReader", "signature_call"]

#: A block's base fee rises by an eighth at most.
_BASE_FEE_STEP = 8
_FALLBACK_TIP = 10**9


@dataclass(frozen=True, slots=True)
class PriceUpdate:
    """A transaction in the node's pool that will give a feed a new answer; fees in wei per gas."""

    hash: str
    feed: str
    max_fee: int
    tip: int


@dataclass(frozen=True, slots=True)
class View:
    """One moment.

    ``tag`` is the state decisions are made on, ``block`` the block in which what is sent now lands
    at the earliest, ``latest`` the last mined one. ``base_fee`` is that of ``block`` (at most,
    where the node does not show it) and ``tip`` what is usually paid over it, wei per gas.
    ``prices`` are USD 1e18 by asset, without those that are not usable now; ``faults`` holds why.
    ``coin_price`` is the chain's coin in USDC 1e18, None while unknown.
    """

    tag: str
    block: int
    latest: int
    latest_hash: str
    time: int
    base_fee: int
    tip: int
    updates: tuple[PriceUpdate, ...]
    prices: Mapping[int, int]
    faults: Mapping[int, Fault]
    coin_price: int | None


class ViewReader:
    """Makes a ``View``. ``coin_asset`` is the router's asset that prices the chain's coin, or None
    where ``coin_price`` (USDC 1e18) does."""

    def __init__(
        self,
        rpc: Rpc,
        *,
        router: str,
        assets: Sequence[int],
        feeds: Sequence[str],
        coin_asset: int | None,
        coin_price: int | None = None,
    ) -> None:
        self._rpc = rpc
        self._router = router
        self._assets = tuple(sorted({0, *assets}))
        self._feeds = self._with_aggregators(feeds)
        self._coin_asset = coin_asset
        self._coin_price = coin_price

    def _with_aggregators(self, feeds: Sequence[str]) -> frozenset[str]:
        """Chainlink's posters write to the aggregator behind a proxy."""
        calls = [_call(feed, "aggregator()") for feed in feeds]
        answers = self._rpc.batch([("eth_call", [call, "latest"]) for call in calls])
        found = {feed.lower() for feed in feeds}
        for answer in answers:
            if isinstance(answer, str) and len(answer) == 66:
                found.add("0x" + answer[-40:].lower())
        return frozenset(found)

    # ------------------------------------------------------------ tags

    def shows_pool(self) -> bool:
        """Whether the node builds a pending block on top of the latest one."""
        pending, latest = self._rpc.batch(
            [
                ("eth_getBlockByNumber", ["pending", False]),
                ("eth_getBlockByNumber", ["latest", False]),
            ]
        )
        if not isinstance(pending, dict) or not isinstance(latest, dict):
            return False
        number = pending.get("number")
        return number is not None and quantity(number) == quantity(latest["number"]) + 1

    def fingerprint(self, tag: str) -> tuple[Any, ...]:
        """Changes when there may be something new to decide on."""
        requests = [("eth_getBlockByNumber", ["latest", False])]
        if tag == "pending":
            requests.append(("eth_getBlockByNumber", ["pending", False]))
        blocks = self._rpc.batch(requests)
        if not isinstance(blocks[0], dict):
            raise _no_block(blocks[0], self._rpc)
        pool = tuple(blocks[1].get("transactions", ())) if isinstance(blocks[-1], dict) else ()
        return (blocks[0]["hash"], pool)

    # ------------------------------------------------------------ the view

    def read(self, tag: str) -> View:
        """The view on ``pending`` or ``latest``; ``RpcError`` where the node cannot give it."""
        requests: list[tuple[str, Sequence[Any]]] = [
            ("eth_getBlockByNumber", ["latest", False]),
            ("eth_getBlockByNumber", ["pending", True]),
            ("eth_maxPriorityFeePerGas", []),
        ]
        requests += [("eth_call", [_call(self._router, "price(uint8)", asset), tag]) for asset in self._assets]
        latest, pending, tip, *answers = self._rpc.batch(requests)
        if not isinstance(latest, dict):
            raise _no_block(latest, self._rpc)
        if tag == "pending" and not isinstance(pending, dict):
            raise _no_block(pending, self._rpc)
        number = quantity(latest["number"])
        prices = {
            asset: int(answer, 16)
            for asset, answer in zip(self._assets, answers, strict=True)
            if isinstance(answer, str)
        }
        faults = {
            asset: answer for asset, answer in zip(self._assets, answers, strict=True) if isinstance(answer, Fault)
        }
        if tag == "pending":
            base_fee = quantity(pending.get("baseFeePerGas") or 0)
            time = quantity(pending["timestamp"])
            updates = self._updates(pending, base_fee)
        else:
            base_fee = quantity(latest.get("baseFeePerGas") or 0)
            base_fee += -(-base_fee // _BASE_FEE_STEP)
            time = quantity(latest["timestamp"])
            updates = ()
        return View(
            tag=tag,
            block=number + 1,
            latest=number,
            latest_hash=str(latest["hash"]),
            time=time,
            base_fee=base_fee,
            tip=_FALLBACK_TIP if isinstance(tip, Fault) else quantity(tip),
            updates=updates,
            prices=prices,
            faults=faults,
            coin_price=self._coin(prices),
        )

    def _coin(self, prices: Mapping[int, int]) -> int | None:
        asset = self._coin_asset
        if asset is not None and asset in prices and 0 in prices:
            self._coin_price = prices[asset] * units.WAD // prices[0]
        return self._coin_price  # a dead feed leaves the last known one

    def _updates(self, pending: Mapping[str, Any], base_fee: int) -> tuple[PriceUpdate, ...]:
        """Waiting transactions to a feed that would succeed now: others must not be able to hold a
        keeper back by writing to a feed in vain."""
        found = [
            transaction
            for transaction in pending["transactions"]
            if (transaction.get("to") or "").lower() in self._feeds
        ]
        trials = self._rpc.batch(
            [
                (
                    "eth_call",
                    [
                        {
                            "from": transaction["from"],
                            "to": transaction["to"],
                            "data": transaction["input"],
                        },
                        "latest",
                    ],
                )
                for transaction in found
            ]
        )
        return tuple(
            _update(transaction, base_fee)
            for transaction, trial in zip(found, trials, strict=True)
            if not isinstance(trial, Fault)
        )


def signature_call(signature: str, *words: int) -> str:
    """Call data of a function whose arguments are all one unsigned word each."""
    selector = function_signature_to_4byte_selector(signature).hex()
    return "0x" + selector + "".join(f"{word:064x}" for word in words)


def _call(to: str, signature: str, *words: int) -> dict[str, str]:
    return {"to": to, "data": signature_call(signature, *words)}


def _update(transaction: Mapping[str, Any], base_fee: int) -> PriceUpdate:
    legacy = quantity(transaction.get("gasPrice") or 0)
    max_fee = quantity(transaction.get("maxFeePerGas") or legacy)
    wanted = transaction.get("maxPriorityFeePerGas")
    tip = max_fee - base_fee
    if wanted is not None:
        tip = min(tip, quantity(wanted))
    return PriceUpdate(str(transaction["hash"]), str(transaction["to"]).lower(), max_fee, max(tip, 0))


def _no_block(answer: Any, rpc: Rpc) -> RpcError:
    said = answer.message if isinstance(answer, Fault) else "no block"
    return RpcError(f"node {rpc.name}: eth_getBlockByNumber: {said}")
