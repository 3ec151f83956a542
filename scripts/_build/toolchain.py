"""Puts a compiler into .venv/solcx, links anvil, and writes the ape shim.

Run by ``make setup`` as ``python -m scripts._build.toolchain``. The native compiler is tried first
(through py-solc-x, within a short time); whatever goes wrong, npm's compiler takes its place.
``BALLAST_SOLC=npm`` skips the attempt. Nothing outside the project is written.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ballast.chain.anvil import find_anvil
from ballast.errors import BallastError, UsageError
from scripts._build.settings import ROOT, load_settings

__all__ = ["SOLCX_FOLDER", "install_compiler", "link_anvil", "write_ape_shim"]

SOLCX_FOLDER = Path(sys.prefix) / "solcx"
PROBE_SECONDS = 5
DOWNLOAD_SECONDS = 90

_DOWNLOAD = """
import sys, requests, solcx
from solcx import install
version, folder, probe = sys.argv[1], sys.argv[2], float(sys.argv[3])
index = install.BINARY_DOWNLOAD_BASE.format(install._get_os_name(), "list.json")
requests.get(index, timeout=probe, stream=True).raise_for_status()
solcx.install_solc(version, solcx_binary_path=folder)
"""

# ape compiles a copy of contracts/ in a temporary folder without node_modules, so the project
# becomes an include path; it must not be named twice, or solc calls every import ambiguous.
_LAUNCHER = """#!/bin/sh
# {kind} solc {version}. Written by `make setup`.
base= key=
for word; do
  case $key$word in
    --version)
      # Baked in: tools ask two or three times per compilation.
      printf '%s\\n' {banner}
      exit 0 ;;
    --base-path=*) base=${{word#*=}} ;;
    "--base-path "*) base=$word ;;
  esac
  key=
  [ "$word" = --base-path ] && key="--base-path "
done
[ -n "$base" ] && [ "$base" != {root} ] && set -- "$@" --include-path {root}
exec {command} "$@"
"""

_SHIM = """#!{python}
# ape, with this project's compiler and anvil. Written by `make setup`.
import os
import sys
from pathlib import Path

prefix = Path(sys.prefix)
os.environ["SOLCX_BINARY_PATH"] = str(prefix / "solcx")
os.environ["PATH"] = os.pathsep.join([str(prefix / "bin"), os.environ.get("PATH", os.defpath)])
# pyproject.toml keeps ape's pytest plugin out of plain runs, and makes warnings errors, ape's too.
pytest_options = r"-o 'addopts=--import-mode=importlib -m not\\ fuzz' -o filterwarnings=default "
os.environ["PYTEST_ADDOPTS"] = pytest_options + os.environ.get("PYTEST_ADDOPTS", "")

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


def _banner(command: Sequence[str], version: str) -> str | None:
    """What ``command --version`` prints, None when it does not run or is another version."""
    try:
        answer = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() if f"Version: {version}+commit." in answer.stdout else None


def _fetch_native(version: str, binary: Path) -> bool:
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
        (staging / f"solc-v{version}").replace(binary)
    except (OSError, subprocess.SubprocessError):
        return False
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return True


def install_compiler(version: str) -> str:
    """Makes ``.venv/solcx/solc-vVERSION`` work; returns "native" or "npm".

    Raises ``UsageError`` where neither the native compiler nor npm's can be had.
    """
    native = SOLCX_FOLDER / "native" / f"solc-{version}"
    if os.environ.get("BALLAST_SOLC", "native") != "npm" and (native.exists() or _fetch_native(version, native)):
        banner = _banner([str(native)], version)
        if banner is not None:
            _write_launcher("native", version, banner, [str(native)])
            return "native"
    node = shutil.which("node")
    if node is None:
        raise UsageError(
            f"solc {version}: no compiler: the native one cannot be downloaded and node is not "
            "installed; install Node.js 18 or newer and run `make setup`"
        )
    command = [node, str(ROOT / "scripts" / "_build" / "solc.cjs")]
    banner = _banner(command, version)
    if banner is None:
        raise UsageError(
            f"solc {version}: no compiler: the native one cannot be downloaded and "
            "node_modules/solc is missing or another version; run `make setup` with network"
        )
    _write_launcher("npm", version, banner, command)
    return "npm"


def _write_launcher(kind: str, version: str, banner: str, command: Sequence[str]) -> None:
    text = _LAUNCHER.format(
        kind=kind,
        version=version,
        banner=shlex.quote(banner),
        root=shlex.quote(str(ROOT)),
        command=shlex.join(command),
    )
    _write_executable(SOLCX_FOLDER / f"solc-v{version}", text)


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
