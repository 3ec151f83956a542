"""``withdraw``: who, how much, and what the bank has. Branches: ``test_withdraw.tree``."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from web3.contract import Contract

from ballast.chain.local import LocalChain
from ballast.testing import Trader
from ballast.units import to_units
from tests.contracts.ledger.tools import HOUR, TOKEN_CONFIG, WAD, fund, logged, reverts, spare_token

pytestmark = pytest.mark.ballast(check=False)

MILLION = 10**6


# ---------------------------------------------------------------- arguments


@pytest.mark.parametrize("account", [0, 255, 1 << 168])
def test_withdraw__account_out_of_range__reverts(
    chain: LocalChain, house: Contract, usdc: Contract, stranger: Trader, account: int
) -> None:
    with reverts("Ledger_AccountOutOfRange", account=account):
        chain.send(house.functions.withdraw(account, usdc.address, 1, stranger.address), stranger.address)


def test_withdraw__by_stranger__reverts(
    chain: LocalChain, house: Contract, usdc: Contract, depositor: Trader, stranger: Trader
) -> None:
    leave = house.functions.withdraw(depositor.account, usdc.address, 1, stranger.address)
    with reverts("Ledger_NotOwner", account=depositor.account, caller=stranger.address):
        chain.send(leave, stranger.address)


def test_withdraw__by_operator__reverts(
    chain: LocalChain, house: Contract, usdc: Contract, depositor: Trader, stranger: Trader
) -> None:
    grant = house.functions.setOperator(depositor.account, stranger.address, chain.now() + HOUR)
    chain.send(grant, depositor.address)
    # not even to the owner
    for to in (stranger.address, depositor.address):
        with reverts("Ledger_NotOwner", account=depositor.account, caller=stranger.address):
            chain.send(house.functions.withdraw(depositor.account, usdc.address, 1, to), stranger.address)


def test_withdraw__to_zero__reverts(chain: LocalChain, house: Contract, usdc: Contract, depositor: Trader) -> None:
    with reverts("Ledger_ZeroAddress"):
        chain.send(house.functions.withdraw(depositor.account, usdc.address, 1, "0x" + "00" * 20), depositor.address)


def test_withdraw__token_not_listed__reverts(chain: LocalChain, house: Contract, depositor: Trader) -> None:
    token = spare_token(chain)
    with reverts("Ledger_UnknownToken", token=token.address):
        chain.send(house.functions.withdraw(depositor.account, token.address, 1, depositor.address), depositor.address)


def test_withdraw__zero__reverts(chain: LocalChain, depositor: Trader) -> None:
    with reverts("Ledger_ZeroAmount"):
        depositor.withdraw("USDC", 0)


def test_withdraw__amount_beyond_int128__reverts(
    chain: LocalChain, house: Contract, weth: Contract, depositor: Trader
) -> None:
    leave = house.functions.withdraw(depositor.account, weth.address, 2**127 + 10 * WAD, depositor.address)
    with reverts("Ledger_AmountBounds"):
        chain.send(leave, depositor.address)


# ---------------------------------------------------------------- the whole balance


def test_withdraw__max__pays_all_and_forgets_the_token(chain: LocalChain, house: Contract, depositor: Trader) -> None:
    depositor.withdraw("ETH", None)
    assert depositor.wallet("ETH") == 10
    assert chain.protocol.balance(depositor.account, "ETH") == 0
    assert house.functions.accountOf(depositor.account).call()[0] == 1  # USDC alone


@pytest.mark.ballast(check=True)
def test_withdraw__max_after_interest__pays_the_interest_and_leaves_no_share(
    chain: LocalChain, house: Contract, usdc: Contract, lender: Trader, make_account: Callable[..., Trader]
) -> None:
    borrower = make_account(collateral={"ETH": 500}, name="borrower")
    borrower.withdraw("USDC", 800_000)
    chain.warp(30 * 24 * HOUR, refresh=True)
    borrower.deposit("USDC", 900_000)
    chain.withdraw(borrower.account, "USDC", None)
    lender.withdraw("USDC", None)
    assert lender.wallet("USDC") > 1_000_000 + 4_000
    assert house.functions.bankOf(usdc.address).call()[0][8:10] == (0, 0)  # no shares
    deposits, borrows, reserves, _ = house.functions.totals(usdc.address).call()
    assert (deposits, borrows) == (0, 0)
    assert reserves == usdc.functions.balanceOf(house.address).call() > 1_000 * MILLION


def test_withdraw__max_without_a_balance__reverts(chain: LocalChain, depositor: Trader) -> None:
    with reverts("Ledger_ZeroAmount"):
        depositor.withdraw("SOL", None)


def test_withdraw__max_with_a_debt__reverts(chain: LocalChain, lender: Trader, depositor: Trader) -> None:
    depositor.withdraw("USDC", 2_000)
    with reverts("Ledger_ZeroAmount"):
        depositor.withdraw("USDC", None)


# ---------------------------------------------------------------- within the balance


@pytest.mark.parametrize(("symbol", "decimals"), [("USDC", 6), ("BTC", 8), ("SOL", 9), ("ETH", 18)])
def test_withdraw__within_the_balance__debits_to_the_unit(
    chain: LocalChain, stranger: Trader, symbol: str, decimals: int
) -> None:
    stranger.deposit(symbol, 2)
    one_unit = "0." + "0" * (decimals - 1) + "1"
    stranger.withdraw(symbol, one_unit)
    assert chain.protocol.balance(stranger.account, symbol) == 2 * 10**decimals - 1
    assert to_units(stranger.wallet(symbol), decimals) == 1


def test_withdraw__to_somebody_else__pays_them(
    chain: LocalChain, house: Contract, usdc: Contract, depositor: Trader, stranger: Trader
) -> None:
    receipt = chain.withdraw(depositor.account, "USDC", 400, to=stranger.address)
    assert usdc.functions.balanceOf(stranger.address).call() == 400 * MILLION
    assert chain.protocol.balance(depositor.account, "USDC") == 600 * MILLION
    assert logged(house, "Withdrawn", receipt) == [
        {"account": depositor.account, "token": usdc.address, "to": stranger.address, "amount": 400 * MILLION}
    ]
    assert logged(house, "BalanceSet", receipt)[0]["shares"] == 600 * MILLION


# ---------------------------------------------------------------- borrowing


@pytest.fixture
def borrower(lender: Trader, make_account: Callable[..., Trader]) -> Trader:
    """10 ETH at 3,000: initial margin 6,000, so 24,000 USDC can leave."""
    return make_account(collateral={"ETH": 10}, name="borrower")


@pytest.mark.ballast(check=True)
def test_withdraw__beyond_the_balance__borrows_the_rest(
    chain: LocalChain, house: Contract, usdc: Contract, lender: Trader, depositor: Trader
) -> None:
    before = house.functions.totals(usdc.address).call()
    depositor.withdraw("USDC", 1_500)
    assert depositor.wallet("USDC") == 1_500
    # a debt is rounded up
    assert -500 * MILLION - 1 <= chain.protocol.balance(depositor.account, "USDC") <= -500 * MILLION
    deposits, borrows, _, _ = house.functions.totals(usdc.address).call()
    assert deposits == before[0] - 1_000 * MILLION
    assert borrows == -chain.protocol.balance(depositor.account, "USDC")


@pytest.mark.ballast(check=True)
def test_withdraw__up_to_initial_margin__pays(chain: LocalChain, borrower: Trader) -> None:
    borrower.withdraw("USDC", "23999.999997")
    health = borrower.health
    assert 0 <= health.equity - health.initial <= 3 * 10**12


def test_withdraw__a_unit_beyond_initial_margin__reverts(
    chain: LocalChain, house: Contract, usdc: Contract, borrower: Trader
) -> None:
    leave = house.functions.withdraw(borrower.account, usdc.address, 24_000 * MILLION + 1, borrower.address)
    with reverts("Ledger_BelowInitialMargin", account=borrower.account, initialWad=6_000 * WAD):
        chain.send(leave, borrower.address)
    assert borrower.wallet("USDC") == 0


def test_withdraw__collateral_below_initial_margin__reverts(chain: LocalChain, borrower: Trader) -> None:
    borrower.withdraw("USDC", 12_000)
    with reverts("Ledger_BelowInitialMargin", account=borrower.account):
        borrower.withdraw("ETH", "5.001")
    borrower.withdraw("ETH", "4.999")


def test_withdraw__up_to_the_borrow_cap__pays(
    chain: LocalChain, house: Contract, usdc: Contract, weth: Contract, borrower: Trader, depositor: Trader
) -> None:
    config = {**TOKEN_CONFIG, "asset": 0, "borrowCap": 10_000 * MILLION}
    chain.send(house.functions.setTokenConfig(0, tuple(config.values())), chain.governor)
    borrower.withdraw("USDC", "9999.999")
    with reverts("Ledger_BorrowCap", token=usdc.address, cap=10_000 * MILLION):
        borrower.withdraw("USDC", 1)
    # a lowered cap stops nobody who takes his own
    chain.send(house.functions.setTokenConfig(0, tuple({**config, "borrowCap": 1}.values())), chain.governor)
    depositor.withdraw("USDC", 1_000)
    assert depositor.wallet("USDC") == 1_000


def test_withdraw__more_than_the_bank_has__reverts(
    chain: LocalChain, house: Contract, usdc: Contract, depositor: Trader, make_account: Callable[..., Trader]
) -> None:
    borrower = make_account(collateral={"ETH": 10}, name="borrower")
    with reverts("Ledger_Illiquid", token=usdc.address, amount=1_001 * MILLION, available=1_000 * MILLION):
        borrower.withdraw("USDC", 1_001)
    borrower.withdraw("USDC", 1_000)
    with reverts("Ledger_Illiquid", amount=1, available=0):
        depositor.withdraw("USDC", "0.000001")


def test_withdraw__insurance__is_not_lent(
    chain: LocalChain, usdc: Contract, depositor: Trader, make_account: Callable[..., Trader]
) -> None:
    chain.fund_insurance(5_000)
    borrower = make_account(collateral={"ETH": 10}, name="borrower")
    with reverts("Ledger_Illiquid", token=usdc.address, amount=1_001 * MILLION, available=1_000 * MILLION):
        borrower.withdraw("USDC", 1_001)


def test_withdraw__a_markets_pool__is_not_lent(
    chain: LocalChain, house: Contract, usdc: Contract, make_account: Callable[..., Trader]
) -> None:
    loser = make_account(collateral={"USDC": 10_000}, name="loser")
    winner = make_account(collateral={"USDC": 10_000}, name="winner")
    chain.fill(loser.account, winner.account, "ETH-PERP", 10)
    chain.set_price("ETH", 3_100)
    chain.settle(loser.account)
    pools = house.functions.bankOf(usdc.address).call()[0][11]
    assert pools == 1_000 * MILLION
    held = house.functions.bankOf(usdc.address).call()[0][10]
    borrower = make_account(collateral={"ETH": 100}, name="borrower")
    with reverts("Ledger_Illiquid", amount=held - pools + 1, available=held - pools):
        chain.send(
            house.functions.withdraw(borrower.account, usdc.address, held - pools + 1, borrower.address),
            borrower.address,
        )


def test_withdraw__borrow_of_a_token_with_8_decimals__owes_a_unit_more_at_most(
    chain: LocalChain, lender: Trader, make_account: Callable[..., Trader]
) -> None:
    make_account(collateral={"BTC": 5}, name="btc lender")
    borrower = make_account(collateral={"USDC": 200_000}, name="borrower")
    borrower.withdraw("BTC", "0.12345678")
    assert chain.protocol.balance(borrower.account, "BTC") in (-12345678, -12345679)
    assert borrower.wallet("BTC").as_tuple().digits == (1, 2, 3, 4, 5, 6, 7, 8)


def test_withdraw__token_without_rates__is_no_collateral(
    chain: LocalChain, house: Contract, lender: Trader, stranger: Trader
) -> None:
    token = spare_token(chain)
    config = tuple(TOKEN_CONFIG.values())
    chain.send(house.functions.listToken(token.address, config), chain.governor)
    fund(chain, token, stranger, 2 * WAD)
    chain.send(house.functions.deposit(stranger.account, token.address, 2 * WAD), stranger.address)
    with reverts("Margin_NoTokenRates", token=4):
        stranger.withdraw("USDC", 1)
    # who owes nothing leaves with it all the same
    leave = house.functions.withdraw(stranger.account, token.address, 2 * WAD, stranger.address)
    chain.send(leave, stranger.address)
    assert token.functions.balanceOf(stranger.address).call() == 2 * WAD
