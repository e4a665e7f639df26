"""`vevgw demo`."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from vevgw.build import pio
from vevgw.demo.parts import IDENTITY, Parts, start_parts
from vevgw.demo.session import run_session
from vevgw.demo.summary import summarise
from vevgw.demo.timeline import Figures, Timeline
from vevgw.dut import find_gateway
from vevgw.errors import UserError

app = typer.Typer(add_completion=False)


@app.command()
def demo(
    program: Annotated[
        Path | None, typer.Option(help="A native gateway; default: build this project's.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Keep database and logs here; default: a temporary one.")
    ] = None,
) -> None:
    """Runs a whole charging session on real parts and checks every promise.

    Exit code 0: all kept. 1: one was broken; the last line says which.
    """
    console = Console()
    if program is None:
        console.print("Building the native gateway ...")
        project = pio.project_dir()
        pio.build(project, "native")
        program = find_gateway(project)
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="vevgw-demo-") as temporary:
            asyncio.run(_run(console, program, Path(temporary)))
    else:
        folder.mkdir(parents=True, exist_ok=True)
        asyncio.run(_run(console, program, folder))


async def _run(console: Console, program: Path, folder: Path) -> None:
    async with start_parts(program, folder) as parts:
        timeline = Timeline(console, lambda: _figures(parts))
        parts.csms.on_frame(timeline.add_frame)
        start_wh = parts.charger.energy_wh
        try:
            with timeline:
                transaction = await run_session(parts, timeline)
                summary = await summarise(parts, transaction, start_wh)
        except UserError as error:
            raise UserError(f"the demonstration failed: {error}") from error
        if await parts.gateway.terminate() != 0:
            raise UserError(f"the gateway did not end cleanly. {parts.gateway.describe_end()}")
        summary.show(console, timeline.elapsed_s)
        summary.check()
        console.print("[bold green]Every promise was kept.[/]")


def _figures(parts: Parts) -> Figures:
    transactions = parts.csms.books.transactions(IDENTITY)
    connectors = parts.csms.books.charge_point(IDENTITY).connectors
    return Figures(
        connector=connectors[1].status if 1 in connectors else "-",
        pilot=parts.charger.state,
        limit_a=parts.charger.limit_a,
        current_a=parts.charger.current_a,
        energy_wh=parts.charger.energy_wh,
        delivered_wh=transactions[-1].energy_wh if transactions else None,
        csms="up" if parts.csms.is_running else "down",
    )
