"""`vevgw csms bench`: the load that the emulated CSMS bears."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()

#: p99 of the answer latency that must hold on two cores, ms.
LIMIT_P99_MS = 100.0


@app.command()
def bench(
    charge_points: Annotated[int, typer.Option(min=1)] = 200,
    period: Annotated[
        float, typer.Option(min=0.001, help="seconds between two messages of each")
    ] = 1.0,
    seconds: Annotated[float, typer.Option(min=1, help="measured time")] = 20.0,
    seed: Annotated[int, typer.Option()] = 1,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="write the figures to this file too")
    ] = None,
) -> None:
    """Measure answer latency and CPU under load, beside the plain server loop of `ocpp`."""
    from vevgw.bench.csms_load import Load, compare

    outcomes = compare(Load(charge_points, period, seconds, seed=seed))
    rows = {
        name: {
            "messages": len(outcome.latencies_ms),
            "p50_ms": round(outcome.percentile_ms(50), 2),
            "p99_ms": round(outcome.percentile_ms(99), 2),
            "max_ms": round(outcome.latencies_ms[-1], 2),
            "cpu_us_per_message": round(outcome.cpu_us_per_message),
            "rss_mb": round(outcome.rss_mb, 1),
        }
        for name, outcome in outcomes.items()
    }
    print(f"{charge_points} charge points, a message every {period:g} s each, {seconds:g} s")
    names = list(next(iter(rows.values())))
    print(f"{'':<12}{''.join(f'{name:>20}' for name in names)}")
    for server, row in rows.items():
        print(f"{server:<12}{''.join(f'{row[name]:>20,}' for name in names)}")
    emulator, reference = rows.values()
    ratio = emulator["cpu_us_per_message"] / reference["cpu_us_per_message"]
    verdict = "below" if emulator["p99_ms"] < LIMIT_P99_MS else "NOT below"
    print(f"CPU per message: {ratio:.2f} of ocpp; p99 is {verdict} {LIMIT_P99_MS:g} ms")
    if json_file is not None:
        data = {"servers": rows, "cpu_ratio": round(ratio, 3), "seed": seed}
        json_file.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
