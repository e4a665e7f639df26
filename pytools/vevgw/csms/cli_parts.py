"""What the commands of `vevgw csms` share: options, and requests to a running CSMS."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from vevgw.csms import control
from vevgw.csms.errors import CsmsError

DEFAULT_PORT = 9000
DEFAULT_TLS_DIR = Path("csms-tls")

Host = Annotated[str, typer.Option(help="address of the CSMS")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="TCP port of the CSMS")]
Db = Annotated[Path, typer.Option(help="SQLite file of the books and the message log")]
TlsCa = Annotated[
    Path | None, typer.Option(help="PEM file that the certificate of a TLS CSMS is checked with")
]
TlsClient = Annotated[
    Path | None, typer.Option(help="PEM file with certificate and key, for a CSMS that wants one")
]
TlsDir = Annotated[Path, typer.Option(help="folder of the throw-away CA")]
OnlyChargePoint = Annotated[str | None, typer.Option(help="only this charge point")]
UseDashboard = Annotated[bool, typer.Option(help="serve the dashboard, a web page")]
DashboardHost = Annotated[
    str,
    typer.Option(
        help="address of the dashboard; other than a loopback address it needs a token, and has "
        "the TLS certificate of the CSMS, if any"
    ),
]
DashboardPort = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=65535,
        help="TCP port of the dashboard; 0 = any free one; default: behind that of the CSMS, or "
        "any free one if it is in use",
    ),
]
DashboardToken = Annotated[
    str | None,
    typer.Option(
        envvar="VEVGW_DASHBOARD_TOKEN",
        show_envvar=True,
        help="what the dashboard asks for; default: a fresh one, printed, unless on a loopback "
        "address",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="one JSON object per line")]


def ask(
    method: str,
    parameters: Mapping[str, Any],
    host: str,
    port: int,
    tls_ca: Path | None,
    tls_client: Path | None = None,
    timeout_s: float = 10.0,
) -> Any:
    """Sends one request to a running CSMS and returns its result.

    Raises:
        CsmsError: The CSMS cannot be reached or reports an error.
    """
    tls: ssl.SSLContext | None = None
    if tls_ca is not None:
        try:
            tls = ssl.create_default_context(cafile=tls_ca)
        except (OSError, ssl.SSLError) as error:
            raise CsmsError(f"The file {tls_ca} holds no usable certificate: {error}.") from None
        tls.check_hostname = False  # the address is a loopback one; the certificate names another
    if tls_client is not None:
        if tls is None:
            raise CsmsError("--tls-client needs --tls-ca.", exit_code=2)
        try:
            tls.load_cert_chain(tls_client)
        except (OSError, ssl.SSLError) as error:
            raise CsmsError(f"The file {tls_client} cannot be used: {error}.") from None
    return asyncio.run(
        control.request(
            method, dict(parameters), host=host, port=port, timeout_s=timeout_s, tls=tls
        )
    )


def choose(text: str, choices: Sequence[Any], option: str) -> Any:
    """Returns the choice that a text means, whatever its case.

    Raises:
        CsmsError: It means none.
    """
    for choice in choices:
        if choice.casefold() == text.casefold():
            return choice
    raise CsmsError(f"{option} must be one of {', '.join(choices)}, not {text!r}.", exit_code=2)


def read_pairs(pairs: Iterable[str]) -> dict[str, Any]:
    """Reads words ``key=value``: a value that is JSON counts as such, any other as text.

    Raises:
        CsmsError: A word is something else.
    """
    values: dict[str, Any] = {}
    for pair in pairs:
        key, separator, text = pair.partition("=")
        if not key or not separator:
            raise CsmsError(f"{pair!r} is not KEY=VALUE.", exit_code=2)
        try:
            values[key] = json.loads(text)
        except ValueError:
            values[key] = text
    return values
