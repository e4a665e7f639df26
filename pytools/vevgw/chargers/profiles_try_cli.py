"""`vevgw profiles try`: a profile against a real device."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from vevgw.chargers import profiles as store
from vevgw.chargers.profiles import PROFILES_FOLDER, Profile
from vevgw.chargers.profiles_link import Framer, Link, Target
from vevgw.chargers.profiles_try import Round, Trial
from vevgw.errors import UserError

_BAUDS = (1200, 921_600)


def try_profile(
    name: Annotated[
        str, typer.Argument(metavar="PROFILE", help="Name of a profile, or a YAML file.")
    ],
    port: Annotated[str | None, typer.Option(help="Serial port, e.g. /dev/ttyUSB0.")] = None,
    tcp: Annotated[str | None, typer.Option(help="HOST[:PORT] instead.")] = None,
    baud: Annotated[int | None, typer.Option(help="Default: the profile's.")] = None,
    parity: Annotated[
        str | None, typer.Option(help="none, even or odd; default: the profile's.")
    ] = None,
    stop_bits: Annotated[int | None, typer.Option(help="1 or 2; default: the profile's.")] = None,
    unit: Annotated[int | None, typer.Option(help="Unit id; default: the profile's.")] = None,
    framer: Annotated[
        Framer | None, typer.Option(help="Frames; default: what the profile has for the line.")
    ] = None,
    outlet: Annotated[int, typer.Option(help="Outlet of the device, from 1.")] = 1,
    every: Annotated[
        float, typer.Option(help="Seconds from one round to the next; the profile may need more.")
    ] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="One round only.")] = False,
    limit: Annotated[
        float | None,
        typer.Option(
            help="Write this limit once, A per phase (0 = off), and read it back; also what"
            " allows charging, where the profile has an enable register."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before writing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per round.")] = False,
    folder: Annotated[Path, typer.Option(help="Folder with the profiles.")] = PROFILES_FOLDER,
) -> None:
    """Show live what a profile reads from a real device; writes nothing without --limit."""
    path = store.find_file(name, folder)
    profile, findings = store.check_file(path)
    if profile is None:
        raise UserError(str(next(finding for finding in findings if finding.is_error)))
    if every < 0:
        raise UserError("--every cannot be below 0.", exit_code=2)
    every = max(every, profile.data["transport"].get("poll_every_ms", 0) / 1000)
    target = _target(profile, port, tcp, framer, unit, outlet, (baud, parity, stop_bits))
    link = Link(target, profile.data["transport"])
    trial = Trial(profile, link, outlet)
    if limit is not None:
        trial.check_limit(limit)
        also = ""
        if trial.switch is not None:
            said = trial.switch["off" if limit == 0 else "on"]
            also = f" and set '{trial.switch['register']}' to {said}"
        asked = f"Write a limit of {limit:g} A{also} at {target}, unit {target.unit}?"
        if not yes and not typer.confirm(asked, err=True):
            raise UserError("Nothing was written.")
    show = _Json() if as_json else _Tables(profile, target)
    try:
        taken = asyncio.run(_run(link, trial, show, limit, None if once else every))
    except KeyboardInterrupt:
        return
    if not taken:
        raise typer.Exit(1)


async def _run(
    link: Link, trial: Trial, show: _Json | _Tables, limit: float | None, every_s: float | None
) -> bool:
    taken = True
    async with link:
        with show:
            while True:
                found = await trial.round()
                if limit is not None:
                    taken, sentence = await trial.set_limit(limit)
                    show.limit(sentence, taken=taken)
                    limit = None
                show.round(found)
                if every_s is None:
                    return taken
                await asyncio.sleep(every_s)


class _Json:
    def __init__(self) -> None:
        self._limit: dict[str, Any] = {}

    def __enter__(self) -> None: ...

    def __exit__(self, *unused: object) -> None: ...

    def limit(self, sentence: str, *, taken: bool) -> None:
        self._limit = {"limit": {"taken": taken, "info": sentence}}

    def round(self, found: Round) -> None:
        print(json.dumps({**found.as_json(), **self._limit}), flush=True)
        self._limit = {}


class _Tables:
    def __init__(self, profile: Profile, target: Target) -> None:
        self._title = f"{profile.data['title']} at {target}, unit {target.unit}"
        self._console = Console()
        self._live = Live(console=self._console, auto_refresh=False)
        self._said: list[str] = []

    def __enter__(self) -> None:
        if self._console.is_terminal:
            self._live.start()

    def __exit__(self, *unused: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def limit(self, sentence: str, *, taken: bool) -> None:
        self._said.append(sentence)

    def round(self, found: Round) -> None:
        table = Table(title=f"{self._title}, round {found.number}", title_justify="left")
        for column in ("register", "address", "raw", "value", "meaning", "confidence"):
            table.add_column(column, overflow="fold")
        for row in found.rows:
            where = f"{row.register['space']} {row.address}"
            style = "dim" if row.reading is None else ""
            cells = (row.name, where, row.words, row.shown, row.role, row.register["confidence"])
            # What a device says is text, never markup.
            table.add_row(*map(Text, cells), style=style)
        lines = [*_verdict(found), *(f"Hint: {hint}" for hint in found.hints), *self._said]
        if self._console.is_terminal:
            self._live.update(Group(table, *map(Text, lines)), refresh=True)
            return
        self._console.print(table)
        for line in lines:
            self._console.print(Text(line), soft_wrap=True)


def _verdict(found: Round) -> list[str]:
    said = found.verdict
    if said is None:
        return []
    rule = "no rule holds" if said.rule is None else f"rule {said.rule}"
    words = [f"Pilot {said.pilot} ({rule})"]
    words += [f"error {said.error}"] if said.error else []
    words += [f"warning {said.warning}"] if said.warning else []
    words += [said.info] if said.info else []
    words += ["the charger is starting"] if said.boot and not said.info else []
    words += [f"authorization {said.auth}"] if said.auth else []
    return [", ".join(words)]


def _target(
    profile: Profile,
    port: str | None,
    tcp: str | None,
    framer: Framer | None,
    unit: int | None,
    outlet: int,
    line: tuple[int | None, str | None, int | None],
) -> Target:
    transport, connectors = profile.data["transport"], profile.data.get("connectors", {})
    if (port is None) == (tcp is None):
        raise UserError("Give one of --port and --tcp.", exit_code=2)
    count = connectors.get("count", 1)
    if not 1 <= outlet <= count:
        raise UserError(f"{profile.data['title']} has outlets 1 to {count}.", exit_code=2)
    if unit is None:
        unit = transport["unit"] + connectors.get("unit_offset", 0) * (outlet - 1)
    if not 0 <= unit <= 255:
        raise UserError(f"The unit id {unit} is outside 0..255.", exit_code=2)
    if port is None:
        assert tcp is not None
        if framer is None:
            framer = Framer.TCP if "tcp" in transport else Framer.RTU_OVER_TCP
        if framer in (Framer.RTU, Framer.ASCII):
            raise UserError(
                "Over --tcp the framer is tcp, or rtu-over-tcp for a converter.", exit_code=2
            )
        default = transport.get("tcp", {}).get("port", 502)
        default += connectors.get("port_offset", 0) * (outlet - 1)
        host, tcp_port = _address(tcp, default)
        return Target(framer, unit, host=host, tcp_port=tcp_port)
    if framer is None:
        framer = Framer.ASCII if "ascii" in transport and "rtu" not in transport else Framer.RTU
    if framer in (Framer.TCP, Framer.RTU_OVER_TCP):
        raise UserError("On --port the framer is rtu or ascii.", exit_code=2)
    own = transport.get(framer.value, transport.get("rtu", transport.get("ascii", {})))
    baud, parity, stop_bits = line
    baud = baud or own.get("baud", 9600)
    parity = parity or own.get("parity", "none")
    stop_bits = stop_bits or own.get("stop_bits", 1)
    if not _BAUDS[0] <= baud <= _BAUDS[1]:
        raise UserError(f"The baud rate {baud} is outside {_BAUDS[0]}..{_BAUDS[1]}.", exit_code=2)
    if parity not in ("none", "even", "odd") or stop_bits not in (1, 2):
        raise UserError("Parity is none, even or odd; stop bits are 1 or 2.", exit_code=2)
    return Target(framer, unit, port=port, baud=baud, parity=parity, stop_bits=stop_bits)


def _address(text: str, default_port: int) -> tuple[str, int]:
    host, colon, number = text.rpartition(":")
    if not colon:
        return text, default_port
    if not host or not number.isdecimal() or not 1 <= int(number) <= 65_535:
        raise UserError(f"'{text}' is not an address of the form HOST[:PORT].", exit_code=2)
    return host, int(number)
