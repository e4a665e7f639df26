"""`vevgw csms`: run an emulated CSMS, operate it, and read its log."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import ssl
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vevgw.csms import fault_cli
from vevgw.csms.access import Access, parse_password, read_passwords
from vevgw.csms.behaviour import (
    REGISTRATIONS,
    TAG_STATUSES,
    Behaviour,
    Boot,
    IdTags,
    Registration,
    parse_id_tag,
)
from vevgw.csms.cli_parts import (
    DEFAULT_PORT,
    AsJson,
    Db,
    Host,
    OnlyChargePoint,
    Port,
    TlsCa,
    TlsClient,
    ask,
    choose,
)
from vevgw.csms.errors import CsmsError
from vevgw.csms.faults import read_fault_script
from vevgw.csms.firmware_image import make_firmware_image
from vevgw.csms.history import FrameRecord, iso_utc
from vevgw.csms.queries import LogReader
from vevgw.csms.server import Csms

if TYPE_CHECKING:
    from vevgw.csms.files import FileServer

app = typer.Typer(no_args_is_help=True, help="Run an emulated OCPP 1.6J CSMS and operate it.")
app.add_typer(fault_cli.app, name="fault")

#: Seconds between two looks into the database by `log --follow`.
FOLLOW_INTERVAL_S = 0.2

Timeout = Annotated[float, typer.Option("--timeout", min=0.1, help="seconds until the answer")]


@app.command()
def run(
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="TCP port; 0 = any free one")
    ] = DEFAULT_PORT,
    db: Db = Path("csms.sqlite3"),
    user_password: Annotated[
        list[str] | None,
        typer.Option(metavar="ID=PW", help="demand HTTP Basic of a charge point; hex:.. for bytes"),
    ] = None,
    password_file: Annotated[
        Path | None, typer.Option(help="file of lines ID=PW; keeps passwords out of `ps`")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="admit only these charge points")
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(help="PEM certificate chain: listen with TLS")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM private key of --tls-cert")] = None,
    heartbeat_interval: Annotated[
        int, typer.Option(min=0, help="seconds, given to accepted charge points")
    ] = 300,
    boot: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STATUS",
            help="answer to BootNotification: accepted, pending or rejected; given several times: "
            "one after the other, the last one stays",
        ),
    ] = None,
    boot_retry_interval: Annotated[
        int, typer.Option(min=0, help="seconds, given to charge points that are not accepted")
    ] = 30,
    id_tag: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TAG[=STATUS][,parent=TAG][,expires=TIME]", help="row of the table of tags"
        ),
    ] = None,
    unknown_id_tags: Annotated[
        str, typer.Option(metavar="STATUS", help="status of tags that are not in the table")
    ] = "accepted",
    refuse_concurrent_tx: Annotated[
        bool, typer.Option(help="answer ConcurrentTx to a tag that is already charging")
    ] = False,
    ping_interval: Annotated[
        float, typer.Option(min=0, help="seconds between WebSocket pings; 0 = none")
    ] = 20.0,
    files: Annotated[
        Path | None,
        typer.Option(help="folder of a file server for firmware and diagnostics beside the CSMS"),
    ] = None,
    http_port: Annotated[
        int, typer.Option(min=0, max=65535, help="of the file server; 0 = any free one")
    ] = 0,
    ftp_port: Annotated[
        int, typer.Option(min=0, max=65535, help="of the file server; 0 = any free one")
    ] = 0,
    faults: Annotated[
        Path | None, typer.Option(help="YAML or TOML file of faults in force from the start")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="of what faults draw; default: random")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="do not print frames")] = False,
) -> None:
    """Run the CSMS until interrupted, printing every frame."""
    passwords = read_passwords(password_file) if password_file else {}
    passwords |= dict(parse_password(text) for text in user_password or ())
    tags = IdTags(
        unknown=choose(unknown_id_tags, TAG_STATUSES, "--unknown-id-tags"),
        refuse_concurrent=refuse_concurrent_tx,
    )
    for text in id_tag or ():
        name, row = parse_id_tag(text)
        tags[name] = row
    answers: list[Registration] = [
        choose(b, REGISTRATIONS, "--boot") for b in boot or ("accepted",)
    ]
    wanted_faults, script_seed = read_fault_script(faults) if faults else ([], None)
    csms = Csms(
        host=host,
        port=port,
        db=db,
        behaviour=Behaviour(
            boot=Boot(tuple(answers), heartbeat_interval, boot_retry_interval), id_tags=tags
        ),
        access=Access(passwords, only=only),
        tls=_server_tls(tls_cert, tls_key),
        ping_interval_s=ping_interval or None,
        seed=script_seed if seed is None else seed,
    )
    logging.basicConfig(level=logging.INFO, format="csms: %(message)s", stream=sys.stderr)
    if not quiet:
        csms.on_frame(_print_frame)
    server = None
    if files is not None:
        # Its servers take half a second to import; only this command needs them.
        from vevgw.csms.files import FileServer, FileTls

        tls = FileTls(tls_cert, tls_key or tls_cert) if tls_cert is not None else None
        server = FileServer(files, host=host, http_port=http_port, ftp_port=ftp_port, tls=tls)
    asyncio.run(_run(csms, server, wanted_faults))


async def _run(csms: Csms, files: FileServer | None, faults: list[dict[str, Any]]) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with csms, contextlib.AsyncExitStack() as stack:
        print(f"CSMS listens on {csms.url}/<identity>, log in {csms.database}", flush=True)
        if files is not None:
            await stack.enter_async_context(files)
            for url in (files.http_url, files.ftp_url):
                print(f"Files at {url}/files/<name>, uploads to {url}/uploads/", flush=True)
        for fault in faults:
            print(f"Fault {csms.faults.add(fault).mark}, seed {csms.faults.seed}", flush=True)
        await stopped.wait()


def _print_frame(record: FrameRecord) -> None:
    print(record.line(), flush=True)


@app.command()
def call(
    charge_point: Annotated[str, typer.Argument(help="identity")],
    action: Annotated[str, typer.Argument(help="such as RemoteStopTransaction")],
    payload: Annotated[str, typer.Argument(help="JSON object")] = "{}",
    host: Host = "127.0.0.1",
    port: Port = DEFAULT_PORT,
    tls_ca: TlsCa = None,
    tls_client: TlsClient = None,
    timeout_s: Timeout = 30.0,
    validate: Annotated[
        bool, typer.Option(help="check the payload and the answer against the schemas")
    ] = True,
) -> None:
    """Send a CALL through a running CSMS and print the answer."""
    try:
        data = json.loads(payload)
    except ValueError as error:
        raise CsmsError(f"The payload is not valid JSON: {error}.", exit_code=2) from None
    if not isinstance(data, dict):
        raise CsmsError("The payload must be a JSON object.", exit_code=2)
    parameters = {
        "charge_point": charge_point,
        "action": action,
        "payload": data,
        "timeout_s": timeout_s,
        "validate": validate,
    }
    print(json.dumps(ask("call", parameters, host, port, tls_ca, tls_client, timeout_s + 5)))


@app.command()
def update_firmware(
    charge_point: Annotated[str, typer.Argument(help="identity")],
    location: Annotated[str, typer.Argument(help="URL of the image")],
    delay: Annotated[float, typer.Option(min=0, help="seconds until it may be fetched")] = 0.0,
    retries: Annotated[int | None, typer.Option(min=0)] = None,
    retry_interval: Annotated[int | None, typer.Option(min=0, help="seconds")] = None,
    host: Host = "127.0.0.1",
    port: Port = DEFAULT_PORT,
    tls_ca: TlsCa = None,
    tls_client: TlsClient = None,
) -> None:
    """Order a firmware update; FirmwareStatusNotification tells what becomes of it."""
    when = datetime.now(UTC) + timedelta(seconds=delay)
    payload: dict[str, Any] = {"location": location, "retrieveDate": iso_utc(when)}
    _order(
        "UpdateFirmware",
        charge_point,
        payload,
        retries,
        retry_interval,
        host,
        port,
        tls_ca,
        tls_client,
    )


@app.command()
def get_diagnostics(
    charge_point: Annotated[str, typer.Argument(help="identity")],
    location: Annotated[str, typer.Argument(help="URL of a folder to upload to")],
    retries: Annotated[int | None, typer.Option(min=0)] = None,
    retry_interval: Annotated[int | None, typer.Option(min=0, help="seconds")] = None,
    host: Host = "127.0.0.1",
    port: Port = DEFAULT_PORT,
    tls_ca: TlsCa = None,
    tls_client: TlsClient = None,
) -> None:
    """Order an upload of diagnostics and print the name of the file."""
    payload: dict[str, Any] = {"location": location}
    _order(
        "GetDiagnostics",
        charge_point,
        payload,
        retries,
        retry_interval,
        host,
        port,
        tls_ca,
        tls_client,
    )


def _order(
    action: str,
    charge_point: str,
    payload: dict[str, Any],
    retries: int | None,
    retry_interval: int | None,
    host: str,
    port: int,
    tls_ca: Path | None,
    tls_client: Path | None,
) -> None:
    if retries is not None:
        payload["retries"] = retries
    if retry_interval is not None:
        payload["retryInterval"] = retry_interval
    parameters = {
        "charge_point": charge_point,
        "action": action,
        "payload": payload,
        "timeout_s": 30.0,
    }
    print(json.dumps(ask("call", parameters, host, port, tls_ca, tls_client, 35.0)))


@app.command()
def make_firmware(
    out: Annotated[Path, typer.Argument(help="file to write")],
    version: Annotated[str, typer.Option(help="what the gateway tells once it runs")],
    size: Annotated[int, typer.Option(min=0, help="bytes behind the head")] = 65536,
    starts: Annotated[
        bool, typer.Option(help="no = it crashes, and the one before returns")
    ] = True,
) -> None:
    """Write a firmware image for a Linux gateway (a simulation: it carries no program)."""
    image = make_firmware_image(version, size=size, starts=starts)
    try:
        out.write_bytes(image)
    except OSError as error:
        raise CsmsError(f"The image {out} cannot be written: {error.strerror}.") from None


@app.command()
def close(
    charge_point: Annotated[str, typer.Argument(help="identity")],
    code: Annotated[int, typer.Option(min=1000, max=4999, help="WebSocket close code")] = 1000,
    host: Host = "127.0.0.1",
    port: Port = DEFAULT_PORT,
    tls_ca: TlsCa = None,
    tls_client: TlsClient = None,
) -> None:
    """Close the connection of a charge point; it is expected to come back."""
    parameters = {"charge_point": charge_point, "code": code}
    ask("close", parameters, host, port, tls_ca, tls_client)


@app.command()
def charge_points(
    host: Host = "127.0.0.1",
    port: Port = DEFAULT_PORT,
    tls_ca: TlsCa = None,
    tls_client: TlsClient = None,
) -> None:
    """List the charge points that a running CSMS knows."""
    rows: list[dict[str, Any]] = ask("charge_points", {}, host, port, tls_ca, tls_client)
    for row in rows:
        connectors = " ".join(f"{n}:{status}" for n, status in row["connectors"].items())
        link = "connected" if row["connected"] else "not connected"
        print(f"{row['identity']}  {link}  {row['registration'] or 'never booted'}  {connectors}")


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


def _server_tls(cert: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if cert is None:
        if key is not None:
            raise CsmsError("--tls-key needs --tls-cert.", exit_code=2)
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # An encrypted key is refused instead of asking for its password on the terminal.
        context.load_cert_chain(cert, key, password=_no_password)
    except (OSError, ssl.SSLError, CsmsError) as error:
        raise CsmsError(f"TLS cannot use {cert} and {key or cert}: {error}.") from None
    return context


def _no_password() -> str:
    raise CsmsError("the key is encrypted")
