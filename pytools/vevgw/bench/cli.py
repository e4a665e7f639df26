"""`vevgw bench`: instructions, heap and flash of the engine's workloads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vevgw.bench import instructions, objects, report, workloads
from vevgw.build import pio
from vevgw.errors import UserError

app = typer.Typer()

_TITLE = "Workloads of the engine: -Os, 32-bit x86, callgrind"


@app.command()
def measure(
    json_file: Annotated[
        Path | None, typer.Option("--json", help="write the figures to this file too")
    ] = None,
    top: Annotated[
        int, typer.Option(min=0, help="show so many functions of each figure over budget")
    ] = 0,
    runs: Annotated[int, typer.Option(min=1, help="runs that must count the same")] = 1,
) -> None:
    """Count instructions, heap allocations and flash writes; fails on allocations only."""
    project = pio.project_dir()
    measurement = instructions.measure(project, runs=runs)
    report.show(_TITLE, measurement.figures)
    for figure in measurement.figures:
        if top and figure.is_broken and figure.row.id in measurement.profiles:
            print(f"\n{figure.row.name}: {figure.value:,.0f} instructions, of these")
            for function, cost in measurement.profiles[figure.row.id][:top]:
                print(f"{cost:>12,.0f}  {function}")
    if json_file is not None:
        commands = {
            objects.NATIVE_32.name: objects.NATIVE_32.commands(),
            "count": " ".join([*workloads.CALLGRIND, "./workloads"]),
        }
        details = {
            "command": "vevgw bench",
            "commands": commands,
            "details": measurement.details(),
        }
        report.write_json(json_file, report.as_json(project, _TITLE, measurement.figures, details))
    allocations = [
        f"{name}: {part['allocations']} heap allocations."
        for name, part in measurement.report.parts.items()
        if part["allocations"]
    ]
    if allocations:
        raise UserError("\n".join(["The engine used the heap:", *allocations]))
