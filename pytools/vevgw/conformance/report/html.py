"""A run as one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import jinja2

from vevgw import __version__
from vevgw.conformance.model import PROFILES, Group, Step, describe
from vevgw.conformance.pics import Pics
from vevgw.conformance.report.chart import chart
from vevgw.conformance.verdict import Outcome, Verdict, count

_TEMPLATE: Final = Path(__file__).parent / "report.html.j2"


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step as the page shows it."""

    depth: int
    text: str
    place: str
    state: str


def write_html(
    outcomes: Sequence[Outcome], pics: Pics, path: Path, *, target: str, took_s: float
) -> None:
    """Writes the page.

    Raises:
        OSError: It cannot be written.
    """
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    profiles = [
        (profile, count(outcome for outcome in outcomes if outcome.case.profile == profile))
        for profile in PROFILES
        if any(outcome.case.profile == profile for outcome in outcomes)
    ]
    text = template.render(
        version=__version__,
        target=target,
        took_s=took_s,
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        outcomes=outcomes,
        verdicts=list(Verdict),
        totals=count(outcomes),
        profiles=profiles,
        pics=_pics_rows(pics),
        variants=list(pics.variants),
        chart=chart,
        steps=step_lines,
        css_class=lambda verdict: str(verdict).replace(" ", "-"),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def step_lines(outcome: Outcome) -> list[StepLine]:
    """Returns the steps of a case, and how far it came."""
    case = outcome.case
    reached = {entry.place for entry in outcome.log if entry.place}
    lines: list[StepLine] = []
    for title, steps in (("preparation", case.preparation), ("the case", case.steps)):
        if steps:
            lines.append(StepLine(0, title, "", "title"))
            lines += _lines(steps, 1, reached, outcome)
    return lines


def _lines(
    steps: Sequence[Step], depth: int, reached: set[str], outcome: Outcome
) -> Iterator[StepLine]:
    for step in steps:
        place = step.place.brief
        words = describe(step)
        if step.optional:
            words += " (need not come)"
        if step.when is not None:
            words += f" (when {step.when})"
        if step.note:
            words += f": {step.note}"
        is_group = isinstance(step, Group)
        state = "group" if is_group else "met" if place in reached else "open"
        if not is_group and outcome.is_bad and outcome.step.endswith(f"({place})"):
            state = "failed"
        yield StepLine(depth, words, place, state)
        if isinstance(step, Group):
            yield from _lines(step.steps, depth + 1, reached, outcome)


def _pics_rows(pics: Pics) -> list[tuple[str, str, list[Any]]]:
    return [
        (name, pics.texts.get(name, ""), [pics.of(variant)[name] for variant in pics.variants])
        for name in pics.values
    ]
