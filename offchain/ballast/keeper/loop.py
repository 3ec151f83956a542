"""Steps again and again: whenever the chain or its pool has changed, until told to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

from ballast.errors import TaskError
from ballast.keeper.bot import Keeper
from ballast.keeper.logs import shown_usdc
from ballast.keeper.report import StepReport
from ballast.keeper.sender import Status

__all__ = ["Summary", "run", "stopped_by_signals"]

_LONGEST_PAUSE = 30.0


@dataclass
class Summary:
    """What a run did. ``profit`` is USDC 1e18: rewards less gas of all transactions that ended."""

    steps: int = 0
    blocks: int = 0
    sent: int = 0
    liquidated: int = 0
    lost_races: int = 0
    reverted: int = 0
    profit: int = 0
    hits: int = 0
    misses: int = 0
    failures: int = 0

    def add(self, report: StepReport) -> None:
        self.steps += 1
        self.sent += len(report.sent)
        self.liquidated += len(report.liquidations)
        self.profit += sum(result.profit for result in report.liquidations)
        self.lost_races += sum(one.status is Status.LOST_RACE for one in report.outcomes)
        self.reverted += sum(one.status is Status.REVERTED for one in report.outcomes)
        self.hits += sum(score.result == "HIT" for score in report.scores)
        self.misses += sum(score.result == "MISS" for score in report.scores)

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "profit": shown_usdc(self.profit)}


def run(
    keeper: Keeper,
    *,
    blocks: int | None = None,
    once: bool = False,
    stop: threading.Event | None = None,
    on_report: Callable[[StepReport], None] | None = None,
) -> Summary:
    """Steps until ``stop`` is set, ``blocks`` further blocks are mined, or after one step with
    ``once``.

    A node that does not answer is asked again after a pause that grows; ``FatalError`` ends the
    run.
    """
    stop = stop or threading.Event()
    summary = Summary()
    start: int | None = None
    seen: tuple[object, ...] | None = None
    pause = keeper.settings.poll_seconds
    while not stop.is_set():
        try:
            tag = keeper.tag()
            now = keeper.fingerprint(tag)
            if now != seen:
                report = keeper.step(tag)
                seen = now
                summary.add(report)
                start = report.latest if start is None else start
                summary.blocks = report.latest - start
                if on_report is not None:
                    on_report(report)
            pause = keeper.settings.poll_seconds
        except TaskError as error:
            if once:
                raise
            summary.failures += 1
            keeper.log.error("step_failed", error=str(error), retry_in=pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        if once or (blocks is not None and summary.blocks >= blocks):
            break
        stop.wait(pause)
    under_way = [sent.to_json() for sent in keeper.under_way]
    keeper.log.info("stopped", under_way=under_way, **summary.to_json())
    return summary


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C or SIGTERM sets, so that a step under way ends in order."""
    stop = threading.Event()

    def _stop(number: int, frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, _stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
