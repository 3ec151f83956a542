"""Morpho Blue and Aave v3 on one chain: what the steps cost, against what is known of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ballast.bench.chain import Chain
from ballast.bench.compile import PeerError
from ballast.bench.gas_aave import AAVE, measure_aave
from ballast.bench.gas_morpho import MORPHO, deploy_morpho, measure_morpho
from ballast.bench.lending import AMOUNTS, STEPS, Actors, Market, Step, measure
from ballast.bench.peers import PEERS, measure_peers

# Gas of Aave's own gas tests: `snapshots/Pool.Operations.json` and `Pool.Getters.json` of
# aave-v3-origin at v3.6.0. Tokens and amounts differ; `health` is one supply and one borrow, taken
# as one supply plus what a borrow adds to two (55,292 + 115,201 - 84,512).
AAVE_PUBLISHED = {
    "deposit.collateral": 141_657,
    "borrow": 215_123,
    "repay": 158_144,
    "withdraw": 220_715,
    "liquidate": 343_150,
    "health": 85_981,
}
TOLERANCE = 0.12
FIRST_WRITE = 17_100  # gas by which a slot's first value costs more than a later one (EIP-2929)


@pytest.fixture(scope="session")
def aave_steps(chain: Chain, market: Market, actors: Actors, project: Path) -> list[Step]:
    """Aave's steps, measured once."""
    return measure_aave(chain, market, actors, project)


@pytest.fixture(scope="session")
def morpho_steps(chain: Chain, market: Market, actors: Actors, project: Path) -> list[Step]:
    """Morpho's steps, measured once."""
    return measure_morpho(chain, market, actors, project)


def _gas(steps: Sequence[Step]) -> dict[tuple[str, int], int]:
    return {(step.work, step.n): step.gas for step in steps if step.gas is not None}


@pytest.mark.parametrize("work", AAVE_PUBLISHED)
def test_measure_aave__step__near_aaves_own_figure(aave_steps: list[Step], work: str) -> None:
    measured = _gas(aave_steps)[work, 1]
    assert measured == pytest.approx(AAVE_PUBLISHED[work], rel=TOLERANCE)


def test_measure_aave__more_collateral__health_costs_more(aave_steps: list[Step]) -> None:
    gas = _gas(aave_steps)
    assert gas["health", 4] > 1.8 * gas["health", 1]


def test_measure_morpho__every_step__below_aave(morpho_steps: list[Step], aave_steps: list[Step]) -> None:
    aave = _gas(aave_steps)
    assert [step.work for step in morpho_steps] == list(STEPS)
    assert all(gas < aave[key] for key, gas in _gas(morpho_steps).items())


def test_measure__step_on_used_slots__cheaper_than_the_first(
    chain: Chain, market: Market, actors: Actors, project: Path, morpho_steps: list[Step]
) -> None:
    morpho = deploy_morpho(chain, market, project)
    measure(chain, morpho, market, actors)
    deposit = morpho.deposit_loan(list(chain.w3.eth.accounts)[6], AMOUNTS.loan)
    first = chain.send(deposit, actors.lender)
    second = chain.send(deposit, actors.lender)
    assert first - second == pytest.approx(FIRST_WRITE, abs=100)
    assert _gas(morpho_steps)["deposit.loan", 1] == pytest.approx(second, abs=100)


def test_measure__after__leaves_half_the_debt_and_the_price_restored(
    chain: Chain, market: Market, actors: Actors, project: Path
) -> None:
    morpho = deploy_morpho(chain, market, project)
    measure(chain, morpho, market, actors)
    collateral, debt, health = morpho.health(actors.borrower).call()
    repaid = AMOUNTS.first_borrow + AMOUNTS.borrow - 2 * AMOUNTS.repay - debt
    assert repaid == pytest.approx(AMOUNTS.liquidated_debt, rel=0.001)
    held = AMOUNTS.first_collateral + AMOUNTS.collateral - 2 * AMOUNTS.withdraw
    bonus = 1 / (1 - 0.3 * (1 - 0.86))
    seized = AMOUNTS.liquidated_debt * bonus / (AMOUNTS.crash / 1e8) * 1e12
    price = AMOUNTS.price / 1e8
    assert collateral == pytest.approx((held - seized) * price / 1e12, rel=0.001)
    assert health == pytest.approx(collateral * 0.86 / debt * 1e18, rel=1e-6)


def test_measure__healthy_account__liquidation_refused_by_name(
    chain: Chain, market: Market, actors: Actors, project: Path
) -> None:
    morpho = deploy_morpho(chain, market, project)
    with pytest.raises(PeerError, match=r"liquidate reverted: .*position is healthy"):
        measure(chain, morpho, market, actors, amounts=replace(AMOUNTS, crash=AMOUNTS.price))


def test_measure_peers__one_cannot_run__its_rows_say_why(
    chain: Chain, market: Market, actors: Actors, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> list[Step]:
        raise PeerError("no such compiler")

    morpho, aave = PEERS
    rows = measure_peers(chain, market, actors, project, peers=[replace(aave, measure=broken), morpho])
    unable = [row for row in rows if row.system == AAVE]
    assert [row.work for row in unable] == list(STEPS)
    assert all(row.value is None and row.reason == "no such compiler" for row in unable)
    assert all("3.6.0" in row.version for row in unable)
    able = [row for row in rows if row.system == MORPHO]
    assert len(able) == len(STEPS)
    assert all(row.value and row.unit == "gas" for row in able)
    assert capsys.readouterr().out == ""
