"""``ballast demo`` as its users run it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.offchain.commands.shell import Shell, shell

__all__ = ["shell"]

COMMAND = [sys.executable, "-c", "from ballast.cli import main; main()", "demo"]
#: Invented prices: a fall by a third on 2031-05-03.
EXAMPLE = Path(__file__).parents[3] / "examples" / "prices.csv"
HEADER = "date,symbol,open,high,low,close,volume"


def _csv(folder: Path, *rows: str) -> Path:
    path = folder / "prices.csv"
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    return path


# ------------------------------------------------------------------ a whole run


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A fast demo that has run in a folder of its own."""
    folder = tmp_path_factory.mktemp("demo")
    done = subprocess.run(
        [*COMMAND, "--fast", "--json", "out/demo.json"], cwd=folder, capture_output=True, text=True, check=False
    )
    return folder, done


@pytest.fixture(scope="module")
def results(finished: tuple[Path, subprocess.CompletedProcess[str]]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((finished[0] / "out/demo.json").read_text())
    return found


@pytest.mark.e2e
def test_demo__fast__ends_with_zero_and_shows_every_invariant(
    finished: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    _, done = finished
    assert done.returncode == 0, done.stderr + done.stdout
    for number in ("I1", "I2", "I3", "I4", "I5", "I6", "I7", "I12"):
        assert f"│ {number} " in done.stdout
    assert "FAIL" not in done.stdout
    assert done.stderr == ""


@pytest.mark.e2e
def test_demo__fast__json_has_what_others_rely_on(results: dict[str, Any]) -> None:
    assert {
        "liquidations",
        "collateral_sold",
        "liquidator_profit",
        "insurance_used",
        "bad_debt",
        "worst_health_factor",
        "blocks_to_liquidate",
        "invariants",
    } <= results.keys()
    assert results["invariants"] == dict.fromkeys(("I1", "I2", "I3", "I4", "I5", "I6", "I7", "I12"), True)
    assert results["accounts"] >= 50
    assert results["liquidations"] >= results["accounts_liquidated"] > 0
    assert results["collateral_sold"] > 0
    assert results["liquidator_profit"] > 0
    assert results["worst_health_factor"] < 1
    assert results["unliquidated"] == 0


@pytest.mark.e2e
def test_demo__fast__bad_debt_is_to_the_cent_and_adds_up(results: dict[str, Any]) -> None:
    borne = sum(round(100 * amount) for amount in results["bad_debt_borne_by"].values())
    assert results["bad_debt"] == round(results["bad_debt"], 2)
    assert abs(borne - round(100 * results["bad_debt"])) <= 2  # each part is rounded by itself


@pytest.mark.e2e
def test_demo__fast__report_is_there_and_needs_no_network(
    finished: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    page = (finished[0] / "report" / "index.html").read_text()
    assert "Health factors" in page
    assert ' src="' not in page.split("<body>")[1]
    assert '<link rel="stylesheet"' not in page


@pytest.mark.e2e
def test_demo__prices_of_a_file__liquidates_on_the_day_of_the_fall(tmp_path: Path) -> None:
    command = [*COMMAND, "--fast", "--prices", str(EXAMPLE), "--json", "demo.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    found = json.loads((tmp_path / "demo.json").read_text())
    assert all(found["invariants"].values())
    assert "2031-05-03" in found["liquidation_days"]
    assert found["bad_debt"] > 0
    assert found["bad_debt"] == round(found["bad_debt"], 2), "to the cent"
    assert found["bad_debt"] == pytest.approx(sum(found["bad_debt_borne_by"].values()), abs=0.02)
    assert (tmp_path / "report" / "index.html").exists()


@pytest.mark.e2e
def test_demo__same_seed__same_result(tmp_path: Path, results: dict[str, Any]) -> None:
    done = subprocess.run([*COMMAND, "--fast", "--json", "demo.json"], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0
    assert json.loads((tmp_path / "demo.json").read_text()) == results


# ------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--from", "2020-03-01"), "--prices"),
        (("--prices", "none.csv"), "no such file"),
        (("--prices", "none.csv", "--from", "yesterday"), "--from 'yesterday': not a day"),
        (("--prices", "none.csv", "--to", "2020-02-30"), "--to '2020-02-30': not a day"),
        (("--prices",), "requires an argument"),
        (("--fats",), "No such option"),
        (("--json", "."), "is a folder"),
        (("--report", "."), "is a folder"),
        (("--seed", "-1"), "--seed"),
    ],
)
def test_demo__bad_option__one_line_and_two(shell: Shell, arguments: tuple[str, ...], words: str) -> None:
    assert words in shell.refuses("demo", *arguments)
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (("2020-03-12,ETH,10,11,x,10,1",), "line 2, column 5 (low)"),
        (("2020-03-12,ETH,10,11,0,10,1",), "column 5 (low): is zero"),
        (("2020-03-12,ETH,10,11,9,10,1", "2020-03-14,ETH,10,11,9,10,1"), "no row for 2020-03-13"),
        (("2020-03-12,BNB,10,11,9,10,1",), "no rows of a listed asset"),
        (("2020-03-12,ETH,1e9,1e9,9,10,1",), "outside its feed's bounds"),
    ],
)
def test_demo__bad_prices__one_line_and_two(shell: Shell, rows: tuple[str, ...], words: str) -> None:
    path = _csv(Path(), *rows)
    assert words in shell.refuses("demo", "--prices", path)
    assert [found.name for found in Path().iterdir()] == ["prices.csv"]


def test_demo__prices_outside_the_window__says_what_there_is(shell: Shell) -> None:
    path = _csv(Path(), "2020-03-12,ETH,10,11,9,10,1")
    line = shell.refuses("demo", "--prices", path, "--from", "2021-01-01", "--to", "2021-01-02")
    assert "the file has ETH 2020-03-12 to 2020-03-12" in line


def test_demo__move_beyond_the_hard_bounds__refused_before_anything_runs(shell: Shell) -> None:
    path = _csv(Path(), "2020-03-11,ETH,3000,3060,2965,3020,1", "2020-03-12,ETH,3020,3030,290,300,1")
    line = shell.refuses("demo", "--prices", path)
    assert "within a day (2020-03-12)" in line
    assert "takes no price 5 times off its slow price" in line


@pytest.mark.e2e
def test_demo__one_coin_and_a_steep_day__every_loss_adds_up(tmp_path: Path) -> None:
    """USDC alone makes the unit of a loss: nothing else hides the rounding of its parts."""
    _csv(
        tmp_path,
        "2031-05-01,ETH,3000,3060,2965,3020,600000000",
        "2031-05-02,ETH,3020,3030,900,900,600000000",
        "2031-05-03,ETH,900,900,900,900,600000000",
    )
    command = [*COMMAND, "--fast", "--prices", "prices.csv"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout


def test_demo__place_that_cannot_be_written__refused_before_anything_runs(shell: Shell) -> None:
    Path("file").write_text("")
    for place in ("file/demo.json", "/proc/demo.json"):
        assert "cannot be written" in shell.refuses("demo", "--json", place)


def test_demo__help__has_an_example(shell: Shell) -> None:
    result = shell("demo", "--help")
    assert result.code == 0
    assert "ballast demo --prices prices.csv" in result.out


# ------------------------------------------------------------------ being stopped


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("number", "whole_group"), [(signal.SIGINT, False), (signal.SIGINT, True), (signal.SIGTERM, False)]
)
@pytest.mark.parametrize("after", ["node", "replay"])
def test_demo__interrupted__leaves_no_process_behind(
    tmp_path: Path, number: signal.Signals, whole_group: bool, after: str
) -> None:
    process = subprocess.Popen(
        [*COMMAND, "--fast"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        started = _wait_for(lambda: _descendants(process.pid))
        assert any("anvil" in _command(pid) for pid in started)
        if after == "replay":
            time.sleep(3)
        started = _descendants(process.pid)
        if whole_group:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        assert process.wait(timeout=20) == 130
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
        assert _wait_for(lambda: not [pid for pid in started if _is_alive(pid)])
    finally:
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()
    assert not (tmp_path / "report").exists()


@pytest.mark.e2e
def test_demo__killed__leaves_no_process_behind(tmp_path: Path) -> None:
    process = subprocess.Popen([*COMMAND, "--fast"], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    started = _wait_for(lambda: _descendants(process.pid))
    assert any("anvil" in _command(pid) for pid in started)
    process.kill()
    process.wait()
    assert _wait_for(lambda: not [pid for pid in started if _is_alive(pid)])


def _wait_for(probe: Any, seconds: float = 20) -> Any:
    """What ``probe`` says once it says something, or at the end."""
    deadline = time.monotonic() + seconds
    while not (found := probe()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


def _descendants(pid: int) -> list[int]:
    """Supervisor and node: children of the process and theirs, once there are two of them."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
    found = [pid]
    for known in found:
        found += [child for child, parent in parents.items() if parent == known]
    return found[1:] if any("/anvil" in _command(child) for child in found[1:]) else []


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"
