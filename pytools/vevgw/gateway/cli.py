"""`vevgw gateway`: a charge point on this machine, and a prompt for it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from vevgw.dut.native import find_gateway
from vevgw.errors import UserError
from vevgw.gateway.shell import SOCKET, Shell, converse, serve
from vevgw.gateway.station import Plan, Station, tell
from vevgw.gateway.wiring import parse_charger

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
_IDENTITY: Final = "CP-1"
_PROJECT: Final = Path(__file__).resolve().parents[3]

Identity = Annotated[str, typer.Option(help="identity of the charge point")]
Folder = Annotated[
    Path | None,
    typer.Option(help="its data and logs; default: one per identity in ~/.local/state/vevgw"),
]


@app.callback()
def gateway() -> None:
    """A whole charge point for people who build or test a CSMS."""


@app.command()
def run(
    csms: Annotated[str, typer.Option(help="URL of the CSMS, ws:// or wss://, without identity")],
    identity: Identity = _IDENTITY,
    charger: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CHARGER",
            help="of the next connector: sim, sim:MODEL (see `vevgw charger models`), "
            "PROFILE@/dev/ttyUSB0 or PROFILE@HOST[:PORT]; default: sim",
        ),
    ] = None,
    password_file: Annotated[
        Path | None, typer.Option(help="its first line is the password of HTTP Basic")
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="device setting; see docs/console.md"),
    ] = None,
    folder: Folder = None,
    program: Annotated[
        Path | None, typer.Option(help="native gateway; default: the one built in the project")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print events as JSON lines")] = False,
) -> None:
    """Run a gateway with simulated chargers against a CSMS until interrupted."""
    if not re.match(r"wss?://.", csms):
        raise UserError(f"'{csms}' is no WebSocket URL: ws://HOST:PORT/PATH.", exit_code=2)
    chargers = [parse_charger(text) for text in charger or ["sim"]]
    settings: dict[str, str] = {}
    for text in setting or []:
        name, equals, value = text.partition("=")
        if not equals:
            raise UserError(f"'--set {text}': write NAME=VALUE.", exit_code=2)
        settings[name] = value
    where = folder or _default_folder(identity)
    try:
        where.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"The folder {where} cannot be made: {error.strerror}.") from error
    plan = Plan(
        program=program or find_gateway(_PROJECT),
        folder=where,
        csms_url=csms,
        identity=identity,
        chargers=chargers,
        password_file=password_file,
        settings=settings,
    )
    with _alone(where):
        asyncio.run(_run(plan, is_json=as_json))


@app.command()
def shell(
    identity: Identity = _IDENTITY,
    folder: Folder = None,
    command: Annotated[
        list[str] | None,
        typer.Option("--command", "-c", help="have this carried out and leave; may be repeated"),
    ] = None,
) -> None:
    """Attach to a gateway that runs; `help` lists what can be typed."""
    where = folder or _default_folder(identity)
    with Shell(where / SOCKET) as connected:
        is_well = converse(connected, command or _typed(identity), sys.stdout)
    if not is_well and (command or not sys.stdin.isatty()):
        raise typer.Exit(1)


def _typed(identity: str) -> Iterator[str]:
    if not sys.stdin.isatty():
        yield from sys.stdin
        return
    # Line editing and history come with the import.
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401
    while True:
        try:
            yield input(f"{identity}> ")
        except EOFError:
            print()
            return


def _default_folder(identity: str) -> Path:
    if re.fullmatch(r"[A-Za-z0-9._-]+", identity) is None or set(identity) == {"."}:
        raise UserError(f"'{identity}' cannot name a folder: give --folder, too.", exit_code=2)
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "vevgw" / identity


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keeps a second gateway away from the folder; the system forgets it with the process."""
    import fcntl

    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserError(f"A gateway runs in {folder} already.") from None
        yield


async def _run(plan: Plan, *, is_json: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    def say(event: dict[str, Any]) -> None:
        print(json.dumps(event) if is_json else _shown(event), flush=True)

    async with Station(plan) as station:
        server = await serve(station, plan.folder / SOCKET)
        try:
            say(
                {
                    "event": "running",
                    "identity": plan.identity,
                    "csms": plan.csms_url,
                    "connectors": len(plan.chargers),
                    "folder": str(plan.folder),
                }
            )
            await tell(station, say, stop)
        finally:
            server.close()
            (plan.folder / SOCKET).unlink(missing_ok=True)


def _shown(event: dict[str, Any]) -> str:
    rest = (f"{name}={value}" for name, value in event.items() if name != "event")
    return f"{event.get('event', '?'):<12} {' '.join(rest)}".rstrip()
