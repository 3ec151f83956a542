"""Orders.sol and OrderHash.sol: who signed, how much is left. Branches: test_orders.tree."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ballast.chain.orders import NO_COUNTERPARTY, NO_EXPIRY, Order, digest, sign_order
from ballast.units import WAD, account_id, to_wad
from tests.contracts.markets.desk import Desk, reverts

pytestmark = pytest.mark.ballast(check=False)

#: Order of the curve, for a mirrored s.
_N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def orders(desk: Desk, maker: int, taker: int, size: int = 1, **changes: Any) -> tuple[Order, Order]:
    """The taker buys ``size`` ETH-PERP; ``changes`` are the maker's."""
    made = desk.chain.order(maker, "ETH-PERP", -size, **changes)
    return made, desk.chain.order(taker, "ETH-PERP", size)


def require_filled(desk: Desk, account: int, size: int) -> None:
    assert desk.protocol.position(account, "ETH-PERP") == size * WAD


# ------------------------------------------------------------ hash


@pytest.mark.parametrize(
    "order",
    [
        Order(1 << 8, 0x20200000, 1, 1, 0, 0),
        Order(2**168 - 1, 2**32 - 1, -(2**255), 2**256 - 1, 2**256 - 1, 2**256 - 1),
        Order(12345 << 8, 7, 2**255 - 1, 3, 4, 5, 6, True, "0xABaBaBaBABabABabAbAbABAbABabababaBaBABaB"),
    ],
)
def test_hash_order__any_fields__is_the_eip712_digest(desk: Desk, order: Order) -> None:
    mine = digest(order, desk.protocol.deployment.chain_id, desk.house.address)
    assert desk.house.functions.hashOrder(order.as_tuple()).call() == mine


# ------------------------------------------------------------ signature


def test_fill__owners_signed__anybody_sends(desk: Desk, maker: int, taker: int) -> None:
    made, taken = orders(desk, maker, taker)
    desk.match(made, taken, sender=desk.chain.accounts[7].address)
    require_filled(desk, taker, 1)
    require_filled(desk, maker, -1)


def grant(desk: Desk, account: int, until: int) -> Any:
    """An operator of the account; returns its key."""
    operator = desk.chain.accounts[5]
    desk.chain.send(desk.house.functions.setOperator(account, operator.address, until), desk.owner(account))
    return operator


def test_fill__operator_signed__fills_until_its_term_ends(desk: Desk, maker: int, taker: int) -> None:
    end = desk.chain.now() + 1_000
    operator = grant(desk, maker, end)
    made, taken = orders(desk, maker, taker, 2)
    signature = desk.chain.sign(made, operator)
    desk.next_block_at(end - 1)
    desk.match(made, taken, 1, maker_sig=signature)
    desk.next_block_at(end)
    with reverts("Trade_BadSignature", account=maker):
        desk.match(made, taken, 1, maker_sig=signature)
    require_filled(desk, taker, 1)


def test_fill__operator_revoked__reverts(desk: Desk, maker: int, taker: int) -> None:
    operator = grant(desk, maker, NO_EXPIRY)
    made, taken = orders(desk, maker, taker)
    grant(desk, maker, 0)
    with reverts("Trade_BadSignature", account=maker):
        desk.match(made, taken, maker_sig=desk.chain.sign(made, operator))


def test_fill__operator_of_another_account_of_the_owner__reverts(desk: Desk, maker: int, taker: int) -> None:
    other = desk.open("maker", 1, USDC=10_000)
    operator = grant(desk, other, NO_EXPIRY)
    made, taken = orders(desk, maker, taker)
    with reverts("Trade_BadSignature", account=maker):
        desk.match(made, taken, maker_sig=desk.chain.sign(made, operator))


