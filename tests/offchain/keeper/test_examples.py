"""The examples run as they are, and do what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ballast.keeper import KeeperSettings
from ballast.market.prices import read_prices

FOLDER = Path(__file__).parents[3] / "examples"


@pytest.mark.e2e
def test_keeper_py__runs__liquidates_in_the_block_of_the_fall(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, FOLDER / "keeper.py"], capture_output=True, text=True, cwd=tmp_path, timeout=120
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    breach = re.search(r"block (\d+), 1 at risk", ran.stdout)
    won = re.search(r"liquidated 0x\w+:0 in block (\d+): (\d+\.\d\d) USDC after gas", ran.stdout)
    assert breach is not None
    assert won is not None
    assert breach[1] == won[1]
    assert float(won[2]) > 0


@pytest.mark.e2e
def test_attack__runs_outside_the_tree__is_refused(tmp_path: Path) -> None:
    (tmp_path / "test_attack.py").write_text((FOLDER / "attack_self_liquidation.py").read_text())
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert ran.returncode == 0, ran.stdout
    assert "2 passed" in ran.stdout


def test_scripts__are_short() -> None:
    for name in ("keeper.py", "attack_self_liquidation.py"):
        lines = [line for line in (FOLDER / name).read_text().splitlines() if line.strip()]
        assert len(lines) <= 32, name


def test_keeper_toml__names_every_setting() -> None:
    path = FOLDER / "keeper.toml"
    settings = KeeperSettings.load(path)
    assert settings.account == "1"
    shown = re.findall(r"^(?:# )?([a-z_]+) = ", path.read_text(), re.MULTILINE)
    assert shown == list(KeeperSettings.model_fields)


def test_prices_csv__is_in_the_demos_format() -> None:
    table = read_prices(FOLDER / "prices.csv", ["BTC", "ETH", "SOL"])
    assert (table.days, table.notices()) == (5, [])
