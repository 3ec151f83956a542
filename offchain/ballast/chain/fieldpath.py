"""Where in a file something is, as people write it: ``assets[2].feed.price``."""

from __future__ import annotations

from pydantic import ValidationError

__all__ = ["first_error"]


def first_error(error: ValidationError) -> str:
    """Path and words of the first thing that is wrong."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = _path(first["loc"])
    return f"{where + ': ' if where else ''}{first['msg'].removeprefix('Value error, ')}"


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path
