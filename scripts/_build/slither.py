"""``python -m scripts._build.slither [slither's options]``: static analysis from our build-info.

Exits as slither does: 0 when it has nothing of high or medium impact to say, else 255. Findings
that stay are explained in docs/security.md.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ballast.errors import BallastError
from scripts._build.__main__ import BUILD_FOLDER
from scripts._build.buildinfo import write_build_info
from scripts._build.compiler import find_compiler
from scripts._build.settings import ROOT, load_settings

__all__ = ["main"]

# Hardhat's reader is the one that takes a build-info file without any tool of the framework.
_OPTIONS = ["--ignore-compile", "--compile-force-framework", "hardhat", "--npx-disable"]
_OPTIONS += ["--hardhat-artifacts-directory", "."]
_OPTIONS += ["--exclude-dependencies", "--filter-paths", "node_modules|contracts/test"]
_OPTIONS += ["--exclude-low", "--exclude-informational", "--exclude-optimization"]


def _project() -> Path:
    """A folder that slither takes for a Hardhat project: ours, with nothing but links in it."""
    folder = BUILD_FOLDER / "slither"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "hardhat.config.js").touch()
    for target in (BUILD_FOLDER / "build-info", ROOT / "contracts", ROOT / "node_modules"):
        link = folder / target.name
        if not link.is_symlink():
            link.symlink_to(target)
    return folder


def main(arguments: Sequence[str] | None = None) -> int:
    options = list(sys.argv[1:] if arguments is None else arguments)
    try:
        write_build_info(find_compiler(load_settings()), BUILD_FOLDER / "build-info")
    except BallastError as error:
        print(f"ballast: {error}", file=sys.stderr)
        return error.exit_code
    slither = Path(sys.prefix) / "bin" / "slither"
    command = [str(slither), str(_project()), *_OPTIONS, *options]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
