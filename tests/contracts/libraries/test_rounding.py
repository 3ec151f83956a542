"""``Rounding`` against exact integers. Branches: ``test_rounding.tree``."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import ceil, floor, trunc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from web3.contract import Contract

from tests.contracts.ledger.tools import MAX, reverts
from tests.support.fuzz import examples

pytestmark = pytest.mark.ballast(check=False)

exact = examples(80)
words = st.one_of(st.integers(0, 100), st.integers(0, 2**128), st.integers(0, MAX))
signed = st.one_of(st.integers(-100, 100), st.integers(-(2**128), 2**128), st.integers(-(2**255) + 1, 2**255 - 1))
divisors = st.one_of(st.integers(1, 10), st.integers(1, 10**18), st.integers(1, MAX))

ROUNDED: dict[str, Callable[[Fraction], int]] = {
    "mulDivDown": floor,
    "mulDivUp": ceil,
    "mulDivFloor": floor,
    "mulDivTrunc": trunc,
}
SIGNED = {"mulDivFloor", "mulDivTrunc"}


@pytest.mark.parametrize("name", list(ROUNDED))
@exact
@given(data=st.data(), b=words, d=divisors)
def test_mulDiv__any__is_the_quotient_rounded_as_it_says(
    math: Contract, name: str, data: st.DataObject, b: int, d: int
) -> None:
    a = data.draw(signed if name in SIGNED else words)
    call = math.functions[name](a, b, d)
    if abs(a * b) > MAX:
        with reverts("Panic", code=0x11):
            call.call()
        return
    wanted = ROUNDED[name](Fraction(a * b, d))
    if name in SIGNED and not -(2**255) < wanted < 2**255:
        return  # a signed result that does not fit: never money
    assert call.call() == wanted


@exact
@given(a=words, d=divisors)
@example(a=MAX, d=1)
@example(a=0, d=MAX)
def test_divUp__any__is_the_quotient_rounded_up(math: Contract, a: int, d: int) -> None:
    assert math.functions.divUp(a, d).call() == -(-a // d)


@exact
@given(a=signed, d=divisors.filter(lambda d: d < 2**255))
@example(a=-(2**255), d=1)
@example(a=-(2**255), d=2**255 - 1)
@example(a=-1, d=2**255 - 1)
def test_divFloor__positive_divisor__is_the_quotient_rounded_down(math: Contract, a: int, d: int) -> None:
    assert math.functions.divFloor(a, d).call() == a // d


@exact
@given(a=st.integers(0, 2**128), b=st.integers(0, 2**128 - 1), d=divisors)
def test_mulDiv__up_less_down__is_one_for_a_remainder(math: Contract, a: int, b: int, d: int) -> None:
    up, down = (math.functions[name](a, b, d).call() for name in ("mulDivUp", "mulDivDown"))
    assert up - down == (a * b % d != 0)


@pytest.mark.parametrize("a", [-7, -1, 0, 1, 7])
def test_mulDivFloor_and_Trunc__differ_below_zero_alone(math: Contract, a: int) -> None:
    assert math.functions.mulDivFloor(a, 1, 2).call() == a // 2
    assert math.functions.mulDivTrunc(a, 1, 2).call() == int(a / 2)


@pytest.mark.parametrize("name", list(ROUNDED))
def test_mulDiv__divisor_of_zero__reverts(math: Contract, name: str) -> None:
    with reverts("Panic", code=0x12):
        math.functions[name](3, 5, 0).call()


def test_divUp__divisor_of_zero__reverts(math: Contract) -> None:
    with reverts("Panic", code=0x12):
        math.functions.divUp(3, 0).call()
