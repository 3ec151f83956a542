"""Evenly spaced columns: what is told of, and what ends the reading."""

from __future__ import annotations

from pathlib import Path

import pytest

from ballast.errors import UsageError
from ballast.market.series_csv import daily_sums, read_series

HOUR = 3_600


def written(folder: Path, *rows: str, head: str = "timestamp,rate") -> Path:
    path = folder / "series.csv"
    path.write_text("\n".join([head, *rows]))
    return path


def test_read_series__whole__has_no_findings(tmp_path: Path) -> None:
    found = read_series(
        written(tmp_path, "1970-01-01T08:00:00Z,0.1", "1970-01-01T16:00:00Z,-0.2"), "rate", every=8 * HOUR
    )
    assert found.times.tolist() == [8 * HOUR, 16 * HOUR]
    assert found.values.tolist() == [0.1, -0.2]
    assert found.findings == ()


def test_read_series__gap_repeat_late_and_no_zone__are_told(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "1970-01-01 08:00:00.004,1",
        "1970-01-01 08:00:00,1",
        "1970-01-02 00:00:00,2",
        "1970-01-02T08:00:00Z,3",
    )
    found = read_series(path, "rate", every=8 * HOUR)
    assert found.values.tolist() == [1, 2, 3], "nothing is filled in"
    assert [words.removeprefix(f"{path}: ") for words in found.findings] == [
        "3 times have no zone and are taken as UTC",
        "1 times are up to 1% of 28800 s late and are taken as on time",
        "1 rows say what the row above says and are left out",
        "no rows between 1970-01-01 08:00 and 1970-01-02 00:00",
    ]


def test_read_series__another_zone__is_that_moment(tmp_path: Path) -> None:
    found = read_series(written(tmp_path, "1970-01-01T10:00:00+02:00,1"), "rate", every=8 * HOUR)
    assert found.times.tolist() == [8 * HOUR]


def test_daily_sums__days__end_with_their_last_payment(tmp_path: Path) -> None:
    days = [f"1970-01-0{day}T{hour:02}:00:00Z" for day in (1, 2, 3, 4) for hour in (0, 8, 16)]
    rows = [f"{moment},{place}" for place, moment in enumerate(days) if place != 7]
    found = read_series(written(tmp_path, *rows), "rate", every=8 * HOUR)
    dates, sums, findings = daily_sums(found)
    assert dates.astype(str).tolist() == ["1970-01-01", "1970-01-02"]
    assert sums.tolist() == [1 + 2 + 3, 4 + 5 + 6]
    assert findings == ("1970-01-03: 2 of 3 payments; left out",)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (["1970-01-01T08:00:00Z,x"], r"series.csv:2: rate: 'x' is no number"),
        (["1970-01-01T08:00:00Z,nan"], r":2: rate: nan is not finite; take the row out"),
        (["noon,1"], r":2: timestamp: 'noon' is no time"),
        (["1970-01-01T09:00:00Z,1"], r":2: timestamp: 1970-01-01T09:00:00Z is not a multiple of 28800 seconds"),
        (["1970-01-01T16:00:00Z,1", "1970-01-01T08:00:00Z,1"], r":3: timestamp: .* comes before the row above"),
        (
            ["1970-01-01T08:00:00Z,1", "1970-01-01T08:00:00Z,2"],
            r":3: rate: 2 at the time of the row above, which says 1",
        ),
        ([], "no rows; give at least one"),
    ],
)
def test_read_series__bad_row__is_named(tmp_path: Path, rows: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        read_series(written(tmp_path, *rows), "rate", every=8 * HOUR)


def test_read_series__no_column_or_file__is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no column rate; there are timestamp, price"):
        read_series(written(tmp_path, head="timestamp,price"), "rate", every=HOUR)
    with pytest.raises(UsageError, match="no such file"):
        read_series(tmp_path / "none.csv", "rate", every=HOUR)
