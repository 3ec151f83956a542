"""``transfer``: between two accounts of one owner. Branches: ``test_transfer.tree``."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from web3.contract import Contract
from web3.types import TxReceipt

from ballast.chain.local import LocalChain
from ballast.testing import Trader
from tests.contracts.ledger.tools import HOUR, MAX, TOKEN_CONFIG, WAD, logged, reverts, spare_token

pytestmark = pytest.mark.ballast(check=False)

MILLION = 10**6


def move(chain: LocalChain, owner: Trader, symbol: str, amount: int, to: int = 1) -> TxReceipt:
    """From the owner's first account to another."""
    token = chain.protocol.token(symbol).address
    call = chain.protocol.house.functions.transfer(owner.account, owner.sub_account(to), token, amount)
    return chain.send(call, owner.address)


def test_transfer__account_out_of_range__reverts(
    chain: LocalChain, house: Contract, usdc: Contract, depositor: Trader
) -> None:
    for pair in ((7, depositor.account), (depositor.account, 1 << 168)):
        with reverts("Ledger_AccountOutOfRange"):
            chain.send(house.functions.transfer(*pair, usdc.address, 1), depositor.address)


def test_transfer__by_stranger__reverts(
    chain: LocalChain, house: Contract, usdc: Contract, depositor: Trader, stranger: Trader
) -> None:
    for pair in ((depositor.account, depositor.sub_account(1)), (depositor.account, stranger.account)):
        with reverts("Ledger_NotOwner", account=depositor.account, caller=stranger.address):
            chain.send(house.functions.transfer(*pair, usdc.address, 1), stranger.address)


def test_transfer__by_operator_of_both__reverts(
    chain: LocalChain, house: Contract, usdc: Contract, depositor: Trader, stranger: Trader
) -> None:
    for account in (depositor.account, depositor.sub_account(1)):
        chain.send(house.functions.setOperator(account, stranger.address, chain.now() + HOUR), depositor.address)
    call = house.functions.transfer(depositor.account, depositor.sub_account(1), usdc.address, 1)
    with reverts("Ledger_NotOwner", account=depositor.account, caller=stranger.address):
        chain.send(call, stranger.address)


def test_transfer__to_somebody_elses_account__reverts(
    chain: LocalChain, house: Contract, usdc: Contract, depositor: Trader, stranger: Trader
) -> None:
    call = house.functions.transfer(depositor.account, stranger.account, usdc.address, 1)
    with reverts("Ledger_NotOwner", account=stranger.account, caller=depositor.address):
        chain.send(call, depositor.address)


def test_transfer__token_not_listed__reverts(chain: LocalChain, house: Contract, depositor: Trader) -> None:
    token = spare_token(chain)
    call = house.functions.transfer(depositor.account, depositor.sub_account(1), token.address, 1)
    with reverts("Ledger_UnknownToken", token=token.address):
        chain.send(call, depositor.address)


@pytest.mark.parametrize(("symbol", "amount"), [("USDC", 0), ("SOL", MAX)])
def test_transfer__nothing__reverts(chain: LocalChain, depositor: Trader, symbol: str, amount: int) -> None:
    with reverts("Ledger_ZeroAmount"):
        move(chain, depositor, symbol, amount)


@pytest.mark.ballast(check=True)
def test_transfer__within_the_balance__moves_no_token(
    chain: LocalChain, house: Contract, weth: Contract, depositor: Trader
) -> None:
    custody = weth.functions.balanceOf(house.address).call()
    totals = house.functions.totals(weth.address).call()
    receipt = move(chain, depositor, "ETH", 3 * WAD + 1)
    assert chain.protocol.balance(depositor.account, "ETH") == 7 * WAD - 1
    assert chain.protocol.balance(depositor.sub_account(1), "ETH") == 3 * WAD + 1
    assert weth.functions.balanceOf(house.address).call() == custody
    assert house.functions.totals(weth.address).call() == totals
    assert logged(house, "Transferred", receipt) == [
        {
            "from": depositor.account,
            "to": depositor.sub_account(1),
            "token": weth.address,
            "amount": 3 * WAD + 1,
        }
    ]
    assert [log["shares"] for log in logged(house, "BalanceSet", receipt)] == [7 * WAD - 1, 3 * WAD + 1]


def test_transfer__max__moves_all(chain: LocalChain, house: Contract, depositor: Trader) -> None:
    move(chain, depositor, "ETH", MAX)
    assert chain.protocol.balance(depositor.account, "ETH") == 0
    assert chain.protocol.balance(depositor.sub_account(1), "ETH") == 10 * WAD
    assert house.functions.accountOf(depositor.account).call()[0] == 1


