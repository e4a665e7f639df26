"""`vevgw rules`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from vevgw.build import pio
from vevgw.errors import UserError
from vevgw.rules import catalogue, citations, coverage, table

app = typer.Typer(add_completion=False)


@app.command()
def rules(
    only: Annotated[
        str, typer.Option(help="show only rules whose id starts so: R-4.9, J, WP, PD")
    ] = "",
    json_file: Annotated[
        Path | None, typer.Option("--json", help="write everything to this file as JSON too")
    ] = None,
    write_table: Annotated[
        bool, typer.Option("--table", help="write the table of docs/security.md")
    ] = False,
) -> None:
    """Shows which test proves which rule, section by section.

    Exit code 1: a rule has neither a test nor a reason in test/rules/untested.yaml, a reason is
    out of date, a citation or the table of docs/security.md is wrong.
    """
    project = pio.project_dir()
    found = coverage.compare(catalogue.read(project), citations.read(project))
    if write_table:
        table.write(found, project)
    found.problems.extend(table.problems(found, project))
    shown = False
    for row in found.rows():
        if not row.startswith(" "):
            shown = row.startswith(only)
        if shown:
            print(row)
    print(f"\n{'tests':>7}{'reason':>8}{'none':>6}  section")
    total = [0, 0, 0]
    for section, counts in found.summary().items():
        total = [a + b for a, b in zip(total, counts, strict=True)]
        print(f"{counts[0]:>7}{counts[1]:>8}{counts[2]:>6}  {section}")
    print(f"{total[0]:>7}{total[1]:>8}{total[2]:>6}  all")
    if json_file is not None:
        text = json.dumps(found.to_json(), ensure_ascii=False, indent=1)
        json_file.write_text(text + "\n", encoding="utf-8")
    if found.problems:
        print()
        print("\n".join(found.problems))
        raise UserError(
            f"{len(found.problems)} of {len(found.catalogue.rules)} rules or their citations need "
            "work; each is named above."
        )
