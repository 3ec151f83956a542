"""The record of a deployment in progress: written before a transaction is sent, so that no kill can
hide one.

Each step has the transactions that were signed for it. All of one step share a nonce, so at most
one of them can be mined. What is kept is public once sent: a signed transaction is no secret.
"""

from __future__ import annotations

import fcntl
import json
from pathlib import Path
from types import TracebackType
from typing import IO, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ballast.chain.deployment import write_atomically
from ballast.errors import UsageError

__all__ = ["Entry", "Journal", "SignedTx"]


class SignedTx(BaseModel):
    """``raw`` is the signed transaction, to be sent again as it is; "" where the node signs."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hash: str
    raw: str
    max_fee: int


class Entry(BaseModel):
    """One step. ``address`` is what a creation yields at this nonce; ``digest`` is of the code or
    data sent."""

    model_config = ConfigDict(extra="forbid")

    nonce: int
    digest: str
    gas: int
    txs: list[SignedTx]
    address: str | None = None
    block: int | None = None
    gas_used: int | None = None


class _Content(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: Annotated[int, Field(ge=1, le=1)] = 1
    network: str
    chain_id: int
    genesis: str
    sender: str
    start_block: int
    steps: dict[str, Entry] = {}


class Journal:
    """The steps of one deployment by one sender on one chain.

    With a path it is a file that is replaced in one step at each change, and locked against a
    second deployment while open. Without, it lives in memory.
    """

    def __init__(self, path: Path | None, content: _Content) -> None:
        self.path = path
        self._content = content
        self._file: IO[str] | None = None

    @classmethod
    def open(
        cls,
        path: Path | None,
        *,
        network: str,
        chain_id: int,
        genesis: str,
        sender: str,
        start_block: int,
        disposable: bool = False,
    ) -> Journal:
        """Reads or begins a journal and locks it.

        ``disposable``: one of another chain of this id (a local chain started anew) is begun again
        instead of refused. ``UsageError`` where it is of another chain or sender, half-written, or
        in use.
        """
        fresh = _Content(
            network=network,
            chain_id=chain_id,
            genesis=genesis,
            sender=sender,
            start_block=start_block,
        )
        journal = cls(path, fresh)
        if path is None:
            return journal
        journal._take_lock()
        try:
            if path.exists():
                journal._content = journal._read(fresh, disposable)
        except BaseException:
            journal.close()
            raise
        return journal

    def _read(self, fresh: _Content, disposable: bool) -> _Content:
        assert self.path is not None
        try:
            found = _Content.model_validate(json.loads(self.path.read_text(encoding="utf-8")))
        except (OSError, ValueError, ValidationError):
            raise UsageError(f"{self.path}: not a journal of a deployment; move it away to start anew") from None
        if (found.chain_id, found.genesis) != (fresh.chain_id, fresh.genesis):
            if disposable and found.chain_id == fresh.chain_id:
                return fresh
            raise UsageError(
                f"{self.path}: is of another chain (id {found.chain_id}); connect to that one, or move the file away"
            )
        if found.sender != fresh.sender:
            raise UsageError(
                f"{self.path}: was begun by {found.sender}, not by {fresh.sender}; use that"
                " account, or move the"
                " file away"
            )
        return found

    def _take_lock(self) -> None:
        assert self.path is not None
        lock = self.path.with_suffix(".lock")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = lock.open("w")
        except OSError as error:
            raise UsageError(f"{lock}: cannot be written ({error.strerror}); give another place") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            self._file = None
            raise UsageError(f"{self.path}: another deployment is at work with it; wait for its end") from None

    # ------------------------------------------------------------ entries

    @property
    def start_block(self) -> int:
        """The chain's head when the deployment began: nothing of it is older."""
        return self._content.start_block

    @property
    def steps(self) -> dict[str, Entry]:
        """Entries by step name; change them through ``put`` and ``drop``."""
        return self._content.steps

    def put(self, name: str, entry: Entry) -> None:
        """Records an entry and writes the file: call it before sending."""
        self._content.steps[name] = entry
        self.save()

    def drop(self, name: str) -> None:
        """Forgets a step whose transaction can no longer be mined, or failed."""
        self._content.steps.pop(name, None)
        self.save()

    def next_nonce(self, pending: int) -> int:
        """The first nonce that neither the chain nor an entry uses."""
        return max([pending, *(entry.nonce + 1 for entry in self.steps.values())])

    def save(self) -> None:
        """Writes the file; one that would say nothing is not begun."""
        if self.path is not None and (self.steps or self.path.exists()):
            write_atomically(self.path, json.dumps(self._content.model_dump(), indent=1) + "\n")

    def copy(self) -> Journal:
        """The same in memory: for a rehearsal that must not touch the file."""
        return Journal(None, self._content.model_copy(deep=True))

    # ------------------------------------------------------------ life

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None  # the lock file stays: removing it would let two processes lock two files

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
