"""`vevgw csms policy`: changes how a running CSMS answers."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from vevgw.csms.behaviour import REGISTRATIONS, parse_id_tag, parse_transaction_ids
from vevgw.csms.cli_parts import (
    DEFAULT_PORT,
    Host,
    OnlyChargePoint,
    Port,
    TlsCa,
    TlsClient,
    ask,
    choose,
)

app = typer.Typer(no_args_is_help=True, help="Show and change how a running CSMS answers.")


@app.command()
def show(
    host: Host = "127.0.0.1",
    port: Port = DEFAULT_PORT,
    tls_ca: TlsCa = None,
    tls_client: TlsClient = None,
) -> None:
    """Print all policies as JSON."""
    print(json.dumps(ask("policy", {}, host, port, tls_ca, tls_client), indent=2))


@app.command()
def boot(
    answers: Annotated[
        list[str], typer.Argument(help="accepted, pending, rejected: one after the other")
    ],
    charge_point: OnlyChargePoint = None,
    interval: Annotated[int, typer.Option(min=0, help="seconds, when accepted")] = 300,
    retry_interval: Annotated[int, typer.Option(min=0, help="seconds, when not")] = 30,
    host: Host = "127.0.0.1",
    port: Port = DEFAULT_PORT,
    tls_ca: TlsCa = None,
    tls_client: TlsClient = None,
) -> None:
    """Set the answers to the coming BootNotifications; the last one stays."""
    parameters = {
        "answers": [choose(answer, REGISTRATIONS, "The answer") for answer in answers],
        "charge_point": charge_point,
        "interval_s": interval,
        "retry_interval_s": retry_interval,
    }
    ask("policy_boot", parameters, host, port, tls_ca, tls_client)


@app.command()
def tag(
    row: Annotated[str, typer.Argument(metavar="TAG[=STATUS][,parent=TAG][,expires=TIME]")],
    remove: Annotated[bool, typer.Option("--remove", help="take it out of the table")] = False,
    host: Host = "127.0.0.1",
    port: Port = DEFAULT_PORT,
    tls_ca: TlsCa = None,
    tls_client: TlsClient = None,
) -> None:
    """Put a tag into the table, or take it out."""
    parse_id_tag(row)
    method = "policy_untag" if remove else "policy_tag"
    ask(method, {"tag": row}, host, port, tls_ca, tls_client)


@app.command()
def transaction_ids(
    ids: Annotated[str, typer.Argument(help="counting, random, or numbers such as 0,2147483647")],
    host: Host = "127.0.0.1",
    port: Port = DEFAULT_PORT,
    tls_ca: TlsCa = None,
    tls_client: TlsClient = None,
) -> None:
    """Set how new transactions are numbered."""
    parse_transaction_ids(ids)
    ask("policy_transaction_ids", {"ids": ids}, host, port, tls_ca, tls_client)
