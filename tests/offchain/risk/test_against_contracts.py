"""The twin's pieces against the contracts' own functions, at random and at the edges."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from web3.contract import Contract

from ballast.errors import ContractError
from ballast.risk.fixed import exp_wad
from ballast.risk.interest import amount_of, indices
from ballast.risk.perpetual import Hot, accrue, mark, profit
from ballast.units import WAD
from tests.offchain.risk.build import PREMIUM, bank, market
from tests.offchain.risk.probe import probe


@pytest.fixture(scope="module")
def contract() -> Iterator[Contract]:
    with probe() as deployed:
        yield deployed


def _theirs(call: Any) -> Any:
    try:
        found = call.call()
    except ContractError:
        return "reverts"
    return tuple(found) if isinstance(found, list) else found


def _ours(compute: Callable[[], Any]) -> Any:
    try:
        return compute()
    except (OverflowError, ZeroDivisionError):
        return "reverts"


@dataclass(frozen=True)
class _Terms:
    funding_period: int


EDGES = [
    *(0, 1, -1, WAD, -WAD, 10**18 // 3),
    *(-41_446_531_673_892_822_313, -41_446_531_673_892_822_312),
    *(135_305_999_368_893_231_588, 135_305_999_368_893_231_589),
    *(-(2**255), 2**255 - 1),
]


def test_exp_wad__edges_and_random__as_solady(contract: Contract) -> None:
    rng = random.Random(1)
    values = EDGES + [rng.randrange(-43 * WAD, 3 * WAD) for _ in range(250)]
    values += [rng.randrange(0, 136 * WAD) for _ in range(50)]
    for x in values:
        assert _ours(lambda x=x: exp_wad(x)) == _theirs(contract.functions.expWad(x)), x


def test_accrue__random__as_the_contract(contract: Contract) -> None:
    rng = random.Random(2)
    now = contract.functions.time().call()
    reverted = 0
    for _ in range(200):
        premium = rng.choice((0, 1, -1, rng.randrange(-(10**8), 10**8), 2**31 - 1, -(2**31)))
        funding = rng.choice((0, rng.randrange(-(2**50), 2**50), 2**63 - 1, -(2**63)))
        since = now - rng.choice((0, 1, 7, rng.randrange(10**5), 10**7))
        index = rng.choice((1, WAD, 3_000 * WAD, 60_000 * WAD + 7, 2**100))
        period = rng.choice((0, 3_600, 28_800, 604_800))
        stored = market(funding=funding, premium=premium, updated_at=since, loss_long=5, loss_short=6)
        ours = _ours(lambda s=stored, i=index, p=period: accrue(s, i, _Terms(p), now))
        theirs = _theirs(contract.functions.accrue((funding, 5, 6, premium, since), index, period))
        assert ours == (theirs if theirs == "reverts" else Hot(*theirs[:4])), stored
        reverted += ours == "reverts"
    assert 0 < reverted < 100


def test_mark_and_profit__random__as_the_contract(contract: Contract) -> None:
    rng = random.Random(3)
    for _ in range(100):
        index, premium = rng.randrange(1, 10**24), rng.randrange(-(10**8), 10**8)
        assert mark(index, premium) == contract.functions.mark(index, premium).call()
        hot = Hot(
            funding=rng.randrange(-(2**62), 2**62),
            loss_long=rng.randrange(2**64),
            loss_short=rng.randrange(2**64),
            premium=0,
        )
        size, quote = rng.randrange(-(2**95), 2**95), rng.randrange(-(2**127), 2**127)
        price = rng.randrange(10**26)
        ours = _ours(lambda h=hot, s=size, q=quote, m=price: profit(h, s, q, m))
        assert ours == _theirs(contract.functions.profit((*hot, 0), size, quote, price))


def test_indices__random__as_the_contract(contract: Contract) -> None:
    rng = random.Random(4)
    now = contract.functions.time().call()
    for _ in range(120):
        values = {
            "deposit_index": rng.choice((10**9, WAD, rng.randrange(2**72), 2**72 - 1)),
            "borrow_index": rng.choice((WAD, rng.randrange(2**72), 2**72 - 1)),
            "deposit_rate": rng.choice((0, rng.randrange(2**32), 2**32 - 1)),
            "borrow_rate": rng.choice((0, rng.randrange(2**32), 2**32 - 1)),
            "updated_at": now - rng.choice((0, 1, rng.randrange(10**9))),
        }
        packed = (*values.values(), 0, 6, 0, 0, 0, 0, 0, 0, "0x" + "00" * 20, *(0,) * 8)
        stored = bank(**values)
        assert indices(stored, now) == _theirs(contract.functions.indices(packed)), values


def test_amount_of__random__as_the_contract(contract: Contract) -> None:
    rng = random.Random(5)
    for _ in range(100):
        shares = rng.randrange(-(2 ** rng.choice((8, 64, 127))), 2 ** rng.choice((8, 64, 127)))
        pair = rng.randrange(1, 2**72), rng.randrange(1, 2**72)
        assert amount_of(shares, *pair) == contract.functions.amountOf(shares, *pair).call()


def test_accrue__premium_of_the_local_network__funding_within_its_hourly_cap() -> None:
    """What Listing's bound on the premium promises of the decay."""
    premium, index = PREMIUM.premium_cap, 3_000 * WAD
    hot = accrue(market(premium=premium), index, PREMIUM, 3_600)
    assert hot.funding * 10**6 <= index * PREMIUM.funding_cap // 10**9
    assert hot.funding > 0
