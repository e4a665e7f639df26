"""The workloads of test/bench: built for 32-bit x86, run as they are and under callgrind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vevgw.bench import callgrind, objects
from vevgw.errors import UserError

_LIBRARIES = ("common", "platform", "json", "ocpp_messages", "charger", "ocpp", "platform_sim")
_MAINS = frozenset({"size_main.cpp"})
# Counting begins and ends with the functions of the first pattern, and pauses in the second.
_COUNTED = ("ocpp::ChargePoint::*", "bench_ports::*")
CALLGRIND = (
    *("valgrind", "--tool=callgrind", "--quiet"),
    *(f"--toggle-collect={pattern}" for pattern in _COUNTED),
)
_TIMEOUT_S = 600


@dataclass(frozen=True, slots=True)
class Report:
    """What a run of the workloads tells about itself.

    Attributes:
        figures: Figure to (units, names of its parts).
        parts: Part to its counters: marks, iterations, allocations.
        stack: Function of the engine to the deepest stack below it, bytes, and the part in which
            that was; empty unless asked for.
        flash: Totals of workload (b): transactions, bytes, most_bytes, appends, other_operations.
        frames: Action to its longest frame, bytes.
        not_built: Figures whose operation the engine does not have.
    """

    figures: dict[str, tuple[int, tuple[str, ...]]]
    parts: dict[str, dict[str, int]]
    stack: dict[str, tuple[int, str]]
    flash: dict[str, int]
    frames: dict[str, int]
    not_built: tuple[str, ...]

    def allocations(self, figure: str) -> int:
        """Returns the heap allocations in all parts of a figure."""
        return sum(self.parts[name]["allocations"] for name in self.figures[figure][1])


def build(project: Path) -> Path:
    """Builds the program of the workloads.

    Raises:
        UserError: It does not compile, or the compiler cannot build for 32 bits.
    """
    own = [
        path for path in sorted((project / "test/bench").glob("*.cpp")) if path.name not in _MAINS
    ]
    if not own:
        raise UserError(f"{project / 'test/bench'} has no workloads.")
    files = [*objects.sources(project, _LIBRARIES), *own]
    compiled = objects.build(project, objects.NATIVE_32, files)
    return objects.link(objects.NATIVE_32, compiled, project / ".cache" / "bench" / "workloads")


def run(program: Path, *, measures_stack: bool = False) -> Report:
    """Runs the workloads without callgrind.

    Raises:
        UserError: The engine did not do what a workload needs; the program's own sentence.
    """
    return parse_report(_call([], program, ["--stack"] if measures_stack else []))


def count(program: Path) -> tuple[Report, dict[str, callgrind.Part]]:
    """Runs the workloads under callgrind.

    Returns:
        The report and the instructions of each part.

    Raises:
        UserError: valgrind is missing (exit code 69), or the run failed.
    """
    if shutil.which("valgrind") is None:
        raise UserError("valgrind is not installed; Debian calls it valgrind.", exit_code=69)
    with tempfile.TemporaryDirectory(prefix="vevgw-bench-") as folder:
        command = [*CALLGRIND, f"--callgrind-out-file={folder}/out"]
        report = parse_report(_call(command, program, []))
        dumps = sorted(Path(folder).glob("out.*"), key=lambda path: int(path.suffix[1:]))
        parts = callgrind.parse(path.read_text(encoding="utf-8") for path in dumps)
    for name, counters in report.parts.items():
        dumped = parts[name].dumps if name in parts else 0
        if dumped != counters["marks"]:
            raise UserError(
                f"Callgrind dumped '{name}' {dumped} times, not {counters['marks']} times."
            )
    return report, parts


def parse_report(text: str) -> Report:
    """Reads what the program prints.

    Raises:
        UserError: It is something else.
    """
    try:
        content: Mapping[str, Any] = json.loads(text)
        return Report(
            figures={
                name: (int(figure["units"]), tuple(figure["parts"]))
                for name, figure in content["figures"].items()
            },
            parts=dict(content["parts"]),
            stack={
                name: (int(depth["bytes"]), str(depth["part"]))
                for name, depth in content["stack"].items()
            },
            flash=dict(content["flash"]),
            frames=dict(content["frames"]),
            not_built=tuple(content["not_built"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"The workloads printed no report ({error!r}).") from None


def _call(prefix: list[str], program: Path, arguments: list[str]) -> str:
    # Neither the environment nor the program's path may move the stack: alignment shows in counts.
    command = [*prefix, f"./{program.name}", *arguments]
    variables = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command,
            cwd=program.parent,
            env=variables,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        raise UserError(f"The workloads did not end within {_TIMEOUT_S} s.") from None
    if done.returncode != 0:
        raise UserError(f"The workloads cannot be run: {_reason(done.stderr, done.returncode)}")
    return done.stdout


def _reason(stderr: str, code: int) -> str:
    """The program's own sentence, else the first line of valgrind's, else the exit code."""
    lines = stderr.strip().splitlines()
    own = [line for line in lines if not line.startswith("==")]
    return next(iter([*own, *lines]), f"exit code {code}")
