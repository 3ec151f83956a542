"""Fixtures of this folder."""

import pytest
from web3.contract import Contract

from ballast.chain.local import LocalChain
from tests.contracts.ledger.fixtures import (  # noqa: F401
    authority,
    banks,
    chain,
    depositor,
    engine,
    house,
    lender,
    math,
    stranger,
    usdc,
    weth,
)
from tests.contracts.ledger.tools import deploy


@pytest.fixture
def pricing(chain: LocalChain) -> Contract:  # noqa: F811
    """The pricing libraries."""
    return deploy(chain, "PricingHarness")
