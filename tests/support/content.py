"""Contents of files with one thing changed."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

__all__ = ["changed"]


def changed(content: Any, *path: Any) -> Any:
    """A copy with the path's last element where the rest leads: ``changed(content, "rows", 0, "weight", 1)``."""
    made = deepcopy(content)
    *inner, key, value = path
    place = made
    for step in inner:
        place = place[step]
    place[key] = value
    return made
