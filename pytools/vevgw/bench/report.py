"""The figures as a table and as JSON."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from vevgw.bench.budgets import Figure, number
from vevgw.errors import UserError


def table(title: str, figures: Sequence[Figure]) -> Table:
    """Returns the figures beside budget and peer."""
    result = Table(title=title, title_justify="left")
    result.add_column("figure", overflow="fold")
    has_goals = any(figure.row.goal is not None for figure in figures)
    goal_heading = ("goal",) if has_goals else ()
    for heading in ("ours", "budget", *goal_heading, "MicroOCPP"):
        result.add_column(heading, justify="right", no_wrap=True)
    result.add_column("unit", no_wrap=True)
    result.add_column("", overflow="fold")
    for figure in figures:
        row = figure.row
        if figure.value is None:
            ours, verdict = f"[yellow]{figure.note}[/]", ""
        elif figure.is_broken:
            ours, verdict = f"[bold red]{number(figure.value)}[/]", "[bold red]over budget[/]"
        else:
            ours = number(figure.value)
            verdict = "" if row.budget is None else "[green]ok[/]"
        if figure.over_goal_percent is not None:
            verdict += f", [yellow]{figure.over_goal_percent:.0f} % over the goal[/]"
        note = figure.note if figure.value is not None else ""
        remark = ": ".join(text for text in (verdict, note) if text)
        goal = (number(row.goal),) if has_goals else ()
        numbers = (ours, number(row.budget), *goal, number(row.peer))
        result.add_row(row.name, *numbers, row.unit, remark)
    return result


def profile_table(title: str, profile: Mapping[str, Mapping[str, int]]) -> Table:
    """Returns bytes by feature and target, the largest first."""
    result = Table(title=title, title_justify="left", show_footer=True)
    result.add_column("feature", "all")
    for target, bytes_of in profile.items():
        total = number(sum(bytes_of.values()))
        result.add_column(target, total, justify="right", no_wrap=True)
    first = next(iter(profile.values()))
    for feature in sorted(first, key=lambda name: -first[name]):
        cells = [number(bytes_of.get(feature, 0)) for bytes_of in profile.values()]
        result.add_row(feature, *cells)
    return result


def show(title: str, figures: Sequence[Figure]) -> None:
    """Prints the table; wide enough for its rows when the output is not a terminal."""
    _console().print(table(title, figures))


def show_profile(title: str, profile: Mapping[str, Mapping[str, int]]) -> None:
    """Prints what `profile_table` returns."""
    _console().print(profile_table(title, profile))


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=140)


def as_json(
    project: Path, title: str, figures: Sequence[Figure], details: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns what `--json` writes: every figure with its budget, and how it was made."""
    rows = [
        {
            "id": figure.row.id,
            "name": figure.row.name,
            "unit": figure.row.unit,
            "value": figure.value,
            "budget": figure.row.budget,
            "goal": figure.row.goal,
            "peer": figure.row.peer,
            "is_broken": figure.is_broken,
            "note": figure.note,
        }
        for figure in figures
    ]
    return {"title": title, "revision": _revision(project), "figures": rows, **details}


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a report.

    Raises:
        UserError: The file cannot be written.
    """
    try:
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.") from None


def _revision(project: Path) -> str | None:
    command = ["git", "-C", str(project), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() or None
