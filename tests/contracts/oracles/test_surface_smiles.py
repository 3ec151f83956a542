"""What a surface must be at the listed strikes, and how far it may move. Branches: ``test_surface_smiles.tree``."""

from __future__ import annotations

import random
from dataclasses import replace
from math import exp, sqrt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ballast.chain.surfaces import Surface
from ballast.risk.svi import durrleman
from tests.contracts.harness import LocalChain, Revert
from tests.contracts.oracles.smiles import (
    DAY,
    ETH,
    FORWARD,
    HOUR,
    LIMITS,
    STRIKES,
    WAD,
    YEAR,
    SmileDesk,
    allowed,
    expiry_after,
    k_of,
    slice_of,
    vol_at,
    vol_of,
)
from tests.support.fuzz import examples
from tests.support.published import published_prices

E12 = 10**12
#: Every change is within the rate.
LOOSE = replace(LIMITS, volStep=1_000_000, volSpeed=10_000_000, basisStep=500_000)
#: Next to no change is.
TIGHT = replace(LIMITS, volStep=1_000, volSpeed=10_000, basisStep=500_000)


def accepted(desk: SmileDesk, surface: Surface) -> bool:
    return desk.call(surface).call() == []


def alone(desk: SmileDesk, *strikes: int, days: int = 365) -> int:
    """An expiry with these strikes only."""
    expiry = expiry_after(desk.chain.now, days)
    desk.list_strikes(strikes, expiry)
    return expiry


# ------------------------------------------------------------------ positive, within bounds


@pytest.mark.parametrize("a", [0, -1, -(10**9)])
def test_submit__no_variance__refused(desk: SmileDesk, a: int) -> None:
    assert desk.refusal(desk.flat(a=a)) == Revert("Surface_VarianceNotPositive", (STRIKES[0], a * 10**6))


def test_submit__no_variance_at_one_strike__names_it(desk: SmileDesk) -> None:
    """A valley below zero at 3,070, between two strikes that are sound."""
    expiry = alone(desk, 2_900 * WAD, 3_250 * WAD, 3_070 * WAD, days=10)
    bottom = k_of(desk.flat(), 3_070 * WAD) // 10**6
    valley = desk.flat(expiry=expiry, a=-(10**8), b=2 * 10**10, m=bottom, sigma=10**7)
    found = desk.refusal(valley)
    assert (found.name, found.arguments[0]) == ("Surface_VarianceNotPositive", 3_070 * WAD)
    assert found.arguments[1] < 0


@pytest.mark.parametrize("left", [90 * DAY, 1])
def test_submit__vol_bounds__at_them_and_beyond(desk: SmileDesk, left: int) -> None:
    desk.chain.warp(desk.expiry - left - desk.chain.now)
    for bound, beyond in ((LIMITS.minVol * E12, -1), (LIMITS.maxVol * E12, 1)):
        a = _least(bound if beyond < 0 else bound + 1, left)
        if beyond > 0:
            a -= 1  # the most that is not above it
        assert accepted(desk, desk.flat(a=a))
        found = desk.refusal(desk.flat(a=a + beyond))
        assert found == Revert("Surface_VolBounds", (STRIKES[0], vol_of((a + beyond) * 10**6, left), bound))


def _least(vol: int, left: int) -> int:
    """The smallest ``a`` of a flat surface whose volatility is ``vol`` or more."""
    a = vol * vol * left // (YEAR * WAD * 10**6)
    while vol_of(a * 10**6, left) < vol:
        a += 1
    return a


# ------------------------------------------------------------------ arbitrage


def test_submit__density__at_zero_and_beyond(desk: SmileDesk) -> None:
    """Steeper and steeper wings, until the density at 4,500 is below zero."""
    expiry = alone(desk, STRIKES[4])

    def steep(b: int) -> Surface:
        return desk.flat(expiry=expiry, a=10**10, b=b, rho=5 * 10**11, sigma=10**11)

    low, high = 0, E12
    while high - low > 1:
        middle = (low + high) // 2
        density = durrleman(slice_of(steep(middle)), k_of(steep(middle), STRIKES[4]))
        low, high = (middle, high) if density >= 0 else (low, middle)
    assert accepted(desk, steep(low))
    density = durrleman(slice_of(steep(high)), k_of(steep(high), STRIKES[4]))
    assert desk.refusal(steep(high)) == Revert("Surface_ButterflyArbitrage", (STRIKES[4], density))


