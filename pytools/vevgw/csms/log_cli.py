"""Commands of `vevgw csms` that read its database: log, transactions."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from vevgw.csms.cli_parts import AsJson, Db, OnlyChargePoint
from vevgw.csms.queries import LogReader

app = typer.Typer()

#: Seconds between two looks into the database by `log --follow`.
FOLLOW_INTERVAL_S = 0.2


@app.command()
def log(
    db: Db = Path("csms.sqlite3"),
    charge_point: OnlyChargePoint = None,
    action: Annotated[str | None, typer.Option(help="only this action, answers included")] = None,
    verdict: Annotated[str | None, typer.Option(help="only this verdict, such as invalid")] = None,
    last: Annotated[int | None, typer.Option(min=1, help="only the latest so many")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="go on until interrupted")] = False,
    as_json: AsJson = False,
) -> None:
    """Print recorded frames."""
    with LogReader(db) as reader:
        after = 0
        while True:
            frames = reader.frames(
                charge_point=charge_point, action=action, verdict=verdict, after=after, last=last
            )
            for frame in frames:
                print(frame.json_line() if as_json else frame.line())
                after = frame.sequence
            if not follow:
                return
            sys.stdout.flush()
            last = None
            time.sleep(FOLLOW_INTERVAL_S)


@app.command()
def transactions(
    db: Db = Path("csms.sqlite3"),
    charge_point: OnlyChargePoint = None,
    only_open: Annotated[bool, typer.Option("--open", help="only those not stopped")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the transactions in the books."""
    with LogReader(db) as reader:
        rows = reader.transactions(charge_point)
    for row in rows:
        if only_open and row["stop_utc"] is not None:
            continue
        if as_json:
            print(json.dumps(row))
        else:
            end = (
                "open"
                if row["stop_utc"] is None
                else f"{row['stop_utc']}  {row['energy_wh']} Wh  {row['reason']}"
            )
            print(
                f"{row['id']}  {row['charge_point']}/{row['connector_id']}  {row['id_tag']}  "
                f"{row['start_utc']} .. {end}"
            )
