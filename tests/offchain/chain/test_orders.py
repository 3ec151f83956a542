"""Orders and quotes sign to what the contracts compute."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ballast.chain.local import LocalChain
from ballast.chain.orders import Order, digest
from ballast.errors import ContractError


def test_digest__order__equals_the_contracts(chain: LocalChain) -> None:
    account = chain.open("trader")
    order = chain.order(account, "ETH-PERP", "-2.5", "3001", reduceOnly=True, expiry=12345)
    house = chain.protocol.house
    found = house.functions.hashOrder(order.as_tuple()).call()
    assert digest(order, chain.deployment.chain_id, house.address) == found


def test_fill_orders__both_signed__trades_for_anybody_who_sends(chain: LocalChain) -> None:
    maker = chain.open("maker", collateral={"USDC": "100000"})
    taker = chain.open("taker", collateral={"USDC": "100000"})
    made = chain.order(maker, "ETH-PERP", "-3", "3000")
    taken = chain.order(taker, "ETH-PERP", "3", "3000")
    chain.fill_orders(made, chain.sign(made), taken, chain.sign(taken), 3 * 10**18)
    assert chain.protocol.position(taker, "ETH-PERP") == 3 * 10**18
    assert chain.protocol.position(maker, "ETH-PERP") == -3 * 10**18


@pytest.mark.parametrize(
    "change", [{"size": -(10**18)}, {"limitPrice": 2999 * 10**18}, {"nonce": 99}, {"expiry": 2**63}]
)
def test_fill_orders__order_changed_after_signing__is_refused(chain: LocalChain, change: dict[str, int]) -> None:
    maker = chain.open("maker", collateral={"USDC": "100000"})
    taker = chain.open("taker", collateral={"USDC": "100000"})
    made = chain.order(maker, "ETH-PERP", "-3", "3000")
    taken = chain.order(taker, "ETH-PERP", "3", "3000")
    forged: Order = replace(made, **change)
    with pytest.raises(ContractError) as caught:
        chain.fill_orders(forged, chain.sign(made), taken, chain.sign(taken), 10**18)
    assert caught.value.name == "Trade_BadSignature"


def test_submit_quote__above_the_index__lifts_the_mark(chain: LocalChain) -> None:
    before = chain.protocol.mark("ETH-PERP")
    chain.warp(600)
    chain.submit_quote("ETH-PERP", "3010", "3015")
    assert chain.protocol.mark("ETH-PERP") > before
