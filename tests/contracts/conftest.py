"""One private node for all contract tests; every test starts from a fresh chain."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ballast.chain.anvil import Anvil
from tests.contracts.harness import LocalChain


@pytest.fixture(scope="session")
def _node() -> Iterator[Anvil]:
    with Anvil() as node:
        yield node


@pytest.fixture
def chain(_node: Anvil) -> Iterator[LocalChain]:
    """An empty chain of 10 funded accounts, rolled back after the test."""
    snapshot = _node.rpc("evm_snapshot")
    yield LocalChain(_node)
    assert _node.rpc("evm_revert", snapshot)
