"""``deposit``: who may bring what to whom. Branches: ``test_deposit.tree``."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from web3.contract import Contract

from ballast.chain.local import LocalChain
from ballast.testing import Market, Trader
from ballast.units import to_units
from tests.contracts.ledger.tools import (
    HOUR,
    TOKEN_CONFIG,
    WAD,
    fund,
    list_token,
    logged,
    reverts,
    spare_token,
)

pytestmark = pytest.mark.ballast(check=False)

LARGEST = 2**127 - 1


# ---------------------------------------------------------------- arguments


@pytest.mark.parametrize("account", [0, 255, 1 << 168, 2**256 - 1])
def test_deposit__account_out_of_range__reverts(
    chain: LocalChain, house: Contract, usdc: Contract, stranger: Trader, account: int
) -> None:
    fund(chain, usdc, stranger, 1)
    with reverts("Ledger_AccountOutOfRange", account=account, bound=1 << 168):
        chain.send(house.functions.deposit(account, usdc.address, 1), stranger.address)


def test_deposit__token_not_listed__reverts(chain: LocalChain, house: Contract, stranger: Trader) -> None:
    token = spare_token(chain)
    fund(chain, token, stranger, 1)
    with reverts("Ledger_UnknownToken", token=token.address):
        chain.send(house.functions.deposit(stranger.account, token.address, 1), stranger.address)


def test_deposit__zero__reverts(chain: LocalChain, house: Contract, usdc: Contract, stranger: Trader) -> None:
    with reverts("Ledger_ZeroAmount"):
        chain.send(house.functions.deposit(stranger.account, usdc.address, 0), stranger.address)


def test_deposit__amount_beyond_int128__reverts(chain: LocalChain, house: Contract, stranger: Trader) -> None:
    token = spare_token(chain)
    list_token(chain, token, supplyCap=2**128 - 1)
    fund(chain, token, stranger, LARGEST + 1)
    with reverts("Ledger_AmountBounds", amount=LARGEST + 1):
        chain.send(house.functions.deposit(stranger.account, token.address, LARGEST + 1), stranger.address)


def test_deposit__two_that_exceed_int128_together__reverts(
    chain: LocalChain, house: Contract, stranger: Trader
) -> None:
    token = spare_token(chain)
    list_token(chain, token, supplyCap=2**128 - 1)
    fund(chain, token, stranger, 2 * LARGEST)
    chain.send(house.functions.deposit(stranger.account, token.address, LARGEST), stranger.address)
    with reverts("Ledger_AmountBounds"):
        chain.send(house.functions.deposit(stranger.account, token.address, LARGEST), stranger.address)
    assert house.functions.balanceOf(stranger.account, token.address).call() == LARGEST


# ---------------------------------------------------------------- who


@pytest.mark.parametrize(("symbol", "decimals"), [("USDC", 6), ("BTC", 8), ("SOL", 9), ("ETH", 18)])
def test_deposit__by_owner__credits_to_the_unit(
    chain: LocalChain, stranger: Trader, symbol: str, decimals: int
) -> None:
    assert chain.protocol.decimals(symbol) == decimals
    amount = "123.456789"[: 4 + decimals]
    stranger.deposit(symbol, amount)
    assert chain.protocol.balance(stranger.account, symbol) == to_units(amount, decimals)


@pytest.mark.parametrize("index", [0, 1, 255])
def test_deposit__to_any_index__credits_that_account_alone(chain: LocalChain, stranger: Trader, index: int) -> None:
    stranger.deposit("ETH", 2, index)
    held = {i: chain.protocol.balance(stranger.sub_account(i), "ETH") for i in (0, 1, 255)}
    assert held == {i: 2 * WAD if i == index else 0 for i in (0, 1, 255)}


def test_deposit__by_operator__credits_a_new_token(
    chain: LocalChain, house: Contract, weth: Contract, depositor: Trader, stranger: Trader
) -> None:
    account = depositor.sub_account(1)
    chain.send(house.functions.setOperator(account, stranger.address, chain.now() + HOUR), depositor.address)
    fund(chain, weth, stranger, WAD)
    chain.send(house.functions.deposit(account, weth.address, WAD), stranger.address)
    assert chain.protocol.balance(account, "ETH") == WAD


def test_deposit__by_expired_operator__reverts(
    chain: LocalChain, house: Contract, weth: Contract, depositor: Trader, stranger: Trader
) -> None:
    account = depositor.sub_account(1)
    chain.send(house.functions.setOperator(account, stranger.address, chain.now() + HOUR), depositor.address)
    fund(chain, weth, stranger, WAD)
    chain.warp(HOUR)
    with reverts("Ledger_ThirdPartyToken", account=account, token=weth.address):
        chain.send(house.functions.deposit(account, weth.address, WAD), stranger.address)


@pytest.mark.parametrize("index", [0, 1], ids=["held", "new"])
def test_deposit__usdc_by_third_party__credits(
    chain: LocalChain, house: Contract, usdc: Contract, depositor: Trader, stranger: Trader, index: int
) -> None:
    account = depositor.sub_account(index)
    before = chain.protocol.balance(account, "USDC")
    fund(chain, usdc, stranger, 5)
    chain.send(house.functions.deposit(account, usdc.address, 5), stranger.address)
    assert chain.protocol.balance(account, "USDC") == before + 5


def test_deposit__held_token_by_third_party__credits(
    chain: LocalChain, house: Contract, weth: Contract, depositor: Trader, stranger: Trader
) -> None:
    fund(chain, weth, stranger, 7)
    chain.send(house.functions.deposit(depositor.account, weth.address, 7), stranger.address)
    assert chain.protocol.balance(depositor.account, "ETH") == 10 * WAD + 7


def test_deposit__new_token_by_third_party__reverts(
    chain: LocalChain, house: Contract, depositor: Trader, stranger: Trader
) -> None:
    sol = chain.protocol.token("SOL")
    fund(chain, sol, stranger, 1)
    with reverts("Ledger_ThirdPartyToken", account=depositor.account, token=sol.address):
        chain.send(house.functions.deposit(depositor.account, sol.address, 1), stranger.address)
    assert house.functions.accountOf(depositor.account).call()[0] == 0b101


def test_deposit__token_that_was_emptied_by_third_party__reverts(
    chain: LocalChain, house: Contract, weth: Contract, depositor: Trader, stranger: Trader
) -> None:
    depositor.withdraw("ETH", None)
    fund(chain, weth, stranger, 1)
    with reverts("Ledger_ThirdPartyToken"):
        chain.send(house.functions.deposit(depositor.account, weth.address, 1), stranger.address)


# ---------------------------------------------------------------- debt


@pytest.fixture
def borrower(lender: Trader, make_account: Callable[..., Trader]) -> Trader:
    """100,000 USDC of collateral, a debt of 10 ETH."""
    made = make_account(collateral={"USDC": 100_000}, name="borrower")
    made.withdraw("ETH", 10)
    return made


@pytest.mark.ballast(check=True)
def test_deposit__debt_by_third_party__repays(
    chain: LocalChain, house: Contract, weth: Contract, borrower: Trader, stranger: Trader
) -> None:
    fund(chain, weth, stranger, 4 * WAD)
    before = chain.protocol.balance(borrower.account, "ETH")
    chain.send(house.functions.deposit(borrower.account, weth.address, 4 * WAD), stranger.address)
    after = chain.protocol.balance(borrower.account, "ETH")
    # seconds of interest on ten ETH, and the repayment's rounding
    assert -(10**14) < after - before - 4 * WAD <= 0
    assert house.functions.totals(weth.address).call()[1] == -after


@pytest.mark.ballast(check=True)
def test_deposit__more_than_the_debt__deposits_the_rest(
    chain: LocalChain, house: Contract, weth: Contract, borrower: Trader
) -> None:
    borrower.deposit("ETH", 12)
    balance = chain.protocol.balance(borrower.account, "ETH")
    assert 2 * WAD - 10**14 < balance <= 2 * WAD  # seconds of interest
    assert house.functions.totals(weth.address).call()[1] == 0


def test_deposit__exactly_the_debt__leaves_no_token_behind(
    chain: LocalChain, house: Contract, weth: Contract, borrower: Trader
) -> None:
    fund(chain, weth, borrower, 10**18)
    debt = -chain.protocol.balance(borrower.account, "ETH")
    chain.send(house.functions.deposit(borrower.account, weth.address, debt), borrower.address)
    assert chain.protocol.balance(borrower.account, "ETH") == 0
    assert house.functions.accountOf(borrower.account).call()[0] == 1
    assert house.functions.bankOf(weth.address).call()[0][9] == 0


def test_deposit__repayment_above_the_supply_cap__credits(
    chain: LocalChain, house: Contract, weth: Contract, borrower: Trader
) -> None:
    chain.send(house.functions.setTokenConfig(2, tuple({**TOKEN_CONFIG, "supplyCap": WAD}.values())), chain.governor)
    borrower.deposit("ETH", 5)
    assert chain.protocol.balance(borrower.account, "ETH") > -6 * WAD


# ---------------------------------------------------------------- caps


def test_deposit__up_to_the_supply_cap__credits(chain: LocalChain, house: Contract, stranger: Trader) -> None:
    token = spare_token(chain)
    list_token(chain, token, supplyCap=100)
    fund(chain, token, stranger, 101)
    chain.send(house.functions.deposit(stranger.account, token.address, 100), stranger.address)
    with reverts("Ledger_SupplyCap", token=token.address, deposits=101, cap=100):
        chain.send(house.functions.deposit(stranger.account, token.address, 1), stranger.address)


# ---------------------------------------------------------------- always possible


def test_deposit__dead_feeds__credits(chain: LocalChain, house: Contract, depositor: Trader) -> None:
    chain.warp(48 * HOUR)
    with reverts("Oracle_Stale"):
        house.functions.health(depositor.account).call()
    depositor.deposit("ETH", 1)
    assert chain.protocol.balance(depositor.account, "ETH") == 11 * WAD


def test_deposit__under_pause__credits(chain: LocalChain, house: Contract, depositor: Trader) -> None:
    chain.send(house.functions.pause(chain.now() + HOUR), chain.governor)
    depositor.deposit("ETH", 1)
    assert chain.protocol.balance(depositor.account, "ETH") == 11 * WAD


def test_deposit__price_deviates__repays(chain: LocalChain, market: Market, lender: Trader, depositor: Trader) -> None:
    depositor.withdraw("USDC", 3_000)
    market.set_price("ETH", 2_000)
    depositor.deposit("USDC", 1_000)
    assert chain.protocol.balance(depositor.account, "USDC") > -1_000_010_000


@pytest.mark.parametrize("how", ["deposit", "transfer"])
def test_deposit__new_token_with_a_dead_feed_to_an_account_with_a_debt__reverts(
    chain: LocalChain, house: Contract, weth: Contract, borrower: Trader, stranger: Trader, how: str
) -> None:
    """Else the token would keep the account from being liquidated."""
    sol = chain.protocol.token("SOL")
    fund(chain, sol, borrower, 20)
    chain.send(house.functions.deposit(borrower.sub_account(1), sol.address, 10), borrower.address)
    calls = {
        "deposit": house.functions.deposit(borrower.account, sol.address, 10),
        "transfer": house.functions.transfer(borrower.sub_account(1), borrower.account, sol.address, 10),
    }
    chain.warp(48 * HOUR)
    chain.refresh_prices(["USDC", "BTC", "ETH"])
    with reverts("Oracle_Stale", asset=3):
        chain.send(calls[how], borrower.address)
    # what it has and owes can always be paid in
    fund(chain, weth, borrower, WAD)
    chain.send(house.functions.deposit(borrower.account, weth.address, WAD), borrower.address)
    chain.refresh_prices(["SOL"])
    chain.send(calls[how], borrower.address)


def test_deposit__new_token_without_rates_to_an_account_with_a_debt__reverts(
    chain: LocalChain, house: Contract, borrower: Trader
) -> None:
    token = spare_token(chain)
    chain.send(house.functions.listToken(token.address, tuple(TOKEN_CONFIG.values())), chain.governor)
    fund(chain, token, borrower, 10)
    with reverts("Margin_NoTokenRates", token=4):
        chain.send(house.functions.deposit(borrower.account, token.address, 10), borrower.address)


# ---------------------------------------------------------------- the token's side


def test_deposit__without_allowance__reverts(
    chain: LocalChain, house: Contract, usdc: Contract, stranger: Trader
) -> None:
    chain.mint("USDC", stranger.address, 10)
    with reverts("ERC20InsufficientAllowance", spender=house.address, allowance=0, needed=10):
        chain.send(house.functions.deposit(stranger.account, usdc.address, 10), stranger.address)


def test_deposit__without_balance__reverts(
    chain: LocalChain, house: Contract, usdc: Contract, stranger: Trader
) -> None:
    fund(chain, usdc, stranger, 9)
    with reverts("ERC20InsufficientBalance", sender=stranger.address, balance=9, needed=10):
        chain.send(house.functions.deposit(stranger.account, usdc.address, 10), stranger.address)


def test_deposit__emits_the_state_after_it(
    chain: LocalChain, house: Contract, weth: Contract, depositor: Trader, stranger: Trader
) -> None:
    fund(chain, weth, stranger, 3)
    chain.warp(1)
    receipt = chain.send(house.functions.deposit(depositor.account, weth.address, 3), stranger.address)
    assert logged(house, "Deposited", receipt) == [
        {"account": depositor.account, "token": weth.address, "from": stranger.address, "amount": 3}
    ]
    shares = 10 * WAD + 3
    assert logged(house, "BalanceSet", receipt) == [{"account": depositor.account, "token": 2, "shares": shares}]
    bank = house.functions.bankOf(weth.address).call()[0]
    assert logged(house, "BankAccrued", receipt) == [
        {"token": 2, "depositIndex": bank[3], "borrowIndex": bank[4], "depositRate": bank[5], "borrowRate": bank[6]}
    ]
