"""`vevgw size`: code, RAM and stack of the engine against their budgets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vevgw.bench import objects, report, size
from vevgw.build import pio
from vevgw.errors import UserError

app = typer.Typer()

_TITLE = "Size of the engine: -Os, 32-bit"
_PROFILE_TITLE = "Code and constants by feature, B"


@app.command()
def measure(
    json_file: Annotated[
        Path | None, typer.Option("--json", help="write the figures to this file too")
    ] = None,
    profile: Annotated[bool, typer.Option("--profile", help="show the code by feature")] = False,
) -> None:
    """Measure code, RAM and stack of the engine; exit with 1 when a budget is broken."""
    project = pio.project_dir()
    measurement = size.measure(project)
    report.show(_TITLE, measurement.figures)
    if profile:
        report.show_profile(_PROFILE_TITLE, measurement.profile)
    if json_file is not None:
        toolchains = (objects.CORTEX_M3, objects.XTENSA_LX106, objects.NATIVE_32)
        details = {
            "command": "vevgw size",
            "commands": {toolchain.name: toolchain.commands() for toolchain in toolchains},
            "details": measurement.details,
        }
        report.write_json(json_file, report.as_json(project, _TITLE, measurement.figures, details))
    broken = [figure.complaint() for figure in measurement.figures if figure.is_broken]
    if broken:
        raise UserError("\n".join(["Over budget:", *broken]))
