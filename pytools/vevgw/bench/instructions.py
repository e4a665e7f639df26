"""Instructions, heap and flash of the workloads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vevgw.bench import budgets, workloads
from vevgw.bench.callgrind import Part
from vevgw.errors import UserError

# Programs of the C library carry no names there; callgrind shows their addresses.
_UNNAMED = "C library, "


@dataclass(frozen=True, slots=True)
class Measurement:
    """The figures of `vevgw bench`, and where the instructions of each go.

    Attributes:
        figures: In the order of budgets.yaml.
        report: What the workloads told.
        profiles: Figure to (function, instructions per unit), most expensive first.
        instructions: Part to all its instructions.
    """

    figures: list[budgets.Figure]
    report: workloads.Report
    profiles: dict[str, list[tuple[str, float]]]
    instructions: dict[str, int]

    def details(self) -> dict[str, Any]:
        """Returns the raw counts for the JSON report."""
        report = self.report
        return {
            "parts": {
                name: {**counters, "instructions": self.instructions[name]}
                for name, counters in report.parts.items()
            },
            "flash": report.flash,
            "frames": report.frames,
            "not_built": list(report.not_built),
            "profiles": {
                name: [{"function": function, "instructions": cost} for function, cost in rows]
                for name, rows in self.profiles.items()
            },
        }


def measure(project: Path, *, runs: int = 1) -> Measurement:
    """Builds the workloads and counts.

    Args:
        project: Root of the project.
        runs: How often to run them; every run must count the same.

    Raises:
        UserError: They cannot be built or run, or two runs differ.
    """
    program = workloads.build(project)
    report, parts = workloads.count(program)
    for _ in range(runs - 1):
        _require_same(parts, workloads.count(program)[1])
    return evaluate(report, parts)


def evaluate(report: workloads.Report, parts: Mapping[str, Part]) -> Measurement:
    """Makes figures of counts."""
    values: dict[str, float | None] = {}
    notes: dict[str, str] = {}
    profiles: dict[str, list[tuple[str, float]]] = {}
    for name, (units, of_parts) in report.figures.items():
        total = Part()
        for part in of_parts:
            total.add(parts[part])
        values[name] = total.instructions / units
        profiles[name] = [
            (_UNNAMED + function if function.startswith("0x") else function, cost / units)
            for function, cost in total.own.most_common()
        ]
    for name in report.not_built:
        values[name] = None
        notes[name] = "not built"
        notes["mix"] = f"without {', '.join(report.not_built)}"
    for name, figure in (
        ("allocations_transaction", "transaction"),
        ("allocations_meter_values", "meter_values"),
        ("allocations_call", "mix"),
    ):
        values[name] = report.allocations(figure) / report.figures[figure][0]
    values["allocations"] = sum(part["allocations"] for part in report.parts.values())
    notes["meter_values"] = f"frame of {report.frames['MeterValues']:,} B"
    flash = report.flash
    values["flash_transaction"] = flash["bytes"] / flash["transactions"]
    values["flash_transaction_most"] = flash["most_bytes"]
    writes = flash["appends"] + flash["other_operations"]
    values["flash_writes"] = writes / flash["transactions"]
    notes["flash_writes"] = f"{flash['other_operations']} of {writes} not appended"
    figures = budgets.figures(budgets.load("bench"), values, notes)
    instructions = {name: part.instructions for name, part in parts.items()}
    return Measurement(figures, report, profiles, instructions)


def _require_same(first: Mapping[str, Part], second: Mapping[str, Part]) -> None:
    for name, part in first.items():
        other = second[name].instructions if name in second else 0
        if other != part.instructions:
            raise UserError(
                f"Two runs differ: {part.instructions:,} and {other:,} instructions in '{name}'."
            )
