"""One deployed chain for the tests of this folder; each starts from the fresh deployment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ballast.chain.local import LocalChain
from ballast.index import Index
from ballast.testing import START

ROLES = ("maker", "taker", "depositor", "borrower", "liquidator", "insolvent", "winner", "operator", "lender")


@pytest.fixture(scope="session")
def _shared_chain() -> Iterator[LocalChain]:
    with LocalChain(held_at=START) as chain:
        for role in ROLES:
            chain.actor(role)  # before the first snapshot, so that each keeps its ETH
        yield chain


@pytest.fixture
def chain(_shared_chain: LocalChain) -> Iterator[LocalChain]:
    """Rolled back after the test: not for tests that re-organise it."""
    snapshot = _shared_chain.snapshot()
    yield _shared_chain
    _shared_chain.revert(snapshot)


@pytest.fixture
def own_chain() -> Iterator[LocalChain]:
    """A chain that the test may re-organise."""
    with LocalChain(held_at=START) as chain:
        yield chain


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'index.sqlite'}"


@pytest.fixture
def index(database: str) -> Iterator[Index]:
    with Index(database) as index:
        yield index
