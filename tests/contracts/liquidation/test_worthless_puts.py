"""Long puts that rounding makes worth less than nothing: an account of nothing else."""

from __future__ import annotations

import pytest

from ballast.chain.local import LocalChain
from ballast.chain.protocol import Protocol
from tests.contracts.markets.options import LABEL, OptionDesk

pytestmark = pytest.mark.ballast(check=False)

PUT = f"ETH-{LABEL}-2500-P"


@pytest.fixture
def desk(ballast_chain: LocalChain, protocol: Protocol) -> OptionDesk:
    made = OptionDesk(ballast_chain)
    made.list_options()
    return made


@pytest.mark.parametrize("model", [0, 2])
def test_liquidate__nothing_but_worthless_long_puts__healthy_or_can_be_liquidated(desk: OptionDesk, model: int) -> None:
    account, liquidator = desk.open("holder", USDC=1_000), desk.open("liquidator", USDC=1_000)
    if model:
        desk.chain.choose_model(account, model)
    desk.chain.fill(desk.maker(), account, PUT, 5)
    desk.chain.withdraw(account, "USDC", None)
    desk.price(ETH=40_000)
    desk.refresh(vol=0.3)
    assert desk.protocol.mark(PUT) == 0
    if not desk.chain.health(account).is_healthy:
        desk.chain.liquidate(account, liquidator)
    assert desk.chain.health(account).is_healthy
