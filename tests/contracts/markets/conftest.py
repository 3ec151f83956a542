"""Fixtures of the market tests; each test starts from the fresh deployment."""

from __future__ import annotations

import pytest

from ballast.chain.local import LocalChain
from ballast.chain.protocol import Protocol
from tests.contracts.markets.desk import Desk


@pytest.fixture
def desk(ballast_chain: LocalChain, protocol: Protocol) -> Desk:
    return Desk(ballast_chain)


@pytest.fixture
def maker(desk: Desk) -> int:
    """An account with 100,000 USDC."""
    return desk.open("maker", USDC=100_000)


@pytest.fixture
def taker(desk: Desk) -> int:
    """An account with 100,000 USDC."""
    return desk.open("taker", USDC=100_000)
