"""`vevgw monitor`: a gateway's console, readable, with back-traces decoded."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from vevgw.board.backtrace import Decoder
from vevgw.board.monitor import Monitor
from vevgw.board.ports import choose_port

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def monitor(
    port: Annotated[
        str | None,
        typer.Option(
            help="Serial device, console link of a native gateway, or rfc2217://HOST:PORT; "
            "default: the only USB bridge."
        ),
    ] = None,
    elf: Annotated[
        Path, typer.Option(help="firmware.elf of the image on the board, for back-traces.")
    ] = Path(".pio/build/esp32dev/firmware.elf"),
    addr2line: Annotated[
        str | None, typer.Option(help="addr2line to use; default: the one of the toolchain.")
    ] = None,
) -> None:
    """Show a console until Ctrl-C; lines typed here are commands (docs/console.md)."""
    chosen = choose_port(port)
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_monitor(chosen, Decoder(elf, addr2line)))


async def _monitor(port: str, decoder: Decoder) -> None:
    def show(line: str) -> None:
        print(line, flush=True)

    shown = Monitor(port, show, decoder, colour=sys.stdout.isatty())
    loop = asyncio.get_running_loop()
    typed = b""

    def read_typed() -> None:
        nonlocal typed
        data = os.read(sys.stdin.fileno(), 4096)
        if not data:
            loop.remove_reader(sys.stdin)
        *lines, typed = (typed + data).split(b"\n")
        for line in lines:
            shown.send(line.decode("utf-8", "replace"))

    # A file as stdin cannot be watched; then there is nothing to type either.
    with contextlib.suppress(PermissionError, ValueError, OSError):
        loop.add_reader(sys.stdin, read_typed)
    await shown.run()
