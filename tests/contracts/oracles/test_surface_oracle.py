"""Who may set a surface, when, and within which bounds. Branches: ``test_surface_oracle.tree``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given
from hypothesis import strategies as st
from web3 import Web3

from ballast.chain.artifacts import artifact
from ballast.chain.eip712 import digest
from ballast.chain.surfaces import Surface
from tests.contracts.harness import LocalChain, Revert, logged
from tests.contracts.oracles.smiles import (
    DAY,
    ETH,
    FORWARD,
    HOUR,
    LIMITS,
    STRIKES,
    WAD,
    Limits,
    SmileDesk,
    allowed,
)
from tests.support.fuzz import examples

E12, E15 = 10**12, 10**15
ZERO = "0x" + "0" * 40
PRICE_BOUND = 2**96
#: secp256k1's order.
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def unauthorized(account: str) -> Revert:
    return Revert("AccessManagedUnauthorized", (account.lower(),))


def bounds(parameter: str, value: int, bound: int) -> Revert:
    return Revert("Surface_Bounds", (parameter.encode().ljust(32, b"\0"), value, bound))


def accepted(desk: SmileDesk, surface: Surface) -> bool:
    return desk.call(surface).call() == []


# ------------------------------------------------------------------ what is stored


def test_submit__first__stores_and_tells(desk: SmileDesk) -> None:
    surface = desk.smile(confidence=987_654)

    receipt = desk.submit(surface)

    current = ((surface.a, surface.b, surface.rho, surface.m, surface.sigma), FORWARD, FORWARD * E15 // (3_000 * WAD))
    assert desk.current() == (*current, surface.time, 987_654, 1)
    assert desk.oracle.functions.basisOf(ETH, desk.expiry).call() == [current[2], surface.time]
    (event,) = desk.events("SurfaceSet", receipt)
    assert (event["underlying"], event["expiry"], event["round"]) == (ETH, desk.expiry, 1)
    assert tuple(event["surface"].values()) == surface.as_tuple()


def test_submit__extreme_parameters__are_stored_as_signed(desk: SmileDesk) -> None:
    surface = desk.flat(0.6, rho=1 - E12, m=-100 * E12, sigma=100 * E12, spot=PRICE_BOUND - 1, forward=PRICE_BOUND - 1)
    desk.submit(surface, after=12)
    assert desk.current()[:3] == ((surface.a, 0, 1 - E12, -100 * E12, 100 * E12), PRICE_BOUND - 1, E15)
    desk.submit(desk.flat(0.6, rho=E12 - 1, m=100 * E12, sigma=1, spot=1, forward=1), after=12)
    assert desk.current()[0][1:] == (0, E12 - 1, 100 * E12, 1)
    assert desk.current()[1:3] == (1, E15)


def test_submit__again__counts_the_rounds_of_each_expiry(desk: SmileDesk) -> None:
    other = desk.expiry + 7 * DAY
    desk.list_strikes(STRIKES[1:3], other)
    for wanted in (1, 2, 3):
        receipt = desk.submit(desk.smile(), after=12)
        assert [event["round"] for event in desk.events("SurfaceSet", receipt)] == [wanted]
    desk.submit(desk.smile(expiry=other), after=12)
    assert (desk.current()[5], desk.current(other)[5]) == (3, 1)


def test_surface_of__none__refused(desk: SmileDesk) -> None:
    desk.submit(desk.smile())
    for underlying, expiry in ((ETH, desk.expiry + DAY), (ETH + 1, desk.expiry), (2**32 - 1, 2**64 - 1)):
        missing = Revert("Surface_NoSurface", (underlying, expiry))
        assert desk.chain.revert_of(desk.oracle.functions.surfaceOf(underlying, expiry)) == missing
        assert desk.chain.revert_of(desk.oracle.functions.basisOf(underlying, expiry)) == missing


def test_surface_of__after_the_expiry__is_still_there(desk: SmileDesk) -> None:
    surface = desk.smile()
    desk.submit(surface)
    desk.chain.warp(100 * DAY)
    assert desk.current()[3] == surface.time
    assert desk.oracle.functions.basisOf(ETH, desk.expiry).call()[1] == surface.time


def test_views__know_the_book_and_the_limits(desk: SmileDesk) -> None:
    assert desk.oracle.functions.strikeBook().call() == desk.book.address
    assert desk.oracle.functions.limits().call() == LIMITS.values


def test_hash_surface__any__is_the_digest_off_chain(desk: SmileDesk) -> None:
    for surface in (desk.smile(), Surface(2**32 - 1, 2**64 - 1, 1, 2**256 - 1, 0, -(2**63), 2**63 - 1, -1, 1, 0, 7)):
        found = desk.oracle.functions.hashSurface(surface.as_tuple()).call()
        assert digest(surface, 31337, desk.oracle.address) == found


# ------------------------------------------------------------------ time


def test_submit__expired__refused_and_a_second_before_accepted(desk: SmileDesk) -> None:
    now = desk.chain.warp(desk.expiry - 1 - desk.chain.now)
    assert accepted(desk, desk.flat(0.6, time=now, a=1_000))
    for now in (desk.expiry, desk.expiry + 1):
        desk.chain.warp(1)
        found = desk.refusal(desk.flat(0.6, time=desk.expiry - 1, a=1_000))
        assert found == Revert("Surface_Expired", (desk.expiry, now))


def test_submit__replayed_or_reordered__refused(desk: SmileDesk) -> None:
    first = desk.smile()
    desk.chain.warp(60)
    second = desk.smile()
    desk.submit(second)
    for surface in (second, replace(second, a=second.a + 1), first):
        assert desk.refusal(surface) == Revert("Surface_NotNewer", (surface.time, second.time))


def test_submit__sooner_than_the_interval__at_the_bound_and_beyond(desk: SmileDesk) -> None:
    first = desk.smile()
    desk.submit(first, after=60)
    soonest = first.time + LIMITS.minInterval
    for time in (first.time + 1, soonest - 1):
        found = desk.refusal(replace(first, time=time))
        assert found == Revert("Surface_TooSoon", (time, soonest))
    assert accepted(desk, replace(first, time=soonest))


def test_submit__from_the_future__at_the_bound_and_beyond(desk: SmileDesk) -> None:
    now = desk.chain.now
    assert accepted(desk, desk.smile(time=now))
    for time in (now + 1, 2**64 - 1):
        assert desk.refusal(desk.flat(time=time, a=10**11)) == Revert("Surface_FromTheFuture", (time, now))


def test_submit__too_old__at_the_bound_and_beyond(desk: SmileDesk) -> None:
    oldest = desk.chain.now - LIMITS.maxAge
    assert accepted(desk, desk.smile(time=oldest))
    for time in (oldest - 1, LIMITS.minInterval):
        assert desk.refusal(desk.flat(time=time, a=10**11)) == Revert("Surface_TooOld", (time, oldest))
    assert desk.refusal(desk.flat(time=0, a=10**11)) == Revert("Surface_NotNewer", (0, 0))


# ------------------------------------------------------------------ bounds


@pytest.mark.parametrize(
    "change",
    [
        {"a": 100 * E12 + 1},
        {"a": -100 * E12 - 1},
        {"b": -1},
        {"b": 100 * E12 + 1},
        {"rho": E12},
        {"rho": -E12},
        {"m": 100 * E12 + 1},
        {"m": -100 * E12 - 1},
        {"sigma": 0},
        {"sigma": 100 * E12 + 1},
        {"a": -(2**63)},
        {"m": 2**63 - 1},
    ],
)
def test_submit__parameter_beyond_svi__refused(desk: SmileDesk, change: dict[str, int]) -> None:
    surface = desk.smile(**change)
    values = (surface.a, surface.b, surface.rho, surface.m, surface.sigma)
    assert desk.refusal(surface) == Revert("Surface_Parameters", values)


@pytest.mark.parametrize(
    ("spot", "forward"),
    [(0, FORWARD), (FORWARD, 0), (PRICE_BOUND, PRICE_BOUND - 1), (PRICE_BOUND - 1, PRICE_BOUND), (2**256 - 1,) * 2],
)
def test_submit__prices_out_of_range__refused(desk: SmileDesk, spot: int, forward: int) -> None:
    found = desk.refusal(desk.flat(spot=spot, forward=forward))
    assert found == Revert("Surface_Prices", (spot, forward))


def test_submit__confidence__at_the_bound_and_beyond(desk: SmileDesk) -> None:
    for confidence in (0, 10**6):
        assert accepted(desk, desk.smile(confidence=confidence))
    for confidence in (10**6 + 1, 2**32 - 1):
        found = desk.refusal(desk.smile(confidence=confidence))
        assert found == Revert("Surface_Confidence", (confidence, 10**6))


@pytest.mark.parametrize(("forward", "beyond"), [(3_600 * WAD, 3 * 10**6), (2_400 * WAD, -1)])
def test_submit__basis__at_the_bound_and_beyond(desk: SmileDesk, forward: int, beyond: int) -> None:
    spot = 3_000 * WAD
    assert accepted(desk, desk.flat(spot=spot, forward=forward))
    found = desk.refusal(desk.flat(spot=spot, forward=forward + beyond))
    basis, bound = (forward + beyond) * E15 // spot, forward * E15 // spot
    assert abs(basis - bound) == 1
    assert found == Revert("Surface_BasisBounds", (basis, bound))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("elapsed", [10, 100, 7_207])
def test_submit__basis_jump__at_the_bound_and_beyond(desk: SmileDesk, sign: int, elapsed: int) -> None:
    spot = E15 * WAD // 10**12  # a basis is exact
    first = desk.flat(spot=spot, forward=spot * 1_017 // 1_000)
    desk.submit(first)
    desk.chain.warp(elapsed - 1)
    previous = 1_017 * 10**12
    bound = allowed(previous, LIMITS.basisStep, LIMITS.basisSpeed, elapsed)
    changed = [previous + sign * (bound + more) for more in (0, 1)]
    at, beyond = (desk.flat(spot=spot, forward=spot * basis // E15) for basis in changed)
    assert at.time - first.time == elapsed
    assert accepted(desk, at)
    assert desk.refusal(beyond) == Revert("Surface_BasisJump", (changed[1], previous, bound))


def test_submit__signed_long_before_the_block__may_change_for_its_own_time_alone(desk: SmileDesk) -> None:
    spot = E15 * WAD // 10**12
    first = desk.flat(spot=spot, forward=spot)
    desk.submit(first)
    desk.chain.warp(LIMITS.maxAge)
    bound = allowed(E15, LIMITS.basisStep, LIMITS.basisSpeed, LIMITS.minInterval)
    changed = [E15 + bound + more for more in (0, 1)]
    time = first.time + LIMITS.minInterval
    at, beyond = (desk.flat(time=time, spot=spot, forward=spot * basis // E15) for basis in changed)
    assert accepted(desk, at)
    assert desk.refusal(beyond) == Revert("Surface_BasisJump", (changed[1], E15, bound))


def test_submit__not_listed__refused(desk: SmileDesk) -> None:
    expiry = desk.expiry + DAY
    for underlying, time in ((ETH, expiry), (ETH + 1, desk.expiry), (256 + ETH, desk.expiry), (ETH, desk.expiry + 1)):
        found = desk.refusal(desk.smile(underlying=underlying, expiry=time))
        data = Web3().codec.encode(["uint32", "uint64"], [underlying, time])
        assert found.name == (Web3.keccak(text="Strikes_UnknownExpiry(uint32,uint64)")[:4] + data).hex()


_extreme = st.one_of(
    st.sampled_from([-(2**63), -100 * E12, -E12, -1, 0, 1, E12, 100 * E12, 2**63 - 1]),
    st.integers(-100 * E12, 100 * E12),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-1_000, 1_000),
)
_bounded = st.integers(0, 100 * E12)
_price = st.one_of(st.sampled_from([0, 1, PRICE_BOUND - 1, PRICE_BOUND, 2**256 - 1]), st.integers(1, PRICE_BOUND - 1))


@examples(150)
@given(
    a=_extreme,
    b=st.one_of(_extreme, _bounded),
    rho=st.one_of(_extreme, st.integers(1 - E12, E12 - 1)),
    m=_extreme,
    sigma=st.one_of(_extreme, _bounded),
    price=_price,
    ago=st.integers(-1, 30),
    left=st.sampled_from([1, 2, HOUR, 90 * DAY]),
    first=st.booleans(),
)
def test_submit__whatever_is_signed__never_panics(
    desk: SmileDesk,
    a: int,
    b: int,
    rho: int,
    m: int,
    sigma: int,
    price: int,
    ago: int,
    left: int,
    first: bool,
) -> None:
    chain = desk.chain
    snapshot = chain.rpc("evm_snapshot")
    chain.warp(desk.expiry - left - 60 - chain.now)
    if not first:
        desk.submit(desk.flat(), after=60 - 1)
    chain.warp(desk.expiry - left - chain.now)
    surface = Surface(ETH, desk.expiry, chain.now - ago, price, price, a, b, rho, m, sigma)
    try:
        found = desk.refusal(surface)
    except AssertionError:  # accepted
        assert accepted(desk, surface)
    else:
        assert found.name.startswith("Surface_")
    assert chain.rpc("evm_revert", snapshot)


# ------------------------------------------------------------------ signatures


@pytest.fixture
def strict(chain: LocalChain) -> SmileDesk:
    """Two of the three signers are needed."""
    return SmileDesk(chain, threshold=2)


@pytest.mark.parametrize("given_", [0, 1])
def test_submit__too_few_signatures__refused(strict: SmileDesk, given_: int) -> None:
    surface = strict.smile()
    found = strict.refusal(surface, strict.sign(surface, given_))
    assert found == Revert("Surface_Signatures", (given_, 2))


@pytest.mark.parametrize("given_", [2, 3])
def test_submit__enough_signatures__stored(strict: SmileDesk, given_: int) -> None:
    strict.submit(strict.smile(), count=given_)
    assert strict.current()[5] == 1


def test_submit__no_signers__refused(chain: LocalChain, desk: SmileDesk) -> None:
    oracle = chain.deploy("SurfaceOracle", desk.authority.address, desk.book.address, LIMITS.values)
    desk.oracle = oracle
    surface = desk.smile()
    assert oracle.functions.signers().call() == [0, 1]
    assert desk.refusal(surface, []) == Revert("Surface_Signatures", (0, 1))
    assert desk.refusal(surface) == Revert("Surface_NotASigner", (desk.signers[0].address.lower(),))


def test_submit__signers_do_not_ascend__refused(strict: SmileDesk) -> None:
    surface = strict.smile()
    low, middle, high = strict.signers
    for keys, at in (((middle, low), 1), ((low, low), 1), ((low, high, middle), 2), ((low, middle, middle), 2)):
        found = strict.refusal(surface, strict.sign_by(surface, *keys))
        arguments = (keys[at].address.lower(), keys[at - 1].address.lower())
        assert found == Revert("Surface_SignerOrder", arguments)


def test_submit__a_stranger_among_them__refused_though_enough_are_good(strict: SmileDesk) -> None:
    surface = strict.smile()
    keys = sorted([*strict.signers, strict.stranger], key=lambda key: int(key.address, 16))
    found = strict.refusal(surface, strict.sign_by(surface, *keys))
    assert found == Revert("Surface_NotASigner", (strict.stranger.address.lower(),))


@pytest.mark.parametrize(
    "field", ["underlying", "expiry", "time", "spot", "forward", "a", "b", "rho", "m", "sigma", "confidence"]
)
def test_submit__changed_after_signing__refused(desk: SmileDesk, field: str) -> None:
    surface = desk.smile()
    changed: dict[str, Any] = {field: getattr(surface, field) - 1}
    found = desk.refusal(replace(surface, **changed), desk.sign(surface))
    assert found.name == "Surface_NotASigner"


def test_submit__signed_for_another_chain_or_contract__refused(desk: SmileDesk) -> None:
    surface = desk.smile()
    for domain in ({"chain_id": 1}, {"oracle": desk.book.address}):
        assert desk.refusal(surface, desk.sign(surface, **domain)).name == "Surface_NotASigner"


@pytest.mark.parametrize("domain", [{"name": "ballast"}, {"version": "2"}])
def test_submit__signed_in_another_domain__refused(desk: SmileDesk, domain: dict[str, str]) -> None:
    surface = desk.smile()
    message = encode_typed_data(
        {"name": "Ballast", "version": "1", "chainId": 31337, "verifyingContract": desk.oracle.address, **domain},
        {"Surface": [{"name": name, "type": kind} for name, kind in Surface.TYPES]},
        vars(surface),
    )
    signature = bytes(Account.sign_message(message, desk.signers[0].key).signature)
    assert desk.refusal(surface, [signature]).name == "Surface_NotASigner"


def test_submit__signature_of_another_oracle__refused(chain: LocalChain, desk: SmileDesk) -> None:
    """The same signers serve two oracles of one chain."""
    other = SmileDesk(chain)
    surface = desk.smile()
    desk.submit(surface)
    assert other.refusal(surface, desk.sign(surface)).name == "Surface_NotASigner"


def test_submit__malformed_signature__refused(desk: SmileDesk) -> None:
    surface = desk.smile()
    (signature,) = desk.sign(surface)
    r, s, v = signature[:32], int.from_bytes(signature[32:64], "big"), signature[64]
    high = (ORDER - s).to_bytes(32, "big")
    assert desk.refusal(surface, [r + high + bytes([55 - v])]) == Revert("ECDSAInvalidSignatureS", (high,))
    compact = r + (s | (v - 27) << 255).to_bytes(32, "big")
    for wrong in (compact, signature + b"\0", b""):
        assert desk.refusal(surface, [wrong]) == Revert("ECDSAInvalidSignatureLength", (len(wrong),))
    for wrong in (signature[:64] + b"\x1d", signature[:64] + bytes([v - 27]), bytes(65)):
        assert desk.refusal(surface, [wrong]) == Revert("ECDSAInvalidSignature")


def test_submit__signer_removed__refused(desk: SmileDesk) -> None:
    surface = desk.smile()
    first = desk.signers[0].address
    desk.chain.send(desk.oracle.functions.setSigner(first, False))
    assert desk.refusal(surface) == Revert("Surface_NotASigner", (first.lower(),))


# ------------------------------------------------------------------ signers and threshold


def test_set_signer__added_and_removed__counts_and_tells(desk: SmileDesk) -> None:
    oracle, stranger = desk.oracle, desk.stranger.address
    for allowed_, count in ((True, 4), (False, 3)):
        receipt = desk.chain.send(oracle.functions.setSigner(stranger, allowed_))
        assert logged(oracle.events.SignerSet(), receipt) == [{"signer": stranger, "allowed": allowed_}]
        assert oracle.functions.isSigner(stranger).call() is allowed_
        assert oracle.functions.signers().call() == [count, 1]


def test_set_signer__refusals(desk: SmileDesk) -> None:
    chain, oracle, nobody = desk.chain, desk.oracle, desk.chain.accounts[7]
    signer, stranger = desk.signers[0].address, desk.stranger.address
    assert chain.revert_of(oracle.functions.setSigner(stranger, True), nobody) == unauthorized(nobody)
    assert chain.revert_of(oracle.functions.setSigner(ZERO, True)) == Revert("Surface_NotASigner", (ZERO,))
    for account, same in ((signer, True), (stranger, False)):
        found = chain.revert_of(oracle.functions.setSigner(account, same))
        assert found == Revert("Surface_SignerUnchanged", (account.lower(),))


def test_set_signer__below_the_threshold__refused(strict: SmileDesk) -> None:
    chain, oracle = strict.chain, strict.oracle
    first, second, third = (signer.address for signer in strict.signers)
    chain.send(oracle.functions.setSigner(first, False))
    assert chain.revert_of(oracle.functions.setSigner(second, False)) == bounds("signers", 1, 2)
    chain.send(oracle.functions.setThreshold(1))
    chain.send(oracle.functions.setSigner(second, False))
    assert chain.revert_of(oracle.functions.setSigner(third, False)) == bounds("signers", 0, 1)


def test_set_signer__thirty_two__at_the_bound_and_beyond(desk: SmileDesk) -> None:
    others = [Account.from_key(number.to_bytes(32, "big")).address for number in range(100, 130)]
    for address in others[:29]:
        desk.chain.send(desk.oracle.functions.setSigner(address, True))
    assert desk.oracle.functions.signers().call() == [32, 1]
    assert desk.chain.revert_of(desk.oracle.functions.setSigner(others[29], True)) == bounds("signers", 33, 32)


def test_set_threshold__bounds__at_them_and_beyond(desk: SmileDesk) -> None:
    chain, oracle, nobody = desk.chain, desk.oracle, desk.chain.accounts[7]
    assert chain.revert_of(oracle.functions.setThreshold(2), nobody) == unauthorized(nobody)
    for value, bound in ((0, 1), (4, 3), (2**256 - 1, 3)):
        assert chain.revert_of(oracle.functions.setThreshold(value)) == bounds("threshold", value, bound)
    for value in (3, 1):
        receipt = chain.send(oracle.functions.setThreshold(value))
        assert logged(oracle.events.ThresholdSet(), receipt) == [{"threshold": value}]
        assert oracle.functions.signers().call() == [3, value]


# ------------------------------------------------------------------ limits


def test_constructor__any__tells_what_holds(chain: LocalChain, desk: SmileDesk) -> None:
    first = chain.w3.eth.get_logs({"address": desk.oracle.address, "fromBlock": 0})[0]["transactionHash"]
    receipt = chain.w3.eth.get_transaction_receipt(first)
    assert [event["threshold"] for event in desk.events("ThresholdSet", receipt)] == [1]
    (event,) = desk.events("LimitsSet", receipt)
    assert tuple(event["limits"].values()) == LIMITS.values


def test_set_limits__no_role__refused(desk: SmileDesk) -> None:
    nobody = desk.chain.accounts[7]
    assert desk.chain.revert_of(desk.oracle.functions.setLimits(LIMITS.values), nobody) == unauthorized(nobody)


@pytest.mark.parametrize(
    ("field", "lowest", "highest"),
    [
        ("maxAge", 60, 12 * HOUR),
        ("minInterval", 1, HOUR),
        ("minVol", 10_000, LIMITS.maxVol),
        ("maxVol", LIMITS.minVol, 5_000_000),
        ("volStep", 1_000, 1_000_000),
        ("volSpeed", 10_000, 10_000_000),
        ("maxBasis", 1_000, 500_000),
        ("basisStep", 100, 500_000),
        ("basisSpeed", 100, 1_000_000),
    ],
)
def test_set_limits__each__ends_accepted_and_beyond_refused(
    desk: SmileDesk, field: str, lowest: int, highest: int
) -> None:
    def with_(value: int) -> Limits:
        change: dict[str, Any] = {field: value}
        return replace(LIMITS, **change)

    chain, oracle = desk.chain, desk.oracle
    for value in (lowest, highest):
        receipt = chain.send(oracle.functions.setLimits(with_(value).values))
        assert oracle.functions.limits().call() == with_(value).values
        (event,) = logged(oracle.events.LimitsSet(), receipt)
        assert tuple(event["limits"].values()) == with_(value).values
    for value, bound in ((lowest - 1, lowest), (highest + 1, highest), (0, lowest)):
        refused = bounds(field, value, bound)
        if field == "maxVol" and value < lowest:  # below its own bound, or below the lowest volatility
            refused = bounds("minVol", LIMITS.minVol, value) if value else bounds(field, value, 10_000)
        assert chain.revert_of(oracle.functions.setLimits(with_(value).values)) == refused


def test_constructor__limits_out_of_bounds__refused(chain: LocalChain, desk: SmileDesk) -> None:
    factory = chain.w3.eth.contract(abi=desk.oracle.abi, bytecode=artifact("SurfaceOracle")["bytecode"])
    wrong = replace(LIMITS, volSpeed=0)
    call = factory.constructor(desk.authority.address, desk.book.address, wrong.values)
    with pytest.raises(Exception, match=Web3.keccak(text="Surface_Bounds(bytes32,uint256,uint256)")[:4].hex()):
        call.estimate_gas()
