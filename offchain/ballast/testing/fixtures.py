"""The fixtures. Imports of the chain wait until a test asks for one: the plugin costs other tests nothing."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from ballast.errors import UsageError
from ballast.testing.accounts import Counterparties, Trader, open_account
from ballast.testing.invariants import Invariants
from ballast.testing.market import Market

if TYPE_CHECKING:
    from ballast.chain.local import LocalChain, Number
    from ballast.chain.protocol import Protocol
    from ballast.keeper import Keeper

__all__ = [
    "START",
    "attacker",
    "ballast_chain",
    "counterparties",
    "invariants",
    "keeper",
    "make_account",
    "market",
    "protocol",
    "pytest_configure",
]

_KEEPER_USDC = 1_000_000
#: Time of the chain's first block, noon of 2026-01-01 UTC: a test sees the same days and interest whenever it runs.
START = 1_767_268_800
#: Whole tokens in the attacker's wallet: what a flash loan would bring.
_ATTACKER_WALLET = {"USDC": 50_000_000, "BTC": 500, "ETH": 10_000, "SOL": 200_000}


def pytest_configure(config: pytest.Config) -> None:
    """Registers the marker."""
    config.addinivalue_line(
        "markers",
        "ballast(check=True, skip=()): whether, and which, invariants are checked after the test",
    )


@pytest.fixture(scope="session")
def ballast_chain() -> Iterator[LocalChain]:
    """One private chain with the local deployment, for the whole run. Its time moves only where a test moves it."""
    from ballast.chain.local import LocalChain

    with LocalChain(held_at=START) as chain:
        yield chain


@pytest.fixture
def invariants(request: pytest.FixtureRequest, ballast_chain: LocalChain) -> Iterator[Invariants]:
    """On a snapshot of the fresh deployment; checks at teardown, then goes back to the snapshot."""
    marker = request.node.get_closest_marker("ballast")
    options: dict[str, Any] = marker.kwargs if marker else {}
    if unknown := options.keys() - {"check", "skip"}:
        raise UsageError(f"marker ballast: {', '.join(sorted(unknown))} is unknown; it takes check and skip")
    snapshot = ballast_chain.snapshot()
    checker = Invariants(ballast_chain, set(options.get("skip", ())), options.get("check", True))
    try:
        yield checker
        if checker.enabled:
            checker.check()
    finally:
        ballast_chain.revert(snapshot)


@pytest.fixture
def protocol(ballast_chain: LocalChain, invariants: Invariants) -> Protocol:
    """The deployment of this test: contracts, tokens, feeds, views."""
    return ballast_chain.protocol


@pytest.fixture
def market(ballast_chain: LocalChain, protocol: Protocol) -> Market:
    """Prices and time."""
    return Market(ballast_chain)


@pytest.fixture
def counterparties(ballast_chain: LocalChain, protocol: Protocol) -> Counterparties:
    """A lender with depth and a market maker, opened when first needed."""
    return Counterparties(ballast_chain)


@pytest.fixture
def make_account(ballast_chain: LocalChain, counterparties: Counterparties) -> Callable[..., Trader]:
    """``make_account(collateral={"ETH": "10", "USDC": "-5000"}, positions={"ETH-PERP": "-10"})``: a new account.

    Negative collateral is borrowed, positions are traded at mark with a market maker, under ``model``: ``"STANDARD"``,
    ``"PORTFOLIO"`` or ``"ISOLATED"``. ``name`` fixes the key.
    """
    numbers = itertools.count(1)

    def make(
        collateral: Mapping[str, Number] | None = None,
        positions: Mapping[str, Number] | None = None,
        name: str | None = None,
        model: str = "STANDARD",
    ) -> Trader:
        number = _model_number(model)
        trader = Trader(ballast_chain, name or f"trader {next(numbers)}", counterparties)
        if number:
            ballast_chain.choose_model(trader.account, number)
        return open_account(trader, counterparties, collateral or {}, positions or {})

    return make


def _model_number(name: str) -> int:
    from ballast.risk.margin import MODEL_NAMES

    numbers = {model: number for number, model in MODEL_NAMES.items()}
    if name not in numbers:
        raise UsageError(f"model {name!r}: unknown; there are {', '.join(numbers)}")
    return numbers[name]


@pytest.fixture
def attacker(ballast_chain: LocalChain, counterparties: Counterparties) -> Trader:
    """An owner with a full wallet and nothing deposited; ``wealth()`` before and after tells what an attack gained."""
    trader = Trader(ballast_chain, "attacker", counterparties)
    for symbol, amount in _ATTACKER_WALLET.items():
        decimals = ballast_chain.protocol.decimals(symbol)
        ballast_chain.mint(symbol, trader.address, amount * 10**decimals)
        ballast_chain.approve(trader.address, symbol)
    return trader


@pytest.fixture
def keeper(ballast_chain: LocalChain, counterparties: Counterparties) -> Iterator[Keeper]:
    """A keeper with 1,000,000 USDC in its account. ``step("latest")`` looks at every account and acts once.

    It closes insolvent accounts even where an empty insurance fund pays nothing for it.
    """
    from ballast.keeper import Keeper, KeeperSettings

    trader = Trader(ballast_chain, "keeper", counterparties)
    trader.deposit("USDC", _KEEPER_USDC)
    settings = KeeperSettings.load(min_profit_usdc="-10")
    with Keeper(ballast_chain.protocol, trader.key, settings) as running:
        yield running
