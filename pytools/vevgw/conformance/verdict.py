"""What came out of a case."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from vevgw.conformance.model import Case
from vevgw.conformance.session import Entry


class Verdict(StrEnum):
    """Of a case."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"  # a stimulus, the target or the case failed: nothing is known
    NOT_APPLICABLE = "not applicable"


@dataclass(slots=True)
class Outcome:
    """A case and its verdict.

    Attributes:
        reason: Why it is not a pass; one sentence.
        entry: Index in the log of the first message that deviates; None: something is missing.
        step: The step that was not met, as text with its file and line.
        warnings: What a tester should look at.
        log: Everything that happened, in order.
        files: Further logs, of the target.
    """

    case: Case
    verdict: Verdict
    reason: str = ""
    entry: int | None = None
    step: str = ""
    warnings: list[str] = field(default_factory=list)
    log: list[Entry] = field(default_factory=list)
    duration_s: float = 0.0
    variant: str = ""
    files: list[Path] = field(default_factory=list)

    @property
    def is_bad(self) -> bool:
        """Whether somebody has to look at it."""
        return self.verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE)

    def place(self) -> str:
        """Says where in the log the deviation is."""
        if self.entry is None:
            return ""
        return f"message {self.entry} of the log: {self.log[self.entry].line().strip()}"


def count(outcomes: Iterable[Outcome]) -> dict[Verdict, int]:
    """Returns how many there are of each verdict."""
    found = dict.fromkeys(Verdict, 0)
    for outcome in outcomes:
        found[outcome.verdict] += 1
    return found
