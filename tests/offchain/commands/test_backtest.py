"""``ballast backtest``: a history in, verdicts out."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from ballast.cli import run
from ballast.market.prices import COLUMNS

DAYS = 700
FIRST = date(2020, 1, 1)


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = np.random.default_rng(1)
    path = tmp_path_factory.mktemp("prices") / "prices.csv"
    rows = [",".join(COLUMNS)]
    for symbol, start in (("BTC", 0), ("ETH", 0), ("SOL", 200)):
        price = 100.0
        for place in range(start, DAYS):
            price *= float(np.exp(0.03 * source.standard_t(5)))
            rows.append(f"{FIRST + timedelta(place)},{symbol},{price},{price},{price},{price},1")
    path.write_text("\n".join(rows))
    return path


@pytest.fixture(scope="module")
def funding(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("funding") / "funding.csv"
    source = np.random.default_rng(2)
    rows = ["timestamp,funding_rate"]
    for step in range(3 * DAYS + 1):
        moment = f"{FIRST + timedelta(days=step // 3)}T{8 * (step % 3):02}:00:00+00:00"
        rows.append(f"{moment},{source.normal(1e-4, 1e-4):.8f}")
    path.write_text("\n".join(rows))
    return path


def test_backtest__json__has_all_portfolios(
    prices: Path, funding: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    command = ["backtest", str(prices), "--funding", str(funding), "--from", "2021-03-01", "--random", "12"]
    assert run([*command, "--model", "filtered-ewma", "--html", str(page), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["model"], found["level"]) == ("filtered-ewma", 0.995)
    named = [one["portfolio"] for one in found["portfolios"][:4]]
    assert named == ["long BTC", "short BTC", "BTC against ETH", "cash-and-carry BTC"]
    assert len(found["portfolios"]) == 16
    assert 0 <= found["random_accepted"] <= 1
    days = (FIRST + timedelta(DAYS - 1) - date(2021, 3, 1)).days + 1
    assert {one["days"] for one in found["portfolios"][:3]} == {days}
    assert found["assets"]["BTC"] == "2021-03-01"
    assert found["assets"]["SOL"] == str(FIRST + timedelta(200 + 1 + 30 + 250)), "its first return is a day after"
    text = page.read_text("utf-8")
    for words in ("BTC against ETH", "Random portfolios", "Largest losses of their forecast", "Kupiec"):
        assert words in text


def test_backtest__table__says_what_share_is_accepted(prices: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["backtest", str(prices), "--from", "2021-03-01", "--random", "3", "--model", "historical"]
    assert run(command) == 0
    out = capsys.readouterr().out
    assert "of 3 random portfolios are not rejected by Kupiec's test" in out
    assert "historical, 99.5%, one day" in out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--model", "best"], "model best: not known"),
        (["--from", "2020-02-01"], "no asset has 250 days before 2020-02-01"),
        (["--to", "2030-01-01"], "not within the history"),
        (["--level", "1"], "confidence: 1.0"),
        (["--from", "yesterday"], "--from 'yesterday': not a day"),
        (["--funding", "nowhere.csv"], "nowhere.csv: no such file"),
    ],
)
def test_backtest__bad_input__is_one_line(
    options: list[str], says: str, prices: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["backtest", str(prices), "--from", "2021-03-01", "--random", "1", *options]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert len(err.strip().splitlines()) == 1
