"""An attack in thirty lines: be one's own liquidator, and leave the bill to the insurance fund.

Run it straight after set-up:  .venv/bin/pytest examples/attack_self_liquidation.py
The fixtures come with the package; after each test the invariants are checked as well.
"""

import pytest

from ballast.chain.local import ANY_PAID, ANY_STEP
from ballast.errors import ContractError
from ballast.units import WAD


def test_attack__take_all_and_liquidate_oneself_in_a_batch__is_refused(attacker, make_account, protocol, ballast_chain):
    make_account(collateral={"USDC": "1000000"})  # somebody to borrow from
    ballast_chain.fund_insurance("100000")
    attacker.deposit("ETH", "10")
    attacker.deposit("USDC", "5000", index=1)
    wealth, house = attacker.wealth(), protocol.house
    take = (attacker.account, protocol.token("USDC").address, 29_000 * 10**6, attacker.address)
    step = (attacker.account, attacker.sub_account(1), WAD, 0, ANY_PAID, ANY_STEP, b"")
    calls = [house.encode_abi("withdraw", take), house.encode_abi("liquidate", [step])]
    with pytest.raises(ContractError, match="Liquidation_CheckDeferred"):
        ballast_chain.send(house.functions.batch(calls), attacker.address)
    assert attacker.wealth() == wealth


def test_attack__liquidate_oneself_after_a_fall__costs_the_fee(attacker, market, ballast_chain):
    attacker.deposit("ETH", "10")
    attacker.deposit("USDC", "5000", index=1)
    attacker.borrow("USDC", "22000")
    market.set_price("ETH", "2560")
    wealth = attacker.wealth()
    ballast_chain.liquidate(attacker.account, attacker.sub_account(1))
    assert attacker.wealth() < wealth  # the account pays its own reward; insurance keeps a tenth
