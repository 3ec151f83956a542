"""One deployed local chain for all tests of this folder; each test starts from the same state."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ballast.chain.local import LocalChain
from ballast.testing import START


@pytest.fixture(scope="session")
def _deployed() -> Iterator[LocalChain]:
    with LocalChain(held_at=START) as chain:
        yield chain


@pytest.fixture
def chain(_deployed: LocalChain) -> Iterator[LocalChain]:
    """A deployed chain, rolled back after the test."""
    snapshot = _deployed.snapshot()
    yield _deployed
    _deployed.revert(snapshot)