def contract_account(desk: Desk) -> tuple[int, Any]:
    """An account owned by a contract that signs through a key, with collateral; and that key."""
    key = desk.chain.accounts[6]
    wallet = desk.deploy("ContractOwner", key.address)
    account = account_id(wallet.address, 0)
    usdc = desk.protocol.token("USDC")
    desk.chain.mint("USDC", desk.governor, 50_000 * 10**6)
    desk.chain.approve(desk.governor, "USDC")
    desk.chain.send(desk.house.functions.deposit(account, usdc.address, 50_000 * 10**6), desk.governor)
    return account, key


def test_fill__contract_owner_accepts__fills(desk: Desk, taker: int) -> None:
    account, key = contract_account(desk)
    made, taken = orders(desk, account, taker)
    desk.match(made, taken, maker_sig=desk.chain.sign(made, key))
    require_filled(desk, account, -1)


def test_fill__contract_owner_refuses__reverts(desk: Desk, taker: int) -> None:
    account, key = contract_account(desk)
    made, taken = orders(desk, account, taker)
    for signature in (desk.chain.sign(made, desk.chain.accounts[7]), b"", b"\x01"):
        # the wallet's key is not the wallet: an empty signature is good from the contract alone
        with reverts("Trade_BadSignature", account=account):
            desk.match(made, taken, maker_sig=signature, sender=key.address)


@pytest.mark.parametrize("side", ["maker", "taker"])
def test_fill__empty_signature_of_the_senders_own__fills(desk: Desk, maker: int, taker: int, side: str) -> None:
    made, taken = orders(desk, maker, taker)
    own = maker if side == "maker" else taker
    desk.match(made, taken, sender=desk.owner(own), **{f"{side}_sig": b""})
    require_filled(desk, taker, 1)


def test_fill__empty_signature_of_an_operator__fills(desk: Desk, maker: int, taker: int) -> None:
    operator = grant(desk, maker, NO_EXPIRY)
    made, taken = orders(desk, maker, taker)
    desk.match(made, taken, maker_sig=b"", sender=operator.address)
    require_filled(desk, maker, -1)


def test_fill__both_accounts_the_senders__needs_no_signature(desk: Desk, maker: int) -> None:
    other = desk.open("maker", 1, USDC=10_000)
    made, taken = orders(desk, maker, other)
    desk.match(made, taken, maker_sig=b"", taker_sig=b"", sender=desk.owner(maker))
    require_filled(desk, other, 1)


@pytest.mark.parametrize("side", ["maker", "taker"])
def test_fill__empty_signature_of_somebody_else__reverts(desk: Desk, maker: int, taker: int, side: str) -> None:
    made, taken = orders(desk, maker, taker)
    own, other = (maker, taker) if side == "taker" else (taker, maker)
    with reverts("Trade_BadSignature", account=other):
        desk.match(made, taken, sender=desk.owner(own), maker_sig=b"", taker_sig=b"")


FORGERIES: dict[str, Any] = {
    "account": None,
    "instrument": None,
    "size": -2 * WAD,
    "limitPrice": 2_999 * WAD,
    "maxFee": 10**24,
    "nonce": 99,
    "expiry": NO_EXPIRY - 1,
    "reduceOnly": False,
    "counterparty": NO_COUNTERPARTY,
}


@pytest.mark.parametrize("field", FORGERIES)
def test_fill__field_changed_after_signing__reverts(desk: Desk, maker: int, taker: int, field: str) -> None:
    made, taken = orders(desk, maker, taker, reduceOnly=True, counterparty=desk.owner(taker))
    signature = desk.chain.sign(made)
    value = FORGERIES[field]
    if field == "account":
        value = desk.open("maker", 1, USDC=10_000)
        # the owner is the same: only the hash tells the accounts apart
    if field == "instrument":
        value = desk.protocol.instrument("SOL-PERP")
        taken = replace(taken, instrument=value)
    forged = replace(made, **{field: value})
    with reverts("Trade_BadSignature", account=forged.account):
        desk.match(forged, taken, 1, maker_sig=signature)


