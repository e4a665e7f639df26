"""`vevgw csms fault`: switches faults on and off in a running CSMS."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from vevgw.csms.cli_parts import DEFAULT_PORT, AsJson, Host, Port, TlsCa, TlsClient, ask, read_pairs
from vevgw.csms.errors import CsmsError
from vevgw.csms.fault_kinds import FAULT_KINDS
from vevgw.csms.faults import parse_fault, read_fault_script

app = typer.Typer(no_args_is_help=True, help="Do something wrong on purpose, now or later.")


@app.command()
def kinds(as_json: AsJson = False) -> None:
    """Print what can go wrong, where it acts, and its options."""
    for kind in FAULT_KINDS.values():
        data = kind.describe()
        if as_json:
            print(json.dumps(data))
            continue
        options = " ".join(f"{n}={json.dumps(o['default'])}" for n, o in data["options"].items())
        print(f"{kind.name:<13} {'|'.join(kind.directions):<19} {kind.help}")
        if options:
            print(f"{'':<33} {options}")


@app.command()
def add(
    what: Annotated[str, typer.Argument(help="kind; see `vevgw csms fault kinds`")],
    settings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...",
            help="options of the kind, and: charge_point direction action message probability "
            "count skip from_s to_s id",
        ),
    ] = None,
    host: Host = "127.0.0.1",
    port: Port = DEFAULT_PORT,
    tls_ca: TlsCa = None,
    tls_client: TlsClient = None,
) -> None:
    """Put a fault in force and print its id."""
    data = {"what": what} | read_pairs(settings or ())
    parse_fault(data)  # a mistake is told without asking the CSMS
    print(ask("fault_add", {"fault": data}, host, port, tls_ca, tls_client)["id"])


@app.command()
def script(
    file: Annotated[Path, typer.Argument(help="YAML or TOML file with a list `faults`")],
    host: Host = "127.0.0.1",
    port: Port = DEFAULT_PORT,
    tls_ca: TlsCa = None,
    tls_client: TlsClient = None,
) -> None:
    """Put all faults of a file in force; their times count from now."""
    faults, _ = read_fault_script(file)
    for fault in faults:
        print(ask("fault_add", {"fault": fault}, host, port, tls_ca, tls_client)["id"])


@app.command(name="list")
def list_faults(
    as_json: AsJson = False,
    host: Host = "127.0.0.1",
    port: Port = DEFAULT_PORT,
    tls_ca: TlsCa = None,
    tls_client: TlsClient = None,
) -> None:
    """Print the faults in force, how often each has acted, and the seed of all draws."""
    answer = ask("faults", {}, host, port, tls_ca, tls_client)
    if as_json:
        print(json.dumps(answer))
        return
    print(f"seed {answer['seed']}")
    for fault in answer["faults"]:
        print(_line(fault))


@app.command()
def remove(
    ids: Annotated[list[str] | None, typer.Argument(help="as printed by add and list")] = None,
    everything: Annotated[bool, typer.Option("--all", help="end all faults")] = False,
    host: Host = "127.0.0.1",
    port: Port = DEFAULT_PORT,
    tls_ca: TlsCa = None,
    tls_client: TlsClient = None,
) -> None:
    """End faults."""
    if bool(ids) == everything:
        raise CsmsError("Give either the ids of faults or --all.", exit_code=2)
    if everything:
        ask("fault_clear", {}, host, port, tls_ca, tls_client)
    for fault_id in ids or ():
        ask("fault_remove", {"id": fault_id}, host, port, tls_ca, tls_client)


def _line(fault: dict[str, Any]) -> str:
    shown = ("id", "what", "charge_point", "direction", "fired", "age_s")
    usual = {"action": "*", "message": "any", "probability": 1.0, "skip": 0, "from_s": 0}
    rest = " ".join(
        f"{key}={json.dumps(value) if not isinstance(value, str) else value}"
        for key, value in fault.items()
        if key not in shown and value is not None and usual.get(key, ...) != value
    )
    head = f"{fault['id']}  {fault['what']}  {fault['direction']}  {fault['charge_point']}"
    return f"{head}  acted {fault['fired']} times{f'  {rest}' if rest else ''}"
