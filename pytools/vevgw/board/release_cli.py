"""`vevgw release`: the files that flash a board, with digests, manifests and bill of materials."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vevgw.board import image, release
from vevgw.build import pio

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def make(
    environment: Annotated[
        str, typer.Option("--env", "-e", help="Environment of platformio.ini.")
    ] = "esp32dev",
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Folder with firmware.bin, bootloader.bin, partitions.bin; default: build them.",
        ),
    ] = None,
    version: Annotated[
        str | None, typer.Option(help="Version in the firmware; default: sources and git id.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of all releases.")] = Path("dist"),
) -> None:
    """Make a release: parts, merged image, manifests, SHA-256 and bill of materials."""
    project = pio.project_dir()
    notes = release.revision(project)
    named = version or release.full_version(project)
    if source is None:
        flags = {"PLATFORMIO_BUILD_FLAGS": f'-D GATEWAY_VERSION=\\"{named}\\"'}
        source = pio.build(project, environment, variables=flags)
    folder, sizes = release.write(
        image.load(source),
        project=project,
        environment=environment,
        version=named,
        out=out,
        notes=notes,
    )
    print(f"{release.NAME} {named}")
    print(sizes.sentence())
    for path in sorted(folder.iterdir()):
        print(f"  {path.stat().st_size:>9,}  {path}")
