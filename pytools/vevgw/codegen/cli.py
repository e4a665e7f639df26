"""`vevgw codegen`: C++ from the JSON schemas of OCPP, and from the setup page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vevgw.codegen import page
from vevgw.codegen.output import DEFAULT_FOLDER, DEFAULT_OVERLAY, check, generate, write

app = typer.Typer(add_completion=False)


@app.command()
def codegen(
    check_only: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if the folder does not match.")
    ] = False,
    overlay: Annotated[
        Path, typer.Option(help="Names, sizes and errata of one protocol version.")
    ] = DEFAULT_OVERLAY,
    folder: Annotated[Path, typer.Option(help="Where the C++ files go.")] = DEFAULT_FOLDER,
) -> None:
    """Generates the OCPP messages in C++ from the JSON schemas of the package `ocpp`.

    The setup page becomes C++, too.
    """
    files = generate(overlay)
    page_files = page.generate()
    if check_only:
        check(files, folder)
        check(page_files, page.DEFAULT_FOLDER, page.DEFAULT_PAGE.name)
        typer.echo(f"{len(files)} files in {folder} match.")
        return
    write(page_files, page.DEFAULT_FOLDER)
    changed = write(files, folder)
    typer.echo(f"{len(files)} files in {folder}, {len(changed)} changed.")
