"""Numbers that others have published, where the collection of them is beside this tree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

__all__ = ["published", "published_prices"]

_FOLDER = Path(__file__).parents[2].parent / "shared" / "vectors"


def published(name: str) -> dict[str, Any]:
    """A file of the collection; skips the test where it is not there."""
    path = _FOLDER / f"{name}.json"
    if not path.exists():
        pytest.skip(f"published values are not beside this tree: {path.name}")
    return dict(json.loads(path.read_text("utf-8")))


def published_prices() -> dict[str, Any]:
    found = published("pricing")
    for one in found["haug_bsm"]:
        if (one["value"], one["strike"], one["spot"]) == (4.0870, 75, 70):
            one.update(strike=70, spot=75)  # the collection has the two exchanged: Haug p. 27 is a put struck at 70
    return found
