"""Fixtures of the liquidation tests; each test starts from the fresh deployment."""

from __future__ import annotations

import pytest

from ballast.chain.local import LocalChain
from ballast.chain.protocol import Protocol
from tests.contracts.liquidation.scenes import Scenes


@pytest.fixture
def scenes(ballast_chain: LocalChain, protocol: Protocol) -> Scenes:
    return Scenes(ballast_chain)


@pytest.fixture
def liquidator(scenes: Scenes) -> int:
    """An account with 1,000,000 USDC."""
    return scenes.open("liquidator", USDC=1_000_000)
