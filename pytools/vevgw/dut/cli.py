"""`vevgw dut`: talk to a gateway's console, and run the native gateway as a virtual board."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from vevgw.dut.device import Dut
from vevgw.dut.native import NativeGateway
from vevgw.dut.transports import Boot, transport_for
from vevgw.dut.upload import profile_image, put_profile
from vevgw.dut.virtual_board import VirtualBoard
from vevgw.errors import UserError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
Port = Annotated[
    str,
    typer.Argument(help="Serial device, console link of a native gateway, or rfc2217://HOST:PORT."),
]
LogFile = Annotated[Path | None, typer.Option(help="Raw log; default: a temporary file.")]


@app.callback()
def dut() -> None:
    """Gateways under test: consoles of boards and of native gateways."""


@app.command("send")
def send(
    port: Port,
    command: Annotated[list[str], typer.Argument(help="Console command, e.g. config get.")],
    timeout_s: Annotated[float, typer.Option(help="Seconds until the reply.")] = 5.0,
    text: Annotated[
        Path | None, typer.Option(help="File with the lines that the command takes, e.g. PEM.")
    ] = None,
    log: LogFile = None,
) -> None:
    """Send one console command and print its reply as JSON."""
    lines = None if text is None else _read_lines(text)
    with _log_file(log) as path:
        reply = asyncio.run(_send(port, " ".join(command), timeout_s, lines, path))
    print(json.dumps({key: value for key, value in reply.items() if key not in ("id", "ok")}))


@app.command("put")
def put(
    port: Port,
    file: Annotated[
        Path, typer.Argument(help="Profile, NAME.vevp or NAME.yaml; or roots, NAME.pem.")
    ],
    name: Annotated[
        str | None, typer.Option(help="Name on the gateway; default: NAME.vevp or .pem.")
    ] = None,
    log: LogFile = None,
) -> None:
    """Give a gateway a profile (c1.profile file:NAME.vevp) or roots (ca_file NAME.pem)."""
    content = profile_image(file)
    target = name or (file.name if file.suffix == ".pem" else f"{file.stem}.vevp")
    with _log_file(log) as path:
        asyncio.run(_put(port, target, content, path))
    print(json.dumps({"name": target, "bytes": len(content)}))


@app.command("reset")
def reset(
    port: Port,
    *,
    download: Annotated[bool, typer.Option(help="Into the ROM loader, for flashing.")] = False,
    log: LogFile = None,
) -> None:
    """Reset a board by DTR and RTS."""
    with _log_file(log) as path:
        asyncio.run(_reset(port, Boot.DOWNLOAD if download else Boot.RUN, path))


@app.command("board", context_settings={"ignore_unknown_options": True})
def board(
    program: Annotated[Path, typer.Argument(help="Native gateway.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(help="Its arguments, without --data and --console.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Data and logs; default: a temporary folder.")
    ] = None,
    listen_port: Annotated[int, typer.Option(help="TCP port; 0 = any free one.")] = 0,
) -> None:
    """Run a native gateway behind an RFC 2217 port with the reset lines of a board."""
    words = [str(program), *(arguments or [])]
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        asyncio.run(_board(words, folder, listen_port))
        return
    with tempfile.TemporaryDirectory(prefix="vevgw-board-") as temporary:
        asyncio.run(_board(words, Path(temporary), listen_port))


def _read_lines(path: Path) -> str:
    try:
        text = path.read_text(encoding="ascii")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is no text in ASCII.") from None
    if "PRIVATE KEY-----" in text:
        raise UserError(f"There is a private key in {path}: no command takes one.")
    return text


async def _send(
    port: str, command: str, timeout_s: float, text: str | None, log: Path
) -> dict[str, object]:
    async with Dut(transport_for(port), log_path=log) as device:
        return await device.command(command, timeout_s=timeout_s, text=text)


async def _put(port: str, name: str, content: bytes, log: Path) -> None:
    async with Dut(transport_for(port), log_path=log) as device:
        await put_profile(device, name, content)


async def _reset(port: str, boot: Boot, log: Path) -> None:
    async with Dut(transport_for(port), log_path=log) as device:
        await device.reset(boot)


async def _board(words: list[str], folder: Path, listen_port: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with VirtualBoard(NativeGateway(words, folder), port=listen_port) as virtual:
        print(json.dumps({"event": "ready", "url": virtual.url}), flush=True)
        await stop.wait()


@contextlib.contextmanager
def _log_file(log: Path | None) -> Iterator[Path]:
    """The raw log; a temporary one stays only when it is needed to understand a failure."""
    if log is not None:
        if not log.parent.is_dir():
            raise UserError(f"The folder of the log file {log} does not exist.")
        yield log
        return
    folder = Path(tempfile.mkdtemp(prefix="vevgw-dut-"))
    yield folder / "console.log"
    shutil.rmtree(folder)
