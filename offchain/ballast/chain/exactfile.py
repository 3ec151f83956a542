"""JSON files whose numbers are exact: decimal strings and JSON numbers alike are read digit by digit, never as a float.

Messages name file, path and field.
"""

from __future__ import annotations

import json
from decimal import Decimal, DecimalException
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from ballast import units
from ballast.chain.fieldpath import first_error
from ballast.errors import UsageError

__all__ = ["Entry", "Number", "read_exact"]

_BOUND = Decimal(10) ** 30

_M = TypeVar("_M", bound=BaseModel)


def _exact(text: str) -> Decimal | str:
    """A JSON number digit by digit; what is beyond even a decimal's exponents stays text, and is refused as such."""
    try:
        return Decimal(text)
    except DecimalException:
        return text


def _number(value: Any) -> Decimal:
    if not isinstance(value, str | int | Decimal) or isinstance(value, bool):
        raise ValueError(f"{value!r} is no finite number; write a number or decimal string such as -0.372")
    try:
        number = units.decimal_of(value)
    except UsageError as error:
        raise ValueError(f"{str(error).removeprefix('number ')}; write one such as -0.372") from None
    if abs(number) >= _BOUND:
        raise ValueError(f"{value} is too large; give one below 1e30")
    return number


#: Finite and below 1e30.
Number = Annotated[Decimal, BeforeValidator(_number)]


class Entry(BaseModel):
    """An object of a file: fields that it does not know are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _TwiceError(Exception):
    """A name that an object has twice."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _TwiceError(name)
        found[name] = value
    return found


def read_exact(path: str | Path, model: type[_M], kind: str) -> _M:
    """The content of a file; ``UsageError`` says what is wrong with it and where. ``kind`` names what it should be."""
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_float=_exact, object_pairs_hook=_once)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; give a {kind}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({error}); give a {kind}") from None
    except _TwiceError as error:
        raise UsageError(f"{path}: {error} is there twice in one object; name it once") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not JSON ({error}); give a {kind}") from None
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise UsageError(f"{path}: {first_error(error)}") from None
