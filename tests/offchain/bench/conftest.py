"""A private anvil, and on it the tokens and feeds that the measured systems share."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from web3 import Web3
from web3.contract import Contract

from ballast.bench.chain import Chain
from ballast.bench.compile import Unit, compile_unit
from ballast.bench.lending import Actors, Asset, Market

PROJECT = Path(__file__).parents[3]
EXTRA_COLLATERAL = 3
USD = 10**8

SOURCES = Path(__file__).parent / "sol"
FIXTURES = Unit(
    name="bench-fixtures",
    compiler="solc",
    settings={"optimizer": {"enabled": True, "runs": 200}, "evmVersion": "cancun"},
    contracts={"Token": "fixtures/Token.sol", "Feed": "fixtures/Feed.sol"},
    roots={"fixtures/": SOURCES},
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
def w3(project: Path) -> Iterator[Web3]:
    """A node of this session's own."""
    binaries = sorted((project / "node_modules/@foundry-rs").glob("anvil-*/bin/anvil*"))
    binary = str(binaries[0]) if binaries else shutil.which("anvil")
    assert binary, "anvil is not installed: run `make setup`"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--port", str(port), "--hardfork", "cancun", "--gas-limit", "60000000", "--silent"]
    node = subprocess.Popen([binary, *options])
    try:
        web3 = Web3(Web3.HTTPProvider(f"http://127.0.0.1:{port}"))
        deadline = time.monotonic() + 20
        while not web3.is_connected():
            assert node.poll() is None, "anvil ended at once"
            assert time.monotonic() < deadline, "anvil does not answer"
            time.sleep(0.05)
        yield web3
    finally:
        node.terminate()
        node.wait(timeout=10)


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
    return chain.at(market.usdc.token, compile_unit(FIXTURES, project)["Token"])


@pytest.fixture(scope="session")
def market(chain: Chain, project: Path) -> Market:
    """USDC at 1, WETH at 3,000 and further collateral tokens."""
    artifacts = compile_unit(FIXTURES, project)

    def asset(symbol: str, decimals: int, price: int) -> Asset:
        token = chain.deploy(artifacts["Token"], symbol, decimals)
        feed = chain.deploy(artifacts["Feed"], price * USD)
        return Asset(token.address, feed.address)

    more = tuple(asset(f"MORE{i}", 18, 100) for i in range(EXTRA_COLLATERAL))
    return Market(asset("USDC", 6, 1), asset("WETH", 18, 3_000), more)
