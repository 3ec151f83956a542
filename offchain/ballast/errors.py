"""Every error that Ballast raises on purpose.

::

    BallastError                   root; the command line prints one line and takes its exit code
    ├── UsageError                 the caller must change something: arguments, files (exit 2)
    ├── FatalError                 stops a bot: going on would be wrong or useless (exit 1)
    │   ├── BuildError             contracts do not compile, or break the size limit
    │   ├── DeploymentError        a deployment is not, or not any more, what its file says
    │   ├── NodeError              the local chain did not start, or died
    │   ├── IndexingError          the index contradicts the chain and cannot be mended by itself
    │   └── InvariantError         a numbered invariant does not hold
    └── TaskError                  fails one task; a bot logs it and goes on with others (exit 1)
        ├── RpcError               a node did not answer, or answered with an error
        ├── TransactionError       a transaction was refused, reverted or got lost
        │   └── ContractError      a contract reverted with an error of its own, decoded
        ├── ReorgError             the blocks that a result was computed from are gone
        └── StaleDataError         a price or surface is too old to decide on

A message is one line: what is wrong, where, and what would be right.
"""

from __future__ import annotations

from typing import Any, ClassVar

__all__ = [
    "BallastError",
    "BuildError",
    "ContractError",
    "DeploymentError",
    "FatalError",
    "IndexingError",
    "InvariantError",
    "NodeError",
    "ReorgError",
    "RpcError",
    "StaleDataError",
    "TaskError",
    "TransactionError",
    "UsageError",
]


class BallastError(Exception):
    """Root of all errors raised on purpose.

    ``exit_code`` is what the command line ends with when this error reaches it.
    """

    exit_code: ClassVar[int] = 1


class UsageError(BallastError):
    """Bad arguments, a bad input file, or a set-up step that was not done."""

    exit_code: ClassVar[int] = 2


class FatalError(BallastError):
    """Stops a bot: the next attempt would fail in the same way."""


class BuildError(FatalError):
    """Contracts do not compile, or a deployable one is larger than a chain accepts."""


class DeploymentError(FatalError):
    """What is on the chain is not what the deployment file or the parameters say."""


class NodeError(FatalError):
    """The local chain did not start, or died while in use."""


class IndexingError(FatalError):
    """The index contradicts the chain and must be rebuilt."""


class InvariantError(FatalError):
    """A numbered invariant does not hold; the message names it and both sides."""


class TaskError(BallastError):
    """Fails the task at hand only: a bot logs it and goes on with the next one."""


class RpcError(TaskError):
    """A node did not answer, or answered with an error. ``data`` is what it adds to the error, such as
    the bytes a call reverted with."""

    def __init__(self, message: str, *, data: str = "0x") -> None:
        self.data = data
        super().__init__(message)


class TransactionError(TaskError):
    """A transaction was refused, reverted, or was not mined in time."""


class ContractError(TransactionError):
    """A contract reverted. ``name`` is its custom error (``Error`` and ``Panic`` are Solidity's
    own, "" is no reason at all); ``arguments`` maps the error's parameter names to their values, in
    order.
    """

    def __init__(self, name: str, arguments: dict[str, Any] | None = None, *, data: str = "0x") -> None:
        self.name = name
        self.arguments = dict(arguments or {})
        self.data = data
        shown = ", ".join(f"{key}={value}" for key, value in self.arguments.items())
        super().__init__(f"{name}({shown})" if name else "reverted without a reason")


class ReorgError(TaskError):
    """The blocks that a result was computed from are no longer part of the chain."""


class StaleDataError(TaskError):
    """A price or a surface is too old to decide on."""
