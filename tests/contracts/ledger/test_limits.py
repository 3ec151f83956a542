"""How much one account may hold, so that checks and liquidations can be afforded (I9). ``test_limits.tree``."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from web3.contract import Contract

from ballast.chain.local import LocalChain
from ballast.chain.orders import Order, sign_order
from ballast.testing import Trader
from tests.contracts.ledger.tools import MAX, PERP_CONFIG, WAD, fund, list_token, reverts, spare_token

pytestmark = pytest.mark.ballast(check=False)

RATES = (65_000, 100_000)


@pytest.fixture
def tokens(chain: LocalChain, stranger: Trader) -> list[Contract]:
    """Nine listed tokens, 10 of each in the stranger's wallet."""
    made = [spare_token(chain, symbol=f"T{i}") for i in range(9)]
    for token in made:
        list_token(chain, token)
        fund(chain, token, stranger, 10 * WAD)
    return made


@pytest.fixture
def full(chain: LocalChain, house: Contract, stranger: Trader, tokens: list[Contract]) -> Trader:
    """Holds the first eight and USDC."""
    for token in tokens[:8]:
        chain.send(house.functions.deposit(stranger.account, token.address, WAD), stranger.address)
    stranger.deposit("USDC", 100_000)
    return stranger


def test_deposit__eight_tokens_and_usdc__are_taken(house: Contract, full: Trader) -> None:
    assert house.functions.accountOf(full.account).call()[0].bit_count() == 9
    assert full.health.equity == (8 * 3_000 + 100_000) * WAD


def test_deposit__a_ninth__reverts(chain: LocalChain, house: Contract, full: Trader, tokens: list[Contract]) -> None:
    with reverts("Ledger_TooManyTokens", account=full.account, limit=8):
        chain.send(house.functions.deposit(full.account, tokens[8].address, 1), full.address)


def test_transfer__a_ninth__reverts(chain: LocalChain, house: Contract, full: Trader, tokens: list[Contract]) -> None:
    other = full.sub_account(1)
    chain.send(house.functions.deposit(other, tokens[8].address, WAD), full.address)
    with reverts("Ledger_TooManyTokens", account=full.account, limit=8):
        chain.send(house.functions.transfer(other, full.account, tokens[8].address, 1), full.address)


def test_withdraw__a_ninth_borrowed__reverts(chain: LocalChain, lender: Trader, full: Trader) -> None:
    with reverts("Ledger_TooManyTokens", account=full.account, limit=8):
        full.withdraw("ETH", "0.01")


def test_deposit__another_after_one_has_left__is_taken(
    chain: LocalChain, house: Contract, full: Trader, tokens: list[Contract]
) -> None:
    chain.send(house.functions.withdraw(full.account, tokens[3].address, MAX, full.address), full.address)
    chain.send(house.functions.deposit(full.account, tokens[8].address, WAD), full.address)
    assert house.functions.balanceOf(full.account, tokens[8].address).call() == WAD


@pytest.fixture
def perps(chain: LocalChain, house: Contract, engine: Contract) -> list[int]:
    """Seventeen perpetuals on ETH."""
    made = [2 << 28 | 2 << 20 | 100 + i for i in range(17)]
    for perp in made:
        listing = house.functions.listMarket(perp, f"ETH-PERP-{perp & 0xFFFFF}", tuple(PERP_CONFIG.values()))
        chain.send(listing, chain.governor)
        chain.send(engine.functions.setInstrumentRates(perp, RATES), chain.governor)
    return made


def fill(chain: LocalChain, maker: Trader, taker: Trader, perp: int, size: int, price: int = 3_000) -> None:
    """A market that the deployment file does not know."""
    sides = [
        Order(
            account=owner.account,
            instrument=perp,
            size=signed,
            limitPrice=price * WAD,
            maxFee=10 * WAD,
            nonce=(perp * 10_000 + price) * 2 + (size < 0),
        )
        for owner, signed in ((maker, -size), (taker, size))
    ]
    house = chain.protocol.house
    signature = sign_order(sides[0], maker.key.key, chain.deployment.chain_id, house.address)
    call = house.functions.fill(sides[0].as_tuple(), signature, sides[1].as_tuple(), b"", abs(size))
    chain.send(call, taker.address)


