"""Commands of `vevgw csms` that operate a running CSMS: calls, raw frames, connections."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from vevgw.csms.cli_parts import DEFAULT_PORT, AsJson, Host, Port, TlsCa, TlsClient, ask
from vevgw.csms.errors import CsmsError
from vevgw.csms.operations import OPERATIONS, build_payload, describe, fields, operation_named
from vevgw.csms.schemas import ocpp16_schemas

app = typer.Typer()

Timeout = Annotated[float, typer.Option("--timeout", min=0.1, help="seconds until the answer")]


@app.command()
def call(
    charge_point: Annotated[
        str, typer.Argument(help="identity; a pattern such as 'CP*' calls all")
    ],
    action: Annotated[str, typer.Argument(help="see `vevgw csms operations`")],
    payload: Annotated[
        list[str] | None, typer.Argument(metavar="[JSON | FIELD=VALUE...]", help="default: {}")
    ] = None,
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
    action, body = _payload(action, payload or [])
    parameters: dict[str, Any] = {
        "action": action,
        "payload": body,
        "timeout_s": timeout_s,
        "validate": validate,
    }
    where = (host, port, tls_ca, tls_client, timeout_s + 5)
    if not any(mark in charge_point for mark in "*?["):
        print(json.dumps(ask("call", parameters | {"charge_point": charge_point}, *where)))
        return
    answers = ask("call_many", parameters | {"charge_points": charge_point}, *where)
    for identity, answer in sorted(answers.items()):
        shown = json.dumps(answer["result"]) if "result" in answer else answer["error"]
        print(f"{identity}  {shown}")
    failed = sum("error" in answer for answer in answers.values())
    if failed:
        raise CsmsError(f"{failed} of {len(answers)} charge points did not answer well.")


def _payload(action: str, words: list[str]) -> tuple[str, dict[str, Any]]:
    """Reads a payload; with words for fields the action may be written in any case."""
    if words and not words[0].lstrip().startswith(("{", "[")) and "=" in words[0]:
        action = operation_named(action)
        return action, build_payload(ocpp16_schemas(), action, words)
    try:
        data = json.loads(" ".join(words) or "{}")
    except ValueError as error:
        raise CsmsError(f"The payload is not valid JSON: {error}.", exit_code=2) from None
    if not isinstance(data, dict):
        raise CsmsError("The payload must be a JSON object.", exit_code=2)
    return action, data


@app.command()
def send(
    charge_point: Annotated[str, typer.Argument(help="identity")],
    text: Annotated[str, typer.Argument(help="any text, right or wrong")],
    host: Host = "127.0.0.1",
    port: Port = DEFAULT_PORT,
    tls_ca: TlsCa = None,
    tls_client: TlsClient = None,
) -> None:
    """Send any text as a frame, wait for nothing, and print what is wrong with it."""
    parameters = {"charge_point": charge_point, "text": text}
    answer = ask("send", parameters, host, port, tls_ca, tls_client)
    print(f"{answer['verdict']}{': ' if answer['reason'] else ''}{answer['reason']}")


@app.command()
def operations(
    action: Annotated[str | None, typer.Argument(help="only this one, with its fields")] = None,
    as_json: AsJson = False,
) -> None:
    """List what can be called, or the fields of one operation."""
    schemas = ocpp16_schemas()
    if action is None:
        for name, profile in OPERATIONS.items():
            print(json.dumps(describe(schemas, name)) if as_json else f"{name:<28} {profile}")
        return
    data = describe(schemas, action)
    if as_json:
        print(json.dumps(data))
        return
    print(f"{data['action']} ({data['profile']})")
    for field in fields(data["request"]):
        print(f"  {field.path:<70} {field.kind}{'  required' if field.required else ''}")


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
def status(
    host: Host = "127.0.0.1",
    port: Port = DEFAULT_PORT,
    tls_ca: TlsCa = None,
    tls_client: TlsClient = None,
) -> None:
    """Print addresses, database, seed and file server of a running CSMS as JSON."""
    print(json.dumps(ask("status", {}, host, port, tls_ca, tls_client)))
