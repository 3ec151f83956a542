"""Fixtures of this folder."""

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
