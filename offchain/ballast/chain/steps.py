"""What a plan is made of: contracts to create, things to set, and how to tell that they are
done."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, TypeAlias

__all__ = [
    "Answers",
    "AtLeast",
    "Call",
    "Check",
    "Deploy",
    "EventCheck",
    "Ref",
    "Stage",
    "Step",
    "Target",
]


class Stage(IntEnum):
    """What must be mined before what: steps of one stage do not depend on each other."""

    CONTRACTS = 0
    SETTINGS = 1
    FEEDS = 2
    TOKENS = 3  # one stage per token from here on: their ids follow the order of listing
    MARKETS = 40
    OPTIONS = 41  # in the lots of underlyings that are open
    CORRECTIONS = 42
    ROLES = 43
    HANDOVER = 44


@dataclass(frozen=True)
class Ref:
    """The address of a contract of the plan, by its step's name."""

    name: str


Target: TypeAlias = Ref | str


@dataclass(frozen=True)
class AtLeast:
    """Any value from ``bound`` on is wanted."""

    bound: int


@dataclass(frozen=True)
class Answers:
    """Any value is wanted, as long as the call does not revert."""


@dataclass(frozen=True)
class Check:
    """``function(*args)`` of the target returns ``wanted``.

    ``wanted`` may be a dict, which is compared field by field with the struct that the call
    returns; of several values ``pick`` chooses one. Where it does not hold, ``otherwise`` may.
    ``path`` is where the parameters say it.
    """

    path: str
    target: Target
    abi: str
    function: str
    args: tuple[Any, ...]
    wanted: Any
    pick: int | None = None
    otherwise: Check | None = None


@dataclass(frozen=True)
class EventCheck:
    """The last event of this name carries these arguments: for what has no getter."""

    path: str
    target: Target
    abi: str
    event: str
    wanted: dict[str, Any]


@dataclass(frozen=True)
class Deploy:
    """Creates artifact ``contract``; ``name`` is what a ``Ref`` to it says."""

    name: str
    contract: str
    args: tuple[Any, ...]
    stage: int = Stage.CONTRACTS


@dataclass(frozen=True)
class Call:
    """Calls ``function`` of a target, unless all ``checks`` hold already.

    ``correction`` calls set again what an earlier step of the plan has just set: only a later run
    with changed parameters needs them.
    """

    name: str
    target: Target
    contract: str
    function: str
    args: tuple[Any, ...]
    stage: int
    checks: tuple[Check | EventCheck, ...]
    correction: bool = False


Step: TypeAlias = Deploy | Call
