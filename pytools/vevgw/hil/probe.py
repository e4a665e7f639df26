"""Before the tests: is the board there, does it answer, what is it?"""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from vevgw.board import flash_cli, release
from vevgw.build import pio
from vevgw.dut import Dut, DutError, NoAnswer
from vevgw.dut.transports import transport_for
from vevgw.errors import UserError
from vevgw.hil.bench_file import BenchFile

_ANSWER_S: Final = 10.0


def prepare_board(bench: BenchFile, *, is_flashed: bool) -> dict[str, str]:
    """Looks at the board, writes its firmware if that is wanted, and returns what it tells.

    Raises:
        UserError: A port is not there, is in use or may not be used; the board could not be
            flashed, or is silent.
    """
    if bench.rs485 is not None:
        require_port(bench.rs485, "rs485")
    require_port(bench.port, "board.port")
    if is_flashed:
        flash(bench)
    status = asyncio.run(_status(bench.port))
    return {
        "Firmware": str(status.get("version", "unknown")),
        "Board": " ".join(filter(None, (bench.name, str(status.get("serial_number", ""))))),
    }


def flash(bench: BenchFile) -> None:
    """Writes what the sources build, with the commit in its version, by `vevgw flash`.

    Raises:
        UserError: It could not be built or written.
    """
    source = bench.build
    if source is None:
        project = pio.project_dir()
        flags = f'-D GATEWAY_VERSION=\\"{release.full_version(project)}\\"'
        variables = {"PLATFORMIO_BUILD_FLAGS": flags}
        source = pio.build(project, bench.environment, variables=variables)
    flash_cli.flash(
        port=bench.port,
        source=source,
        environment=bench.environment,
        baud=460_800,
        by_pio=False,
        erase=False,
        no_stub=False,
        no_reset=False,
    )


def require_port(port: str, name: str) -> None:
    """Opens a serial device and closes it again; an address is left to the connection.

    Raises:
        UserError: It does not exist, is in use or may not be opened.
    """
    if port.startswith("rfc2217://"):
        return
    if not os.path.exists(port):
        raise UserError(f"The port {port} ({name}) does not exist; is it plugged in?")
    import serial

    try:
        serial.Serial(port, exclusive=True).close()
    except (serial.SerialException, OSError, ValueError) as error:
        raise UserError(f"The port {port} ({name}) {_reason(error)}.") from None


def _reason(error: BaseException) -> str:
    inner = error if isinstance(error, OSError) else error.__context__
    number = getattr(error, "errno", None) or getattr(inner, "errno", None)
    text = str(error)
    if isinstance(error.__context__, BlockingIOError) or number in (11, 16) or "lock" in text:
        return "is in use by another program; close it"
    if number == 13:
        return "may not be opened by this user; on Linux be in the group dialout"
    return "is no serial port, or cannot be used as one"


async def _status(port: str) -> dict[str, object]:
    with tempfile.TemporaryDirectory(prefix="vevgw-probe-") as folder:
        try:
            async with Dut(transport_for(port), log_path=Path(folder) / "console.log") as dut:
                # Opening the port may have restarted the board, which then boots.
                try:
                    return await dut.wait_ready(timeout_s=_ANSWER_S)
                except NoAnswer:
                    raise
                except DutError:
                    raise UserError(
                        f"The board at {port} is silent: it has not answered 'status' for "
                        f"{_ANSWER_S:g} s; is the gateway flashed (--flash), is it this port?"
                    ) from None
        except DutError as error:
            raise UserError(str(error).splitlines()[0]) from None


def native_facts(program: Path) -> dict[str, str]:
    """Returns what a native gateway is."""
    shown = subprocess.run(
        [program, "--version"], capture_output=True, text=True, timeout=10, check=False
    ).stdout
    return {"Firmware": shown.strip().rpartition(" ")[2], "Board": "native gateway"}


def project_facts(project: Path) -> dict[str, str]:
    """Returns the commit of the tests."""
    try:
        return {"Tests from": release.full_version(project)}
    except UserError:
        return {"Tests from": "unknown (no git history)"}
