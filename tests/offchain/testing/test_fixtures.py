"""What the fixtures refuse, and the model of an account."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ballast.errors import UsageError
from ballast.testing import Trader
from ballast.testing.invariants import Invariants


@pytest.mark.parametrize(("model", "number"), [("STANDARD", 0), ("PORTFOLIO", 1), ("ISOLATED", 2)])
def test_make_account__model__is_the_accounts(make_account: Callable[..., Trader], model: str, number: int) -> None:
    trader = make_account(collateral={"USDC": 10_000}, positions={"ETH-PERP": 1}, model=model)
    assert trader.chain.protocol.house.functions.accountOf(trader.account).call()[2] == number
    assert trader.position("ETH-PERP") == 1


def test_make_account__no_such_model__is_refused(make_account: Callable[..., Trader]) -> None:
    with pytest.raises(UsageError, match="model 'SPAN': unknown; there are STANDARD, PORTFOLIO, ISOLATED"):
        make_account(model="SPAN")


def test_skip__no_such_invariant__is_refused(invariants: Invariants) -> None:
    with pytest.raises(UsageError, match="invariant I99: unknown; there are I1, "):
        invariants.skip("I99")
