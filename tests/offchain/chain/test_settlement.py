"""Settlement prices of a deployed chain: the rounds are found, the calls sent, and the price is the feeds' average."""

from __future__ import annotations

from decimal import Decimal

import pytest
from web3.contract import Contract

from ballast.chain.artifacts import artifact
from ballast.chain.local import LocalChain
from ballast.chain.settlement import QUOTE, WINDOW, Hints, Settlement, round_in_force
from ballast.chain.signers import UnlockedSigner
from ballast.errors import ContractError, StaleDataError
from ballast.testing import START
from ballast.units import WAD

DAY = 86_400
#: 08:00 UTC of the day after the chain's first.
EXPIRY = START // DAY * DAY + DAY + 8 * 3_600
BEGIN = EXPIRY - WINDOW
QUANTUM = 10**6


@pytest.fixture
def settlement(chain: LocalChain) -> Settlement:
    return Settlement(chain.protocol)


@pytest.fixture
def eth(chain: LocalChain) -> int:
    return chain.deployment.underlyings["ETH"]


@pytest.fixture
def signer(chain: LocalChain) -> UnlockedSigner:
    """Nobody with a role."""
    return UnlockedSigner(chain.actor("settler").address)


def at(chain: LocalChain, time: int) -> None:
    chain.advance(time - chain.now())


def push(chain: LocalChain, symbol: str, prices: dict[int, str]) -> None:
    """Answers at times, in seconds from the window's start."""
    for after, price in prices.items():
        if chain.now() < BEGIN + after:
            at(chain, BEGIN + after)
        chain.set_price(symbol, price)


def average(prices: dict[int, str]) -> Decimal:
    """Of the answers in force in each second."""
    held = [max(after for after in prices if after <= second) for second in range(WINDOW)]
    return sum((Decimal(prices[after]) for after in held), Decimal(0)) / WINDOW


def test_settle__feeds_silent_for_hours__is_their_first_answers(
    chain: LocalChain, settlement: Settlement, eth: int, signer: UnlockedSigner
) -> None:
    at(chain, EXPIRY)
    assert settlement.hints(eth, EXPIRY) == Hints(1, 1)
    assert settlement.simulate(eth, EXPIRY) == chain.price("ETH") * WAD
    assert settlement.price(eth, EXPIRY) is None
    assert settlement.settle(signer, eth, EXPIRY) == chain.price("ETH") * WAD
    assert settlement.price(eth, EXPIRY) == chain.price("ETH") * WAD


