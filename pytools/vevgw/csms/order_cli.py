"""Commands of `vevgw csms` around files: firmware, diagnostics, logs, certificates."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from vevgw.csms.cli_parts import (
    DEFAULT_PORT,
    DEFAULT_TLS_DIR,
    Host,
    Port,
    TlsCa,
    TlsClient,
    TlsDir,
    ask,
    choose,
)
from vevgw.csms.errors import CsmsError
from vevgw.csms.firmware_image import make_firmware_image
from vevgw.csms.history import iso_utc

if TYPE_CHECKING:
    from vevgw.csms.pki import ThrowAwayCa

app = typer.Typer()

ChargePointArgument = Annotated[str, typer.Argument(help="identity")]
Scheme = Annotated[str, typer.Option(help="http or ftp (with TLS https and ftps)")]
Retries = Annotated[int | None, typer.Option(min=0)]
RetryInterval = Annotated[int | None, typer.Option(min=0, help="seconds")]
RequestId = Annotated[int | None, typer.Option(help="default: from the clock")]
WaitS = Annotated[
    float, typer.Option("--wait", min=0, help="seconds to wait for the upload; 0 = do not")
]

LOG_TYPES = ("DiagnosticsLog", "SecurityLog")
_SIGNATURES = ("ecdsa", "rsa-pss", "rsa-pkcs1")
CERTIFICATE_USES = ("CentralSystemRootCertificate", "ManufacturerRootCertificate")


@dataclass(frozen=True, slots=True)
class _Csms:
    """Where the running CSMS is."""

    host: str
    port: int
    tls_ca: Path | None
    tls_client: Path | None

    def ask(self, method: str, parameters: dict[str, Any], timeout_s: float = 10.0) -> Any:
        return ask(
            method, parameters, self.host, self.port, self.tls_ca, self.tls_client, timeout_s
        )

    def call(self, charge_point: str, action: str, payload: dict[str, Any]) -> Any:
        known = {key: value for key, value in payload.items() if value is not None}
        parameters = {
            "charge_point": charge_point,
            "action": action,
            "payload": known,
            "timeout_s": 30.0,
        }
        return self.ask("call", parameters, 35.0)

    def files(self) -> dict[str, str]:
        files: dict[str, str] | None = self.ask("status", {})["files"]
        if files is None:
            raise CsmsError("This CSMS has no file server; start it with --files FOLDER.")
        return files

    def serve(self, location: str, scheme: str) -> str:
        """Returns a URL; a local file is copied to the file server first."""
        if "://" in location:
            return location
        files, source = self.files(), Path(location)
        try:
            shutil.copyfile(source, Path(files["files"]) / source.name)
        except OSError as error:
            raise CsmsError(f"The file {source} cannot be served: {error.strerror}.") from None
        return f"{files[choose(scheme, ('http', 'ftp'), '--scheme')]}/files/{quote(source.name)}"

    def uploads(self, location: str | None, scheme: str) -> str:
        """Returns a URL to upload to: the one given, else of the file server."""
        if location is not None:
            return location
        return f"{self.files()[choose(scheme, ('http', 'ftp'), '--scheme')]}/uploads/"

    def wait_upload(self, name: str, wait_s: float) -> Path:
        """Waits until an upload is there and grows no more."""
        folder = Path(self.files()["uploads"])
        deadline, size = time.monotonic() + wait_s, -1
        while time.monotonic() < deadline:
            found: Iterable[Path] = [path for path in folder.rglob("*") if path.name == name]
            for path in found:
                if path.stat().st_size == size:
                    return path
                size = path.stat().st_size
            time.sleep(0.2)
        raise CsmsError(f"The file {name} did not arrive within {wait_s:g} s.")


@app.command()
def update_firmware(
    charge_point: ChargePointArgument,
    location: Annotated[str, typer.Argument(help="URL, or a file to serve")],
    delay: Annotated[float, typer.Option(min=0, help="seconds until it may be fetched")] = 0.0,
    retries: Retries = None,
    retry_interval: RetryInterval = None,
    scheme: Scheme = "http",
    host: Host = "127.0.0.1",
    port: Port = DEFAULT_PORT,
    tls_ca: TlsCa = None,
    tls_client: TlsClient = None,
) -> None:
    """Order a firmware update; FirmwareStatusNotification tells what becomes of it."""
    csms = _Csms(host, port, tls_ca, tls_client)
    payload = {
        "location": csms.serve(location, scheme),
        "retrieveDate": _in(delay),
        "retries": retries,
        "retryInterval": retry_interval,
    }
    print(json.dumps(csms.call(charge_point, "UpdateFirmware", payload)))


@app.command()
def signed_update_firmware(
    charge_point: ChargePointArgument,
    image: Annotated[Path, typer.Argument(help="file to serve and sign")],
    delay: Annotated[float, typer.Option(min=0, help="seconds until it may be fetched")] = 0.0,
    install_delay: Annotated[
        float | None, typer.Option(min=0, help="seconds until it may be installed")
    ] = None,
    location: Annotated[str | None, typer.Option(help="URL, if served elsewhere")] = None,
    wrong_signature: Annotated[
        bool, typer.Option("--wrong-signature", help="sign something else")
    ] = False,
    signature: Annotated[
        str, typer.Option(help="ecdsa, rsa-pss, or rsa-pkcs1, which OCPP does not allow")
    ] = "ecdsa",
    released: Annotated[
        bool, typer.Option("--released", help="as 'vevgw release' signed it, not by this CA")
    ] = False,
    request_id: RequestId = None,
    retries: Retries = None,
    retry_interval: RetryInterval = None,
    scheme: Scheme = "http",
    tls_dir: TlsDir = DEFAULT_TLS_DIR,
    host: Host = "127.0.0.1",
    port: Port = DEFAULT_PORT,
    tls_ca: TlsCa = None,
    tls_client: TlsClient = None,
) -> None:
    """Order an update signed by the throw-away CA (its ca.pem is the manufacturer's root)."""
    csms = _Csms(host, port, tls_ca, tls_client)
    kind = choose(signature, _SIGNATURES, "--signature")
    if released:
        certificate, signed = _released_signature(image)
    else:
        content = b"something else" if wrong_signature else _read(image)
        certificate, signed = _ca(tls_dir).sign_firmware(content, kind)
    firmware = {
        "location": csms.serve(location or str(image), scheme),
        "retrieveDateTime": _in(delay),
        "signingCertificate": certificate,
        "signature": signed,
    }
    if install_delay is not None:
        firmware["installDateTime"] = _in(install_delay)
    payload = {
        "requestId": _id(request_id),
        "firmware": firmware,
        "retries": retries,
        "retryInterval": retry_interval,
    }
    print(json.dumps(csms.call(charge_point, "SignedUpdateFirmware", payload)))


@app.command()
def get_diagnostics(
    charge_point: ChargePointArgument,
    location: Annotated[
        str | None, typer.Argument(help="URL of a folder; default: that of the file server")
    ] = None,
    retries: Retries = None,
    retry_interval: RetryInterval = None,
    wait_s: WaitS = 0.0,
    scheme: Scheme = "http",
    host: Host = "127.0.0.1",
    port: Port = DEFAULT_PORT,
    tls_ca: TlsCa = None,
    tls_client: TlsClient = None,
) -> None:
    """Order an upload of diagnostics and print the answer, or with --wait the file."""
    csms = _Csms(host, port, tls_ca, tls_client)
    payload = {
        "location": csms.uploads(location, scheme),
        "retries": retries,
        "retryInterval": retry_interval,
    }
    _show_upload(csms, csms.call(charge_point, "GetDiagnostics", payload), "fileName", wait_s)


@app.command()
def get_log(
    charge_point: ChargePointArgument,
    log_type: Annotated[str, typer.Option(help="DiagnosticsLog or SecurityLog")] = "SecurityLog",
    location: Annotated[
        str | None, typer.Option(help="URL of a folder; default: that of the file server")
    ] = None,
    request_id: RequestId = None,
    retries: Retries = None,
    retry_interval: RetryInterval = None,
    wait_s: WaitS = 0.0,
    scheme: Scheme = "http",
    host: Host = "127.0.0.1",
    port: Port = DEFAULT_PORT,
    tls_ca: TlsCa = None,
    tls_client: TlsClient = None,
) -> None:
    """Order an upload of a log and print the answer, or with --wait the file."""
    csms = _Csms(host, port, tls_ca, tls_client)
    payload = {
        "logType": choose(log_type, LOG_TYPES, "--log-type"),
        "requestId": _id(request_id),
        "log": {"remoteLocation": csms.uploads(location, scheme)},
        "retries": retries,
        "retryInterval": retry_interval,
    }
    _show_upload(csms, csms.call(charge_point, "GetLog", payload), "filename", wait_s)


@app.command()
def install_certificate(
    charge_point: ChargePointArgument,
    certificate: Annotated[
        Path | None, typer.Argument(help="PEM file; default: that of the throw-away CA")
    ] = None,
    use: Annotated[
        str, typer.Option(help="CentralSystemRootCertificate or ManufacturerRootCertificate")
    ] = CERTIFICATE_USES[0],
    tls_dir: TlsDir = DEFAULT_TLS_DIR,
    host: Host = "127.0.0.1",
    port: Port = DEFAULT_PORT,
    tls_ca: TlsCa = None,
    tls_client: TlsClient = None,
) -> None:
    """Install a root certificate in a charge point."""
    csms = _Csms(host, port, tls_ca, tls_client)
    file = certificate or _ca(tls_dir).certificate
    payload = {
        "certificateType": choose(use, CERTIFICATE_USES, "--use"),
        "certificate": _read(file).decode("ascii", "replace"),
    }
    print(json.dumps(csms.call(charge_point, "InstallCertificate", payload)))


@app.command()
def client_certificate(
    identity: Annotated[str, typer.Argument(help="of the charge point")],
    tls_dir: TlsDir = DEFAULT_TLS_DIR,
) -> None:
    """Make a client certificate for a charge point and print its file."""
    print(_ca(tls_dir).issue_client(identity))


@app.command()
def make_firmware(
    out: Annotated[Path, typer.Argument(help="file to write")],
    version: Annotated[str, typer.Option(help="what the gateway tells once it runs")],
    size: Annotated[int, typer.Option(min=0, help="bytes behind the head")] = 65536,
    starts: Annotated[
        bool, typer.Option(help="no = it crashes, and the one before returns")
    ] = True,
    security_version: Annotated[
        int, typer.Option(min=0, max=0xFFFFFFFF, help="who ran a higher one refuses it")
    ] = 0,
) -> None:
    """Write a firmware image for a Linux gateway (a simulation: it carries no program)."""
    image = make_firmware_image(
        version, size=size, starts=starts, security_version=security_version
    )
    try:
        out.write_bytes(image)
    except OSError as error:
        raise CsmsError(f"The image {out} cannot be written: {error.strerror}.") from None


def _ca(folder: Path) -> ThrowAwayCa:
    # Half of the start of a command would go into its import.
    from vevgw.csms.pki import ThrowAwayCa

    return ThrowAwayCa(folder)


def _released_signature(image: Path) -> tuple[str, str]:
    """Returns what `vevgw release` wrote beside an image: signing certificates and signature."""
    from vevgw.board.signing import CERTIFICATES, SIGNATURE_SUFFIX  # as slow as the other

    files = (image.with_name(CERTIFICATES), image.with_name(image.name + SIGNATURE_SUFFIX))
    certificates, signature = (_read(file).decode("ascii", "replace").strip() for file in files)
    return certificates, signature


def _show_upload(csms: _Csms, answer: dict[str, Any], key: str, wait_s: float) -> None:
    if wait_s > 0 and key in answer:
        print(csms.wait_upload(answer[key], wait_s))
    else:
        print(json.dumps(answer))


def _in(delay_s: float) -> str:
    return iso_utc(datetime.now(UTC) + timedelta(seconds=delay_s))


def _id(request_id: int | None) -> int:
    return int(time.time()) & 0x7FFFFFFF if request_id is None else request_id


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CsmsError(f"The file {file} cannot be read: {error.strerror}.") from None
