"""OptionList.sol, through fills. Branches: test_option_list.tree."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from ballast.chain.local import LocalChain
from ballast.chain.protocol import Protocol
from ballast.units import WAD
from tests.contracts.markets.desk import reverts
from tests.contracts.markets.options import OptionDesk

pytestmark = pytest.mark.ballast(check=False)

LABELS = ("30JAN26", "27FEB26", "27MAR26", "24APR26", "29MAY26", "26JUN26", "25SEP26", "25DEC26", "29JAN27")
STRIKES = (2_400, 2_800, 3_000, 3_400)


@pytest.fixture
def desk(ballast_chain: LocalChain, protocol: Protocol) -> OptionDesk:
    made = OptionDesk(ballast_chain)
    for label in LABELS:
        made.chain.options.list_strikes("ETH", label, STRIKES)
        made.refresh("ETH", label)
    return made


@pytest.fixture
def makers(desk: OptionDesk) -> list[int]:
    """Each takes the other side of one half of the series, so that none has too many."""
    return [desk.open(f"maker {i}", USDC=10_000_000) for i in range(2)]


@pytest.fixture
def trader(desk: OptionDesk) -> int:
    return desk.open("trader", USDC=5_000_000)


def fill(desk: OptionDesk, makers: list[int], trader: int, name: str, size: Decimal | int) -> None:
    desk.chain.fill(makers[LABELS.index(name.split("-")[1]) % 2], trader, name, size)


def names(labels: tuple[str, ...]) -> list[str]:
    return [f"ETH-{label}-{strike}-{side}" for label in labels for strike in STRIKES for side in "CP"]


def test_options__traded_in_any_order__are_those_of_a_dictionary(
    desk: OptionDesk, makers: list[int], trader: int
) -> None:
    source, held = random.Random(7), dict[int, int]()
    known = names(LABELS[:8])
    numbers = {name: desk.number(name) for name in known}
    for _ in range(90):
        # closing as often as opening, so that entries leave from the middle
        opened = [name for name in known if numbers[name] in held]
        name = source.choice(opened if opened and source.random() < 0.55 else known)
        number = numbers[name]
        lots = source.randrange(1, 9) * source.choice((-1, 1))
        if number in held and source.random() < 0.6:
            lots = -held[number] // 10**16
        fill(desk, makers, trader, name, Decimal(lots) / 100)
        held[number] = held.get(number, 0) + lots * 10**16
        if not held[number]:
            del held[number]
        assert desk.options(trader) == held
    for maker in makers:
        assert all(held[number] == -size for number, size in desk.options(maker).items() if number in held)
    assert sum(map(len, (desk.options(maker) for maker in makers))) == len(held)


def test_options__sixty_four__another_reverts_and_more_of_the_same_passes(
    desk: OptionDesk, makers: list[int], trader: int
) -> None:
    full = names(LABELS[:8])
    assert len(full) == 64
    for name in full:
        fill(desk, makers, trader, name, Decimal("0.01"))
    fill(desk, makers, trader, full[0], Decimal("0.01"))
    desk.chain.options.list_strikes("ETH", LABELS[0], [3_300])
    desk.refresh("ETH", LABELS[0])
    with reverts("Ledger_TooManyOptions", account=trader, limit=64):
        fill(desk, makers, trader, f"ETH-{LABELS[0]}-3300-C", Decimal("0.01"))
    assert len(desk.options(trader)) == 64
    assert desk.chain.health(trader).equity > 0


def test_options__ninth_series__reverts_until_one_is_closed(desk: OptionDesk, makers: list[int], trader: int) -> None:
    first = [f"ETH-{label}-3000-C" for label in LABELS]
    for name in first[:8]:
        fill(desk, makers, trader, name, 1)
    with reverts("Ledger_TooManySeries", account=trader, limit=8):
        fill(desk, makers, trader, first[8], 1)
    fill(desk, makers, trader, first[3], -1)
    fill(desk, makers, trader, first[8], 1)
    assert desk.options(trader) == {desk.number(name): WAD for i, name in enumerate(first) if i != 3}


def test_options__claim_of_an_expired_series__counts_as_one(desk: OptionDesk, makers: list[int], trader: int) -> None:
    first = [f"ETH-{label}-2800-C" for label in LABELS]
    for name in first[:8]:
        fill(desk, makers, trader, name, 1)
    desk.expire(3_000, "ETH", LABELS[0])
    desk.fix("ETH", LABELS[0])
    desk.chain.settle(trader)
    assert len(desk.options(trader)) == 7
    desk.refresh("ETH", LABELS[8])
    with reverts("Ledger_TooManySeries", account=trader, limit=8):
        fill(desk, makers, trader, first[8], 1)
    desk.chain.settle(makers[0])  # who sold it: what the pool has now pays the claim
    desk.chain.settle(trader)
    for label in LABELS[1:8]:
        desk.refresh("ETH", label)
    fill(desk, makers, trader, first[8], 1)
    assert len(desk.options(trader)) == 8
