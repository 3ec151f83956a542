"""Fixtures of the ledger's contract tests, on the plugin's chain."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from web3.contract import Contract

from ballast.chain.local import LocalChain
from ballast.chain.protocol import Protocol
from ballast.testing import Trader
from tests.contracts.ledger.tools import compiled, deploy

__all__ = ["authority", "banks", "chain", "depositor", "engine", "house", "lender", "math", "stranger", "usdc", "weth"]


@pytest.fixture
def chain(ballast_chain: LocalChain, protocol: Protocol) -> LocalChain:
    """The local deployment; the test's changes are undone."""
    return ballast_chain


@pytest.fixture
def house(protocol: Protocol) -> Contract:
    return protocol.house


@pytest.fixture
def engine(protocol: Protocol) -> Contract:
    return protocol.engine


@pytest.fixture
def authority(protocol: Protocol) -> Contract:
    return protocol.contract("AccessManager")


@pytest.fixture
def usdc(protocol: Protocol) -> Contract:
    return protocol.token("USDC")


@pytest.fixture
def weth(protocol: Protocol) -> Contract:
    """The token of ETH, 18 decimals."""
    return protocol.token("ETH")


@pytest.fixture
def depositor(make_account: Callable[..., Trader]) -> Trader:
    """1,000 USDC and 10 ETH, no debt."""
    return make_account(collateral={"USDC": 1_000, "ETH": 10}, name="depositor")


@pytest.fixture
def lender(make_account: Callable[..., Trader]) -> Trader:
    """What others borrow: 1,000,000 USDC, 1,000 ETH."""
    return make_account(collateral={"USDC": 1_000_000, "ETH": 1_000}, name="a lender")


@pytest.fixture
def stranger(make_account: Callable[..., Trader]) -> Trader:
    """An owner with ETH for gas and nothing else."""
    return make_account(name="stranger")


@pytest.fixture
def banks(chain: LocalChain) -> Contract:
    """The real banks over a storage that the test writes."""
    return deploy(chain, compiled("BanksHarness"))


@pytest.fixture
def math(chain: LocalChain) -> Contract:
    """The pure libraries."""
    return deploy(chain, "MathHarness")
