"""The loss of an insolvent seller of options, liquidated in parts (I6: recorded at once)."""

from __future__ import annotations

import pytest

from ballast.chain.local import LocalChain
from ballast.chain.protocol import Protocol
from ballast.units import QUOTE_UNIT, WAD
from tests.contracts.markets.options import CALL, OptionDesk

pytestmark = pytest.mark.ballast(check=False)


@pytest.fixture
def desk(ballast_chain: LocalChain, protocol: Protocol) -> OptionDesk:
    made = OptionDesk(ballast_chain)
    made.list_options()
    return made


@pytest.mark.xfail(
    strict=True, reason="lenders bear what the account owes before the step, and it owes nothing but options then"
)
def test_liquidate__part_of_an_insolvent_seller_without_debt__its_part_of_the_loss_is_recorded(
    desk: OptionDesk,
) -> None:
    desk.lender()
    desk.chain.fund_insurance(100)
    account, liquidator = desk.open("seller", USDC=9_000), desk.open("liquidator", USDC=1_000_000)
    desk.chain.fill(account, desk.maker(), CALL, 10)
    desk.price(ETH=5_000)
    desk.refresh()
    before = desk.chain.health(account)
    assert before.equity < -5_000 * WAD
    receipt = desk.chain.liquidate(account, liquidator, max_fraction=WAD // 3)
    event = desk.event(receipt, "LossAllocated")
    share = -before.equity * (WAD // 3) // WAD
    assert abs(event["loss"] - share) < 20 * QUOTE_UNIT
