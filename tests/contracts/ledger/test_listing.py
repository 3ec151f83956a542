"""What governance lists. Branches: ``test_listing.tree``; bounds of parameters: ``test_listing_bounds.py``."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from web3.contract import Contract

from ballast.chain.local import LocalChain
from ballast.testing import Trader
from tests.contracts.ledger.tools import (
    PERP_CONFIG,
    TOKEN_CONFIG,
    WAD,
    YEAR,
    compiled,
    deploy,
    list_token,
    logged,
    reverts,
    spare_token,
)

pytestmark = pytest.mark.ballast(check=False)

ZERO = "0x" + "00" * 20
SPOT, PERP = 1 << 28, 2 << 28
#: ETH's asset and token, both 2.
ETH = 2 << 20
CONFIG = tuple(TOKEN_CONFIG.values())
MARKET = tuple(PERP_CONFIG.values())
QUOTE_CONFIG = tuple({**TOKEN_CONFIG, "asset": 0}.values())


@pytest.fixture
def empty_house(chain: LocalChain, house: Contract, authority: Contract) -> Contract:
    """A second Clearinghouse of the same modules, in which nothing is listed or set."""
    modules, *_ = house.functions.modules().call()
    return deploy(chain, "Clearinghouse", authority.address, modules)


# ---------------------------------------------------------------- tokens


def test_listToken__no_code__reverts(chain: LocalChain, house: Contract, stranger: Trader) -> None:
    with reverts("Listing_NoCode", target=stranger.address):
        chain.send(house.functions.listToken(stranger.address, CONFIG), chain.governor)


def test_listToken__listed_already__reverts(chain: LocalChain, house: Contract, weth: Contract) -> None:
    with reverts("Listing_TokenListed", token=weth.address):
        chain.send(house.functions.listToken(weth.address, CONFIG), chain.governor)


@pytest.mark.parametrize("decimals", [19, 255])
def test_listToken__more_than_18_decimals__reverts(chain: LocalChain, house: Contract, decimals: int) -> None:
    token = spare_token(chain, decimals)
    with reverts("Listing_TokenDecimals", token=token.address, decimals=decimals, bound=18):
        chain.send(house.functions.listToken(token.address, CONFIG), chain.governor)


@pytest.mark.parametrize("decimals", [0, 5, 7, 18])
def test_listToken__first_without_6_decimals__reverts(chain: LocalChain, empty_house: Contract, decimals: int) -> None:
    token = spare_token(chain, decimals)
    with reverts("Listing_TokenDecimals", decimals=decimals, bound=6):
        chain.send(empty_house.functions.listToken(token.address, QUOTE_CONFIG), chain.governor)


def test_listToken__first_with_another_asset__reverts(chain: LocalChain, empty_house: Contract) -> None:
    token = spare_token(chain, 6)
    with reverts("Listing_Bounds", parameter="asset", value=2, bound=0):
        chain.send(empty_house.functions.listToken(token.address, CONFIG), chain.governor)
    chain.send(empty_house.functions.listToken(token.address, QUOTE_CONFIG), chain.governor)
    assert empty_house.functions.tokenAt(0).call() == token.address


def test_listToken__another_with_the_quotes_asset__reverts(chain: LocalChain, house: Contract) -> None:
    with reverts("Listing_Bounds", parameter="asset", value=0):
        chain.send(house.functions.listToken(spare_token(chain).address, QUOTE_CONFIG), chain.governor)


def test_listToken__asset_beyond_the_bitmap__reverts(chain: LocalChain, house: Contract) -> None:
    config = tuple({**TOKEN_CONFIG, "asset": 128}.values())
    with reverts("Listing_Bounds", parameter="asset", value=128, bound=127):
        chain.send(house.functions.listToken(spare_token(chain).address, config), chain.governor)


def test_listToken__32_and_no_more(chain: LocalChain, house: Contract, stranger: Trader) -> None:
    while house.functions.tokenCount().call() < 32:
        token = spare_token(chain)
        list_token(chain, token)
    with reverts("Listing_TooManyTokens", bound=32):
        chain.send(house.functions.listToken(spare_token(chain).address, CONFIG), chain.governor)
    # the last bit of the header and the last half word work as the first
    chain.send(token.functions.mint(stranger.address, WAD), chain.governor)
    chain.send(token.functions.approve(house.address, WAD), stranger.address)
    chain.send(house.functions.deposit(stranger.account, token.address, WAD), stranger.address)
    assert house.functions.accountOf(stranger.account).call()[0] == 1 << 31
    assert house.functions.balanceOf(stranger.account, token.address).call() == WAD
    assert stranger.health.equity == 3_000 * WAD


def test_listToken__starts_at_one_and_emits(chain: LocalChain, house: Contract) -> None:
    token = spare_token(chain, 9)
    receipt = chain.send(house.functions.listToken(token.address, CONFIG), chain.governor)
    assert logged(house, "TokenListed", receipt) == [{"id": 4, "token": token.address, "decimals": 9}]
    assert dict(logged(house, "TokenConfigSet", receipt)[0]["config"]) == TOKEN_CONFIG
    bank, config = house.functions.bankOf(token.address).call()
    assert bank[:5] == (4, 2, 9, WAD, WAD)
    assert config == CONFIG
    assert house.functions.tokenCount().call() == 5


def test_setTokenConfig__not_listed__reverts(chain: LocalChain, house: Contract) -> None:
    with reverts("Listing_Bounds", parameter="token", value=4, bound=4):
        chain.send(house.functions.setTokenConfig(4, CONFIG), chain.governor)


def test_setTokenConfig__another_asset__reverts(chain: LocalChain, house: Contract) -> None:
    config = tuple({**TOKEN_CONFIG, "asset": 1}.values())
    with reverts("Listing_Bounds", parameter="asset", value=1, bound=2):
        chain.send(house.functions.setTokenConfig(2, config), chain.governor)


def test_setTokenConfig__new_rates__hold_from_now_on(
    chain: LocalChain, house: Contract, weth: Contract, lender: Trader, make_account: Callable[..., Trader]
) -> None:
    borrower = make_account(collateral={"USDC": 5_000_000}, name="borrower")
    borrower.withdraw("ETH", 500)  # half of it: 2% + 8% / 2 = 6% a year
    rate = house.functions.bankOf(weth.address).call()[0][6]
    assert rate == 6 * 10**15 // YEAR
    start = house.functions.bankOf(weth.address).call()[0]
    chain.advance(100 * 86_400)
    config = tuple({**TOKEN_CONFIG, "baseRate": 0, "kinkSlope": 0, "maxSlope": 0}.values())
    receipt = chain.send(house.functions.setTokenConfig(2, config), chain.governor)
    bank = house.functions.bankOf(weth.address).call()[0]
    elapsed = bank[7] - start[7]
    assert bank[4] == start[4] + -(-start[4] * rate * elapsed // 10**17)
    assert bank[5:7] == (0, 0)
    assert logged(house, "BankAccrued", receipt)[0]["borrowIndex"] == bank[4]
    debt = chain.protocol.balance(borrower.account, "ETH")
    chain.advance(100 * 86_400)
    assert chain.protocol.balance(borrower.account, "ETH") == debt


# ---------------------------------------------------------------- markets


def test_listMarket__listed_already__reverts(chain: LocalChain, house: Contract) -> None:
    perp = chain.protocol.instrument("ETH-PERP")
    with reverts("Listing_InstrumentListed", instrument=perp):
        chain.send(house.functions.listMarket(perp, "ETH-PERP", MARKET), chain.governor)


@pytest.mark.parametrize("kind", [0, 3, 4, 5, 6, 7, 8, 9, 10, 15])
def test_listMarket__of_no_known_kind__reverts(chain: LocalChain, house: Contract, kind: int) -> None:
    """Kinds of 8 and above carry the mark of a claim."""
    instrument = kind << 28 | ETH | 2
    with reverts("Listing_InstrumentKind", instrument=instrument):
        chain.send(house.functions.listMarket(instrument, "X", MARKET), chain.governor)


def test_listMarket__asset_beyond_the_bitmap__reverts(chain: LocalChain, house: Contract) -> None:
    with reverts("Listing_Bounds", parameter="asset", value=128, bound=127):
        chain.send(house.functions.listMarket(PERP | 128 << 20, "X", MARKET), chain.governor)


@pytest.mark.parametrize("token", [0, 4, 255, 256, 0xFFFFF])
def test_listMarket__spot_without_a_token__reverts(chain: LocalChain, house: Contract, token: int) -> None:
    with reverts("Listing_InstrumentKind", instrument=SPOT | ETH | token):
        chain.send(house.functions.listMarket(SPOT | ETH | token, "X", MARKET), chain.governor)


def test_listMarket__spot_of_another_asset__reverts(chain: LocalChain, house: Contract) -> None:
    with reverts("Listing_Bounds", parameter="asset", value=2, bound=1):
        chain.send(house.functions.listMarket(SPOT | ETH | 1, "X", MARKET), chain.governor)


@pytest.mark.parametrize(("decimals", "lot", "allowed"), [(6, 10**12, True), (3, 10**14, False), (3, 10**15, True)])
def test_listMarket__spot_lot_finer_than_the_unit__reverts(
    chain: LocalChain, house: Contract, decimals: int, lot: int, allowed: bool
) -> None:
    number = list_token(chain, spare_token(chain, decimals))
    config = tuple({**PERP_CONFIG, "lot": lot}.values())
    listing = house.functions.listMarket(SPOT | ETH | number, "X", config)
    if allowed:
        chain.send(listing, chain.governor)
        return
    with reverts("Listing_Bounds", parameter="lot", value=lot, bound=10 ** (18 - decimals)):
        chain.send(listing, chain.governor)


def test_setMarketConfig__spot_lot_finer_than_the_unit__reverts(chain: LocalChain, house: Contract) -> None:
    number = list_token(chain, spare_token(chain, 3))
    spot = SPOT | ETH | number
    chain.send(house.functions.listMarket(spot, "X", tuple({**PERP_CONFIG, "lot": 10**15}.values())), chain.governor)
    with reverts("Listing_Bounds", parameter="lot", value=10**14, bound=10**15):
        chain.send(house.functions.setMarketConfig(spot, MARKET), chain.governor)


def test_listMarket__emits_and_shows(chain: LocalChain, house: Contract) -> None:
    receipt = chain.send(house.functions.listMarket(PERP | ETH | 7, "ETH-PERP-7", MARKET), chain.governor)
    assert logged(house, "MarketListed", receipt) == [{"instrument": PERP | ETH | 7, "symbol": "ETH-PERP-7"}]
    assert dict(logged(house, "MarketConfigSet", receipt)[0]["config"]) == PERP_CONFIG
    assert house.functions.marketOf(PERP | ETH | 7).call()[1] == MARKET
    assert house.functions.markOf(PERP | ETH | 7).call() == 3_000 * WAD


def test_market__not_listed__reverts(chain: LocalChain, house: Contract) -> None:
    unknown = PERP | ETH | 8
    for call in (house.functions.setMarketConfig(unknown, MARKET), house.functions.setMarketStatus(unknown, True)):
        with reverts("Listing_InstrumentKind", instrument=unknown):
            chain.send(call, chain.governor)


def test_setMarketStatus__sets_and_emits(chain: LocalChain, house: Contract) -> None:
    perp = chain.protocol.instrument("ETH-PERP")
    for reduce_only in (True, False):
        receipt = chain.send(house.functions.setMarketStatus(perp, reduce_only), chain.governor)
        assert logged(house, "MarketStatusSet", receipt) == [{"instrument": perp, "reduceOnly": reduce_only}]
        assert house.functions.marketOf(perp).call()[0][-1] is reduce_only


# ---------------------------------------------------------------- what is replaceable


@pytest.mark.parametrize("what", ["setRouter", "setEngine"])
def test_replaceable__no_code__reverts(chain: LocalChain, house: Contract, stranger: Trader, what: str) -> None:
    with reverts("Listing_NoCode", target=stranger.address):
        chain.send(house.functions[what](stranger.address), chain.governor)


def test_setRouter_and_setEngine__set_and_emit(
    chain: LocalChain, house: Contract, authority: Contract, engine: Contract
) -> None:
    router = deploy(chain, "OracleRouter", authority.address)
    other = deploy(chain, compiled("TwoModelEngine"), engine.address)
    receipt = chain.send(house.functions.setRouter(router.address), chain.governor)
    assert logged(house, "RouterSet", receipt) == [{"router": router.address}]
    receipt = chain.send(house.functions.setEngine(other.address), chain.governor)
    assert logged(house, "EngineSet", receipt) == [{"engine": other.address}]
    assert house.functions.modules().call()[1:] == [router.address, other.address]


def test_setQuoter__sets_and_emits(chain: LocalChain, house: Contract, stranger: Trader) -> None:
    for allowed in (True, False):
        receipt = chain.send(house.functions.setQuoter(stranger.address, allowed), chain.governor)
        assert logged(house, "QuoterSet", receipt) == [{"quoter": stranger.address, "allowed": allowed}]
        assert house.functions.isQuoter(stranger.address).call() is allowed


def test_setFeeRecipients__zero__reverts(chain: LocalChain, house: Contract, stranger: Trader) -> None:
    for pair in ((ZERO, stranger.address), (stranger.address, ZERO)):
        with reverts("Listing_NoRecipient"):
            chain.send(house.functions.setFeeRecipients(*pair), chain.governor)
    receipt = chain.send(house.functions.setFeeRecipients(stranger.address, chain.governor), chain.governor)
    assert logged(house, "FeeRecipientsSet", receipt) == [{"trade": stranger.address, "reserve": chain.governor}]


def test_collect__before_recipients_are_set__reverts(chain: LocalChain, empty_house: Contract) -> None:
    with reverts("Listing_NoRecipient"):
        chain.send(empty_house.functions.collect(empty_house.address), chain.governor)
