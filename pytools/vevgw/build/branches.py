"""Branch coverage of lib/ocpp: runs suites with counters, reads what gcovr makes of them.

Counted are decisions of our own. Not counted: branches that the compiler makes for exceptions
(lib/ has none), those of the level check in a LOG macro and of an assert, and the branch of a
switch over an enum for a value that is no enumerator (-Wswitch proves the cases complete).
Instances of one template are one decision.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vevgw.build import suites
from vevgw.errors import UserError

ENVIRONMENT = "native-coverage"
SUITES = ("unit/test_ocpp*", "scenario/test_ocpp*", "scenario/test_smart_charging")
_FOLDER = "lib/ocpp/"
_MADE_BY_MACRO = re.compile(r"\b(LOG_(DEBUG|INFO|WARN|ERROR)|assert)\(")
_SWITCH = re.compile(r"\bswitch \(")


@dataclass(frozen=True, slots=True)
class Line:
    """A line with branches: how many there are, how many never happened."""

    number: int
    branches: int
    missed: int
    text: str


@dataclass(frozen=True, slots=True)
class File:
    """A file of lib/ocpp with its lines that have branches."""

    path: str
    lines: tuple[Line, ...]

    @property
    def branches(self) -> int:
        """Branches in all."""
        return sum(line.branches for line in self.lines)

    @property
    def missed(self) -> int:
        """Branches that never happened."""
        return sum(line.missed for line in self.lines)


def measure(project: Path, filters: Sequence[str]) -> list[File]:
    """Builds and runs suites with counters and returns the files, the least covered first.

    Raises:
        UserError: A suite failed, or gcovr is missing or did not understand the counters.
    """
    folder = project / ".pio" / "build" / ENVIRONMENT
    for old in folder.rglob("*.gcda"):
        old.unlink()
    suites.run(project, ENVIRONMENT, filters or SUITES)
    report = folder / "branches.json"
    command = [sys.executable, "-m", "gcovr", "--root", str(project), "--filter", _FOLDER]
    command += ["--exclude-throw-branches", "--exclude-unreachable-branches"]
    command += ["--json", str(report), str(folder)]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise UserError(f"gcovr failed: {last}")
    return read(project, json.loads(report.read_text(encoding="utf-8")))


def read(project: Path, report: dict[str, Any]) -> list[File]:
    """Returns the files of a JSON report of gcovr, the one with most missed branches first."""
    files = []
    for entry in report["files"]:
        texts = (project / entry["file"]).read_text(encoding="utf-8").splitlines()
        counts: dict[int, list[list[int]]] = {}
        for line in entry["lines"]:
            counts.setdefault(line["line_number"], []).append(_decisions(line.get("branches", [])))
        lines = (
            _line(number, instances, texts[number - 1])
            for number, instances in sorted(counts.items())
        )
        files.append(File(entry["file"], tuple(line for line in lines if line is not None)))
    return sorted(files, key=lambda file: (-file.missed, file.path))


def _decisions(branches: Sequence[dict[str, Any]]) -> list[int]:
    """How often each branch was taken, without those that decide nothing."""
    blocks: dict[int, list[int]] = {}
    for branch in branches:
        # The other half of a call that might throw stays alone in its block.
        if not branch.get("throw") and not branch.get("gcovr/excluded"):
            blocks.setdefault(branch.get("source_block_id", 0), []).append(branch["count"])
    return [count for block in blocks.values() if len(block) > 1 for count in block]


def _line(number: int, instances: list[list[int]], text: str) -> Line | None:
    if _MADE_BY_MACRO.search(text):
        return None
    size = max(len(instance) for instance in instances)
    merged = [max(i[at] for i in instances if len(i) > at) for at in range(size)]
    if _SWITCH.search(text) and 0 in merged:
        merged.remove(0)
    if not merged:
        return None
    return Line(number, len(merged), merged.count(0), text.strip())
