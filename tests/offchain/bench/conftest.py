"""A private anvil, and on it the tokens and feeds that the measured systems share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from web3 import Web3
from web3.contract import Contract

from ballast.bench.chain import Chain
from ballast.bench.compile import Unit, compile_unit
from ballast.bench.lending import Actors, Asset, Market
from ballast.chain.anvil import Anvil

PROJECT = Path(__file__).parents[3]
EXTRA_COLLATERAL = 3
FEED_DECIMALS = 8
USD = 10**FEED_DECIMALS
MAX_ANSWER = 2**96

FIXTURES = Unit(
    name="bench-fixtures",
    compiler="solc",
    settings={"optimizer": {"enabled": True, "runs": 200}, "evmVersion": "cancun"},
    contracts={
        "TestToken": "contracts/test/TestToken.sol",
        "PushedAggregator": "contracts/oracles/PushedAggregator.sol",
    },
    roots={"contracts/": PROJECT / "contracts"},
)


@pytest.fixture(scope="session")
def project() -> Path:
    """The folder that holds `node_modules`."""
    return PROJECT


@pytest.fixture
def scratch_project(tmp_path: Path, project: Path) -> Path:
    """A project with the same packages and compiler, and an empty cache of its own."""
    for name in ("node_modules", "scripts"):
        (tmp_path / name).symlink_to(project / name)
    return tmp_path


@pytest.fixture(scope="session")
def w3() -> Iterator[Web3]:
    """A node of this session's own."""
    with Anvil() as node:
        yield Web3(Web3.HTTPProvider(node.url))


@pytest.fixture(scope="session")
def chain(w3: Web3) -> Chain:
    """The node with account 0 as governor."""
    return Chain(w3, w3.eth.accounts[0])


@pytest.fixture(scope="session")
def actors(w3: Web3) -> Actors:
    """Accounts 1 to 4."""
    lender, first_borrower, borrower, liquidator = list(w3.eth.accounts)[1:5]
    return Actors(lender, first_borrower, borrower, liquidator)


@pytest.fixture(scope="session")
def token(chain: Chain, market: Market, project: Path) -> Contract:
    """USDC, with all of its functions."""
    return chain.at(market.usdc.token, compile_unit(FIXTURES, project)["TestToken"])


@pytest.fixture(scope="session")
def market(chain: Chain, project: Path) -> Market:
    """USDC at 1, WETH at 3,000 and further collateral tokens."""
    artifacts = compile_unit(FIXTURES, project)

    def asset(symbol: str, decimals: int, price: int) -> Asset:
        token = chain.deploy(artifacts["TestToken"], symbol, symbol, decimals)
        name = f"{symbol} / USD"
        feed = chain.deploy(artifacts["PushedAggregator"], chain.governor, FEED_DECIMALS, name, 1, MAX_ANSWER)
        chain.send(feed.functions.submit(price * USD), chain.governor)
        return Asset(token.address, feed.address)

    more = tuple(asset(f"MORE{i}", 18, 100) for i in range(EXTRA_COLLATERAL))
    return Market(asset("USDC", 6, 1), asset("WETH", 18, 3_000), more)
