"""The back-fill's bar: only for those who wait, and only where it can be drawn."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ballast.index import progress
from ballast.index.progress import backfill_bar


def _drawn(monkeypatch: pytest.MonkeyPatch, *, terminal: bool, patience: float) -> str:
    monkeypatch.setattr(progress, "_PATIENCE_SECONDS", patience)
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=100)
    with backfill_bar(console) as show:
        for done in (100, 200, 300):
            show(done, 300)
    return out.getvalue()


def test_backfill_bar__long_back_fill_on_a_terminal__drawn_with_its_total(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn = _drawn(monkeypatch, terminal=True, patience=-1)
    assert "indexing blocks" in drawn
    assert "/300" in drawn


def test_backfill_bar__short_or_no_terminal__nothing_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _drawn(monkeypatch, terminal=True, patience=60) == ""
    assert _drawn(monkeypatch, terminal=False, patience=-1) == ""
