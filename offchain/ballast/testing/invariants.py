"""The invariants of a test: checked when it ends, over the blocks it made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ballast.errors import UsageError

if TYPE_CHECKING:
    from ballast.chain.local import LocalChain
    from ballast.checks import Result

__all__ = ["Invariants"]


class Invariants:
    """``skip`` leaves numbers out, ``check`` looks now and raises ``AssertionError`` where one does not hold."""

    def __init__(self, chain: LocalChain, skipped: set[str], enabled: bool) -> None:
        self._chain = chain
        self._skipped: set[str] = set()
        self.skip(*skipped)
        self._since = chain.w3.eth.block_number + 1
        self.enabled = enabled

    def skip(self, *numbers: str) -> None:
        """Not to be checked in this test: ``invariants.skip("I5")``; ``UsageError`` where there is no such number."""
        from ballast.checks import INVARIANTS

        for number in numbers:
            if number not in INVARIANTS:
                raise UsageError(f"invariant {number}: unknown; there are {', '.join(INVARIANTS)}")
        self._skipped.update(numbers)

    def results(self) -> dict[str, Result]:
        """The verdict of every number that is not skipped."""
        from ballast.checks import check_all

        found = check_all(self._chain.protocol, since_block=self._since)
        return {number: result for number, result in found.items() if number not in self._skipped}

    def check(self) -> None:
        broken = [f"{number}: {result.detail}" for number, result in self.results().items() if not result.held]
        assert not broken, "invariants broken\n" + "\n".join(broken)
