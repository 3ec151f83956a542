"""What a check found: one verdict and the sentence that goes with it."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Findings", "Result"]

#: Violations a detail names; the rest are counted.
_SHOWN = 3


@dataclass(frozen=True)
class Result:
    """``detail`` is one line: what was looked at, or the first things that are wrong."""

    held: bool
    detail: str


@dataclass
class Findings:
    """Collects what one invariant's check looks at and what it finds wrong."""

    violations: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, what: str, by: int = 1) -> None:
        """Adds to a number that the detail shows."""
        self.counts[what] = self.counts.get(what, 0) + by

    def require(self, condition: bool, violation: str) -> bool:
        """Records ``violation`` unless ``condition``; returns the condition."""
        if not condition:
            self.violations.append(violation)
        return condition

    def note(self, text: str) -> None:
        """Something that was not checked, and why."""
        if text not in self.notes:
            self.notes.append(text)

    def result(self) -> Result:
        if self.violations:
            more = len(self.violations) - _SHOWN
            detail = "; ".join(self.violations[:_SHOWN]) + (f"; {more} more" if more > 0 else "")
            return Result(False, detail)
        looked = ", ".join(f"{number} {what}" for what, number in self.counts.items())
        return Result(True, "; ".join([looked or "nothing to check", *self.notes]))
