"""Operators: what they may, until when, and what they may lose. Branches: ``test_operators.tree``."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from web3.contract import Contract
from web3.types import TxReceipt

from ballast.chain.local import ANY_STEP, LocalChain
from ballast.testing import Market, Trader
from ballast.units import from_wad
from tests.contracts.ledger.tools import DAY, HOUR, WAD, fund, logged, reverts

pytestmark = pytest.mark.ballast(check=False)

ZERO = "0x" + "00" * 20
PERP = "ETH-PERP"


@pytest.fixture
def owner(make_account: Callable[..., Trader]) -> Trader:
    made = make_account(collateral={"USDC": 100_000}, name="owner")
    made.deposit("USDC", 100_000, index=1)
    return made


@pytest.fixture
def operator(chain: LocalChain, house: Contract, owner: Trader, make_account: Callable[..., Trader]) -> Trader:
    """May trade for the owner's first account for three days."""
    made = make_account(name="operator")
    chain.send(house.functions.setOperator(owner.account, made.address, chain.now() + 3 * DAY), owner.address)
    return made


@pytest.fixture
def maker(make_account: Callable[..., Trader]) -> Trader:
    return make_account(collateral={"USDC": 1_000_000}, name="market maker two")


def trade(
    chain: LocalChain, maker: Trader, account: int, signer: Trader, size: str, price: str | None = None
) -> TxReceipt:
    """The account buys ``size``, its order signed by ``signer``; the governor sends."""
    wanted = chain.order(maker.account, PERP, size, price)  # the price only
    limit = from_wad(wanted.limitPrice)
    made = chain.order(maker.account, PERP, _negative(size), limit)
    taken = chain.order(account, PERP, size, limit)
    return chain.fill_orders(made, chain.sign(made), taken, chain.sign(taken, signer.key), abs(taken.size))


def _negative(size: str) -> str:
    return size[1:] if size.startswith("-") else "-" + size


# ---------------------------------------------------------------- granting


def test_setOperator__account_out_of_range__reverts(chain: LocalChain, house: Contract, stranger: Trader) -> None:
    for account in (9, 1 << 168):
        with reverts("Ledger_AccountOutOfRange", account=account):
            chain.send(house.functions.setOperator(account, stranger.address, 1), stranger.address)


def test_setOperator__by_stranger__reverts(chain: LocalChain, house: Contract, owner: Trader, stranger: Trader) -> None:
    with reverts("Ledger_NotOwner", account=owner.account, caller=stranger.address):
        chain.send(house.functions.setOperator(owner.account, stranger.address, 2**64 - 1), stranger.address)


def test_setOperator__to_zero__reverts(chain: LocalChain, house: Contract, owner: Trader) -> None:
    with reverts("Ledger_ZeroAddress"):
        chain.send(house.functions.setOperator(owner.account, ZERO, 1), owner.address)


def test_setOperator__emits_and_shows(chain: LocalChain, house: Contract, owner: Trader, stranger: Trader) -> None:
    until = chain.now() + 77
    receipt = chain.send(house.functions.setOperator(owner.account, stranger.address, until), owner.address)
    assert logged(house, "OperatorSet", receipt) == [
        {"account": owner.account, "operator": stranger.address, "validUntil": until}
    ]
    assert house.functions.operatorOf(owner.account, stranger.address).call() == [until, 0, 0]
    assert house.functions.operatorOf(owner.sub_account(1), stranger.address).call() == [0, 0, 0]


@pytest.mark.parametrize(("late", "allowed"), [(-1, True), (0, False), (1, False)])
def test_setOperator__at_the_second_of_expiry__is_over(
    chain: LocalChain, house: Contract, owner: Trader, stranger: Trader, late: int, allowed: bool
) -> None:
    until = chain.now() + HOUR
    chain.send(house.functions.setOperator(owner.account, stranger.address, until), owner.address)
    chain.rpc("evm_setNextBlockTimestamp", until + late)
    cancel = house.functions.cancel(owner.account, 1)
    if allowed:
        chain.send(cancel, stranger.address)
    else:
        with reverts("Ledger_NotAuthorized", account=owner.account, caller=stranger.address):
            chain.send(cancel, stranger.address)


def test_setOperator__zero__revokes(chain: LocalChain, house: Contract, owner: Trader, operator: Trader) -> None:
    chain.send(house.functions.setOperator(owner.account, operator.address, 0), owner.address)
    with reverts("Ledger_NotAuthorized"):
        chain.send(house.functions.cancel(owner.account, 1), operator.address)


# ---------------------------------------------------------------- may


def test_operator__signs_an_order__is_filled(chain: LocalChain, owner: Trader, operator: Trader, maker: Trader) -> None:
    trade(chain, maker, owner.account, operator, "1")
    assert owner.position(PERP) == 1


