"""`vevgw csms`: run an emulated CSMS, operate it, and read its log."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import ssl
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vevgw.csms import bench_cli, fault_cli, log_cli, operate_cli, order_cli, policy_cli
from vevgw.csms.access import Access, parse_password, read_passwords
from vevgw.csms.behaviour import (
    REGISTRATIONS,
    TAG_STATUSES,
    Behaviour,
    Boot,
    IdTags,
    Registration,
    parse_id_tag,
    parse_transaction_ids,
)
from vevgw.csms.cli_parts import (
    DEFAULT_PORT,
    DEFAULT_TLS_DIR,
    DashboardHost,
    DashboardPort,
    DashboardToken,
    Db,
    TlsDir,
    UseDashboard,
    choose,
)
from vevgw.csms.errors import CsmsError
from vevgw.csms.faults import read_fault_script
from vevgw.csms.history import FrameRecord
from vevgw.csms.personalities import PERSONALITIES, adopt
from vevgw.csms.server import Csms

if TYPE_CHECKING:
    from vevgw.csms.files import FileServer
    from vevgw.csms.web import Dashboard

app = typer.Typer(no_args_is_help=True, help="Run an emulated OCPP 1.6J CSMS and operate it.")
app.add_typer(fault_cli.app, name="fault")
app.add_typer(policy_cli.app, name="policy")
for part in (operate_cli.app, order_cli.app, log_cli.app, bench_cli.app):
    app.registered_commands += part.registered_commands


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
    tls: Annotated[
        str, typer.Option(help="auto: listen with TLS and a certificate of a throw-away CA")
    ] = "off",
    tls_dir: TlsDir = DEFAULT_TLS_DIR,
    tls_name: Annotated[
        list[str] | None, typer.Option(help="further name or address in that certificate")
    ] = None,
    tls_defect: Annotated[
        str | None,
        typer.Option(
            help="what is wrong with that certificate on purpose: expired, not-yet-valid, "
            "wrong-host, self-signed, other-ca"
        ),
    ] = None,
    client_ca: Annotated[
        Path | None,
        typer.Option(help="PEM file: demand client certificates of it, their name the identity"),
    ] = None,
    security_profile: Annotated[
        int,
        typer.Option(
            min=0,
            max=3,
            help="0: as the other options say, 1: passwords, 2: passwords and TLS, 3: client "
            "certificates (with --tls auto those of the throw-away CA)",
        ),
    ] = 0,
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
    transaction_ids: Annotated[
        str, typer.Option(help="counting, random, or numbers such as 0,-1,2147483647")
    ] = "counting",
    personality: Annotated[
        str | None, typer.Option(help=f"behave like {', '.join(PERSONALITIES)} after a boot")
    ] = None,
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
    dashboard: UseDashboard = True,
    dashboard_host: DashboardHost = "127.0.0.1",
    dashboard_port: DashboardPort = None,
    dashboard_token: DashboardToken = None,
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
    behaviour = Behaviour(
        boot=Boot(tuple(answers), heartbeat_interval, boot_retry_interval),
        id_tags=tags,
        transaction_ids=parse_transaction_ids(transaction_ids),
    )
    if personality is not None:
        adopt(behaviour, personality)
    wanted_faults, script_seed = read_fault_script(faults) if faults else ([], None)
    if tls not in ("off", "auto"):
        raise CsmsError(f"--tls must be off or auto, not {tls!r}.", exit_code=2)
    if tls == "auto":
        if tls_cert is not None:
            raise CsmsError("--tls auto makes its own certificate; leave out --tls-cert.")
        tls_cert, client_ca = _own_certificate(
            behaviour, tls_dir, [host, *(tls_name or ())], tls_defect, client_ca, security_profile
        )
    _check_profile(security_profile, passwords, tls_cert, client_ca)
    csms = Csms(
        host=host,
        port=port,
        db=db,
        behaviour=behaviour,
        access=Access(passwords, only=only, certificates=client_ca is not None),
        tls=_server_tls(tls_cert, tls_key, client_ca),
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

        file_tls = FileTls(tls_cert, tls_key or tls_cert) if tls_cert is not None else None
        server = FileServer(files, host=host, http_port=http_port, ftp_port=ftp_port, tls=file_tls)
        csms.files = server
    page = None
    if dashboard:
        # Its web server takes a third of a second to import.
        from vevgw.csms.web import Dashboard, is_loopback

        is_local = is_loopback(dashboard_host)
        page = Dashboard(
            csms,
            host=dashboard_host,
            port=(port and port + 1) if dashboard_port is None else dashboard_port,
            any_port=dashboard_port is None,
            token=dashboard_token,
            tls=None if is_local else _server_tls(tls_cert, tls_key, None),
        )
    asyncio.run(_run(csms, server, page, wanted_faults))


async def _run(
    csms: Csms,
    files: FileServer | None,
    dashboard: Dashboard | None,
    faults: list[dict[str, Any]],
) -> None:
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
        if dashboard is not None:
            await stack.enter_async_context(dashboard)
            print(f"Dashboard at {dashboard.link}", flush=True)
        for fault in faults:
            print(f"Fault {csms.faults.add(fault).mark}, seed {csms.faults.seed}", flush=True)
        await stopped.wait()


def _print_frame(record: FrameRecord) -> None:
    print(record.line(), flush=True)


def _own_certificate(
    behaviour: Behaviour,
    folder: Path,
    names: list[str],
    defect: str | None,
    client_ca: Path | None,
    profile: int,
) -> tuple[Path, Path | None]:
    """Makes the server certificate; returns it and what client certificates are checked with."""
    from vevgw.csms.pki import DEFECTS, ThrowAwayCa

    wanted = None if defect is None else choose(defect, DEFECTS, "--tls-defect")
    ca = ThrowAwayCa(folder)
    behaviour.sign_certificate = ca.sign_request
    names = list(dict.fromkeys([*names, "localhost", "127.0.0.1"]))
    certificate = ca.issue_server([name for name in names if name not in ("0.0.0.0", "::")], wanted)
    print(f"TLS with {certificate}; charge points check it with {ca.certificate}", flush=True)
    if profile == 3 and client_ca is None:
        client_ca = ca.certificate
        control = ca.issue_client("vevgw control")
        print(f"Client certificates: `vevgw csms client-certificate ID --tls-dir {folder}`")
        print(f"Operate it with --tls-ca {ca.certificate} --tls-client {control}", flush=True)
    return certificate, client_ca


def _check_profile(
    profile: int, passwords: dict[str, bytes], certificate: Path | None, client_ca: Path | None
) -> None:
    if profile in (1, 2) and not passwords:
        raise CsmsError(
            f"Security profile {profile} needs --user-password ID=PW ('*=PW' for all).",
            exit_code=2,
        )
    if profile >= 2 and certificate is None:
        raise CsmsError(f"Security profile {profile} needs --tls auto or --tls-cert.", exit_code=2)
    if profile == 3 and client_ca is None:
        raise CsmsError("Security profile 3 needs --tls auto or --client-ca.", exit_code=2)


def _server_tls(
    certificate: Path | None, key: Path | None, client_ca: Path | None
) -> ssl.SSLContext | None:
    if certificate is None:
        if key is not None:
            raise CsmsError("--tls-key needs --tls-cert.", exit_code=2)
        if client_ca is not None:
            raise CsmsError("--client-ca needs --tls auto or --tls-cert.", exit_code=2)
        return None
    from vevgw.csms.pki import server_context

    return server_context(certificate, key, client_ca=client_ca)