@pytest.mark.parametrize("domain", ["chain", "contract"])
def test_fill__signed_for_another_domain__reverts(desk: Desk, maker: int, taker: int, domain: str) -> None:
    made, taken = orders(desk, maker, taker)
    chain_id = desk.protocol.deployment.chain_id + (domain == "chain")
    house = desk.protocol.router.address if domain == "contract" else desk.house.address
    signature = sign_order(made, desk.chain.key_of(maker).key, chain_id, house)
    with reverts("Trade_BadSignature", account=maker):
        desk.match(made, taken, maker_sig=signature)


def _mirrored(signature: bytes) -> bytes:
    s = _N - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


@pytest.mark.parametrize(
    "mangle",
    [lambda s: s[:64], lambda s: s + b"\x00", _mirrored, lambda s: bytes(65), lambda s: s[:64] + b"\x1d"],
    ids=["short", "long", "mirrored s", "zeros", "v of 29"],
)
def test_fill__malformed_signature__reverts(desk: Desk, maker: int, taker: int, mangle: Any) -> None:
    made, taken = orders(desk, maker, taker)
    with reverts("Trade_BadSignature", account=maker):
        desk.match(made, taken, maker_sig=mangle(desk.chain.sign(made)))


# ------------------------------------------------------------ amount


def test_fill__parts_of_an_order__are_counted_to_its_size(desk: Desk, maker: int, taker: int) -> None:
    made, taken = orders(desk, maker, taker, 5)
    made_hash = desk.house.functions.hashOrder(made.as_tuple()).call()
    for part, filled in (("2", "2"), ("1.5", "3.5"), ("1.5", "5")):
        receipt = desk.match(made, taken, part)
        assert desk.event(receipt, "Filled")["makerHash"] == made_hash
        assert desk.house.functions.filledOf(made_hash).call() == to_wad(filled)
    require_filled(desk, taker, 5)
    with reverts("Trade_Overfilled", hash="0x" + made_hash.hex(), size=10**14, left=0):
        desk.match(made, taken, "0.0001")


def test_fill__beyond_what_is_left__reverts(desk: Desk, maker: int, taker: int) -> None:
    made, _ = orders(desk, maker, taker, 5)
    desk.match(made, desk.chain.order(taker, "ETH-PERP", 4))
    with reverts("Trade_Overfilled", size=2 * WAD, left=WAD):
        desk.match(made, desk.chain.order(taker, "ETH-PERP", 4), 2)
    # the taker's order is bounded as the maker's
    with reverts("Trade_Overfilled", size=2 * WAD, left=WAD):
        desk.match(orders(desk, maker, taker, 5)[0], desk.chain.order(taker, "ETH-PERP", 1), 2)


def test_fill__sent_again__reverts(desk: Desk, maker: int, taker: int) -> None:
    made, taken = orders(desk, maker, taker)
    signatures = {"maker_sig": desk.chain.sign(made), "taker_sig": desk.chain.sign(taken)}
    desk.match(made, taken, **signatures)
    with reverts("Trade_Overfilled", left=0):
        desk.match(made, taken, **signatures)
    require_filled(desk, taker, 1)


def test_fill__that_reverts__counts_nothing(desk: Desk, maker: int, taker: int) -> None:
    made, taken = orders(desk, maker, taker, limitPrice=1_000 * WAD)
    with reverts("Trade_OutsideBand"):
        desk.match(made, taken)
    for order in (made, taken):
        order_hash = desk.house.functions.hashOrder(order.as_tuple()).call()
        assert desk.house.functions.filledOf(order_hash).call() == 0


def test_fill__same_order_under_another_nonce__is_another_order(desk: Desk, maker: int, taker: int) -> None:
    made, taken = orders(desk, maker, taker)
    desk.match(made, taken)
    desk.match(replace(made, nonce=made.nonce + 1_000), replace(taken, nonce=taken.nonce + 1_000))
    require_filled(desk, taker, 2)


# ------------------------------------------------------------ nonce


