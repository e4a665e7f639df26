"""Commands of `vevgw csms` about what was recorded: log, export, replay, transactions."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from vevgw.csms.access import parse_password
from vevgw.csms.cli_parts import AsJson, Db, OnlyChargePoint, choose
from vevgw.csms.errors import CsmsError
from vevgw.csms.export import FORMATS, capture_text, json_lines
from vevgw.csms.queries import LogReader
from vevgw.csms.replay import Replay, read_recording

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
def export(
    db: Db = Path("csms.sqlite3"),
    charge_point: OnlyChargePoint = None,
    action: Annotated[str | None, typer.Option(help="only this action, answers included")] = None,
    form: Annotated[
        str, typer.Option("--format", help="jsonl, or text: a dump that text2pcap reads")
    ] = "jsonl",
    out: Annotated[Path | None, typer.Option(help="file to write; default: print")] = None,
) -> None:
    """Export recorded frames, verbatim and with what can be derived from them."""
    wanted = choose(form, FORMATS, "--format")
    with LogReader(db) as reader:
        frames = reader.frames(charge_point=charge_point, action=action)
    lines = json_lines(frames) if wanted == "jsonl" else capture_text(frames)
    if out is None:
        for line in lines:
            print(line)
        return
    try:
        with out.open("w", encoding="utf-8") as stream:
            stream.writelines(f"{line}\n" for line in lines)
    except OSError as error:
        raise CsmsError(f"The export {out} cannot be written: {error.strerror}.") from None


@app.command()
def replay(
    recording: Annotated[Path, typer.Argument(help="database, or export in JSON lines")],
    charge_point: Annotated[str, typer.Option(help="whose frames")],
    url: Annotated[str, typer.Option(help="of any CSMS, without the identity")],
    identity: Annotated[str | None, typer.Option(help="default: the recorded one")] = None,
    speed: Annotated[float, typer.Option(min=0.001, help="2 = twice as fast")] = 1.0,
    keep_timestamps: Annotated[
        bool, typer.Option("--keep-timestamps", help="send timestamps as recorded")
    ] = False,
    password: Annotated[
        str | None, typer.Option(metavar="ID=PW", help="HTTP Basic; hex:.. for bytes")
    ] = None,
    tls_ca: Annotated[Path | None, typer.Option(help="PEM file to check a wss CSMS with")] = None,
    client: Annotated[Path | None, typer.Option(help="PEM client certificate and key")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="do not print frames")] = False,
) -> None:
    """Act as a recorded charge point towards any CSMS."""
    frames = read_recording(recording, charge_point)
    headers = {}
    if password is not None:
        user, secret = parse_password(password)
        credentials = base64.b64encode(user.encode() + b":" + secret).decode()
        headers["Authorization"] = f"Basic {credentials}"
    tls: ssl.SSLContext | None = None
    if url.startswith("wss:"):
        try:
            tls = ssl.create_default_context(cafile=tls_ca)
            if client is not None:
                tls.load_cert_chain(client)
        except (OSError, ssl.SSLError) as error:
            raise CsmsError(f"TLS cannot use the files given: {error}.") from None
    report = asyncio.run(
        Replay(
            frames,
            url,
            speed=speed,
            identity=identity,
            keep_times=keep_timestamps,
            headers=headers,
            tls=tls,
            on_frame=None if quiet else _print_replayed,
        ).run()
    )
    for difference in report.differences:
        print(f"different: {difference}")
    print(
        f"{report.sent} frames sent, {report.answered} CALLs answered, {report.calls} CALLs of the "
        f"CSMS, {len(report.differences)} differences"
    )


def _print_replayed(direction: str, text: str) -> None:
    print(f"{'<' if direction == 'in' else '>'} {text}")


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
