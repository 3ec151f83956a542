"""A progress bar for back-fills that take long enough to be waited for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ballast.index.sync import Progress as Callback

__all__ = ["backfill_bar"]

_PATIENCE_SECONDS = 0.5


@contextmanager
def backfill_bar(console: Console) -> Iterator[Callback]:
    """What to give to ``Index.sync`` as ``progress``; shows nothing for syncs of under half a second."""
    bar = Progress(
        TextColumn("indexing blocks"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    began = time.monotonic()
    # where stderr is no terminal a bar would only leave lines behind
    wanted = console.is_terminal
    task = bar.add_task("blocks", total=None)

    def show(done: int, total: int) -> None:
        bar.update(task, completed=done, total=total)
        late = time.monotonic() - began > _PATIENCE_SECONDS
        if wanted and late and done < total and not bar.live.is_started:
            bar.start()

    try:
        yield show
    finally:
        if bar.live.is_started:
            bar.stop()
