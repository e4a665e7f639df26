"""`vevgw provision`: settings for one board, or for all of a TOML file; Wi-Fi by Improv."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from vevgw.board import fleet
from vevgw.board.fleet import BoardPlan
from vevgw.board.improv_session import provision_wifi, require_network
from vevgw.board.ports import choose_port
from vevgw.board.provision import Result, provision
from vevgw.errors import UserError

_WIFI = ("wifi_ssid", "wifi_password")

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def boards(
    file: Annotated[Path | None, typer.Argument(help="TOML file for many boards.")] = None,
    port: Annotated[
        str | None,
        typer.Option(
            help="Serial device, console link of a native gateway, or rfc2217://HOST:PORT; "
            "default: the only USB bridge."
        ),
    ] = None,
    ssid: Annotated[str | None, typer.Option(help="Wi-Fi network.")] = None,
    wifi_password_file: Annotated[Path | None, typer.Option(help="First line is it.")] = None,
    csms: Annotated[str | None, typer.Option(help="Base URL of the CSMS: ws:// or wss://.")] = None,
    identity: Annotated[str | None, typer.Option(help="Charge point identity.")] = None,
    key_file: Annotated[Path | None, typer.Option(help="First line is the Basic password.")] = None,
    new_key_file: Annotated[
        Path | None, typer.Option(help="As --key-file; a random key is made where there is none.")
    ] = None,
    console_password_file: Annotated[
        Path | None, typer.Option(help="First line opens a locked console, and locks an open one.")
    ] = None,
    profile: Annotated[str | None, typer.Option(help="Charger profile of connector 1.")] = None,
    pins: Annotated[str | None, typer.Option(help="Pins of a charger without a bus.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="NAME=VALUE, any other setting.")
    ] = None,
    *,
    improv: Annotated[
        bool,
        typer.Option("--improv", help="Only --ssid and its password, as a browser sets them."),
    ] = False,
    no_restart: Annotated[bool, typer.Option("--no-restart", help="Settings wait for it.")] = False,
    csms_s: Annotated[
        float, typer.Option("--wait-csms", help="Seconds to wait for a CSMS to accept it.")
    ] = 0.0,
    report: Annotated[Path | None, typer.Option(help="JSON file for the results.")] = None,
) -> None:
    """Write Wi-Fi, CSMS, identity, key, profile and pins; read back and compare.

    Only what differs is written: a second run changes nothing. Secrets are never shown.
    """
    given = {
        "wifi_ssid": ssid,
        "wifi_password": _secret(wifi_password_file),
        "csms_url": csms,
        "identity": identity,
        "password": _key(key_file, new_key_file),
        "c1.profile": profile,
        "c1.pins": pins,
    }
    single = {name: value for name, value in given.items() if value is not None}
    if improv:
        others = file or settings or console_password_file or single.keys() - set(_WIFI)
        if others or ssid is None:
            raise UserError(
                "--improv sets Wi-Fi alone: give --ssid and --wifi-password-file; the rest is set "
                "by 'vevgw provision' without it.",
                exit_code=2,
            )
        password = single.get("wifi_password", "")
        require_network(ssid, password)
        outcome = asyncio.run(provision_wifi(choose_port(port), ssid, password))
        _conclude([outcome], report, "Wi-Fi is not set")
        return
    for word in settings or []:
        name, sign, value = word.partition("=")
        if not sign:
            raise UserError(f"--set takes NAME=VALUE, not '{word}'.", exit_code=2)
        if name in fleet.SECRETS:
            raise UserError(f"{name} is a secret: name a file with it.", exit_code=2)
        single[name] = value
    if file is not None:
        if single or port is not None or console_password_file is not None:
            raise UserError("Give a file, or a port and settings, not both.", exit_code=2)
        plans = fleet.load(file)
    elif single or console_password_file is not None:
        plans = [BoardPlan(port, None, single, console_password=_secret(console_password_file))]
    else:
        raise UserError("Say what to write, see 'vevgw provision --help'.", exit_code=2)
    # Found before the first board is touched.
    ports = [choose_port(plan.port) for plan in plans]
    folder = Path(tempfile.mkdtemp(prefix="vevgw-provision-"))
    results = [
        asyncio.run(
            provision(
                plan,
                where,
                log_path=folder / f"{number}.log",
                restart=not no_restart,
                csms_s=csms_s,
            )
        )
        for number, (plan, where) in enumerate(zip(plans, ports, strict=True), 1)
    ]
    _conclude(results, report, f"console logs: {folder}")
    shutil.rmtree(folder)


def _conclude(results: list[Result], report: Path | None, hint: str) -> None:
    _print(results)
    if report is not None:
        _write(report, results)
    failed = [result for result in results if result.error]
    if failed:
        raise UserError(f"{len(failed)} of {len(results)} boards are not as planned; {hint}")


def _key(path: Path | None, new: Path | None) -> str | None:
    if path is not None and new is not None:
        raise UserError("--key-file and --new-key-file exclude each other.", exit_code=2)
    return _secret(path) if new is None else fleet.own_secret(new)


def _secret(path: Path | None) -> str | None:
    return None if path is None else fleet.first_line(path)


def _print(results: list[Result]) -> None:
    for result in results:
        what = f"changed {', '.join(result.changed)}" if result.changed else "nothing to change"
        state = f"FAILED: {result.error}" if result.error else f"ok, {what}"
        if result.certificate is not None:
            state += f"; certificate until {result.certificate.expires[:10]}"
        if result.registration:
            state += f"; CSMS: {result.registration}"
        who = " ".join(filter(None, (result.identity, result.serial_number, result.version)))
        print(f"{result.port}  {who or 'no answer'}  {state}")
    good = sum(not result.error for result in results)
    print(f"{good} of {len(results)} boards are as planned")


def _write(path: Path, results: list[Result]) -> None:
    try:
        text = json.dumps([dataclasses.asdict(result) for result in results], indent=2)
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.") from error