def test_transfer__to_an_account_with_a_debt__repays(chain: LocalChain, lender: Trader, depositor: Trader) -> None:
    depositor.deposit("ETH", 10, index=1)
    depositor.withdraw("USDC", 500, index=1)
    move(chain, depositor, "USDC", 600 * MILLION)
    assert 99_990_000 < chain.protocol.balance(depositor.sub_account(1), "USDC") <= 100 * MILLION


@pytest.mark.ballast(check=True)
def test_transfer__beyond_the_balance__borrows(
    chain: LocalChain, house: Contract, usdc: Contract, lender: Trader, depositor: Trader
) -> None:
    before = house.functions.totals(usdc.address).call()
    move(chain, depositor, "USDC", 3_000 * MILLION)
    assert -2_000 * MILLION - 2 <= chain.protocol.balance(depositor.account, "USDC") <= -2_000 * MILLION
    after = house.functions.totals(usdc.address).call()
    assert after[0] - before[0] in (2_000 * MILLION, 2_000 * MILLION - 1)
    assert after[1] - before[1] in (2_000 * MILLION, 2_000 * MILLION + 1, 2_000 * MILLION + 2)


def test_transfer__beyond_initial_margin__reverts(chain: LocalChain, lender: Trader, depositor: Trader) -> None:
    # 10 ETH at 3,000 less initial margin of 6,000, and 1,000 USDC
    with reverts("Ledger_BelowInitialMargin", account=depositor.account):
        move(chain, depositor, "USDC", 25_001 * MILLION)


def test_transfer__beyond_the_borrow_cap__reverts(
    chain: LocalChain, house: Contract, usdc: Contract, lender: Trader, depositor: Trader
) -> None:
    config = {**TOKEN_CONFIG, "asset": 0, "borrowCap": 100 * MILLION}
    chain.send(house.functions.setTokenConfig(0, tuple(config.values())), chain.governor)
    with reverts("Ledger_BorrowCap", token=usdc.address, cap=100 * MILLION):
        move(chain, depositor, "USDC", 1_101 * MILLION)


@pytest.mark.parametrize("amount", [1, 3 * WAD, 10 * WAD, MAX])
def test_transfer__to_the_same_account__gains_nothing(
    chain: LocalChain, house: Contract, weth: Contract, depositor: Trader, amount: int
) -> None:
    totals = house.functions.totals(weth.address).call()
    move(chain, depositor, "ETH", amount, to=0)
    assert chain.protocol.balance(depositor.account, "ETH") == 10 * WAD
    assert house.functions.totals(weth.address).call() == totals


@pytest.mark.ballast(check=True)
def test_transfer__repeated_at_an_odd_index__never_gains(
    chain: LocalChain, house: Contract, usdc: Contract, lender: Trader, make_account: Callable[..., Trader]
) -> None:
    """Attack 16: to and fro with amounts that round."""
    borrower = make_account(collateral={"ETH": 500}, name="borrower")
    borrower.withdraw("USDC", 900_000)
    chain.warp(100 * 24 * HOUR, refresh=True)
    mover = make_account(collateral={"USDC": 10}, name="mover")
    mover.deposit("USDC", 10, index=1)
    before = sum(chain.protocol.balance(mover.sub_account(i), "USDC") for i in (0, 1))
    reserves = house.functions.totals(usdc.address).call()[2]
    for i in range(20):
        pair = (mover.sub_account(i % 2), mover.sub_account(1 - i % 2))
        chain.send(house.functions.transfer(*pair, usdc.address, 1 + i), mover.address)
        after = sum(chain.protocol.balance(mover.sub_account(i), "USDC") for i in (0, 1))
        grown = house.functions.totals(usdc.address).call()[2]
        assert after <= before
        assert grown >= reserves
        before, reserves = after, grown


def test_transfer__everything_is_lent__moves_all_the_same(
    chain: LocalChain, depositor: Trader, make_account: Callable[..., Trader]
) -> None:
    borrower = make_account(collateral={"ETH": 10}, name="borrower")
    borrower.withdraw("USDC", 1_000)
    move(chain, depositor, "USDC", 1_000 * MILLION)
    assert chain.protocol.balance(depositor.sub_account(1), "USDC") >= 1_000 * MILLION - 1


def test_transfer__dead_feeds_and_no_debt__moves(chain: LocalChain, depositor: Trader) -> None:
    chain.warp(48 * HOUR)
    move(chain, depositor, "ETH", MAX)
    assert chain.protocol.balance(depositor.sub_account(1), "ETH") == 10 * WAD


def test_transfer__dead_feeds_and_a_debt__reverts(chain: LocalChain, lender: Trader, depositor: Trader) -> None:
    depositor.withdraw("USDC", 2_000)
    chain.warp(48 * HOUR)
    with reverts("Oracle_Stale"):
        move(chain, depositor, "ETH", 1)
