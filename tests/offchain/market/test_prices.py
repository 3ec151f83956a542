"""Branches of ``read_prices``.

a file
├── that cannot be read, is no text, no CSV, or has another header    -> UsageError
├── with a row
│   ├── of another number of cells, or a cell that is no number       -> line and column
│   ├── with a negative, a zero, a high below the low                 -> line and column
│   └── out of order, twice, or after a gap of its asset              -> line and column
├── with rows of assets that are not listed                           -> ignored, said so
└── that is right
    ├── and has an asset on every day of the window                   -> its bars, exact
    ├── on no day, or on some                                         -> left out, said so
    └── on none for all assets                                        -> UsageError
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from ballast.errors import UsageError
from ballast.market import parse_day, read_prices

HEADER = "date,symbol,open,high,low,close,volume"
GOOD = ("2020-03-11,BTC,10,11,9,10.5,1", "2020-03-12,BTC,10.5,10.6,5,6.25,0")


def _file(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "prices.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_read_prices__right_file__bars_are_exact_and_in_order(tmp_path: Path) -> None:
    table = read_prices(_file(tmp_path, *GOOD), ["BTC"])
    assert [(bar.day, bar.close, bar.line) for bar in table.bars["BTC"]] == [
        (date(2020, 3, 11), Decimal("10.5"), 2),
        (date(2020, 3, 12), Decimal("6.25"), 3),
    ]
    assert (table.first, table.last, table.days) == (date(2020, 3, 11), date(2020, 3, 12), 2)
    assert table.notices() == []


def test_read_prices__number_that_a_float_would_change__stays_as_written(tmp_path: Path) -> None:
    digits = "7913.616199999999934"
    path = _file(tmp_path, f"2020-03-12,BTC,{digits},8e3,7E+3,{digits},1e10")
    bar = read_prices(path, ["BTC"]).bars["BTC"][0]
    assert str(bar.open) == digits
    assert (bar.high, bar.low, bar.volume) == (8000, 7000, 10**10)


def test_read_prices__assets_that_alternate__are_told_apart(tmp_path: Path) -> None:
    eth = tuple(row.replace("BTC", "ETH") for row in GOOD)
    path = _file(tmp_path, GOOD[0], eth[0], GOOD[1], eth[1])
    assert {s: len(bars) for s, bars in read_prices(path, ["BTC", "ETH"]).bars.items()} == {
        "BTC": 2,
        "ETH": 2,
    }


def test_read_prices__byte_order_mark_and_windows_lines__are_read(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([HEADER, *GOOD, ""]).encode())
    assert len(read_prices(path, ["BTC"]).bars["BTC"]) == 2


@pytest.mark.parametrize(
    ("row", "place", "words"),
    [
        ("2020-3-11,BTC,10,11,9,10,1", "line 2, column 1 (date)", "not a day"),
        ("2020-02-30,BTC,10,11,9,10,1", "line 2, column 1 (date)", "not a day"),
        ("2020-03-11,,10,11,9,10,1", "line 2, column 2 (symbol)", "empty"),
        ("2020-03-11,BTC,ten,11,9,10,1", "line 2, column 3 (open)", "not a number"),
        ("2020-03-11,BTC,,11,9,10,1", "line 2, column 3 (open)", "empty"),
        ("2020-03-11,BTC,10,nan,9,10,1", "line 2, column 4 (high)", "not a number"),
        ("2020-03-11,BTC,10,inf,9,10,1", "line 2, column 4 (high)", "not a number"),
        ("2020-03-11,BTC,10,1_1,9,10,1", "line 2, column 4 (high)", "not a number"),
        ("2020-03-11,BTC,10,1e40,9,10,1", "line 2, column 4 (high)", "too large"),
        ("2020-03-11,BTC,10,8,9,10,1", "line 2, column 4 (high)", "below the low"),
        ("2020-03-11,BTC,10,11,-9,10,1", "line 2, column 5 (low)", "negative"),
        ("2020-03-11,BTC,10,11,0,10,1", "line 2, column 5 (low)", "zero"),
        ("2020-03-11,BTC,10,11,0.0,10,1", "line 2, column 5 (low)", "zero"),
        ("2020-03-11,BTC,12,11,9,10,1", "line 2, column 3 (open)", "outside"),
        ("2020-03-11,BTC,10,11,9,8,1", "line 2, column 6 (close)", "outside"),
        ("2020-03-11,BTC,10,11,9,10,-1", "line 2, column 7 (volume)", "negative"),
        ("2020-03-11,BTC,10,11,9,10", "line 2", "6 cells"),
        ("2020-03-11,BTC,10,11,9,10,1,2", "line 2", "8 cells"),
    ],
)
def test_read_prices__bad_cell__named_by_line_and_column(tmp_path: Path, row: str, place: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_prices(_file(tmp_path, row), ["BTC"])
    message = str(caught.value)
    assert place in message
    assert words in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("rows", "place", "words"),
    [
        ((GOOD[0], GOOD[0]), "line 3, column 1 (date)", "twice for BTC, first on line 2"),
        ((GOOD[1], GOOD[0]), "line 3, column 1 (date)", "comes after 2020-03-12"),
        (
            (GOOD[0], "2020-03-13,BTC,10,11,9,10,1"),
            "line 3, column 1 (date)",
            "no row for 2020-03-12",
        ),
    ],
)
def test_read_prices__days_out_of_order__named_by_line(
    tmp_path: Path, rows: tuple[str, ...], place: str, words: str
) -> None:
    with pytest.raises(UsageError) as caught:
        read_prices(_file(tmp_path, *rows), ["BTC"])
    assert place in str(caught.value)
    assert words in str(caught.value)


def test_read_prices__gap_outside_the_window__is_refused_all_the_same(tmp_path: Path) -> None:
    path = _file(tmp_path, "2020-03-01,BTC,10,11,9,10,1", *GOOD)
    with pytest.raises(UsageError, match="no row for 2020-03-02"):
        read_prices(path, ["BTC"], first=date(2020, 3, 11))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "line 1: nothing; the header must be date,symbol"),
        (b"date,symbol,close\n", "line 1: date,symbol,close; the header"),
        (b"\xff\xfe\x00d", "not a text file"),
        (HEADER.encode() + b'\n2020-03-11,"BTC,1,1,1,1,1\n', "line "),
    ],
)
def test_read_prices__not_such_a_csv__says_so(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "prices.csv"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_prices(path, ["BTC"])
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_read_prices__no_file__says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        read_prices(tmp_path / "none.csv", ["BTC"])
    with pytest.raises(UsageError, match="cannot be read"):
        read_prices(tmp_path, ["BTC"])


def test_read_prices__asset_that_starts_after_the_window__left_out_and_said_so(
    tmp_path: Path,
) -> None:
    path = _file(tmp_path, *GOOD, "2020-04-10,SOL,1,1,1,1,1", "2020-04-11,SOL,1,1,1,1,1")
    table = read_prices(path, ["BTC", "SOL", "ETH"], last=date(2020, 3, 12))
    assert list(table.bars) == ["BTC"]
    assert table.notices() == [
        "SOL: left out, no rows from 2020-03-11 to 2020-03-12: its rows run from 2020-04-10 to 2020-04-11",
        "ETH: left out, it has no rows in the file",
    ]


def test_read_prices__asset_that_starts_inside_the_window__left_out_and_said_so(
    tmp_path: Path,
) -> None:
    path = _file(tmp_path, *GOOD, "2020-03-12,SOL,1,1,1,1,1")
    table = read_prices(path, ["BTC", "SOL"])
    assert list(table.bars) == ["BTC"]
    assert "a part of 2020-03-11 to 2020-03-12 only" in table.left_out["SOL"]


def test_read_prices__symbol_that_is_not_listed__ignored_with_a_notice(tmp_path: Path) -> None:
    path = _file(tmp_path, *GOOD, "2020-03-12,BNB,x,y,z,,")
    table = read_prices(path, ["BTC"])
    assert table.ignored == ("BNB",)
    assert table.notices() == ["BNB: not listed here, ignored"]


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ("2020-03-13", "2020-03-12", "swap"),
        ("2021-01-01", "2021-01-02", "the file has BTC 2020-03-11 to 2020-03-12"),
        ("2021-01-01", None, "empty"),
        ("2020-03-11", "2020-03-13", "no asset has prices on every day"),
    ],
)
def test_read_prices__window_without_prices__says_what_the_file_has(
    tmp_path: Path, first: str, last: str | None, words: str
) -> None:
    end = None if last is None else parse_day(last)
    with pytest.raises(UsageError) as caught:
        read_prices(_file(tmp_path, *GOOD), ["BTC"], first=parse_day(first), last=end)
    assert words in str(caught.value)


def test_read_prices__no_listed_asset__says_which_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there are ETH, SOL"):
        read_prices(_file(tmp_path, *GOOD), ["SOL", "ETH"])


@pytest.mark.parametrize("text", ["", "2020-3-1", "20200301", "2020-13-01", "2020-03-01T00:00"])
def test_parse_day__not_a_day__names_what_it_was_for(text: str) -> None:
    with pytest.raises(UsageError, match="--from"):
        parse_day(text, "--from")
