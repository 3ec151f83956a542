"""Numbers and names of what expires, there and back."""

from __future__ import annotations

import locale
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ballast.chain.instruments import (
    FUTURE,
    OPTION,
    PERPETUAL,
    SPOT,
    Dated,
    expiry_label,
    expiry_of_label,
    instrument_id,
    instrument_of_name,
    name_of_instrument,
    parse_dated,
    series_of,
)
from ballast.errors import UsageError
from ballast.units import WAD

ETH = 2
STRIKES = [3_500 * WAD, 3_000 * WAD, 55 * WAD // 100]
#: 26 March 2027, 08:00 UTC: day 2,641 since 2020-01-01.
EXPIRY, DAY = 1_806_048_000, 2_641
LAST = 2**14 - 1


def at_day(day: int) -> int:
    return int(datetime(2020, 1, 1, 8, tzinfo=UTC).timestamp()) + day * 86_400


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("ETH-26MAR27", FUTURE << 28 | ETH << 20 | DAY << 6),
        ("ETH-26MAR27-3500-C", OPTION << 28 | ETH << 20 | DAY << 6),
        ("ETH-26MAR27-3500-P", OPTION << 28 | ETH << 20 | DAY << 6 | 1),
        ("ETH-26MAR27-3000-C", OPTION << 28 | ETH << 20 | DAY << 6 | 1 << 1),
        ("ETH-26MAR27-0.55-P", OPTION << 28 | ETH << 20 | DAY << 6 | 2 << 1 | 1),
    ],
)
def test_names__of_a_listed_instrument__there_and_back(name: str, number: int) -> None:
    assert instrument_of_name(name, ETH, STRIKES) == number
    assert name_of_instrument(number, "ETH", STRIKES) == name


def test_parse_dated__option__says_what_it_is() -> None:
    assert parse_dated("ETH-26MAR27-0.55-P") == Dated("ETH", EXPIRY, 55 * WAD // 100, True)
    assert parse_dated("SOL-5JAN24") == Dated("SOL", int(datetime(2024, 1, 5, 8, tzinfo=UTC).timestamp()))


def test_series_of__is_asset_and_day() -> None:
    assert series_of(ETH, EXPIRY) == ETH << 14 | DAY


@pytest.mark.parametrize(("kind", "serial"), [(SPOT, 5), (PERPETUAL, 0)])
def test_instrument_id__what_does_not_expire__is_as_ever(kind: int, serial: int) -> None:
    assert instrument_id(kind, ETH, serial) == kind << 28 | ETH << 20 | serial


@given(st.integers(0, LAST), st.integers(1, 10**28), st.booleans(), st.integers(0, 29))
def test_names__any_option__one_name_per_number(day: int, strike: int, put: bool, index: int) -> None:
    strikes = [strike + i * 10**29 for i in (*range(1, index + 1), 0)]
    number = instrument_id(OPTION, ETH, day << 6 | index << 1 | put)
    name = name_of_instrument(number, "ETH", strikes)
    assert instrument_of_name(name, ETH, strikes) == number
    assert "E" not in name.split("-")[2]


@pytest.mark.parametrize(("day", "label"), [(0, "1JAN20"), (59, "29FEB20"), (DAY, "26MAR27"), (LAST, "8NOV64")])
def test_expiry_label__first_leap_and_last_day__there_and_back(day: int, label: str) -> None:
    assert expiry_label(at_day(day)) == label
    assert expiry_of_label(label) == at_day(day)


def test_expiry_label__another_locale__english_months() -> None:
    available = ("de_DE.UTF-8", "fr_FR.UTF-8", "C.UTF-8")
    before = locale.setlocale(locale.LC_TIME)
    for name in available:
        try:
            locale.setlocale(locale.LC_TIME, name)
        except locale.Error:
            continue
        try:
            assert expiry_label(at_day(64)) == "5MAR20"
        finally:
            locale.setlocale(locale.LC_TIME, before)


@pytest.mark.parametrize("expiry", [EXPIRY + 1, EXPIRY - 8 * 3_600, at_day(-1), at_day(LAST + 1)])
def test_expiry_label__no_expiry__says_what_is_one(expiry: int) -> None:
    with pytest.raises(UsageError, match="08:00 UTC of a day from 2020-01-01 to 2064-11-08"):
        expiry_label(expiry)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("ETH", "write ETH-26MAR27 or"),
        ("ETH-PERP", "write day, month and year"),
        ("ETH-26MAR27-3500", "write ETH-26MAR27 or"),
        ("ETH-26MAR27-3500-C-X", "write ETH-26MAR27 or"),
        ("-26MAR27", "write ETH-26MAR27 or"),
        ("eth-26MAR27", "write ETH-26MAR27 or"),
        ("ETH-26mar27", "write day, month and year"),
        ("ETH-26MRZ27", "write day, month and year"),
        ("ETH-05JAN27", "5JAN27"),
        ("ETH-26MAR2027", "write day, month and year"),
        ("ETH-29FEB27", "no such day"),
        ("ETH-٢6MAR27", "write day, month and year"),
        ("ETH-1JAN19", "from 2020-01-01"),
        ("ETH-9NOV64", "to 2064-11-08"),
        ("ETH-26MAR27-3500-X", "end with -C or -P"),
        ("ETH-26MAR27-3500-c", "end with -C or -P"),
        ("ETH-26MAR27-0-C", "write a positive number"),
        ("ETH-26MAR27-3500.0-C", "without superfluous zeros"),
        ("ETH-26MAR27-03500-C", "without superfluous zeros"),
        ("ETH-26MAR27-.55-C", "0.55"),
        ("ETH-26MAR27-3.5e3-C", "no strike"),
        ("ETH-26MAR27-0.0000000000000000001-C", "more than 18 decimals"),
        ("ETH-26MAR27-3600-C", "listed are 0.55, 3000, 3500"),
        ("", "write ETH-26MAR27 or"),
    ],
)
def test_instrument_of_name__bad_name__one_line_what_where_and_what_would_be_right(name: str, advice: str) -> None:
    with pytest.raises(UsageError) as caught:
        instrument_of_name(name, ETH, STRIKES)
    message = str(caught.value)
    assert repr(name) in message
    assert advice in message
    assert "\n" not in message


def test_instrument_of_name__no_strikes__says_none() -> None:
    with pytest.raises(UsageError, match="listed are none"):
        instrument_of_name("ETH-26MAR27-3500-C", ETH)


@pytest.mark.parametrize(
    ("number", "problem"),
    [
        (PERPETUAL << 28 | ETH << 20, "neither a future nor an option"),
        (FUTURE << 28 | ETH << 20 | DAY << 6 | 1, "neither a future nor an option"),
        (12 << 28 | ETH << 20 | DAY << 6, "neither a future nor an option"),
        (OPTION << 28 | ETH << 20 | DAY << 6 | 3 << 1, "no strike 3 at 26MAR27; 3 are listed"),
    ],
)
def test_name_of_instrument__without_a_name__says_why(number: int, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        name_of_instrument(number, "ETH", STRIKES)
