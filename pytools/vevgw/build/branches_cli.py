"""`vevgw coverage`."""

from __future__ import annotations

from typing import Annotated

import typer

from vevgw.build import branches, pio
from vevgw.errors import UserError

app = typer.Typer(add_completion=False)


@app.command()
def coverage(
    filters: Annotated[
        list[str] | None, typer.Option("-f", "--filter", help="suites; default: all of the engine")
    ] = None,
    threshold: Annotated[float, typer.Option(min=0, max=100, help="percent of branches")] = 95,
    lines: Annotated[bool, typer.Option("--lines", help="print every line with a gap")] = False,
) -> None:
    """Measures which branches of lib/ocpp the unit and scenario tests take.

    Not counted: what the compiler adds for exceptions, asserts, the level check of a LOG macro, and
    the value of a switch that is no enumerator. Exit code 1: fewer than the threshold.
    """
    files = branches.measure(pio.project_dir(), filters or [])
    print(f"{'branches':>8}{'missed':>8}{'taken':>8}")
    for file in files:
        if file.branches:
            print(
                f"{file.branches:>8}{file.missed:>8}"
                f"{_percent(file.missed, file.branches):>7.1f}%  {file.path}"
            )
        for line in file.lines if lines else ():
            if line.missed:
                print(f"{'':>26}{line.number}: {line.missed}/{line.branches} {line.text}")
    total, missed = sum(file.branches for file in files), sum(file.missed for file in files)
    taken = _percent(missed, total)
    print(f"{total:>8}{missed:>8}{taken:>7.1f}%  lib/ocpp")
    if taken < threshold:
        raise UserError(
            f"The tests take {taken:.1f} % of the branches of lib/ocpp, less than {threshold:g} %."
        )


def _percent(missed: int, total: int) -> float:
    return 100.0 * (total - missed) / total if total else 100.0
