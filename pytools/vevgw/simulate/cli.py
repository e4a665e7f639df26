"""`vevgw simulate`."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from vevgw.build import pio
from vevgw.simulate import program

app = typer.Typer(add_completion=False)


@app.command()
def simulate(
    seed: Annotated[int, typer.Option(min=0, help="the first seed")] = 1,
    seeds: Annotated[int, typer.Option(min=1, help="how many seeds, one after the other")] = 1,
    days: Annotated[int, typer.Option(min=1, max=3650, help="simulated days of each")] = 30,
    bridge: Annotated[
        bool, typer.Option("--bridge", help="with the real bridge and wallboxes on a bus")
    ] = False,
    hours: Annotated[
        int, typer.Option(min=1, max=8760, help="simulated hours of each, with --bridge")
    ] = 12,
    trace: Annotated[bool, typer.Option("--trace", help="print everything that happens")] = False,
    sanitizers: Annotated[
        bool, typer.Option("--sanitizers", help="under ASan and UBSan, about ten times slower")
    ] = False,
    mutant: Annotated[
        str | None, typer.Option(help="plant this bug; see test/support/simulation/ports.hpp")
    ] = None,
    processes: Annotated[int | None, typer.Option(min=1, help="default: processors")] = None,
) -> None:
    """Lives through simulated days of faults drawn from a seed and checks every promise.

    The same seed gives the same run, frame by frame; the hash of all frames is printed. Exit code
    1: a promise was broken; printed are the sentence that says which, the few events that suffice
    for it, and the end of that run.
    """
    project = pio.project_dir()
    binary = program.build(project, sanitizers=sanitizers)
    arguments = ["--bridge", "--hours", str(hours)] if bridge else ["--days", str(days)]
    arguments += ["--trace"] if trace else []
    arguments += ["--mutant", mutant] if mutant is not None else []
    started = time.monotonic()
    shown = 0

    def show(output: str) -> None:
        nonlocal shown
        shown += 1
        if seeds == 1 or trace or not any(program.parse(output)):
            print(output.rstrip("\n"), flush=True)
        elif shown % 200 == 0:
            print(f"{shown} of {seeds} seeds good", flush=True)

    runs = program.run(
        binary, range(seed, seed + seeds), arguments, on_output=show, processes=processes
    )
    length = f"{hours} hours" if bridge else f"{days} days"
    print(
        f"{len(runs)} seeds x {length}: every promise kept; hash {program.combined_hash(runs)}, "
        f"{sum(run.transactions for run in runs)} transactions, "
        f"{sum(run.kwh for run in runs)} kWh, {sum(run.frames for run in runs)} frames, "
        f"{sum(run.retries for run in runs)} retries, {sum(run.calls for run in runs)} CALLs "
        f"answered, {sum(run.power_cuts for run in runs)} power cuts; "
        f"{time.monotonic() - started:.0f} s"
    )
