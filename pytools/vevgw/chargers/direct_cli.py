"""`vevgw charger direct`: run a simulated charger that does not speak Modbus."""

from __future__ import annotations

import asyncio
import contextlib
import json
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from vevgw.chargers.direct_sim import DirectSim, direct_models
from vevgw.chargers.ev import EvSpec
from vevgw.errors import UserError


def run_direct(
    model: Annotated[str, typer.Option(help=f"One of: {', '.join(direct_models())}.")],
    port: Annotated[
        Path | None, typer.Option(help="Link to make to the pseudo-terminal, e.g. /tmp/ttyEVSE.")
    ] = None,
    udp: Annotated[
        str | None, typer.Option(help="Serve UDP on HOST:PORT instead (keba), e.g. 0.0.0.0:7090.")
    ] = None,
    reply_port: Annotated[int, typer.Option(help="Port that UDP answers go to.")] = 7090,
    plug: Annotated[bool, typer.Option(help="Plug a vehicle in at once.")] = False,
) -> None:
    """Run a simulated charger without Modbus until interrupted; changes are JSON lines."""
    host, colon, number = (udp or "").rpartition(":")
    if udp is not None and (not colon or not host or not number.isdecimal()):
        raise UserError(f"'{udp}' is not an address of the form HOST:PORT.", exit_code=2)
    sim = DirectSim(
        model, link=port, udp=None if udp is None else (host, int(number)), reply_port=reply_port
    )
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(sim, plug=plug))


async def _run(sim: DirectSim, *, plug: bool) -> None:
    async with sim:
        if plug:
            sim.plug(EvSpec())
        print(json.dumps({"event": "ready", "port": sim.port_path}), flush=True)
        while True:
            told = (sim.state, sim.limit_a)
            print(json.dumps({"event": "state", **sim.snapshot()}), flush=True)
            await sim.wait_for(partial(_differs, told), timeout_s=1e9)


def _differs(told: tuple[str, float], sim: DirectSim) -> bool:
    return (sim.state, sim.limit_a) != told