def test_cancel__by_owner_or_operator__stops_the_orders_of_that_nonce_only(desk: Desk, maker: int, taker: int) -> None:
    operator = grant(desk, maker, NO_EXPIRY)
    for sender, nonce in ((desk.owner(maker), 511), (operator.address, 513)):
        receipt = desk.chain.send(desk.house.functions.cancel(maker, nonce), sender)
        assert desk.event(receipt, "OrderCancelled") == {"account": maker, "nonce": nonce}
        for size in (1, 2):  # whatever else they say
            made, taken = orders(desk, maker, taker, size, nonce=nonce)
            with reverts("Trade_NonceCancelled", account=maker, nonce=nonce):
                desk.match(made, taken)
    # neighbours within the word of bits, the same bit of the next word, and the other account's same nonce live on
    for nonce in (510, 512, 511 + 256):
        desk.match(*orders(desk, maker, taker, nonce=nonce))
    desk.match(desk.chain.order(taker, "ETH-PERP", -1, nonce=511), desk.chain.order(maker, "ETH-PERP", 1, nonce=514))
    assert desk.house.functions.isCancelled(maker, 511).call()
    assert not desk.house.functions.isCancelled(taker, 511).call()


def test_cancel__half_filled_order__stops_the_rest(desk: Desk, maker: int, taker: int) -> None:
    made, taken = orders(desk, maker, taker, 2)
    desk.match(made, taken, 1)
    desk.chain.send(desk.house.functions.cancel(maker, made.nonce), desk.owner(maker))
    with reverts("Trade_NonceCancelled"):
        desk.match(made, taken, 1)


def test_cancel__twice__stays_cancelled(desk: Desk, maker: int) -> None:
    for _ in range(2):
        desk.chain.send(desk.house.functions.cancel(maker, 7), desk.owner(maker))
    assert desk.house.functions.isCancelled(maker, 7).call()


def test_cancel__by_a_stranger__reverts(desk: Desk, maker: int, taker: int) -> None:
    with reverts("Ledger_NotAuthorized", account=maker, caller=desk.owner(taker)):
        desk.chain.send(desk.house.functions.cancel(maker, 7), desk.owner(taker))


# ------------------------------------------------------------ expiry and counterparty


def test_fill__at_its_expiry__fills(desk: Desk, maker: int, taker: int) -> None:
    expiry = desk.chain.now() + 100
    made, taken = orders(desk, maker, taker, expiry=expiry)
    desk.next_block_at(expiry)
    desk.match(made, taken)
    require_filled(desk, taker, 1)


@pytest.mark.parametrize("side", [0, 1])
def test_fill__a_second_after_its_expiry__reverts(desk: Desk, maker: int, taker: int, side: int) -> None:
    expiry = desk.chain.now() + 100
    pair = list(orders(desk, maker, taker))
    pair[side] = replace(pair[side], expiry=expiry)
    signed = {"maker_sig": desk.chain.sign(pair[0]), "taker_sig": desk.chain.sign(pair[1])}
    desk.next_block_at(expiry + 1)
    with reverts("Trade_Expired", expiry=expiry, nowAt=expiry + 1):
        desk.match(pair[0], pair[1], **signed)


def test_fill__with_the_named_counterparty__fills_from_any_of_its_accounts(desk: Desk, maker: int, taker: int) -> None:
    other = desk.open("taker", 3, USDC=10_000)
    made, _ = orders(desk, maker, taker, 2, counterparty=desk.owner(taker))
    desk.match(made, desk.chain.order(taker, "ETH-PERP", 1, counterparty=desk.owner(maker)))
    desk.match(made, desk.chain.order(other, "ETH-PERP", 1))
    require_filled(desk, maker, -2)


@pytest.mark.parametrize("side", [0, 1])
def test_fill__with_another_counterparty__reverts(desk: Desk, maker: int, taker: int, side: int) -> None:
    wanted = desk.chain.accounts[8].address
    pair = list(orders(desk, maker, taker))
    pair[side] = replace(pair[side], counterparty=wanted)
    with reverts("Trade_Counterparty", wanted=wanted, found=desk.owner(taker if side == 0 else maker)):
        desk.match(*pair)