@pytest.mark.parametrize("max_rounds", [1, 2, 256])
def test_settle__pushed_rounds__is_their_average_in_any_number_of_calls(
    chain: LocalChain, settlement: Settlement, eth: int, signer: UnlockedSigner, max_rounds: int
) -> None:
    prices = {-900: "2900", -30: "3000", 10: "3100", 200: "2950", 1_799: "3010", 1_800: "9999", 1_830: "1"}
    push(chain, "ETH", prices)
    before = chain.w3.eth.block_number
    assert settlement.hints(eth, EXPIRY) == Hints(3, 1)
    found = settlement.settle(signer, eth, EXPIRY, max_rounds)
    exact = int(average(prices) * WAD)
    assert found == exact - exact % QUANTUM
    calls = -(-4 // max_rounds)  # four rounds were in force within the window
    assert chain.w3.eth.block_number == before + calls
    assert settlement.settle(signer, eth, EXPIRY, max_rounds) == found
    assert chain.w3.eth.block_number == before + calls


def test_hints__a_walk_that_has_begun__needs_none(
    chain: LocalChain, settlement: Settlement, eth: int, signer: UnlockedSigner
) -> None:
    push(chain, "ETH", {-30: "3000", 10: "3100"})
    at(chain, EXPIRY)
    call = settlement.contract.functions.settlePrice(eth, EXPIRY, 2, 1, 1)
    chain.send(call, signer.address)
    assert settlement.hints(eth, EXPIRY) == Hints(0, 0)
    assert settlement.settle(signer, eth, EXPIRY) == settlement.price(eth, EXPIRY)


def test_settle__before_the_expiry__named_error_and_nothing_sent(
    chain: LocalChain, settlement: Settlement, eth: int, signer: UnlockedSigner
) -> None:
    at(chain, EXPIRY - 1)
    before = chain.w3.eth.block_number
    with pytest.raises(ContractError) as found:
        settlement.settle(signer, eth, EXPIRY)
    assert found.value.name == "Settlement_NotExpired"
    assert chain.w3.eth.block_number == before


def test_settle__dead_feed__named_error_until_the_governor_sets_the_price(
    chain: LocalChain, settlement: Settlement, eth: int, signer: UnlockedSigner
) -> None:
    late = EXPIRY + DAY
    push(chain, "USDC", {DAY - 60: "1"})
    at(chain, late + DAY)
    with pytest.raises(ContractError) as found:
        settlement.simulate(eth, late)
    assert found.value.name == "Oracle_Stale"
    call = settlement.contract.functions.setPriceByGovernor(eth, late, 2_900 * WAD)
    with pytest.raises(ContractError) as refused:
        chain.send(call, signer.address)
    assert refused.value.name == "AccessManagedUnauthorized"
    chain.send(call, chain.governor)
    assert settlement.settle(signer, eth, late) == 2_900 * WAD


# ------------------------------------------------------------------ finding a round


@pytest.mark.parametrize("count", [1, 2, 3, 7, 40])
def test_round_in_force__any_time__is_the_last_at_or_before(chain: LocalChain, count: int) -> None:
    feed = chain.protocol.feed("ETH")
    for number in range(count):
        at(chain, START + 3_600 + 10 * number)
        chain.set_price("ETH", 3_000 + number)
    for number in range(count):
        for time in (0, 9):
            assert round_in_force(feed, START + 3_600 + 10 * number + time) == number + 2
    assert round_in_force(feed, START + 3_599) == 1
    with pytest.raises(StaleDataError, match="no round at or before"):
        round_in_force(feed, START - 10_000)


def test_round_in_force__many_rounds__few_requests(chain: LocalChain) -> None:
    at(chain, START + 3_600)
    for _ in range(300):
        chain.mine()
        chain.set_price("SOL", "100")
    feed = chain.protocol.feed("SOL")
    asked = []
    genuine = chain.w3.provider.make_request
    chain.w3.provider.make_request = lambda *request: asked.append(request) or genuine(*request)  # type: ignore
    try:
        found = round_in_force(feed, START + 3_610)
    finally:
        chain.w3.provider.make_request = genuine  # type: ignore[method-assign]
    assert found == 11
    assert len(asked) < 30


def test_round_in_force__phases_of_a_proxy__the_latest_that_has_one(chain: LocalChain) -> None:
    def deployed(name: str, *arguments: object) -> Contract:
        built = artifact(name)
        factory = chain.w3.eth.contract(abi=built["abi"], bytecode=built["bytecode"])
        sent = factory.constructor(*arguments).transact({"from": chain.governor})
        receipt = chain.w3.eth.wait_for_transaction_receipt(sent)
        return chain.w3.eth.contract(address=receipt["contractAddress"], abi=built["abi"])

    def push_to(source: Contract, *times: int) -> None:
        for time in times:
            at(chain, START + time)
            chain.send(source.functions.submit(3_000 * 10**8), chain.governor)

    old, new = (deployed("PushedAggregator", chain.governor, 8, "ETH / USD", 1, 10**17) for _ in range(2))
    proxy = deployed("PhaseProxy", old.address)
    push_to(old, 3_600, 3_700, 3_800, 3_900, 4_000)
    push_to(new, 4_100, 4_200)
    chain.send(proxy.functions.confirmAggregator(new.address), chain.governor)
    for time, phase, serial in ((3_600, 1, 1), (3_950, 1, 4), (4_099, 1, 5), (4_100, 2, 1), (9_999, 2, 2)):
        assert round_in_force(proxy, START + time) == phase << 64 | serial
    with pytest.raises(StaleDataError):
        round_in_force(proxy, START + 3_599)


def test_quote__is_the_first_asset(chain: LocalChain) -> None:
    assert QUOTE not in chain.deployment.underlyings.values()
