"""Tokens that are not like others, and donations: credit is what arrived. Branches: ``test_custody.tree``."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from web3.contract import Contract

from ballast.chain.local import LocalChain
from ballast.testing import Trader
from tests.contracts.ledger.tools import (
    MAX,
    WAD,
    compiled,
    deploy,
    fund,
    list_token,
    logged,
    reverts,
    selector,
    spare_token,
)

pytestmark = pytest.mark.ballast(check=False)


def listed(chain: LocalChain, name: str, *holders: Trader) -> Contract:
    """A hostile token, listed, 1,000 units of 1e18 in each wallet."""
    token = deploy(chain, compiled(name) if name == "OddToken" else name)
    list_token(chain, token)
    for holder in holders:
        fund(chain, token, holder, 1_000 * WAD)
    return token


# ---------------------------------------------------------------- fee on transfer


def test_deposit__fee_on_transfer__credits_what_arrived(chain: LocalChain, house: Contract, depositor: Trader) -> None:
    token = listed(chain, "FeeToken", depositor)
    receipt = chain.send(house.functions.deposit(depositor.account, token.address, 100 * WAD), depositor.address)
    assert house.functions.balanceOf(depositor.account, token.address).call() == 99 * WAD
    assert house.functions.totals(token.address).call() == [99 * WAD, 0, 0, 0]
    assert house.functions.bankOf(token.address).call()[0][10] == 99 * WAD
    assert token.functions.balanceOf(house.address).call() == 99 * WAD
    assert logged(house, "Deposited", receipt)[0]["amount"] == 99 * WAD


def test_withdraw__fee_on_transfer__is_the_recipients(chain: LocalChain, house: Contract, depositor: Trader) -> None:
    token = listed(chain, "FeeToken", depositor)
    chain.send(house.functions.deposit(depositor.account, token.address, 100 * WAD), depositor.address)
    wallet = token.functions.balanceOf(depositor.address).call()
    chain.send(
        house.functions.withdraw(depositor.account, token.address, 50 * WAD, depositor.address), depositor.address
    )
    assert house.functions.balanceOf(depositor.account, token.address).call() == 49 * WAD
    assert token.functions.balanceOf(depositor.address).call() == wallet + 50 * WAD * 99 // 100
    assert token.functions.balanceOf(house.address).call() == 49 * WAD


def test_withdraw__fee_on_transfer__everybody_can_leave(
    chain: LocalChain, house: Contract, depositor: Trader, stranger: Trader
) -> None:
    token = listed(chain, "FeeToken", depositor, stranger)
    for owner in (depositor, stranger):
        chain.send(house.functions.deposit(owner.account, token.address, 100 * WAD), owner.address)
    for owner in (depositor, stranger):
        chain.send(house.functions.withdraw(owner.account, token.address, MAX, owner.address), owner.address)
    assert house.functions.totals(token.address).call() == [0, 0, 0, 0]
    assert token.functions.balanceOf(house.address).call() == 0


# ---------------------------------------------------------------- more, less, nothing


def test_deposit__nothing_arrives__reverts(chain: LocalChain, house: Contract, depositor: Trader) -> None:
    token = listed(chain, "OddToken", depositor)
    chain.send(token.functions.setPart(0), chain.governor)
    with reverts("Ledger_NothingReceived", token=token.address):
        chain.send(house.functions.deposit(depositor.account, token.address, WAD), depositor.address)


def test_deposit__more_arrives_than_asked__credits_what_was_asked(
    chain: LocalChain, house: Contract, depositor: Trader
) -> None:
    token = listed(chain, "OddToken", depositor)
    chain.send(token.functions.setPart(25_000), chain.governor)
    chain.send(house.functions.deposit(depositor.account, token.address, WAD), depositor.address)
    assert house.functions.balanceOf(depositor.account, token.address).call() == WAD
    assert house.functions.bankOf(token.address).call()[0][10] == WAD
    assert token.functions.balanceOf(house.address).call() == 25 * WAD // 10


def test_deposit_and_withdraw__no_return_value__work(chain: LocalChain, house: Contract, stranger: Trader) -> None:
    token = deploy(chain, "NoReturnToken")
    list_token(chain, token)
    fund(chain, token, stranger, 100)
    chain.send(house.functions.deposit(stranger.account, token.address, 100), stranger.address)
    assert house.functions.balanceOf(stranger.account, token.address).call() == 100
    chain.send(house.functions.withdraw(stranger.account, token.address, 60, stranger.address), stranger.address)
    assert house.functions.balanceOf(stranger.account, token.address).call() == 40
    assert token.functions.balanceOf(stranger.address).call() == 60


# ---------------------------------------------------------------- blocklist


def test_deposit__blocked_payer__reverts(chain: LocalChain, house: Contract, depositor: Trader) -> None:
    token = listed(chain, "BlocklistToken", depositor)
    chain.send(token.functions.setBlocked(depositor.address, True), chain.governor)
    with reverts(selector("Blocked(address)")):
        chain.send(house.functions.deposit(depositor.account, token.address, WAD), depositor.address)


def test_withdraw__blocked_recipient__reverts_and_another_is_paid(
    chain: LocalChain, house: Contract, depositor: Trader, stranger: Trader
) -> None:
    token = listed(chain, "BlocklistToken", depositor)
    chain.send(house.functions.deposit(depositor.account, token.address, 5 * WAD), depositor.address)
    chain.send(token.functions.setBlocked(depositor.address, True), chain.governor)
    for to, error in ((depositor.address, selector("Blocked(address)")), (stranger.address, None)):
        leave = house.functions.withdraw(depositor.account, token.address, 5 * WAD, to)
        if error is None:
            chain.send(leave, depositor.address)
        else:
            with reverts(error):
                chain.send(leave, depositor.address)
    assert token.functions.balanceOf(stranger.address).call() == 5 * WAD


# ---------------------------------------------------------------- donations


@pytest.mark.ballast(check=True)
def test_donation__changes_nothing(
    chain: LocalChain, house: Contract, weth: Contract, lender: Trader, make_account: Callable[..., Trader]
) -> None:
    borrower = make_account(collateral={"USDC": 100_000}, name="borrower")
    borrower.withdraw("ETH", 10)

    def everything() -> list[object]:
        return [
            house.functions.totals(weth.address).call(),
            house.functions.bankOf(weth.address).call(),
            *(house.functions.health(owner.account).call() for owner in (lender, borrower)),
            house.functions.balanceOf(lender.account, weth.address).call(),
        ]

    chain.mint("ETH", borrower.address, 50_000 * WAD)
    before = everything()
    chain.send(weth.functions.transfer(house.address, 50_000 * WAD), borrower.address)
    assert everything() == before


def test_donation__cannot_be_withdrawn_or_collected(
    chain: LocalChain, house: Contract, depositor: Trader, make_account: Callable[..., Trader]
) -> None:
    weth = chain.protocol.token("ETH")
    borrower = make_account(collateral={"USDC": 10_000_000}, name="borrower")
    chain.mint("ETH", house.address, 1_000 * WAD)
    with reverts("Ledger_Illiquid", token=weth.address, amount=11 * WAD, available=10 * WAD):
        borrower.withdraw("ETH", 11)
    before = weth.functions.balanceOf(chain.governor).call()
    chain.send(house.functions.collect(weth.address), chain.governor)
    assert weth.functions.balanceOf(chain.governor).call() == before


def test_donation__is_no_part_of_a_deposit(
    chain: LocalChain, house: Contract, weth: Contract, depositor: Trader
) -> None:
    chain.mint("ETH", house.address, 7 * WAD)
    depositor.deposit("ETH", 1)
    assert chain.protocol.balance(depositor.account, "ETH") == 11 * WAD
    assert house.functions.bankOf(weth.address).call()[0][10] == 11 * WAD
    assert weth.functions.balanceOf(house.address).call() == 18 * WAD


def test_first_deposit__donation_before_it__gets_its_whole_share(
    chain: LocalChain, house: Contract, stranger: Trader, depositor: Trader
) -> None:
    """Attack 15: the first depositor cannot inflate the value of a share."""
    made = spare_token(chain)
    list_token(chain, made)
    for owner in (stranger, depositor):
        fund(chain, made, owner, 1_000 * WAD)
    chain.send(house.functions.deposit(stranger.account, made.address, 1), stranger.address)
    chain.send(made.functions.transfer(house.address, 900 * WAD), stranger.address)
    chain.send(house.functions.deposit(depositor.account, made.address, 100 * WAD), depositor.address)
    assert house.functions.balanceOf(depositor.account, made.address).call() == 100 * WAD
    assert house.functions.balanceOf(stranger.account, made.address).call() == 1
