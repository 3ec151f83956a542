"""A price is wrong for a round, or for long: sound exposure may not be exchanged for what it overstates (attacks 1, 3).

Sums at the wrong price do not see it: what is sold and what is bought are worth the same there.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from ballast.chain.local import LocalChain
from ballast.errors import ContractError
from ballast.testing import Market, Trader
from ballast.units import WAD, from_wad
from tests.support.mutants import Mutant, mutant_chain

pytestmark = pytest.mark.ballast(check=False)

NO_GROWTH_GUARD = Mutant(
    name="only sums are compared",
    contract="Clearinghouse",
    source="contracts/Clearinghouse.sol",
    passages=(("contracts/ledger/HealthCheck.sol", "if (grow) revert Ledger_ExposureGrew(account, assets);", "grow;"),),
)


def trade(chain: LocalChain, maker: int, taker: int, symbol: str, size: Decimal | str | int) -> bytes:
    """The taker buys at the mark; both are accounts of who sends it."""
    price = from_wad(chain.protocol.mark(symbol))
    made = chain.order(maker, symbol, -Decimal(size), price)
    taken = chain.order(taker, symbol, Decimal(size), price)
    function: Any = chain.protocol.house.functions.fill(made.as_tuple(), b"", taken.as_tuple(), b"", abs(taken.size))
    return bytes.fromhex(function._encode_transaction_data()[2:])


class Owner:
    """Account 0 has 1,000 ETH and all the USDC that initial margin lends, account 1 owes nothing and has BTC."""

    def __init__(self, chain: LocalChain) -> None:
        self.chain = chain
        chain.open("lender", collateral={"USDC": 50_000_000})
        self.weak = chain.open("attacker", collateral={"ETH": 1_000})
        self.free = chain.open("attacker", index=1, collateral={"BTC": 17, "USDC": 60_000})
        chain.withdraw(self.weak, "USDC", 2_390_000)
        #: What the owner has outside, and in the free account: 2,390,000 drawn and 1,080,000 there.
        self.worth = 2_390_000 + 17 * 60_000 + 60_000

    def batch(self, *calls: bytes) -> None:
        self.chain.send(self.chain.protocol.house.functions.batch(list(calls)), self.chain.key_of(self.weak).address)

    def swap(self) -> None:
        """1,000 ETH for 16.5 BTC at the marks of now, then the ETH leaves."""
        chain = self.chain
        self.batch(
            trade(chain, self.weak, self.free, "ETH", 1_000),
            trade(chain, self.free, self.weak, "BTC", "16.5"),
        )
        chain.withdraw(self.free, "ETH", None)

    def gained(self) -> Decimal:
        """In all but the weak account, which is left behind; USDC at true prices."""
        ether = self.chain.protocol.token("ETH").functions.balanceOf(self.chain.key_of(self.weak).address).call()
        rest = from_wad(self.chain.health(self.free).equity)
        return 2_390_000 + rest + from_wad(ether) * 3_000 - self.worth


def pump(chain: LocalChain, paused: bool) -> None:
    """BTC at three times its price: in one round, which deviates, or for long, and the guardian has seen it."""
    chain.set_price("BTC", 180_000)
    if paused:
        chain.reset_slow_price("BTC")
        chain.send(chain.protocol.house.functions.pause(chain.now() + 86_400), chain.governor)


@pytest.mark.parametrize("paused", [False, True], ids=["deviating", "paused"])
def test_swap__into_what_a_wrong_price_overstates__reverts(
    ballast_chain: LocalChain, market: Market, paused: bool
) -> None:
    owner = Owner(ballast_chain)
    pump(ballast_chain, paused)
    with pytest.raises(ContractError, match="Ledger_ExposureGrew"):
        owner.swap()
    # to sell what is overstated is no risk
    owner.batch(trade(ballast_chain, owner.weak, owner.free, "ETH", 10))


def test_swap__without_the_guard__takes_a_million_of_the_lenders() -> None:
    for paused in (False, True):
        with mutant_chain(NO_GROWTH_GUARD) as chain:
            owner = Owner(chain)
            pump(chain, paused)
            owner.swap()
            chain.set_price("BTC", 60_000)
            assert owner.gained() > 1_000_000
            assert chain.health(owner.weak).equity < -1_000_000 * WAD, "the lenders' loss"


def open_quiet_pair(chain: LocalChain) -> tuple[int, int]:
    """A long and a short account of one owner, 5,000 ETH-PERP each way; 10,000,000 USDC in the fund."""
    chain.open("lender", collateral={"USDC": 20_000_000})
    chain.fund_insurance(10_000_000)
    long = chain.open("attacker", collateral={"USDC": 1_550_000})
    short = chain.open("attacker", index=1, collateral={"USDC": 1_550_000})
    chain.fill(short, long, "ETH-PERP", 5_000)
    return long, short


def move_pair(chain: LocalChain, long: int, short: int) -> None:
    """From ETH-PERP to BTC-PERP at marks: it needs less margin than before."""
    calls = [trade(chain, short, long, "ETH-PERP", -5_000), trade(chain, short, long, "BTC-PERP", 107)]
    chain.send(chain.protocol.house.functions.batch(calls), chain.key_of(long).address)


def test_pair__moved_into_a_market_whose_price_deviates__reverts(ballast_chain: LocalChain, market: Market) -> None:
    long, short = open_quiet_pair(ballast_chain)
    ballast_chain.set_price("BTC", 180_000)
    with pytest.raises(ContractError, match="Ledger_ExposureGrew"):
        move_pair(ballast_chain, long, short)


def test_pair__without_the_guard__is_left_insolvent_by_millions() -> None:
    with mutant_chain(NO_GROWTH_GUARD) as chain:
        long, short = open_quiet_pair(chain)
        chain.set_price("BTC", 180_000)
        move_pair(chain, long, short)
        chain.set_price("BTC", 60_000)
        assert chain.health(long).equity < -9_000_000 * WAD
        assert chain.health(short).equity > 9_000_000 * WAD


def test_deviating__debt_of_it_grows_while_another_falls__reverts(
    ballast_chain: LocalChain, market: Market, make_account: Callable[..., Trader]
) -> None:
    """A price pushed down makes its debts look cheap."""
    lender = make_account(collateral={"USDC": 5_000_000, "BTC": 100, "ETH": 1_000})
    debtor = make_account(collateral={"USDC": 1_000_000})
    debtor.borrow("ETH", 200)
    market.set_price("BTC", 20_000)
    sides = [
        ballast_chain.order(debtor.account, "BTC", "-20", "20000"),
        ballast_chain.order(lender.account, "BTC", "20", "20000"),
        ballast_chain.order(debtor.account, "ETH", "150", "3000"),
        ballast_chain.order(lender.account, "ETH", "-150", "3000"),
    ]
    signed = [ballast_chain.sign(side) for side in sides]
    house = ballast_chain.protocol.house
    calls = [
        house.functions.fill(sides[i].as_tuple(), signed[i], sides[i + 1].as_tuple(), signed[i + 1], abs(sides[i].size))
        for i in (0, 2)
    ]
    encoded = [bytes.fromhex(call._encode_transaction_data()[2:]) for call in calls]
    with pytest.raises(ContractError, match="Ledger_ExposureGrew"):
        ballast_chain.send(house.functions.batch(encoded), debtor.address)
