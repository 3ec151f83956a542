"""Contracts with one guard planted out, to show what the guard is for and that a test bites.

A mutant is the tree's own source with some passages replaced; it is compiled by the build's compiler and kept in
the build's cache, so it costs a compilation only when the source changes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from ballast.chain import artifacts
from ballast.chain.artifacts import Artifact
from ballast.chain.local import LocalChain
from ballast.testing import START
from scripts._build.__main__ import BUILD_FOLDER
from scripts._build.compiler import find_compiler
from scripts._build.settings import ROOT, load_settings
from scripts._build.sources import SourceTree
from scripts._build.units import Cache, compile_unit, plan_units

__all__ = ["Mutant", "mutant_chain", "planted"]


@dataclass(frozen=True)
class Mutant:
    """``contract`` is compiled from ``source`` after the only ``old`` in ``path`` became ``new``, for each of the
    passages ``(path, old, new)``, which do not reach into each other."""

    name: str
    contract: str
    source: str
    passages: tuple[tuple[str, str, str], ...] = ()

    def build(self) -> Artifact:
        """The mutated artifact; ``AssertionError`` where a passage is not there exactly once."""
        settings = load_settings()
        compiler = find_compiler(settings)
        tree = SourceTree(ROOT, settings.remappings)
        for path, old, new in self.passages:
            original = tree.get(path)
            assert original.content.count(old) == 1, f"{self.name}: not once in {path}: {old}"
            content = original.content.replace(old, new)
            digest = hashlib.sha256(content.encode()).hexdigest()
            tree._read[path] = replace(original, content=content, digest=digest)
        (unit,) = plan_units(tree, [self.source])
        cache = Cache(BUILD_FOLDER / "mutants")
        key = unit.key(compiler.version, settings.standard_json())
        contracts = cache.load(key)
        if contracts is None:
            contracts, _ = compile_unit(compiler, unit)
            cache.store(key, contracts)
        (made,) = [contract for contract in contracts if contract.name == self.contract]
        # the front's ABI is more than the compiler's
        genuine = artifacts._FOLDER / f"{self.contract}.json"
        abi = json.loads(genuine.read_text("utf-8"))["abi"] if genuine.exists() else made.abi
        return Artifact(abi=abi, bytecode=made.bytecode)


@contextmanager
def planted(*mutants: Mutant) -> Iterator[None]:
    """While open, whoever asks for an artifact gets the mutants' in place of the genuine ones."""
    genuine = artifacts._FOLDER
    with TemporaryDirectory() as folder:
        for entry in genuine.iterdir():
            (Path(folder) / entry.name).symlink_to(str(entry))
        for mutant in mutants:
            path = Path(folder) / f"{mutant.contract}.json"
            path.unlink()
            path.write_text(json.dumps(mutant.build()), "utf-8")
        with patch.object(artifacts, "_FOLDER", Path(folder)):
            artifacts.artifact.cache_clear()
            yield
    artifacts.artifact.cache_clear()


@contextmanager
def mutant_chain(*mutants: Mutant) -> Iterator[LocalChain]:
    """The chain of ``ballast_chain``, its clock held at the same time, with the mutants deployed.

    They are planted while it is deployed and no longer: another chain that starts meanwhile has none.
    """
    with ExitStack() as stack:
        with planted(*mutants):
            chain = stack.enter_context(LocalChain(held_at=START))
        yield chain
