"""The other systems of `ballast bench gas`, as rows: each deployed to one chain and measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from ballast.bench.aave_market import aave_version
from ballast.bench.chain import Chain
from ballast.bench.gas_aave import AAVE, measure_aave
from ballast.bench.gas_morpho import MORPHO, measure_morpho, morpho_version
from ballast.bench.lending import STEPS, Actors, Market, Step
from ballast.bench.rows import Row
from ballast.errors import BallastError

__all__ = ["PEERS", "Peer", "measure_peers", "rows_of"]


class _Measure(Protocol):
    def __call__(
        self,
        chain: Chain,
        market: Market,
        actors: Actors,
        project: Path,
        *,
        on_step: Callable[[str], None],
    ) -> list[Step]: ...


@dataclass(frozen=True)
class Peer:
    """A system to compare with: the name of its rows, how it is measured and what it is."""

    name: str
    measure: _Measure
    version: Callable[[Path], str]


PEERS: Final = (
    Peer(MORPHO, measure_morpho, morpho_version),
    Peer(AAVE, measure_aave, aave_version),
)


def measure_peers(
    chain: Chain,
    market: Market,
    actors: Actors,
    project: Path,
    *,
    peers: Sequence[Peer] = PEERS,
) -> list[Row]:
    """Rows of all peers, in order; progress on stderr.

    A peer that cannot be compiled, deployed or driven yields its rows without value and with the
    reason; the others are measured all the same.
    """
    rows: list[Row] = []
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        for peer in peers:
            task = progress.add_task(peer.name, total=1)

            def tell(text: str, task: TaskID = task, name: str = peer.name) -> None:
                progress.update(task, description=f"{name}: {text}")

            run = partial(peer.measure, chain, market, actors, project, on_step=tell)
            rows += _rows_or_reason(peer, project, run)
            progress.update(task, description=peer.name, completed=1)
    return rows


def rows_of(system: str, version: str, steps: Sequence[Step]) -> list[Row]:
    """Steps of one system as gas rows."""
    return [Row(step.work, system, step.gas, "gas", version, n=step.n, k=step.k, reason=step.reason) for step in steps]


def _rows_or_reason(peer: Peer, project: Path, run: Callable[[], list[Step]]) -> list[Row]:
    version = "not installed"
    try:
        version = peer.version(project)
        steps = run()
    except BallastError as error:
        steps = [Step(work, None, reason=str(error)) for work in STEPS]
    return rows_of(peer.name, version, steps)