@pytest.fixture
def vogt() -> dict[str, Any]:
    """Axel Vogt's slice, whose variance is positive everywhere and whose density is not."""
    return dict(published_prices()["svi_vogt"])


def _scaled(**parameters: float) -> dict[str, int]:
    return {name: round(value * 1e12) for name, value in parameters.items()}


def test_submit__vogt__refused_where_a_strike_is_in_its_arbitrage_region(desk: SmileDesk, vogt: dict[str, Any]) -> None:
    low, high = vogt["butterfly_arbitrage_k"]
    raw = _scaled(**{name: vogt[name] for name in ("a", "b", "rho", "m", "sigma")})
    for k in (low + 0.01, vogt["at_k"], high - 0.01):
        strike = round(FORWARD / WAD * exp(k) * 1e9) * 10**9
        expiry = alone(desk, 2_500 * WAD, strike, days=365 + round(100 * k))
        found = desk.refusal(desk.flat(expiry=expiry, **raw))
        assert (found.name, found.arguments[0]) == ("Surface_ButterflyArbitrage", strike)
        if k == vogt["at_k"]:
            assert found.arguments[1] / WAD == pytest.approx(vogt["min_g"], abs=2e-6)
    outside = [round(FORWARD / WAD * exp(k) * 1e9) * 10**9 for k in (-1.5, 0.0, low - 0.01, high + 0.01)]
    expiry = alone(desk, *outside, days=600)
    assert accepted(desk, desk.flat(expiry=expiry, **raw))


def test_submit__vogt_repaired__accepted_at_every_strike(desk: SmileDesk, vogt: dict[str, Any]) -> None:
    """Gatheral and Jacquier (2014), section 5.1: the same v, psi and p with another c and lowest variance."""
    wings = {**vogt["jump_wings"], **vogt["arbitrage_free_fix"]}
    strikes = [round(FORWARD / WAD * exp(-1.5 + 0.1 * i) * 1e9) * 10**9 for i in range(30)]
    expiry = alone(desk, *strikes)
    assert accepted(desk, desk.flat(expiry=expiry, **_scaled(**_raw_of(wings))))


def _raw_of(wings: dict[str, float]) -> dict[str, float]:
    """Raw parameters of jump wings at one year; their equations 3.6 to 3.10."""
    v, psi, p, c, lowest = (wings[name] for name in ("v", "psi", "p", "c", "v_min"))
    root = sqrt(v)
    b = root / 2 * (c + p)
    rho = 1 - p * root / b
    beta = rho - 2 * psi * root / b
    alpha = (1 if beta > 0 else -1) * sqrt(1 / beta**2 - 1)
    sign = 1 if alpha > 0 else -1
    m = (v - lowest) / (b * (-rho + sign * sqrt(1 + alpha**2) - alpha * sqrt(1 - rho**2)))
    sigma = alpha * m
    return {"a": lowest - b * sigma * sqrt(1 - rho**2), "b": b, "rho": rho, "m": m, "sigma": sigma}


# ------------------------------------------------------------------ no jump


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("elapsed", [10, 100, 3_601])
def test_submit__vol_jump__at_the_bound_and_beyond(desk: SmileDesk, sign: int, elapsed: int) -> None:
    desk.submit(desk.flat(0.6))
    before = desk.current()
    previous = vol_of(before[0][0] * 10**6, desk.expiry - before[3])
    desk.chain.warp(before[3] + elapsed - desk.chain.now)
    left = desk.expiry - desk.chain.now
    bound = allowed(previous, LIMITS.volStep, LIMITS.volSpeed, elapsed)
    a = _least(previous + bound + 1, left) - 1 if sign > 0 else _least(previous - bound, left)
    assert accepted(desk, desk.flat(a=a))
    vol = vol_of((a + sign) * 10**6, left)
    found = desk.refusal(desk.flat(a=a + sign))
    assert found == Revert("Surface_VolJump", (STRIKES[0], vol, previous, bound))


