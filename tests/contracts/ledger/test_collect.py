"""``collect``: fees and reserves to their recipients. Branches: ``test_collect.tree``."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from web3 import Web3
from web3.contract import Contract

from ballast.chain.local import LocalChain
from ballast.testing import Trader
from tests.contracts.ledger.tools import DAY, fund, list_token, logged, reverts, spare_token

pytestmark = pytest.mark.ballast(check=False)

MILLION = 10**6
FEES = 420 * MILLION
#: Units of interest that rounding of the totals may make reserves look larger: they stay.
KEPT = 2


@pytest.fixture
def recipients(chain: LocalChain, house: Contract) -> tuple[str, str]:
    """Of trade fees and of reserves."""
    pair = (chain.actor("fees").address, chain.actor("reserves").address)
    chain.send(house.functions.setFeeRecipients(*pair), chain.governor)
    return pair


@pytest.fixture
def fees(chain: LocalChain, make_account: Callable[..., Trader]) -> None:
    """420 USDC of fees, from traders who have closed and left."""
    sides = [make_account(collateral={"USDC": 100_000}, name=name) for name in ("maker", "taker")]
    for size in (100, -100):
        chain.fill(sides[0].account, sides[1].account, "ETH-PERP", size)
    for side in sides:
        side.withdraw("USDC", None)


def wallet(token: Contract, *holders: str) -> list[int]:
    return [int(token.functions.balanceOf(holder).call()) for holder in holders]


def collect(chain: LocalChain, token: Contract, caller: Trader) -> list[tuple[int, int]]:
    """Fees and reserves that one call sent, from its events."""
    house = chain.protocol.house
    receipt = chain.send(house.functions.collect(token.address), caller.address)
    sent = zip(logged(house, "FeesCollected", receipt), logged(house, "ReservesCollected", receipt), strict=True)
    return [(fees["fees"], reserves["reserves"]) for fees, reserves in sent]


def test_collect__token_not_listed__reverts(chain: LocalChain, house: Contract, stranger: Trader) -> None:
    token = spare_token(chain)
    with reverts("Ledger_UnknownToken", token=token.address):
        chain.send(house.functions.collect(token.address), stranger.address)


def test_collect__nothing__sends_nothing(
    chain: LocalChain, usdc: Contract, recipients: tuple[str, str], lender: Trader, stranger: Trader
) -> None:
    assert collect(chain, usdc, stranger) == [(0, 0)]
    assert wallet(usdc, *recipients) == [0, 0]


@pytest.mark.ballast(check=True)
def test_collect__trade_fees__go_to_their_recipient(
    chain: LocalChain, house: Contract, usdc: Contract, recipients: tuple[str, str], fees: None, stranger: Trader
) -> None:
    assert house.functions.totals(usdc.address).call()[2] == FEES
    assert collect(chain, usdc, stranger) == [(FEES, 0)]
    assert wallet(usdc, *recipients, house.address) == [FEES, 0, 0]
    assert house.functions.totals(usdc.address).call() == [0, 0, 0, 0]
    assert collect(chain, usdc, stranger) == [(0, 0)]


@pytest.mark.ballast(check=True)
def test_collect__interest__goes_to_the_other(
    chain: LocalChain,
    house: Contract,
    weth: Contract,
    recipients: tuple[str, str],
    lender: Trader,
    stranger: Trader,
    make_account: Callable[..., Trader],
) -> None:
    borrower = make_account(collateral={"USDC": 5_000_000}, name="borrower")
    borrower.withdraw("ETH", 850)
    chain.warp(365 * DAY, refresh=True)
    borrower.deposit("ETH", 950)
    chain.withdraw(borrower.account, "ETH", None)
    reserves = house.functions.totals(weth.address).call()[2]
    # a fifth of 8.8% on 850 for a year
    assert 14.9 < reserves / 10**18 < 15.1
    assert collect(chain, weth, stranger) == [(0, reserves - KEPT)]
    assert wallet(weth, *recipients) == [0, reserves - KEPT]
    lender.withdraw("ETH", None)  # nothing of the lender's was sent
    assert lender.wallet("ETH") > 1_059


def test_collect__what_is_owned_is_lent__sends_the_cash_there_is(
    chain: LocalChain,
    usdc: Contract,
    recipients: tuple[str, str],
    fees: None,
    stranger: Trader,
    make_account: Callable[..., Trader],
) -> None:
    borrower = make_account(collateral={"ETH": 10}, name="borrower")
    borrower.withdraw("USDC", 300)  # of the 420 that nobody has deposited
    assert collect(chain, usdc, stranger) == [(120 * MILLION, 0)]
    assert collect(chain, usdc, stranger) == [(0, 0)]
    borrower.deposit("USDC", 301)
    borrower.withdraw("USDC", None)
    ((sent, interest),) = collect(chain, usdc, stranger)
    assert sent == 300 * MILLION
    assert wallet(usdc, recipients[0]) == [FEES]
    assert interest < 100  # of seconds


def test_collect__deposits_insurance_and_pools__stay(
    chain: LocalChain,
    house: Contract,
    usdc: Contract,
    recipients: tuple[str, str],
    fees: None,
    lender: Trader,
    stranger: Trader,
    make_account: Callable[..., Trader],
) -> None:
    chain.fund_insurance(777)
    loser = make_account(collateral={"USDC": 10_000}, name="loser")
    winner = make_account(collateral={"USDC": 10_000}, name="winner")
    chain.fill(loser.account, winner.account, "ETH-PERP", 10)
    chain.set_price("ETH", 3_100)
    chain.settle(loser.account)
    collect(chain, usdc, stranger)
    deposits, borrows, reserves, insurance = house.functions.totals(usdc.address).call()
    pools = house.functions.bankOf(usdc.address).call()[0][11]
    assert (borrows, reserves, insurance, pools) == (0, 0, 777 * MILLION, 1_000 * MILLION)
    assert wallet(usdc, house.address) == [deposits + insurance + pools]


def test_collect__without_a_reserve_factor__totals_can_be_read(
    chain: LocalChain, house: Contract, stranger: Trader, make_account: Callable[..., Trader]
) -> None:
    """Rounding is all that such a bank has of its own: nobody can take a unit too much of it."""
    borrower = make_account(collateral={"USDC": 50_000_000}, name="borrower")
    for i in range(6):
        token = spare_token(chain, 6)
        list_token(chain, token, reserveFactor=0)
        for owner in (stranger, borrower):
            fund(chain, token, owner, 10**12)
        chain.send(house.functions.deposit(stranger.account, token.address, 550_251_065 + 777 * i), stranger.address)
        chain.send(
            house.functions.withdraw(borrower.account, token.address, 279_633_699 + 333 * i, borrower.address),
            borrower.address,
        )
        for days in (100, 1_000):
            chain.warp(days * DAY, refresh=True)
            chain.send(house.functions.deposit(borrower.account, token.address, 1 + i), borrower.address)
        collect(chain, token, stranger)
        for _ in range(10):
            chain.advance(1)
            assert house.functions.totals(token.address).call()[2] < 10


# ---------------------------------------------------------------- after a write-off


def crash(chain: LocalChain, *path: str) -> None:
    """ETH falls beyond what hard bounds allow in one step; the governor accepts each."""
    for price in path:
        chain.set_price("ETH", price)
        chain.reset_slow_price("ETH")


@pytest.fixture
def defaulted(chain: LocalChain, fees: None, make_account: Callable[..., Trader]) -> Callable[[str], None]:
    """Lenders' 100,000 USDC and a part of the 420 of fees are lent and written off, but for the collateral's 100."""

    def run(debt: str) -> None:
        make_account(collateral={"USDC": 100_000}, name="usdc lender")
        borrower = make_account(collateral={"ETH": 200}, name="borrower")
        borrower.withdraw("USDC", debt)
        crash(chain, "700", "150", "35", "8", "2", "0.5")
        liquidator = make_account(collateral={"BTC": 10}, name="liquidator")
        chain.liquidate(borrower.account, liquidator.account)
        liquidator.deposit("USDC", 101)  # what it paid was borrowed

    return run


def test_collect__reserves_have_paid_for_a_loss__sends_what_fees_are_left(
    chain: LocalChain,
    house: Contract,
    usdc: Contract,
    recipients: tuple[str, str],
    defaulted: Callable[[str], None],
    stranger: Trader,
) -> None:
    defaulted("100200")
    reserves = house.functions.totals(usdc.address).call()[2]
    assert 310 * MILLION < reserves < 330 * MILLION  # 100 of the loss
    ((sent, interest),) = collect(chain, usdc, stranger)
    assert reserves - 10 <= sent <= reserves + 10  # what of the 420 is left, and seconds of interest
    assert interest == 0
    assert wallet(usdc, recipients[0]) == [sent]


def test_collect__depositors_come_after__are_not_touched(
    chain: LocalChain,
    house: Contract,
    usdc: Contract,
    recipients: tuple[str, str],
    defaulted: Callable[[str], None],
    stranger: Trader,
    make_account: Callable[..., Trader],
) -> None:
    """Fees that a loss has eaten are not paid out of who deposits afterwards."""
    defaulted("100200")
    late = make_account(collateral={"USDC": 50_000}, name="late lender")
    for _ in range(2):
        collect(chain, usdc, stranger)
    late.withdraw("USDC", None)
    assert late.wallet("USDC") >= 50_000 - 1


def test_collect__loss_is_not_covered__sends_nothing_until_it_is(
    chain: LocalChain, house: Contract, usdc: Contract, recipients: tuple[str, str], fees: None, stranger: Trader
) -> None:
    """An uncovered loss is rounding only (test_write_off.py), so this one is written into storage: 500 are gone."""
    slot = bank_slot(chain, usdc)
    write_high(chain, slot + 6, 500 * MILLION)
    write_low(chain, slot + 2, 0)
    bank = house.functions.bankOf(usdc.address).call()[0]
    assert (bank[10], bank[12], bank[13]) == (0, FEES, 500 * MILLION)
    assert house.functions.totals(usdc.address).call() == [0, 500 * MILLION, 500 * MILLION, 0]
    assert collect(chain, usdc, stranger) == [(0, 0)]
    write_low(chain, slot + 2, 320 * MILLION)
    assert collect(chain, usdc, stranger) == [(320 * MILLION, 0)]


def bank_slot(chain: LocalChain, token: Contract) -> int:
    """Where the quote token's bank starts: the mapping is the one whose fifth word holds the token."""
    for base in range(64):
        at = int.from_bytes(Web3.keccak(bytes(32) + base.to_bytes(32, "big")), "big")
        if word(chain, at + 4) % 2**160 == int(token.address, 16):
            return at
    raise AssertionError(f"no bank of {token.address}")


def word(chain: LocalChain, slot: int) -> int:
    return int.from_bytes(chain.w3.eth.get_storage_at(chain.protocol.house.address, slot), "big")


def write_low(chain: LocalChain, slot: int, value: int) -> None:
    """The lower half of a word of the Clearinghouse; the upper stays."""
    _write(chain, slot, word(chain, slot) >> 128 << 128 | value)


def write_high(chain: LocalChain, slot: int, value: int) -> None:
    _write(chain, slot, word(chain, slot) % 2**128 | value << 128)


def _write(chain: LocalChain, slot: int, value: int) -> None:
    chain.rpc("anvil_setStorageAt", chain.protocol.house.address, hex(slot), "0x" + value.to_bytes(32, "big").hex())
