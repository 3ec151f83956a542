"""The pytest plugin: a deployed protocol per test, a market to move, accounts to open, invariants checked at the end.

Installed with the package (entry point ``pytest11``), so a test file anywhere can say

    def test_liquidation__crash__leaves_no_bad_debt(protocol, market, make_account, keeper):
        borrower = make_account(collateral={"ETH": "10", "USDC": "-15000"})
        market.set_price("ETH", "1800")
        keeper.step("latest")
        assert borrower.health.is_healthy

The chain starts once and each test runs on a snapshot of the fresh deployment. After a test the numbered invariants
are checked over every transaction it made; ``@pytest.mark.ballast(skip=["I5"])`` leaves some out, ``check=False`` all.
"""

from __future__ import annotations

from ballast.testing.accounts import Trader
from ballast.testing.fixtures import (
    START,
    attacker,
    ballast_chain,
    counterparties,
    invariants,
    keeper,
    make_account,
    market,
    protocol,
    pytest_configure,
)
from ballast.testing.market import Market

__all__ = [
    "START",
    "Market",
    "Trader",
    "attacker",
    "ballast_chain",
    "counterparties",
    "invariants",
    "keeper",
    "make_account",
    "market",
    "protocol",
    "pytest_configure",
]