def test_submit__vol_jump__names_the_strike(desk: SmileDesk) -> None:
    desk.submit(desk.flat(0.6), after=12)
    first = desk.current()
    tilted = desk.flat(b=4 * 10**10, rho=5 * 10**11, sigma=10**11, m=0, a=first[0][0])
    previous = vol_of(first[0][0] * 10**6, desk.expiry - first[3])
    bound = allowed(previous, LIMITS.volStep, LIMITS.volSpeed, tilted.time - first[3])
    jumped = [strike for strike in STRIKES if abs(vol_at(tilted, strike) - previous) > bound]
    assert jumped == STRIKES[-1:]
    found = desk.refusal(tilted)
    assert found == Revert("Surface_VolJump", (STRIKES[-1], vol_at(tilted, STRIKES[-1]), previous, bound))


def test_submit__forward_moved__volatilities_are_compared_at_the_strike(chain: LocalChain) -> None:
    """The forward falls by a fifth. The smile that stays at its strikes passes, the one that moves along does not."""
    desk = SmileDesk(chain, TIGHT)
    first = desk.smile()
    desk.submit(first, after=12)
    prices = {"spot": first.spot * 4 // 5, "forward": first.forward * 4 // 5}
    moved = replace(first, time=chain.now, **prices)
    stays = replace(moved, m=first.m + (k_of(moved, WAD) - k_of(first, WAD)) // 10**6)
    assert max(abs(vol_at(stays, strike) - vol_at(first, strike)) for strike in STRIKES) < WAD // 10**6
    assert accepted(desk, stays)
    found = desk.refusal(moved)
    assert found.name == "Surface_VolJump"
    strike = found.arguments[0]
    assert found.arguments[1:3] == (vol_at(moved, strike), vol_at(first, strike))


def test_submit__time_passes__volatilities_are_compared_not_variances(chain: LocalChain) -> None:
    """Of the two days to the expiry one passes: the variance halves, the volatility stays."""
    desk = SmileDesk(chain, TIGHT)
    chain.warp(desk.expiry - 2 * DAY - chain.now)
    first = desk.flat(0.6)
    desk.submit(first)
    chain.warp(DAY)
    assert accepted(desk, desk.flat(0.6))
    kept = replace(first, time=chain.now)
    found = desk.refusal(kept)
    assert found.name == "Surface_VolJump"
    assert found.arguments[1] / found.arguments[2] == pytest.approx(sqrt(2), abs=1e-4)


def test_submit__new_strike_without_variance_before__does_not_stop_the_expiry(desk: SmileDesk) -> None:
    """A valley between two strikes, below zero; then a strike is listed in it."""
    new = 3_070 * WAD
    expiry = alone(desk, 2_900 * WAD, 3_250 * WAD, days=10)
    bottom = k_of(desk.flat(), new) // 10**6
    valley = desk.flat(expiry=expiry, a=-(10**8), b=2 * 10**10, m=bottom, sigma=10**7)
    desk.submit(valley, after=12)
    desk.list_strikes([new], expiry)
    found = desk.refusal(replace(valley, time=desk.chain.now))
    assert (found.name, found.arguments[0]) == ("Surface_VarianceNotPositive", new)
    left = expiry - desk.chain.now
    lowest = LIMITS.minVol * E12
    bound = allowed(lowest, LIMITS.volStep, LIMITS.volSpeed, desk.chain.now - valley.time)

    def at(vol: int) -> Surface:
        """The volatility at the new strike; the others keep theirs."""
        a = _least(vol, left)
        slope = (2 * 10**10 * (3_250 - 3_070) - (a + 10**8) * 3_160) // (3_250 - 3_070)
        return replace(valley, time=desk.chain.now, a=a, b=slope)

    assert accepted(desk, at(lowest + bound * 9 // 10))
    jump = at(lowest + bound * 11 // 10)
    found = desk.refusal(jump)
    assert found == Revert("Surface_VolJump", (new, vol_at(jump, new), lowest, bound))


def test_submit__limits_narrowed__old_volatility_counts_as_the_bound(desk: SmileDesk) -> None:
    for vol, change, bound in ((2.0, {"maxVol": 1_000_000}, 10**6), (0.5, {"minVol": 1_000_000}, 10**6)):
        other = SmileDesk(desk.chain, LOOSE)
        first = other.flat(vol)
        other.submit(first)
        other.chain.send(other.oracle.functions.setLimits(replace(LIMITS, **change).values))
        part = allowed(bound * E12, LIMITS.volStep, LIMITS.volSpeed, other.chain.now - first.time) / WAD
        sign = 1 if "minVol" in change else -1
        assert accepted(other, other.flat(1 + sign * part * 0.99))
        found = other.refusal(other.flat(1 + sign * part * 1.01))
        assert (found.name, found.arguments[2]) == ("Surface_VolJump", bound * E12)


@examples(15)
@given(
    steps=st.lists(
        st.tuples(st.floats(0.7, 1.4), st.integers(1, 2 * HOUR), st.floats(-0.002, 0.002)), min_size=1, max_size=8
    )
)
def test_submit__any_schedule__accepted_exactly_where_the_formula_says(
    desk: SmileDesk, steps: list[tuple[float, int, float]]
) -> None:
    chain = desk.chain
    snapshot = chain.rpc("evm_snapshot")
    vol, held = 0.6, desk.smile(0.6)
    desk.submit(held)
    for factor, wait, move in steps:
        chain.warp(wait)
        surface = desk.smile(vol * factor, forward=int(FORWARD * (1 + move)) // 10**9 * 10**9)
        elapsed = surface.time - held.time
        sound = elapsed >= LIMITS.minInterval and all(
            abs(vol_at(surface, strike) - vol_at(held, strike))
            <= allowed(vol_at(held, strike), LIMITS.volStep, LIMITS.volSpeed, elapsed)
            for strike in STRIKES
        )
        if not sound:
            assert desk.refusal(surface).name in ("Surface_VolJump", "Surface_TooSoon")
            continue
        desk.submit(surface)
        vol, held = vol * factor, surface
    assert desk.current()[3] == held.time
    assert chain.rpc("evm_revert", snapshot)


@pytest.mark.parametrize(("interval", "seed"), [(600, 0), (600, 1), (60, 2)])
def test_submit__whoever_signs_as_often_as_allowed__goes_no_further_than_the_limits(
    chain: LocalChain, interval: int, seed: int
) -> None:
    """All signers together for an hour: steps are counted by the interval, not by surfaces."""
    limits = replace(LIMITS, minInterval=interval, volStep=10_000, volSpeed=200_000)
    desk = SmileDesk(chain, limits)
    source = random.Random(seed)
    first = desk.flat(0.6)
    desk.submit(first)
    held = first
    while True:
        chain.warp(source.randrange(interval, interval + interval // 5))
        if chain.now > first.time + HOUR:
            break
        elapsed, left = chain.now - held.time, desk.expiry - chain.now
        previous = vol_at(held, STRIKES[0])
        bound = allowed(previous, limits.volStep, limits.volSpeed, elapsed)
        held = desk.flat(a=_least(previous + bound + 1, left) - 1)
        desk.submit(held)
    gained = vol_at(held, STRIKES[0]) / vol_at(first, STRIKES[0])
    bound_ = exp(0.01 * HOUR / interval + 0.2)
    assert sqrt(bound_) < gained < bound_


# ------------------------------------------------------------------ gas


@pytest.mark.parametrize("count", [1, 3])
def test_submit__thirty_strikes__below_the_bound(chain: LocalChain, count: int) -> None:
    desk = SmileDesk(chain, threshold=count)
    expiry = alone(desk, *((1_500 + 100 * i) * WAD for i in range(30)), days=200)
    for bound in (260_000, 250_000):  # the first one writes fresh slots
        receipt = desk.submit(desk.smile(expiry=expiry), count=count, after=12)
        print(f"submit, 30 strikes, {count} signers: {receipt['gasUsed']:,} gas")
        assert receipt["gasUsed"] < bound


def test_reads__cost_their_slots(desk: SmileDesk) -> None:
    desk.submit(desk.smile())
    for name, slots in (("surfaceOf", 3), ("basisOf", 1)):
        call = desk.oracle.functions[name](ETH, desk.expiry)
        tx = {"to": desk.oracle.address, "data": call._encode_transaction_data()}
        traced = desk.chain.rpc("debug_traceCall", tx, "latest", {})
        assert sum(step["op"] == "SLOAD" for step in traced["structLogs"]) == slots
