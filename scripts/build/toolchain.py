"""Puts a compiler into .venv/solcx, links anvil, and writes the ape shim.

Run by ``make setup`` as ``python -m scripts.build.toolchain``. The native compiler is tried first
(through py-solc-x, within a short time); whatever goes wrong, npm's compiler takes its place.
``BALLAST_SOLC=npm`` skips the attempt. Nothing outside the project is written.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from ballast.chain.anvil import find_anvil
from ballast.errors import BallastError, UsageError
from scripts.build.settings import ROOT, load_settings

__all__ = ["SOLCX_FOLDER", "install_compiler", "link_anvil", "write_ape_shim"]

SOLCX_FOLDER = Path(sys.prefix) / "solcx"
PROBE_SECONDS = 5
DOWNLOAD_SECONDS = 90
WRAPPER_MARK = "# npm compiler behind a native name"

_DOWNLOAD = """
import sys, requests, solcx
from solcx import install
version, folder, probe = sys.argv[1], sys.argv[2], float(sys.argv[3])
index = install.BINARY_DOWNLOAD_BASE.format(install._get_os_name(), "list.json")
requests.get(index, timeout=probe, stream=True).raise_for_status()
solcx.install_solc(version, solcx_binary_path=folder)
"""

_WRAPPER = """#!/bin/sh
{mark}
# The version is baked in: tools ask for it two or three times per compilation.
case " $* " in
  *" --version "*) printf '%s\\n' 'solc, the solidity compiler commandline interface' {version}; exit 0 ;;
esac
exec {node} {script} "$@"
"""

_SHIM = """#!{python}
# ape, with this project's compiler and anvil. Written by `make setup`.
import os
import sys
from pathlib import Path

prefix = Path(sys.prefix)
os.environ["SOLCX_BINARY_PATH"] = str(prefix / "solcx")
os.environ["PATH"] = os.pathsep.join([str(prefix / "bin"), os.environ.get("PATH", os.defpath)])
# pyproject.toml keeps ape's pytest plugin out of plain runs; here it is wanted.
os.environ["PYTEST_ADDOPTS"] = "-o addopts= " + os.environ.get("PYTEST_ADDOPTS", "")

from ape._cli import cli

if __name__ == "__main__":
    sys.exit(cli())
"""


def _write_executable(path: Path, text: str) -> None:
    """Replaces ``path`` in one step, so that a running reader never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.chmod(0o755)
    temporary.replace(path)


def _works(binary: Path, version: str) -> bool:
    """Whether ``binary`` runs and says that it is ``version``."""
    try:
        answer = subprocess.run(
            [str(binary), "--version"], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return f"Version: {version}+commit." in answer.stdout


def _install_native(version: str, binary: Path) -> bool:
    """Downloads the native compiler. Any failure at all is a plain False."""
    staging = binary.parent / f"download-{os.getpid()}"
    staging.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(
            [sys.executable, "-c", _DOWNLOAD, version, str(staging), str(PROBE_SECONDS)],
            capture_output=True,
            timeout=DOWNLOAD_SECONDS,
            check=True,
        )
        fetched = staging / binary.name
        if not _works(fetched, version):
            return False
        fetched.replace(binary)
        return True
    except (OSError, subprocess.SubprocessError):
        return False
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _install_wrapper(version: str, binary: Path) -> None:
    """Writes the npm compiler's wrapper; ``UsageError`` where node or the package is missing."""
    node = shutil.which("node")
    script = ROOT / "scripts" / "build" / "solc.cjs"
    if node is None:
        raise UsageError(
            f"solc {version}: no compiler: the native one cannot be downloaded and node is not "
            "installed; install Node.js 18 or newer and run `make setup`"
        )
    answer = subprocess.run(
        [node, str(script), "--version"], capture_output=True, text=True, check=False
    )
    lines = answer.stdout.splitlines()
    if answer.returncode != 0 or not lines or f"Version: {version}+" not in lines[-1]:
        raise UsageError(
            f"solc {version}: no compiler: the native one cannot be downloaded and "
            "node_modules/solc is missing or another version; run `make setup` with network"
        )
    text = _WRAPPER.format(
        mark=WRAPPER_MARK,
        version=shlex.quote(lines[-1]),
        node=shlex.quote(node),
        script=shlex.quote(str(script)),
    )
    _write_executable(binary, text)


def install_compiler(version: str) -> str:
    """Makes ``.venv/solcx/solc-vVERSION`` work; returns "native" or "npm"."""
    SOLCX_FOLDER.mkdir(parents=True, exist_ok=True)
    binary = SOLCX_FOLDER / f"solc-v{version}"
    native_wanted = os.environ.get("BALLAST_SOLC", "native") != "npm"
    if native_wanted:
        if binary.exists() and WRAPPER_MARK not in _head(binary) and _works(binary, version):
            return "native"
        if _install_native(version, binary):
            return "native"
    _install_wrapper(version, binary)
    return "npm"


def _head(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(200).decode("utf-8", errors="replace")


def link_anvil() -> Path | None:
    """Makes ``.venv/bin/anvil`` the native binary that npm brought; None where there is none."""
    link = Path(sys.prefix) / "bin" / "anvil"
    try:
        target = find_anvil(ROOT)
    except UsageError:
        return None
    if target.resolve() != link.resolve() or not link.exists():
        link.unlink(missing_ok=True)
        link.symlink_to(target.resolve())
    return link


def write_ape_shim() -> None:
    """Replaces pip's ``ape`` by one that finds our compiler and anvil."""
    shim = Path(sys.prefix) / "bin" / "ape"
    _write_executable(shim, _SHIM.format(python=sys.executable))


def main() -> int:
    version = load_settings().version
    try:
        kind = install_compiler(version)
        anvil = link_anvil()
        write_ape_shim()
    except BallastError as error:
        print(f"ballast: {error}", file=sys.stderr)
        return error.exit_code
    print(f"solc {version} ({kind}), anvil {'from npm' if anvil else 'not found'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
