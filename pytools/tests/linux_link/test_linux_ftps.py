"""FTPS by the board's client and by libcurl, to servers that are wrong in one way each."""

import os
import random
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
from OpenSSL._util import lib as openssl
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import DTPHandler, FTPHandler, TLS_DTPHandler, TLS_FTPHandler
from pyftpdlib.ioloop import IOLoop
from pyftpdlib.servers import FTPServer
from tls_cases import Issued, foreign_root, issue, leaf, root

# The first test also builds the driver.
pytestmark = [pytest.mark.native, pytest.mark.timeout(300)]

CONTENT = random.Random(2).randbytes(200_000)
CLIENTS = ["curl", "board"]


class ReusingData(TLS_DTPHandler):  # type: ignore[misc]
    """Takes data connections only in the TLS session of the control connection, as vsftpd does."""

    versions: ClassVar[list[str]] = []

    def handle_ssl_established(self) -> None:
        self.versions.append(self.socket.get_protocol_version_name())
        if not openssl.SSL_session_reused(self.socket._ssl):
            self.cmd_channel.respond("522 SSL connection failed: session reuse required")
            DTPHandler.close(self)


class CutData(TLS_DTPHandler):  # type: ignore[misc]
    """Hangs up in the middle of the first file."""

    left: ClassVar = [60_000]

    def on_cut(self) -> None:
        """What happens then."""

    def send(self, data: Any) -> int:
        sent: int = super().send(data)
        if self.left:
            self.left[0] -= sent
            if self.left[0] < 0:
                self.left.clear()
                self.on_cut()
                for connection in (self.socket, self.cmd_channel.socket):
                    connection.sock_shutdown(socket.SHUT_RDWR)
        return sent


class RefusesTlsForFiles(TLS_FTPHandler):  # type: ignore[misc]
    def ftp_PROT(self, line: str) -> None:
        self.respond("536 no such level")


@dataclass(frozen=True)
class Case:
    """One server, and what both clients make of it.

    Attributes:
        error: Of curl and of the board's client; "" = the file arrives.
    """

    error: tuple[str, str]
    certificate: Callable[[], Issued] = leaf
    handler: type[FTPHandler] = TLS_FTPHandler
    attributes: dict[str, Any] = field(default_factory=dict)
    password: str = "p%40%2Fw"


def untrusted(fault: str) -> tuple[str, str]:
    text = f"the certificate of the server is not trusted ({fault})"
    return text, text


CASES = {
    "good": Case(("", "")),
    "session reuse": Case(("", ""), attributes={"dtp_handler": ReusingData}),
    "chain": Case(
        ("", ""), lambda: leaf(issuer=issue("intermediate", root(), is_ca=True), days=(-1, 2))
    ),
    "wrong host": Case(untrusted("wrong_host"), lambda: leaf(names=["other.example"])),
    "foreign root": Case(untrusted("missing_issuer"), lambda: leaf(issuer=foreign_root())),
    "expired": Case(untrusted("expired"), lambda: leaf(days=(-9, -2))),
    "no TLS": Case(
        (
            "the transfer failed: Requested SSL level failed",
            "the server offers no TLS: it answered 500",
        ),
        handler=FTPHandler,
    ),
    "no TLS for files": Case(
        (
            "the transfer failed: Requested SSL level failed",
            "the server takes no TLS for files: it answered 536",
        ),
        handler=RefusesTlsForFiles,
        attributes={"tls_data_required": False},
    ),
    "file in clear text": Case(
        (
            "the transfer failed: ",  # What curl says depends on what arrives first.
            "no TLS connection to the server: the server answers with something that is not TLS",
        ),
        attributes={"dtp_handler": DTPHandler},
    ),
    "wrong password": Case(
        ("the server refused the login", "the server answered 530"),
        password="wrong",
        attributes={"auth_failed_timeout": 0},
    ),
}


