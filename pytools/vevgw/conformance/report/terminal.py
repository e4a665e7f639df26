"""Outcomes on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vevgw.conformance.model import PROFILES
from vevgw.conformance.verdict import Outcome, Verdict, count

_STYLES: Final = {
    Verdict.PASS: "green",
    Verdict.FAIL: "bold red",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.NOT_APPLICABLE: "dim",
}
_QUOTED: Final = 12


class TerminalReport:
    """Prints each outcome as it comes, and a summary at the end."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def on_outcome(self, outcome: Outcome) -> None:
        """Prints one case; what went wrong with the end of its log."""
        style = _STYLES[outcome.verdict]
        took = f"{outcome.duration_s:5.1f} s" if outcome.duration_s else ""
        case = outcome.case
        self._console.print(
            f"[{style}]{outcome.verdict:<14}[/] {case.id:<12} {escape(case.title)}  [dim]{took}[/]",
            highlight=False,
        )
        for warning in outcome.warnings:
            self._console.print(f"    [yellow]warning: {escape(warning)}[/]", highlight=False)
        if outcome.verdict is Verdict.NOT_APPLICABLE:
            self._console.print(f"    [dim]{escape(outcome.reason)}[/]", highlight=False)
        if outcome.is_bad:
            self._explain(outcome)

    def _explain(self, outcome: Outcome) -> None:
        lines = [outcome.reason, f"step: {outcome.step}" if outcome.step else "", outcome.place()]
        end = len(outcome.log) if outcome.entry is None else outcome.entry + 1
        lines += [f"  {entry.line()[:160]}" for entry in outcome.log[max(0, end - _QUOTED) : end]]
        lines += [f"log of the target: {path}" for path in outcome.files]
        for line in lines:
            if line:
                self._console.print(f"    {escape(line)}", highlight=False)

    def summary(self, outcomes: Sequence[Outcome], took_s: float) -> None:
        """Prints numbers by profile."""
        table = Table("profile", *[str(verdict) for verdict in Verdict], box=None)
        for profile in PROFILES:
            mine = [outcome for outcome in outcomes if outcome.case.profile == profile]
            if mine:
                table.add_row(profile, *[str(number or "") for number in count(mine).values()])
        table.add_row("[bold]all[/]", *[str(number) for number in count(outcomes).values()])
        self._console.print(table)
        self._console.print(f"{len(outcomes)} cases in {took_s:.0f} s", highlight=False)
