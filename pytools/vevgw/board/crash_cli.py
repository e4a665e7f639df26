"""`vevgw crash`: why a gateway crashed last, with its back-trace decoded."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from vevgw.board.backtrace import Decoder
from vevgw.board.crash import Crash, fetch
from vevgw.board.ports import choose_port
from vevgw.board.progress import bars
from vevgw.dut.device import Dut
from vevgw.dut.transports import transport_for
from vevgw.errors import UserError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
_READY_S = 10.0


@app.command()
def crash(
    port: Annotated[
        str | None,
        typer.Option(
            help="Serial device, console link of a native gateway, or rfc2217://HOST:PORT; "
            "default: the only USB bridge."
        ),
    ] = None,
    elf: Annotated[
        Path, typer.Option(help="firmware.elf of the image that crashed, for the back-trace.")
    ] = Path(".pio/build/esp32dev/firmware.elf"),
    addr2line: Annotated[
        str | None, typer.Option(help="addr2line to use; default: the one of the toolchain.")
    ] = None,
    save: Annotated[
        Path | None, typer.Option(help="Write the core dump to this file (esp-coredump reads it).")
    ] = None,
    *,
    erase: Annotated[bool, typer.Option("--erase", help="Forget the crash afterwards.")] = False,
) -> None:
    """Show why a gateway crashed last."""
    found = asyncio.run(_fetch(choose_port(port), save=save, erase=erase))
    decoder = Decoder(elf, addr2line)
    for line in found.lines():
        print(line)
        for decoded in decoder.decode(line):
            print(f"  {decoded}")
    if save is not None:
        print(f"Wrote {save}; next: esp-coredump --chip esp32 info_corefile -t raw -c {save} {elf}")


async def _fetch(port: str, *, save: Path | None, erase: bool) -> Crash:
    with tempfile.TemporaryDirectory(prefix="vevgw-crash-") as folder:
        device = Dut(transport_for(port), log_path=Path(folder) / "console.log")
        try:
            await device.open()
            await device.wait_ready(timeout_s=_READY_S)
            with bars() as show:
                found = await fetch(
                    device,
                    with_dump=save is not None,
                    on_progress=lambda done, total: show("core dump", 100 * done / total),
                )
            if save is not None:
                _write(save, found.dump)
            if erase:
                await device.command("crash erase", timeout_s=_READY_S)
        finally:
            await device.close()
    return found


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UserError(
            f"{path} cannot be written ({error.strerror}); name another file with --save."
        ) from error