@contextmanager
def ftps_server(folder: Path, case: Case) -> Iterator[str]:
    """Runs the server of a case. Gives its URL, login included, without a slash at the end."""
    found = case.certificate()
    pem = folder / "server.pem"
    pem.write_bytes(b"".join(part.pem() for part in found.chain()) + found.key_pem())
    authorizer = DummyAuthorizer()
    authorizer.add_user("cp", "p@/w", str(folder), perm="elrawm")
    attributes = {
        "authorizer": authorizer,
        "certfile": str(pem),
        "keyfile": None,
        "ssl_context": None,
        "tls_control_required": True,
        "tls_data_required": True,
        **case.attributes,
    }
    handler = type("Handler", (case.handler,), attributes)
    server = FTPServer(("127.0.0.1", 0), handler, ioloop=IOLoop())
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"timeout": 0.02, "handle_exit": False}, daemon=True
    )
    thread.start()
    try:
        yield f"ftps://cp:{case.password}@localhost:{server.address[1]}"
    finally:
        server.ioloop.call_later(0, server.close_all)
        thread.join(5)


@pytest.fixture
def ca(tmp_path: Path) -> str:
    """Option of the driver: what to trust."""
    path = tmp_path / "root.pem"
    path.write_bytes(root().pem())
    return f"ca={path}"


def words(client: str, *more: str) -> list[str]:
    return [*more, *(["client=stream"] if client == "board" else [])]


# Rules: R-8-1 R-8-2 FP-25
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("name", CASES)
async def test_file_comes_and_goes_in_tls_or_not_at_all(
    transfer: Any, tmp_path: Path, ca: str, client: str, name: str
) -> None:
    case, out = CASES[name], tmp_path / "out"
    (tmp_path / "image").write_bytes(CONTENT)
    with ftps_server(tmp_path, case) as url:
        [report] = await transfer("download", f"{url}/image", out, *words(client, ca))
        error = case.error[CLIENTS.index(client)]
        assert report["error"].startswith(error)
        assert bool(report["error"]) is bool(error)
        assert out.read_bytes() == (b"" if report["error"] else CONTENT)
        if name not in ("good", "session reuse"):
            return
        resumed = tmp_path / "resumed"
        [report] = await transfer("download", f"{url}/image", resumed, "70000", *words(client, ca))
        assert (report["state"], report["begins_at"]) == ("done", 70_000)
        assert resumed.read_bytes() == CONTENT[70_000:]
        [report] = await transfer("upload", f"{url}/log", out, *words(client, ca))
        assert (report["state"], report["error"]) == ("done", "")
        assert (tmp_path / "log").read_bytes() == CONTENT
        if name == "session reuse":
            # TLS 1.3 would send tickets that nobody reads: closing then loses the end of the file.
            assert ReusingData.versions[-1] == "TLSv1.2"


# Rules: R-8-2
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("is_changed", [False, True])
async def test_file_goes_on_where_the_server_hung_up(
    transfer: Any, tmp_path: Path, ca: str, client: str, is_changed: bool
) -> None:
    image = tmp_path / "image"
    image.write_bytes(CONTENT)

    def change(_: Any) -> None:
        if is_changed:
            image.write_bytes(CONTENT[::-1])
            os.utime(image, (1_700_000_000, 1_700_000_000))

    cut = type("Cut", (CutData,), {"left": [60_000], "on_cut": change})
    with ftps_server(tmp_path, Case(("", ""), attributes={"dtp_handler": cut})) as url:
        address, out = f"{url}/image", tmp_path / "out"
        first, second = await transfer(
            "download", address, out, f"then={address}", *words(client, ca)
        )
    assert first["error"] == "the connection broke"
    begins_at = 0 if is_changed else first["bytes"]
    assert (second["state"], second["begins_at"]) == ("done", begins_at)
    rest = CONTENT[::-1] if is_changed else CONTENT[begins_at:]
    assert out.read_bytes() == CONTENT[: first["bytes"]] + rest
