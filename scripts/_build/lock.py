"""``python -m scripts._build.lock``: resolves requirements.lock and package-lock.json anew.

The Python lock is one for 3.11 and 3.12 and for every platform (markers where they differ). npm
leaves out of its lock what the registry at hand does not serve, and then refuses to install from
it: the platform packages of anvil are therefore all named, those of other platforms by version
only. No lock names a registry host.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from scripts._build.settings import ROOT

__all__ = ["complete_npm_lock", "main"]

ANVIL = "node_modules/@foundry-rs/anvil"
_SYSTEMS = {"darwin": "darwin", "linux": "linux", "win32": "win32"}
_PROCESSORS = {"amd64": "x64", "arm64": "arm64"}


def complete_npm_lock(path: Path) -> None:
    """Adds the platform packages that npm left out, and drops registry addresses."""
    lock = json.loads(path.read_text("utf-8"))
    packages = lock["packages"]
    for name, version in packages[ANVIL]["optionalDependencies"].items():
        _, system, processor = name.rsplit("-", 2)
        packages.setdefault(
            f"node_modules/{name}",
            {
                "version": version,
                "cpu": [_PROCESSORS[processor]],
                "license": packages[ANVIL]["license"],
                "optional": True,
                "os": [_SYSTEMS[system]],
            },
        )
    for package in packages.values():
        package.pop("resolved", None)
    lock["packages"] = {name: packages[name] for name in sorted(packages)}
    path.write_text(json.dumps(lock, indent=2) + "\n", "utf-8")


def main() -> int:
    python = [str(Path(sys.prefix) / "bin" / "uv"), "pip", "compile", "--quiet", "pyproject.toml"]
    python += ["--extra", "dev", "--universal", "--python-version", "3.11", "--upgrade"]
    python += ["--no-emit-index-url", "--custom-compile-command", "make lock"]
    python += ["-o", "requirements.lock"]
    node = ["npm", "install", "--package-lock-only", "--ignore-scripts"]
    for command in (python, node):
        status = subprocess.run(command, cwd=ROOT, check=False).returncode
        if status != 0:
            return status
    complete_npm_lock(ROOT / "package-lock.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
