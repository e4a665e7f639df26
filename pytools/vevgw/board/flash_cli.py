"""`vevgw flash`: write the firmware into a board."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from vevgw.board import build as board_build
from vevgw.board import flash as flashing
from vevgw.board import image, release
from vevgw.board.ports import choose_port
from vevgw.board.progress import bars
from vevgw.build import pio
from vevgw.errors import UserError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def flash(
    port: Annotated[
        str | None,
        typer.Option(help="Serial device or rfc2217://HOST:PORT; default: the only USB bridge."),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", help="Release or build folder; default: build the environment."),
    ] = None,
    environment: Annotated[
        str, typer.Option("--env", "-e", help="Environment of platformio.ini to build.")
    ] = "esp32dev",
    baud: Annotated[int, typer.Option(help="Bits per second while writing.")] = 460_800,
    *,
    by_pio: Annotated[
        bool, typer.Option("--pio", help="Let PlatformIO build and upload, with its own esptool.")
    ] = False,
    erase: Annotated[
        bool, typer.Option("--erase", help="Erase settings and undelivered transactions, too.")
    ] = False,
    no_stub: Annotated[
        bool, typer.Option("--no-stub", help="Write by the ROM loader alone: slower.")
    ] = False,
    no_reset: Annotated[
        bool,
        typer.Option("--no-reset", help="The adapter has no reset lines; BOOT was held at reset."),
    ] = False,
) -> None:
    """Write the firmware into a board and compare it; settings and records stay."""
    if by_pio and (source is not None or erase or no_stub or no_reset):
        raise UserError("--pio goes with --port and --env only.", exit_code=2)
    if source is None:
        board_build.require_board(pio.project_dir(), environment)
    else:
        # Said before the port is looked for: it is wrong on every port.
        release.verify(source)
        parts = image.load(source)
    chosen = choose_port(port)
    if by_pio:
        words = ["run", "-e", environment, "-t", "upload", "--upload-port", chosen]
        if pio.run(pio.project_dir(), words, native=False) != 0:
            raise UserError(f"The board at {chosen} was not flashed; PlatformIO has printed why.")
        return
    if source is None:
        parts = image.load(board_build.make(pio.project_dir(), environment).folder)
    started = time.monotonic()
    options = flashing.FlashOptions(chosen, baud, not no_stub, not no_reset, erase)
    _with_progress(parts, options)
    size = sum(len(part.content) for part in parts.parts)
    print(
        f"Flashed {chosen}: {size:,} bytes in {time.monotonic() - started:.1f} s, compared by MD5."
    )
    print(f"Next: vevgw provision --port {chosen} ..., or vevgw monitor --port {chosen}")


def _with_progress(parts: image.BoardImage, options: flashing.FlashOptions) -> None:
    with bars() as show:
        for part in parts.parts:
            show(part.name, 0)
        flashing.flash(parts, options, on_progress=show)
