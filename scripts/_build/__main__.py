"""``python -m scripts._build``: compile what changed and write the artifacts.

Exit code 0 when the artifacts are up to date, 1 when the contracts do not compile or one is too
large for a chain, 2 when there is no compiler.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from ballast.errors import BallastError, BuildError
from scripts._build.artifacts import SIZE_LIMIT, oversized, select, write
from scripts._build.compiler import find_compiler
from scripts._build.settings import EXTRA_SOURCES, ROOT, load_settings
from scripts._build.sources import SourceTree
from scripts._build.units import Cache, Contract, compile_unit, plan_units

__all__ = ["build", "main"]

ABI_FOLDER = ROOT / "offchain" / "ballast" / "abi"
BUILD_FOLDER = ROOT / "build"
#: Each npm compiler process takes up to 0.5 GB.
MAX_PROCESSES = 4


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Lets one build run at a time; a second one waits and then finds everything done."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build(*, sizes: bool = False) -> int:
    """Compiles what changed; returns how many contracts were compiled anew."""
    started = time.monotonic()
    settings = load_settings()
    compiler = find_compiler(settings)
    tree = SourceTree(ROOT, settings.remappings)
    targets = [str(path.relative_to(ROOT)) for path in (ROOT / "contracts").rglob("*.sol")]
    targets += [tree.unit_name(name) for name in EXTRA_SOURCES]
    units = plan_units(tree, targets)
    cache = Cache(BUILD_FOLDER / "cache")
    keys = [unit.key(compiler.version, settings.standard_json()) for unit in units]
    results = [cache.load(key) for key in keys]
    missing = [i for i, result in enumerate(results) if result is None]
    messages: dict[str, None] = {}
    failures: dict[str, None] = {}

    def make(index: int) -> None:
        try:
            contracts, warnings = compile_unit(compiler, units[index])
        except BuildError as error:
            failures.update(dict.fromkeys(str(error).split("\n\n")))
            return
        cache.store(keys[index], contracts)
        results[index] = contracts
        messages.update(dict.fromkeys(warnings))

    if missing:
        print(f"compiling {len(missing)} of {len(units)} units ...", file=sys.stderr)
        with ThreadPoolExecutor(min(MAX_PROCESSES, os.cpu_count() or 1)) as pool:
            list(pool.map(make, missing))
        cache.prune()
    for message in messages:
        print(message, file=sys.stderr)
    if failures:
        raise BuildError("\n\n".join(failures))

    chosen = select(contract for result in results if result for contract in result)
    changed = write(chosen, ABI_FOLDER)
    if sizes or missing:
        _print_sizes(chosen)
    largest = max(_limited(chosen), key=lambda c: c.size, default=None)
    summary = f"contracts: {len(chosen)} artifacts, {changed} changed"
    if largest is not None:
        summary += f", largest {largest.name} {largest.size:,} of {SIZE_LIMIT:,} bytes"
    print(f"{summary} ({time.monotonic() - started:.1f} s)")
    if too_large := oversized(chosen):
        names = ", ".join(f"{c.name} ({c.size:,} bytes)" for c in too_large)
        raise BuildError(f"contracts: above the limit of {SIZE_LIMIT:,} bytes: {names}")
    return len(missing)


def _limited(contracts: Sequence[Contract]) -> list[Contract]:
    """Contracts that the size limit applies to."""
    return [c for c in contracts if c.size and not c.source.startswith("contracts/test/")]


def _print_sizes(contracts: Sequence[Contract]) -> None:
    for contract in sorted(_limited(contracts), key=lambda c: -c.size):
        print(f"  {contract.size:>7,} bytes  {contract.name}")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts._build", description=__doc__)
    parser.add_argument("--sizes", action="store_true", help="print deployed sizes in any case")
    options = parser.parse_args(arguments)
    try:
        with _only_one(BUILD_FOLDER):
            build(sizes=options.sizes)
    except BallastError as error:
        print(f"ballast: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
