"""``ballast up``, alone and as a fork, serves a stranger's script."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import ballast
from ballast.chain.anvil import Anvil
from ballast.units import WAD

SCRIPT = Path(__file__).with_name("plain_script.py")
ABI = Path(ballast.__file__).parent / "abi"
pytestmark = pytest.mark.e2e


@contextmanager
def up(folder: Path, *options: str) -> Iterator[dict[str, str]]:
    """A running ``ballast up`` in ``folder``; what it printed when it was ready."""
    command = [str(Path(sys.executable).with_name("ballast")), "up", *options]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    ) as process:
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(20) in (0, 130)


def run_script(url: str, folder: Path) -> dict[str, list[str]]:
    deployment = folder / "deployments" / "local.json"
    command = [sys.executable, str(SCRIPT), url, str(deployment), str(ABI)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    shown: dict[str, list[str]] = json.loads(done.stdout)
    return shown


def test_up__plain_script__deposits_trades_and_liquidates(tmp_path: Path) -> None:
    with up(tmp_path, "--port", "8555", "--seed-accounts", "0") as ready:
        shown = run_script(ready["rpc"], tmp_path)
    equity, _, maintenance = (int(value) for value in shown["after"])
    assert equity * WAD // maintenance >= 1_150_000_000_000_000_000, "not back at the target"


def test_up__fork_of_another_chain__same_script_passes(tmp_path: Path) -> None:
    with Anvil() as upstream, up(tmp_path, "--fork", upstream.url, "--seed-accounts", "0") as ready:
        assert ready["rpc"] != upstream.url
        run_script(ready["rpc"], tmp_path)
