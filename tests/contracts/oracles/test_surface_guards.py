"""Each guard of a surface that protects money planted out, and the loss. Branches: ``test_surface_guards.tree``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from ballast.chain.surfaces import Surface
from ballast.risk.black76 import call_value
from ballast.risk.fixed import sqrt_wad
from ballast.risk.svi import durrleman, total_variance
from tests.contracts.harness import LocalChain
from tests.contracts.oracles.smiles import LIMITS, STRIKES, WAD, SmileDesk, expiry_after, k_of, slice_of
from tests.support.mutants import Mutant, planted

ORACLE = "contracts/oracles/SurfaceOracle.sol"
SIGNERS = "contracts/oracles/SurfaceSigners.sol"
CHECKS = "contracts/oracles/SurfaceChecks.sol"


def oracle(name: str, path: str, *lines: str) -> Mutant:
    """The oracle without these lines."""
    return Mutant(name, "SurfaceOracle", ORACLE, tuple((path, line, "") for line in lines))


NO_THRESHOLD = oracle(
    "one signature is enough",
    SIGNERS,
    "if (signatures.length < _threshold) revert Surface_Signatures(signatures.length, _threshold);",
)
NO_SIGNERS = oracle("anybody signs", SIGNERS, "if (!_signers[signer]) revert Surface_NotASigner(signer);")
NO_ORDER = oracle(
    "a signer counts twice", SIGNERS, "if (signer <= previous) revert Surface_SignerOrder(signer, previous);"
)
NOT_NEWER = "if (time <= previous.time) revert Surface_NotNewer(time, previous.time);"
TOO_SOON = "if (time < earliest) revert Surface_TooSoon(time, earliest);"
NO_TIME = oracle("a second may have several surfaces", ORACLE, NOT_NEWER, TOO_SOON)
NO_INTERVAL = oracle("a surface a second", ORACLE, TOO_SOON)
NO_DENSITY = oracle(
    "butterflies for nothing",
    CHECKS,
    "if (density < 0) revert ISurfaceOracle.Surface_ButterflyArbitrage(strikeWad, density);",
)
NO_RATE = Mutant(
    "any jump", "SurfaceOracle", ORACLE, ((CHECKS, "if (_gap(volWad, previousWad) > bound) {", "if (volWad == 0) {"),)
)


@contextmanager
def without(mutant: Mutant, chain: LocalChain, threshold: int = 1) -> Iterator[SmileDesk]:
    with planted(mutant):
        yield SmileDesk(chain, threshold=threshold)


def call_wad(surface: Surface, strike: int) -> int:
    """A call at the surface's volatility, USDC in 1e18."""
    k = k_of(surface, strike)
    deviation = sqrt_wad(total_variance(slice_of(surface), k))
    return call_value(-k, strike * WAD // surface.forward, deviation) * surface.forward // WAD


def doubled(desk: SmileDesk) -> Surface:
    return desk.flat(1.2)


def steep(desk: SmileDesk, strike: int, expiry: int) -> Surface:
    """Wings so steep that the density at the strike is negative, everywhere positive in variance."""
    surface = desk.flat(expiry=expiry, a=-41 * 10**9, b=1_331 * 10**8, rho=306 * 10**9)
    surface = replace(surface, m=3_586 * 10**8, sigma=4_153 * 10**8)
    assert durrleman(slice_of(surface), k_of(surface, strike)) < 0
    return surface


#: Inside the region where the slice of ``steep`` has no density, and a grid around.
WING = 7_350 * WAD
GRID = 50 * WAD


def listed_wing(desk: SmileDesk) -> int:
    expiry = expiry_after(desk.chain.now, 365)
    desk.list_strikes([WING - GRID, WING, WING + GRID], expiry)
    return expiry


def test_submit__without_the_threshold__one_of_two_sets_the_price(chain: LocalChain) -> None:
    with without(NO_THRESHOLD, chain, threshold=2) as desk:
        surface = doubled(desk)
        desk.submit(surface, count=1, after=12)
        assert desk.current()[3] == surface.time
        desk.submit(desk.flat(1.3), count=0)  # nobody, even
        assert desk.current()[5] == 2


def test_submit__without_registered_signers__anybody_sets_the_price(chain: LocalChain) -> None:
    with without(NO_SIGNERS, chain) as desk:
        surface = doubled(desk)
        chain.send(desk.call(surface, desk.sign_by(surface, desk.stranger)))
        assert desk.current()[3] == surface.time


def test_submit__without_the_order__one_signer_counts_as_three(chain: LocalChain) -> None:
    with without(NO_ORDER, chain, threshold=3) as desk:
        surface = doubled(desk)
        chain.send(desk.call(surface, desk.sign_by(surface, *[desk.signers[0]] * 3)))
        assert desk.current()[3] == surface.time


def test_submit__without_the_monotone_time__two_prices_of_one_second_are_had_in_turn(chain: LocalChain) -> None:
    """Signers that disagree within a second: whoever sends buys at the one and sells at the other, for ever."""
    with without(NO_TIME, chain) as desk:
        low = desk.flat(0.6)
        high = replace(low, a=desk.flat(0.65).a)
        calls = [desk.call(surface) for surface in (low, high, low, high, low)]
        chain.send_in_one_block(*calls)
        assert desk.current()[0][0] == low.a
        # whose risk arrays were of the latest surface has to compute them again, and again
        assert desk.current()[5] == len(calls)
        gain = call_wad(high, STRIKES[2]) - call_wad(low, STRIKES[2])
        assert gain > 25 * WAD


def test_submit__without_the_interval__steps_add_up_within_a_minute(chain: LocalChain) -> None:
    with without(NO_INTERVAL, chain) as desk:
        vol = 0.6
        first = desk.flat(vol)
        desk.submit(first)
        for _ in range(16):
            vol *= 1.0999
            desk.submit(desk.flat(vol))
        assert chain.now - first.time < 20
        assert vol > 4.5 * 0.6


def test_submit__without_the_density__a_butterfly_pays_whoever_takes_it(chain: LocalChain) -> None:
    with without(NO_DENSITY, chain) as desk:
        expiry = listed_wing(desk)
        surface = steep(desk, WING, expiry)
        desk.submit(surface)
        low, middle, high = (call_wad(surface, WING + i * GRID) for i in (-1, 0, 1))
        # never worth less than nothing at the expiry, and for it one is paid
        assert low - 2 * middle + high < 0


def test_submit__without_the_rate__an_option_is_worth_many_times_as_much_at_once(chain: LocalChain) -> None:
    with without(NO_RATE, chain) as desk:
        first = desk.flat(0.3)
        desk.submit(first, after=12)
        second = desk.flat(2.9)
        desk.submit(second)
        assert second.time - first.time == 12
        assert call_wad(second, STRIKES[4]) > 50 * call_wad(first, STRIKES[4]) > 0


def test_submit__with_the_guards__none_of_it_goes(chain: LocalChain) -> None:
    desk = SmileDesk(chain, threshold=2)
    both = 2
    surface = doubled(desk)
    one, stranger = desk.signers[0], desk.stranger
    assert desk.refusal(surface, desk.sign_by(surface, one)).name == "Surface_Signatures"
    assert desk.refusal(surface, desk.sign_by(surface, stranger, one)).name == "Surface_NotASigner"
    assert desk.refusal(surface, desk.sign_by(surface, one, one)).name == "Surface_SignerOrder"
    low = desk.flat(0.6)
    desk.submit(low, count=both, after=12)
    same = replace(low, a=desk.flat(0.65).a)
    assert desk.refusal(same, desk.sign(same, both)).name == "Surface_NotNewer"
    soon = replace(low, time=low.time + LIMITS.minInterval - 1)
    assert desk.refusal(soon, desk.sign(soon, both)).name == "Surface_TooSoon"
    jump = desk.flat(2.9)
    assert desk.refusal(jump, desk.sign(jump, both)).name == "Surface_VolJump"
    expiry = listed_wing(desk)
    wings = steep(desk, WING, expiry)
    assert desk.refusal(wings, desk.sign(wings, both)).name == "Surface_ButterflyArbitrage"
