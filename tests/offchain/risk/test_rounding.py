"""The named roundings against exact fractions, and against the contract's own library."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import pytest
from web3.contract import Contract

from ballast.chain.anvil import Anvil
from ballast.chain.artifacts import artifact
from ballast.chain.rpc import connect
from ballast.errors import ContractError
from ballast.risk.completed import uncredited_profit
from ballast.risk.rounding import (
    div_trunc,
    mul_div_down,
    mul_div_floor,
    mul_div_trunc,
    mul_div_up,
    signed,
    wrap_signed,
)

CASES = [
    (0, 5, 3),
    (7, 5, 3),
    (-7, 5, 3),
    (6, 5, 3),
    (-6, 5, 3),
    (1, 1, 10**18),
    (-1, 1, 10**18),
    (-(2**120), 2**100, 7),
]


@pytest.mark.parametrize(("a", "b", "d"), CASES)
def test_mul_div__signs_and_remainders__as_the_name_says(a: int, b: int, d: int) -> None:
    exact = Fraction(a * b, d)
    assert mul_div_floor(a, b, d) == math.floor(exact)
    assert mul_div_trunc(a, b, d) == math.trunc(exact)
    assert mul_div_down(abs(a), b, d) == math.floor(abs(exact))
    assert mul_div_up(abs(a), b, d) == math.ceil(abs(exact))
    assert div_trunc(a * b, d) == math.trunc(exact)


def test_mul_div__product_beyond_the_word__overflow_where_the_contract_reverts() -> None:
    assert mul_div_down(2**255, 1, 1) == 2**255
    for function in (mul_div_down, mul_div_up, mul_div_floor, mul_div_trunc):
        with pytest.raises(OverflowError):
            function(2**128, 2**128, 1)
    with pytest.raises(OverflowError):
        mul_div_floor(-(2**128), 2**128, 1)


@pytest.mark.parametrize("bits", [8, 32, 64])
def test_signed__bounds__in_and_just_out(bits: int) -> None:
    top = 1 << (bits - 1)
    assert (signed(top - 1, bits), signed(-top, bits)) == (top - 1, -top)
    for value in (top, -top - 1):
        with pytest.raises(OverflowError):
            signed(value, bits)
    assert wrap_signed(top, bits) == -top
    assert wrap_signed(-top - 1, bits) == top - 1
    assert wrap_signed(5, bits) == 5


# ------------------------------------------------------------------ against Solidity


@pytest.fixture(scope="module")
def harness() -> Iterator[Contract]:
    """The contracts' pure libraries, callable."""
    with Anvil() as node:
        w3 = connect(node.url)
        found = artifact("MathHarness")
        factory = w3.eth.contract(abi=found["abi"], bytecode=found["bytecode"])
        receipt = w3.eth.wait_for_transaction_receipt(factory.constructor().transact({"from": w3.eth.accounts[0]}))
        yield w3.eth.contract(address=receipt["contractAddress"], abi=found["abi"])


def _both(ours: Callable[..., int], theirs: Any, *arguments: int) -> tuple[Any, Any]:
    """Results, or "reverts" where one does."""
    try:
        chain = theirs(*arguments).call()
    except ContractError:
        chain = "reverts"
    try:
        return ours(*arguments), chain
    except (OverflowError, ZeroDivisionError):
        return "reverts", chain


def _magnitude(rng: random.Random) -> int:
    return rng.randrange(2 ** rng.choice((1, 8, 60, 90, 127, 130)))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (mul_div_down, "mulDivDown"),
        (mul_div_up, "mulDivUp"),
        (mul_div_floor, "mulDivFloor"),
        (mul_div_trunc, "mulDivTrunc"),
    ],
)
def test_mul_div__random__as_the_contract(harness: Contract, ours: Callable[..., int], theirs: str) -> None:
    rng = random.Random(theirs)
    signed_first = theirs in ("mulDivFloor", "mulDivTrunc")
    reverted = 0
    for _ in range(150):
        a = _magnitude(rng) * (rng.choice((-1, 1)) if signed_first else 1)
        arguments = (a, _magnitude(rng), rng.choice((0, 1, 10**6, 10**18, _magnitude(rng))))
        mine, chain = _both(ours, harness.functions[theirs], *arguments)
        assert mine == chain, arguments
        reverted += chain == "reverts"
    assert 0 < reverted < 100


def test_uncredited_profit__random__as_the_contract(harness: Contract) -> None:
    rng = random.Random(5)
    for _ in range(150):
        equity, profit = (rng.choice((-1, 1)) * _magnitude(rng) for _ in range(2))
        mine, chain = _both(uncredited_profit, harness.functions.uncreditedProfit, equity, profit)
        assert mine == chain, (equity, profit)