def test_operator__fills_without_a_signature__as_the_caller(
    chain: LocalChain, owner: Trader, operator: Trader, maker: Trader
) -> None:
    made = chain.order(maker.account, PERP, -1)
    taken = chain.order(owner.account, PERP, 1, from_wad(made.limitPrice))
    chain.fill_orders(made, chain.sign(made), taken, b"", WAD, operator.address)
    assert owner.position(PERP) == 1


def test_operator__cancels__nonce_is_dead(chain: LocalChain, house: Contract, owner: Trader, operator: Trader) -> None:
    chain.send(house.functions.cancel(owner.account, 300), operator.address)
    assert house.functions.isCancelled(owner.account, 300).call()
    assert not house.functions.isCancelled(owner.account, 301).call()


def test_operator__liquidates_for_the_account(
    chain: LocalChain,
    house: Contract,
    market: Market,
    lender: Trader,
    owner: Trader,
    operator: Trader,
    make_account: Callable[..., Trader],
) -> None:
    borrower = make_account(collateral={"ETH": 10}, name="borrower")
    borrower.withdraw("USDC", 23_900)
    market.set_price("ETH", 2_790)
    step = (borrower.account, owner.account, WAD, 0, 2**255 - 1, ANY_STEP, b"")
    chain.send(house.functions.liquidate(step), operator.address)
    assert owner.balance("ETH") > 0
    with reverts("Ledger_NotAuthorized", account=owner.sub_account(1)):
        step = (borrower.account, owner.sub_account(1), WAD, 0, 2**255 - 1, ANY_STEP, b"")
        chain.send(house.functions.liquidate(step), operator.address)


# ---------------------------------------------------------------- may not


def test_operator__what_only_owners_may__reverts(
    chain: LocalChain, house: Contract, usdc: Contract, owner: Trader, operator: Trader
) -> None:
    """Attack 23: an operator never moves value out nor grants rights."""
    account, own = owner.account, operator.address
    refused = [
        house.functions.withdraw(account, usdc.address, 1, own),
        house.functions.transfer(account, owner.sub_account(1), usdc.address, 1),
        house.functions.transfer(account, operator.account, usdc.address, 1),
        house.functions.setOperator(account, own, 2**64 - 1),
        house.functions.setOperatorBudget(account, own, 0),
        house.functions.setMarginModel(account, 1),
    ]
    for call in refused:
        with reverts("Ledger_NotOwner", account=account, caller=own):
            chain.send(call, own)


def test_operator__of_another_sub_account__is_refused(
    chain: LocalChain, owner: Trader, operator: Trader, maker: Trader
) -> None:
    with reverts("Trade_BadSignature", account=owner.sub_account(1)):
        trade(chain, maker, owner.sub_account(1), operator, "1")


def test_operator__expired__signature_is_refused(
    chain: LocalChain, owner: Trader, operator: Trader, maker: Trader
) -> None:
    chain.warp(3 * DAY, refresh=True)
    with reverts("Trade_BadSignature", account=owner.account):
        trade(chain, maker, owner.account, operator, "1")


# ---------------------------------------------------------------- budget


@pytest.fixture
def budgeted(chain: LocalChain, house: Contract, owner: Trader, operator: Trader) -> Trader:
    """100 USDC a day; it is an hour past midnight."""
    chain.warp(DAY + HOUR - chain.now() % DAY, refresh=True)
    chain.send(house.functions.setOperatorBudget(owner.account, operator.address, 100 * WAD), owner.address)
    return operator


def spent(house: Contract, owner: Trader, operator: Trader) -> int:
    return int(house.functions.operatorOf(owner.account, operator.address).call()[2])


def test_setOperatorBudget__by_stranger__reverts(
    chain: LocalChain, house: Contract, owner: Trader, stranger: Trader
) -> None:
    with reverts("Ledger_NotOwner", account=owner.account, caller=stranger.address):
        chain.send(house.functions.setOperatorBudget(owner.account, stranger.address, 1), stranger.address)


def test_setOperatorBudget__beyond_its_width__reverts(
    chain: LocalChain, house: Contract, owner: Trader, operator: Trader
) -> None:
    with reverts("Ledger_AmountBounds", amount=2**96):
        chain.send(house.functions.setOperatorBudget(owner.account, operator.address, 2**96), owner.address)
    receipt = chain.send(house.functions.setOperatorBudget(owner.account, operator.address, 2**96 - 1), owner.address)
    assert logged(house, "OperatorBudgetSet", receipt) == [
        {"account": owner.account, "operator": operator.address, "budgetWad": 2**96 - 1}
    ]


