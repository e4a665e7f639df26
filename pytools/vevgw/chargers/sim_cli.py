"""`vevgw charger`: run a simulated charger, and control one that runs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from vevgw.chargers.devices import model_names
from vevgw.chargers.direct_cli import run_direct
from vevgw.chargers.ev import EvSpec
from vevgw.chargers.sim import ChargerSim
from vevgw.chargers.sim_bus import Framing
from vevgw.chargers.sim_control import SimControl, ask, serve_socket, serve_stdin
from vevgw.errors import UserError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def charger() -> None:
    """Simulated chargers for gateways that have none at hand."""


@app.command("models")
def list_models() -> None:
    """List the models that can be simulated."""
    for name in model_names():
        print(name)


@app.command("sim")
def run_sim(
    model: Annotated[
        str,
        typer.Option(
            "--model", "--profile", help="Charger model or profile; see `vevgw charger models`."
        ),
    ],
    port: Annotated[
        Path | None, typer.Option(help="Link to make to the pseudo-terminal, e.g. /tmp/ttyWB.")
    ] = None,
    serial: Annotated[
        str | None,
        typer.Option(help="Serve on this serial device instead, e.g. an RS-485 adapter."),
    ] = None,
    tcp: Annotated[
        str | None, typer.Option(help="Serve Modbus TCP on [HOST]:PORT instead, e.g. :1502.")
    ] = None,
    framing: Annotated[
        Framing | None,
        typer.Option(
            help="Frames; default: tcp with --tcp, else the model's. A converter: --tcp and rtu."
        ),
    ] = None,
    unit: Annotated[int | None, typer.Option(help="Modbus unit id; default: the model's.")] = None,
    plug: Annotated[
        str | None, typer.Option(help='Plug a vehicle in at once: JSON, e.g. {"phases":1}.')
    ] = None,
    energy_time_scale: Annotated[
        float,
        typer.Option(help="Energy meter and battery run this many times faster than real."),
    ] = 1.0,
    energy_file: Annotated[
        Path | None, typer.Option(help="Keep the total energy in this file over restarts.")
    ] = None,
    control: Annotated[
        Path | None, typer.Option(help="Local socket for `vevgw charger ctl`; - = stdin.")
    ] = None,
) -> None:
    """Run a simulated charger until interrupted; events are JSON lines on stdout."""
    if [port, serial, tcp].count(None) < 2:
        raise UserError("Give one of --port, --serial and --tcp, not more.", exit_code=2)
    sim = ChargerSim(
        model,
        unit=unit,
        port=port,
        serial=serial,
        tcp=None if tcp is None else _address(tcp),
        framing=framing,
        energy_time_scale=energy_time_scale,
        energy_file=energy_file,
    )
    spec = None if plug is None else EvSpec.from_json(_json_object(plug, "--plug"))
    try:
        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(_run(sim, spec, control))
    finally:
        if control is not None and control.is_socket():
            control.unlink()


app.command("direct")(run_direct)


@app.command("ctl")
def control_sim(
    socket_path: Annotated[Path, typer.Argument(metavar="SOCKET", help="The sim's --control.")],
    command: Annotated[str, typer.Argument(help="status, plug, unplug, bus, wait, quit, ...")],
    fields: Annotated[str, typer.Argument(help='JSON, e.g. {"max_current_a":16}.')] = "{}",
) -> None:
    """Send one command to a running simulator and print its answer."""
    answer = ask(socket_path, {**_json_object(fields, "FIELDS"), "cmd": command})
    if not answer.pop("ok", False):
        raise UserError(str(answer.get("error", "The simulator refused without a reason.")))
    print(json.dumps(answer))


async def _run(sim: ChargerSim, spec: EvSpec | None, control_path: Path | None) -> None:
    control = SimControl(sim)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, control.quit_asked.set)
    async with sim:
        if spec is not None:
            sim.plug(spec)
        listener = stdin_reader = None
        if control_path == Path("-"):
            stdin_reader = asyncio.create_task(serve_stdin(control, _say))
        elif control_path is not None:
            listener = await serve_socket(control, control_path)
        watcher = asyncio.create_task(_tell_changes(sim))
        _say({"event": "ready", "model": sim.device.model, "unit": sim.unit, "port": sim.port_path})
        await control.quit_asked.wait()
        watcher.cancel()
        if stdin_reader is not None:
            stdin_reader.cancel()
        if listener is not None:
            listener.close()


async def _tell_changes(sim: ChargerSim) -> None:
    while True:
        told = (sim.state, sim.limit_a)
        _say({"event": "state", **sim.snapshot()})
        await sim.wait_for(partial(_differs, told), timeout_s=1e9)


def _differs(told: tuple[str, float], sim: ChargerSim) -> bool:
    return (sim.state, sim.limit_a) != told


def _say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65_535:
        raise UserError(f"'{text}' is not an address of the form [HOST]:PORT.", exit_code=2)
    return host or "0.0.0.0", int(port)


def _json_object(text: str, what: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise UserError(f"{what} is not JSON: {error}.", exit_code=2) from error
    if not isinstance(value, dict):
        raise UserError(f'{what} must be a JSON object such as {{"phases":1}}.', exit_code=2)
    return value