def test_fill__sixteen_positions_and_no_more(
    chain: LocalChain, house: Contract, stranger: Trader, perps: list[int], make_account: Callable[..., Trader]
) -> None:
    stranger.deposit("USDC", 100_000)
    makers = [make_account(collateral={"USDC": 100_000}, name=f"maker {i}") for i in range(2)]
    for i, perp in enumerate(perps[:16]):
        fill(chain, makers[i % 2], stranger, perp, WAD // 10)
    assert house.functions.accountOf(stranger.account).call()[1] == 16
    with reverts("Ledger_TooManyPositions", account=stranger.account, limit=16):
        fill(chain, makers[0], stranger, perps[16], WAD // 10)
    # closed at what it was opened at: no claim stays, and there is room
    fill(chain, makers[1], stranger, perps[5], -WAD // 10)
    fill(chain, makers[0], stranger, perps[16], WAD // 10)
    sizes = [house.functions.positionOf(stranger.account, perp).call() for perp in perps]
    assert sizes == [0 if i == 5 else WAD // 10 for i in range(17)]
    assert stranger.health.equity < 100_000 * WAD


def test_fill__sixteen_markets_one_of_them_with_a_claim__and_no_more(
    chain: LocalChain, house: Contract, stranger: Trader, perps: list[int], make_account: Callable[..., Trader]
) -> None:
    """A claim keeps its market's place, so that a market always has room for one."""
    stranger.deposit("USDC", 100_000)
    makers = [make_account(collateral={"USDC": 100_000}, name=f"maker {i}") for i in range(2)]
    for perp in perps[:16]:
        fill(chain, makers[0], stranger, perp, WAD // 10)
    chain.set_price("ETH", 3_100)
    # sold to another: nobody has paid for the profit of 10
    fill(chain, makers[1], stranger, perps[5], -WAD // 10, 3_100)
    assert house.functions.unsettledOf(stranger.account, perps[5]).call() == 10 * WAD
    with reverts("Ledger_TooManyPositions", account=stranger.account, limit=16):
        fill(chain, makers[0], stranger, perps[16], WAD // 10, 3_100)
    fill(chain, makers[0], stranger, perps[5], WAD // 10, 3_100)
    assert house.functions.accountOf(stranger.account).call()[1] == 17


@pytest.mark.parametrize("price", [800, 1_090], ids=["insolvent", "solvent"])
def test_full_account__is_checked_and_liquidated_within_the_gas(
    chain: LocalChain,
    house: Contract,
    stranger: Trader,
    perps: list[int],
    make_account: Callable[..., Trader],
    price: int,
) -> None:
    """I9: four tokens, four debts and one in USDC; sixteen positions, and a claim beside each."""
    tokens = [spare_token(chain, symbol=f"T{i}") for i in range(8)]
    lender = make_account(collateral={"USDC": 10_000_000}, name="lender")
    for at, token in enumerate(tokens):
        list_token(chain, token)
        fund(chain, token, lender, 100 * WAD)
        chain.send(house.functions.deposit(lender.account, token.address, 100 * WAD), lender.address)
        if at < 4:
            fund(chain, token, stranger, WAD)
            chain.send(house.functions.deposit(stranger.account, token.address, WAD), stranger.address)
    for token in tokens[4:]:
        withdrawal = house.functions.withdraw(stranger.account, token.address, WAD // 4, stranger.address)
        chain.send(withdrawal, stranger.address)
    stranger.withdraw("USDC", 1_000)
    makers = [make_account(collateral={"USDC": 100_000}, name=f"maker {i}") for i in range(2)]
    for perp in perps[:16]:
        fill(chain, makers[0], stranger, perp, WAD // 10)
    chain.set_price("ETH", 3_100)
    for perp in perps[:16]:
        fill(chain, makers[1], stranger, perp, -WAD // 20, 3_100)
    assert house.functions.accountOf(stranger.account).call()[1] == 32
    checked = chain.send(house.functions.health(stranger.account), stranger.address)["gasUsed"]
    assert checked < 1_500_000
    chain.set_price("ETH", price)
    assert (stranger.health.equity < 0) == (price == 800)
    liquidator = make_account(collateral={"USDC": 1_000_000}, name="liquidator")
    used = chain.liquidate(stranger.account, liquidator.account)["gasUsed"]
    assert used < 5_000_000
    print(f"health {checked:,}, liquidation {used:,}")