def test_budget__fee__counts(
    chain: LocalChain, house: Contract, owner: Trader, budgeted: Trader, maker: Trader
) -> None:
    receipt = trade(chain, maker, owner.account, budgeted, "10")
    # 10 ETH at 3,000 and 0.05%
    assert spent(house, owner, budgeted) == 15 * WAD
    assert logged(house, "OperatorSpent", receipt) == [
        {
            "account": owner.account,
            "operator": budgeted.address,
            "day": chain.now() // DAY,
            "spentWad": 15 * WAD,
        }
    ]


@pytest.mark.parametrize(("size", "price"), [("1", "3010"), ("-1", "2990")])
def test_budget__lost_against_the_mark__counts(
    chain: LocalChain, house: Contract, owner: Trader, budgeted: Trader, maker: Trader, size: str, price: str
) -> None:
    trade(chain, maker, owner.account, budgeted, size, price)
    assert spent(house, owner, budgeted) == 10 * WAD + int(price) * WAD * 5 // 10_000


@pytest.mark.parametrize(("size", "price"), [("1", "2990"), ("-1", "3010")])
def test_budget__won_against_the_mark__counts_the_fee_only(
    chain: LocalChain, house: Contract, owner: Trader, budgeted: Trader, maker: Trader, size: str, price: str
) -> None:
    trade(chain, maker, owner.account, budgeted, size, price)
    assert spent(house, owner, budgeted) == int(price) * WAD * 5 // 10_000


def test_budget__owners_order__does_not_count(
    chain: LocalChain, house: Contract, owner: Trader, budgeted: Trader, maker: Trader
) -> None:
    trade(chain, maker, owner.account, owner, "30")
    assert spent(house, owner, budgeted) == 0


def test_budget__exceeded__reverts_with_what_is_left(
    chain: LocalChain, house: Contract, owner: Trader, budgeted: Trader, maker: Trader
) -> None:
    trade(chain, maker, owner.account, budgeted, "30")
    trade(chain, maker, owner.account, budgeted, "-30")
    with reverts(
        "Ledger_OperatorBudget",
        account=owner.account,
        operator=budgeted.address,
        lossWad=15 * WAD,
        leftWad=10 * WAD,
    ):
        trade(chain, maker, owner.account, budgeted, "10")
    assert spent(house, owner, budgeted) == 90 * WAD
    trade(chain, maker, owner.account, budgeted, "6.6")


def test_budget__several_operators__have_their_own(
    chain: LocalChain, house: Contract, owner: Trader, budgeted: Trader, maker: Trader, stranger: Trader
) -> None:
    chain.send(house.functions.setOperator(owner.account, stranger.address, chain.now() + DAY), owner.address)
    trade(chain, maker, owner.account, budgeted, "30")
    trade(chain, maker, owner.account, stranger, "100")
    assert (spent(house, owner, budgeted), spent(house, owner, stranger)) == (45 * WAD, 0)


def test_budget__lowered_below_what_is_spent__reverts_with_its_own_error(
    chain: LocalChain, house: Contract, owner: Trader, budgeted: Trader, maker: Trader
) -> None:
    trade(chain, maker, owner.account, budgeted, "30")
    chain.send(house.functions.setOperatorBudget(owner.account, budgeted.address, 10 * WAD), owner.address)
    with reverts("Ledger_OperatorBudget", lossWad=15 * WAD, leftWad=0):
        trade(chain, maker, owner.account, budgeted, "-10")


def test_budget__next_day__starts_anew(
    chain: LocalChain, house: Contract, owner: Trader, budgeted: Trader, maker: Trader
) -> None:
    trade(chain, maker, owner.account, budgeted, "30")
    trade(chain, maker, owner.account, budgeted, "-30")
    chain.warp(DAY - chain.now() % DAY, refresh=True)
    assert spent(house, owner, budgeted) == 0
    trade(chain, maker, owner.account, budgeted, "30")
    assert spent(house, owner, budgeted) == 45 * WAD


def test_budget__zero__is_no_bound(
    chain: LocalChain, house: Contract, owner: Trader, budgeted: Trader, maker: Trader
) -> None:
    chain.send(house.functions.setOperatorBudget(owner.account, budgeted.address, 0), owner.address)
    trade(chain, maker, owner.account, budgeted, "200")
    assert owner.position(PERP) == 200


def test_operator__brings_a_token__it_is_the_accounts(
    chain: LocalChain, house: Contract, weth: Contract, owner: Trader, operator: Trader
) -> None:
    fund(chain, weth, operator, WAD)
    chain.send(house.functions.deposit(owner.account, weth.address, WAD), operator.address)
    with reverts("Ledger_NotOwner"):
        chain.send(house.functions.withdraw(owner.account, weth.address, WAD, operator.address), operator.address)
