"""Set-up: the fallback compiler, the ape shim and the one-line errors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ballast.errors import UsageError
from scripts._build import toolchain
from scripts._build.lock import ANVIL, complete_npm_lock
from scripts._build.settings import ROOT

VERSION = "0.8.30"


@pytest.fixture
def solcx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty compiler folder, and no download."""
    monkeypatch.setattr(toolchain, "SOLCX_FOLDER", tmp_path / "solcx")
    monkeypatch.setenv("BALLAST_SOLC", "npm")
    return tmp_path / "solcx"


def test_install_compiler__no_native_one__npm_answers_under_the_native_name(solcx: Path) -> None:
    assert toolchain.install_compiler(VERSION) == "npm"
    binary = solcx / f"solc-v{VERSION}"
    answer = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True)
    assert f"Version: {VERSION}+commit." in answer.stdout


def test_install_compiler__download_fails__falls_back_without_a_trace(
    solcx: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BALLAST_SOLC", "native")
    monkeypatch.setattr(toolchain, "_DOWNLOAD", "import sys; sys.exit('no network')")
    assert toolchain.install_compiler(VERSION) == "npm"
    assert capfd.readouterr() == ("", "")
    assert not list((solcx / "native").iterdir())


def test_install_compiler__native_binary_present__is_preferred(solcx: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BALLAST_SOLC", "native")
    native = solcx / "native" / f"solc-{VERSION}"
    native.parent.mkdir(parents=True)
    native.write_text(f'#!/bin/sh\necho "Version: {VERSION}+commit.00.Linux.g++ args: $*"\n')
    native.chmod(0o755)
    assert toolchain.install_compiler(VERSION) == "native"
    call = [solcx / f"solc-v{VERSION}", "--standard-json", "--base-path", "/elsewhere"]
    answer = subprocess.run(call, capture_output=True, text=True, check=True)
    assert answer.stdout.endswith(f"--base-path /elsewhere --include-path {ROOT}\n")


def test_install_compiler__broken_native_binary__npm_takes_its_place(
    solcx: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BALLAST_SOLC", "native")
    native = solcx / "native" / f"solc-{VERSION}"
    native.parent.mkdir(parents=True)
    native.write_bytes(b"\x7fELF half a download")
    native.chmod(0o755)
    assert toolchain.install_compiler(VERSION) == "npm"


@pytest.mark.usefixtures("solcx")
def test_install_compiler__no_node__one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match=r"no compiler: .*install Node\.js"):
        toolchain.install_compiler(VERSION)


@pytest.mark.usefixtures("solcx")
def test_install_compiler__npm_package_missing__one_line_says_what_to_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BALLAST_SOLC_PACKAGE", "solc-that-is-not-there")
    with pytest.raises(UsageError, match=r"no compiler: .*run `make setup` with network"):
        toolchain.install_compiler(VERSION)


def test_build__compiler_missing__exit_two_and_one_line(tmp_path: Path) -> None:
    call = "from scripts._build import compiler, __main__; from pathlib import Path;"
    call += f"compiler.SOLCX_FOLDER = Path({str(tmp_path)!r});"
    call += f"__main__.BUILD_FOLDER = Path({str(tmp_path / 'build')!r});"
    call += "raise SystemExit(__main__.main([]))"
    answer = subprocess.run([sys.executable, "-c", call], capture_output=True, text=True, cwd=ROOT, check=False)
    assert answer.returncode == 2
    assert answer.stdout == ""
    assert answer.stderr.count("\n") == 1
    assert "run `make setup`" in answer.stderr


@pytest.mark.parametrize(
    ("tools", "step", "message"),
    [
        pytest.param({}, "python", "Python 3.11 or 3.12 with venv not found", id="no python"),
        pytest.param({}, "node", "node and npm not found", id="no node"),
        pytest.param({"node": "exit 1", "npm": ""}, "node", "is too old", id="old node"),
    ],
)
def test_setup__tool_missing_or_too_old__exit_two_and_one_line(
    tmp_path: Path, tools: dict[str, str], step: str, message: str
) -> None:
    """Runs a copy of the script, with nothing on the PATH but the shell's own commands."""
    script = tmp_path / "tree" / "scripts" / "_build" / "setup.sh"
    script.parent.mkdir(parents=True)
    script.write_text((ROOT / "scripts" / "_build" / "setup.sh").read_text())
    binaries = tmp_path / "bin"
    binaries.mkdir()
    for name in ("dirname", "head", "rm", "grep"):
        (binaries / name).symlink_to(f"/usr/bin/{name}")
    for name, body in tools.items():
        (binaries / name).write_text(f"#!/bin/sh\n{body}\n")
        (binaries / name).chmod(0o755)
    answer = subprocess.run(
        ["/bin/bash", str(script), step],
        capture_output=True,
        text=True,
        env={"PATH": str(binaries), "HOME": os.environ.get("HOME", "/")},
        check=False,
    )
    assert answer.returncode == 2
    assert answer.stderr.count("\n") == 1
    assert message in answer.stderr


def test_lock_files__as_committed__name_no_host_and_every_platform() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())
    assert [name for name, entry in lock["packages"].items() if "resolved" in entry] == []
    wanted = lock["packages"][ANVIL]["optionalDependencies"]
    assert wanted
    assert {f"node_modules/{name}" for name in wanted} <= set(lock["packages"])
    assert "://" not in (ROOT / "requirements.lock").read_text()


def test_complete_npm_lock__platforms_missing__are_added_by_version(tmp_path: Path) -> None:
    path = tmp_path / "package-lock.json"
    anvil = {
        "license": "MIT",
        "resolved": "x",
        "optionalDependencies": {"@f/anvil-linux-arm64": "1"},
    }
    path.write_text(json.dumps({"packages": {"": {}, ANVIL: anvil}}))
    complete_npm_lock(path)
    packages = json.loads(path.read_text())["packages"]
    assert packages["node_modules/@f/anvil-linux-arm64"] == {
        "version": "1",
        "cpu": ["arm64"],
        "license": "MIT",
        "optional": True,
        "os": ["linux"],
    }
    assert "resolved" not in packages[ANVIL]


@pytest.mark.slow
def test_ape__networks_list__knows_the_local_node() -> None:
    ape = Path(sys.prefix) / "bin" / "ape"
    answer = subprocess.run([ape, "networks", "list"], capture_output=True, text=True, cwd=ROOT, check=False)
    assert answer.returncode == 0, answer.stderr
    assert "foundry" in answer.stdout
