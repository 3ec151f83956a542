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


@pytest.mark.parametrize("cash", [9_000, 100_000], ids=["no debt yet", "no debt, and cash for all of it"])
@pytest.mark.parametrize("owed", ["0", "0.2"], ids=["no coin owed", "coins owed"])
def test_liquidate__part_of_an_insolvent_seller__its_part_of_the_loss_is_recorded(
    desk: OptionDesk, cash: int, owed: str
) -> None:
    """What the account must pay for its options is no debt before a slice of them is taken."""
    desk.lender()
    desk.chain.fund_insurance(100)
    account, liquidator = desk.open("seller", USDC=cash), desk.open("liquidator", USDC=2_000_000)
    desk.chain.fill(account, desk.maker(), CALL, 10 * cash // 9_000)
    if owed != "0":
        desk.chain.withdraw(account, "ETH", owed)
    desk.price(ETH=5_000 if cash == 9_000 else 5_200)
    desk.refresh()
    before = desk.chain.health(account)
    assert before.equity < -5_000 * WAD
    deposits = desk.protocol.balance(desk.maker(), "USDC")
    total = 0
    for steps in (3, 2, 1):
        held = desk.chain.health(account).equity
        receipt = desk.chain.liquidate(account, liquidator, max_fraction=WAD // steps)
        event = desk.event(receipt, "LossAllocated")
        share = -held // steps
        # slices are rounded up to whole lots
        assert abs(event["loss"] - share) < 20 * QUOTE_UNIT
        left = desk.chain.health(account).equity
        assert abs(left - held - share) < max(share // 100, 20 * QUOTE_UNIT)
        total += event["loss"]
    assert abs(total + before.equity) < -before.equity // 100
    assert desk.options(account) == {}
    assert 0 <= desk.chain.health(account).equity < 20 * QUOTE_UNIT
    assert desk.protocol.balance(desk.maker(), "USDC") < deposits, "who lends bears what insurance did not"
