"""Account numbers and exact conversions."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ballast import units
from ballast.errors import UsageError

OWNER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


def test_account_id__owner_and_index__is_owner_shifted_by_eight_bits() -> None:
    assert units.account_id(OWNER, 7) == int(OWNER, 16) << 8 | 7


@given(st.integers(0, units.ACCOUNT_BOUND - 1))
def test_parse_account__of_format_account__is_the_same_account(account: int) -> None:
    assert units.parse_account(units.format_account(account)) == account
    assert units.parse_account(str(account)) == account
    assert units.account_id(units.owner_of(account), units.index_of(account)) == account


def test_parse_account__hexadecimal_id__is_read_as_number() -> None:
    account = units.account_id(OWNER, 3)
    assert units.parse_account(hex(account)) == account


def test_parse_account__bare_owner__is_index_zero() -> None:
    assert units.parse_account(OWNER.lower()) == units.account_id(OWNER)


@pytest.mark.parametrize(
    "text",
    [
        f"{OWNER}:256",
        f"{OWNER}:-1",
        f"{OWNER}:",
        f"{OWNER}:x",
        "0x1234:1",
        str(units.ACCOUNT_BOUND),
        hex(units.ACCOUNT_BOUND),
        "-1",
        "1.5",
        "",
        "owner",
        OWNER.replace("f39F", "F39f") + ":0",
    ],
)
def test_parse_account__not_an_account__is_one_line_that_names_it(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        units.parse_account(text)
    assert "\n" not in str(caught.value)
    assert text.split(":")[0] in str(caught.value)


def test_parse_address__wrong_checksum__is_refused() -> None:
    with pytest.raises(UsageError, match="checksum"):
        units.parse_address(OWNER.replace("aad", "aAd"))


@given(st.decimals(allow_nan=False, allow_infinity=False, places=18, min_value=-(10**20), max_value=10**20))
def test_to_wad__eighteen_decimals__round_trips(amount: Decimal) -> None:
    assert units.from_wad(units.to_wad(amount)) == amount


@given(st.integers(-(2**255), 2**255), st.integers(0, 18))
def test_from_units__any_integer__is_exact(value: int, decimals: int) -> None:
    assert units.to_units(units.from_units(value, decimals), decimals) == value


def test_to_units__too_many_decimals__is_refused() -> None:
    with pytest.raises(UsageError, match="more than 6 decimals"):
        units.to_units("0.0000001", 6)


@pytest.mark.parametrize(
    ("amount", "down", "up"), [("1.0000001", 1_000_000, 1_000_001), ("-1.0000001", -1_000_001, -1_000_000)]
)
def test_to_units_rounded__inexact__goes_in_the_direction_named(amount: str, down: int, up: int) -> None:
    assert units.to_units_down(amount, 6) == down
    assert units.to_units_up(amount, 6) == up


@pytest.mark.parametrize("value", ["nan", "inf", "1e", "one", "", 0.1, True, None])
def test_decimal_of__not_an_exact_finite_number__is_refused(value: object) -> None:
    with pytest.raises(UsageError):
        units.decimal_of(value)  # type: ignore[arg-type]
