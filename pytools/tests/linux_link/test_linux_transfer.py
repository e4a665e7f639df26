"""File transfers of the Linux platform against real servers."""

import asyncio
import contextlib
import os
import random
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from vevgw.csms.files import FileServer, FileTls

# The first test also builds the driver.
pytestmark = [pytest.mark.native, pytest.mark.timeout(300)]

CONTENT = random.Random(1).randbytes(300_000)
Transfer = Callable[..., Awaitable[list[dict[str, Any]]]]


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[FileServer]:
    """A server with a login and one file, "image"."""
    async with FileServer(tmp_path / "server", user="cp 1", password="s:cret/@") as files:
        (files.files / "image").write_bytes(CONTENT)
        yield files


def tls_server(folder: Path, authority: Any) -> FileServer:
    issued = authority.ca.issue_cert("127.0.0.1")
    tls = FileTls(folder / "server.pem", folder / "server.key")
    issued.cert_chain_pems[0].write_to_path(str(tls.certificate))
    issued.private_key_pem.write_to_path(str(tls.key))
    files = FileServer(folder / "server", user="cp", password="pw", tls=tls)
    files.files.mkdir(parents=True)
    (files.files / "image").write_bytes(CONTENT)
    return files


def url(server: FileServer, protocol: str, path: str) -> str:
    return (server.http_url if protocol == "http" else server.ftp_url) + path


# Rules: R-8-1 R-8-2 FP-25
@pytest.mark.parametrize("protocol", ["http", "ftp"])
async def test_download_is_whole_and_resumes_in_the_middle(
    server: FileServer, transfer: Transfer, tmp_path: Path, protocol: str
) -> None:
    whole, rest = tmp_path / "whole", tmp_path / "rest"
    [report] = await transfer("download", url(server, protocol, "/files/image"), whole)
    assert (report["state"], report["begins_at"], report["error"]) == ("done", 0, "")
    assert report["total"] == len(CONTENT)
    assert whole.read_bytes() == CONTENT
    [report] = await transfer("download", url(server, protocol, "/files/image"), rest, 123_456)
    assert (report["state"], report["begins_at"]) == ("done", 123_456)
    assert rest.read_bytes() == CONTENT[123_456:]


@pytest.mark.parametrize("protocol", ["http", "ftp"])
async def test_download_that_was_complete_already_gives_nothing(
    server: FileServer, transfer: Transfer, tmp_path: Path, protocol: str
) -> None:
    address = url(server, protocol, "/files/image")
    [report] = await transfer("download", address, tmp_path / "out", len(CONTENT))
    assert (report["state"], report["bytes"]) == ("done", 0)
    assert report["begins_at"] == len(CONTENT)


async def test_download_of_a_shorter_file_begins_anew(
    server: FileServer, transfer: Transfer, tmp_path: Path
) -> None:
    for protocol in ("http", "ftp"):
        out = tmp_path / protocol
        address = url(server, protocol, "/files/image")
        [report] = await transfer("download", address, out, len(CONTENT) + 5)
        assert (report["state"], report["begins_at"]) == ("done", 0)
        assert out.read_bytes() == CONTENT


async def test_server_without_ranges_sends_the_whole_file(
    server: FileServer, transfer: Transfer, tmp_path: Path
) -> None:
    server.faults.ignore_range = True
    [report] = await transfer("download", f"{server.http_url}/files/image", tmp_path / "o", 1000)
    assert (report["state"], report["begins_at"]) == ("done", 0)
    assert (tmp_path / "o").read_bytes() == CONTENT


async def test_broken_download_goes_on_with_the_same_file_only(
    server: FileServer, transfer: Transfer, tmp_path: Path
) -> None:
    server.faults.cut_after = [100_000, 50_000]
    address = f"{server.http_url}/files/image"
    first, second = await transfer("download", address, tmp_path / "a", f"then={address}")
    assert first["state"] == "failed"
    assert first["error"] == "the connection broke"
    assert (second["state"], second["begins_at"]) == ("failed", first["bytes"])
    assert (tmp_path / "a").read_bytes() == CONTENT[: first["bytes"] + second["bytes"]]

    server.faults.cut_after = [100_000]
    server.faults.replace_after_cut = b"another file"
    _, second = await transfer("download", address, tmp_path / "b", f"then={address}")
    assert (second["state"], second["begins_at"]) == ("done", 0)


async def test_broken_download_goes_on_with_a_file_of_the_same_date_only(
    server: FileServer, transfer: Transfer, tmp_path: Path
) -> None:
    server.faults.without_etag = True
    server.faults.cut_after = [100_000]
    address = f"{server.http_url}/files/image"
    os.utime(server.files / "image", (1_700_000_000, 1_700_000_000))
    first, second = await transfer("download", address, tmp_path / "a", f"then={address}")
    assert (second["state"], second["begins_at"]) == ("done", first["bytes"])
    assert (tmp_path / "a").read_bytes() == CONTENT
    server.faults.cut_after = [100_000]
    server.faults.replace_after_cut = b"another file"
    _, second = await transfer("download", address, tmp_path / "b", f"then={address}")
    assert (second["state"], second["begins_at"]) == ("done", 0)


async def test_part_that_was_not_asked_for_is_not_taken(
    server: FileServer, transfer: Transfer, tmp_path: Path
) -> None:
    server.faults.other_part = 10
    [report] = await transfer("download", f"{server.http_url}/files/image", tmp_path / "o", 1000)
    assert (report["state"], report["begins_at"]) == ("done", 0)
    assert (tmp_path / "o").read_bytes() == CONTENT


async def test_slow_download_is_given_up_with_what_it_brought(
    server: FileServer, transfer: Transfer, tmp_path: Path
) -> None:
    server.faults.bytes_per_s = 50_000
    address = f"{server.http_url}/files/image"
    [report] = await transfer("download", address, tmp_path / "out", "total_s=1")
    assert report["error"] == "the transfer took too long"
    assert 0 < report["bytes"] < len(CONTENT)


@pytest.mark.parametrize("protocol", ["http", "ftp"])
async def test_refusals_are_told_without_the_password(
    server: FileServer, transfer: Transfer, tmp_path: Path, protocol: str
) -> None:
    out = tmp_path / "out"
    [report] = await transfer("download", url(server, protocol, "/files/none"), out)
    expected = {"http": "the server answered 404", "ftp": "the server has no such file"}
    assert (report["state"], report["error"], report["bytes"]) == ("failed", expected[protocol], 0)
    wrong = url(server, protocol, "/files/image").replace("s%3Acret", "wrong")
    [report] = await transfer("download", wrong, out)
    expected = {"http": "the server answered 401", "ftp": "the server refused the login"}
    assert (report["state"], report["error"]) == ("failed", expected[protocol])
    assert out.read_bytes() == b""


async def test_nobody_listening_and_bad_urls_are_told(transfer: Transfer, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    [report] = await transfer("download", f"http://127.0.0.1:{port}/x", tmp_path / "out")
    assert (report["error"], report["retry"]) == ("the server cannot be reached", True)
    for bad in ("gopher://h/x", "file:///etc/passwd", "nonsense", "http://", "h/x"):
        [report] = await transfer("download", bad, tmp_path / "out")
        assert (report["state"], report["retry"]) == ("failed", False)
        assert report["error"] == "the URL is none of http, https, ftp, ftps"


async def test_silent_server_is_given_up(
    server: FileServer, transfer: Transfer, tmp_path: Path
) -> None:
    server.faults.stall_after = [40_000]
    address = f"{server.http_url}/files/image"
    [report] = await transfer("download", address, tmp_path / "out", "stall_s=1")
    assert report["error"] == "the server was silent for too long"
    assert report["bytes"] == 40_000


async def test_cancelled_download_stops_at_once(
    server: FileServer, transfer: Transfer, tmp_path: Path
) -> None:
    server.faults.bytes_per_s = 50_000
    address = f"{server.http_url}/files/image"
    async with asyncio.timeout(5):
        [report] = await transfer("download", address, tmp_path / "out", "cancel_after=1000")
    assert report["state"] == "idle"


async def test_redirects_are_followed_but_not_for_ever_nor_elsewhere(
    server: FileServer, transfer: Transfer, tmp_path: Path
) -> None:
    base = f"{server.http_url}/redirect?to="
    target = quote(f"{server.http_url}/files/image", safe="")
    [report] = await transfer("download", base + target, tmp_path / "a")
    assert report["state"] == "done"
    assert (tmp_path / "a").read_bytes() == CONTENT
    # The login goes along to the same server.
    [report] = await transfer("download", base + "/files/image", tmp_path / "d")
    assert report["state"] == "done"
    without = quote(f"http://{server.http_url.rpartition('@')[2]}/files/image", safe="")
    [report] = await transfer("download", base + without, tmp_path / "e")
    assert report["state"] == "done"
    itself = f"{server.http_url}/redirect-for-ever"
    [report] = await transfer("download", itself, tmp_path / "b")
    assert report["error"] == "the server redirects too often"
    for elsewhere in ("ftp://127.0.0.1/x", "file:///etc/passwd"):
        [report] = await transfer("download", f"{base}{elsewhere}", tmp_path / "c")
        assert report["error"] == "the server redirects to where it is not safe to go"


@pytest.mark.parametrize("protocol", ["http", "ftp"])
async def test_upload_arrives_whole(
    server: FileServer, transfer: Transfer, tmp_path: Path, protocol: str
) -> None:
    source = tmp_path / "source"
    source.write_bytes(CONTENT)
    [report] = await transfer("upload", url(server, protocol, "/uploads/log.jsonl"), source)
    assert (report["state"], report["error"]) == ("done", "")
    arrived = await server.wait_upload("log.jsonl", timeout_s=5)
    assert arrived.read_bytes() == CONTENT


async def test_upload_by_post_where_put_is_not_allowed(
    server: FileServer, transfer: Transfer, tmp_path: Path
) -> None:
    server.faults.only_post = True
    (tmp_path / "source").write_bytes(CONTENT)
    [report] = await transfer("upload", f"{server.http_url}/uploads/log", tmp_path / "source")
    assert report["state"] == "done"
    assert (server.uploads / "log").read_bytes() == CONTENT
    assert [request[0] for request in server.requests] == ["PUT", "POST"]


async def test_upload_to_a_folder_that_is_not_there(
    server: FileServer, transfer: Transfer, tmp_path: Path
) -> None:
    (tmp_path / "source").write_bytes(b"x")
    [report] = await transfer("upload", f"{server.ftp_url}/uploads/new/log", tmp_path / "source")
    assert report["state"] == "done"
    [report] = await transfer("upload", f"{server.http_url}/elsewhere/log", tmp_path / "source")
    assert report["error"] == "the server answered 404"


@pytest.mark.parametrize("protocol", ["http", "ftp"])
async def test_tls_is_checked_with_the_ca_file(
    transfer: Transfer, tmp_path: Path, authority: Any, other_authority: Any, protocol: str
) -> None:
    async with tls_server(tmp_path, authority) as server:
        address = url(server, protocol, "/files/image")
        out = tmp_path / "out"
        [report] = await transfer("download", address, out, f"ca={authority.file}")
        assert (report["state"], report["error"]) == ("done", "")
        assert out.read_bytes() == CONTENT
        for ca in (f"ca={other_authority.file}", "ca="):
            [report] = await transfer("download", address, tmp_path / "none", ca)
            assert (
                report["error"] == "the certificate of the server is not trusted (missing_issuer)"
            )
        other_host = address.replace("127.0.0.1", "localhost")
        [report] = await transfer("download", other_host, tmp_path / "none", f"ca={authority.file}")
        assert report["error"] == "the certificate of the server is not trusted (wrong_host)"
        (tmp_path / "source").write_bytes(CONTENT)
        upload = url(server, protocol, "/uploads/log")
        [report] = await transfer("upload", upload, tmp_path / "source", f"ca={authority.file}")
        assert (report["state"], report["error"]) == ("done", "")
        assert (server.uploads / "log").read_bytes() == CONTENT
        if protocol == "http":
            plain = f"{server.http_url}/redirect?to=http://127.0.0.1:1/x"
            [report] = await transfer("download", plain, out, f"ca={authority.file}")
            assert report["error"] == "the server redirects to where it is not safe to go"


BOARD = "client=stream"


@pytest.mark.parametrize("protocol", ["http", "ftp"])
async def test_client_of_the_board_speaks_with_real_servers(
    server: FileServer, transfer: Transfer, tmp_path: Path, protocol: str
) -> None:
    address = url(server, protocol, "/files/image")
    whole, rest = tmp_path / "whole", tmp_path / "rest"
    [report] = await transfer("download", address, whole, BOARD)
    assert (report["state"], report["error"], report["total"]) == ("done", "", len(CONTENT))
    assert whole.read_bytes() == CONTENT
    [report] = await transfer("download", address, rest, 123_456, BOARD)
    assert (report["state"], report["begins_at"]) == ("done", 123_456)
    assert rest.read_bytes() == CONTENT[123_456:]
    upload = url(server, protocol, "/uploads/log.jsonl")
    [report] = await transfer("upload", upload, whole, BOARD)
    assert (report["state"], report["error"]) == ("done", "")
    arrived = await server.wait_upload("log.jsonl", timeout_s=5)
    assert arrived.read_bytes() == CONTENT


async def test_client_of_the_board_goes_on_where_a_download_broke(
    server: FileServer, transfer: Transfer, tmp_path: Path
) -> None:
    server.faults.cut_after = [100_000]
    target = quote(f"{server.http_url}/files/image", safe="")
    address = f"{server.http_url}/redirect?to={target}"
    first, second = await transfer("download", address, tmp_path / "a", f"then={address}", BOARD)
    assert first["error"] == "the connection broke"
    assert (second["state"], second["begins_at"]) == ("done", first["bytes"])
    assert (tmp_path / "a").read_bytes() == CONTENT


async def test_client_of_the_board_checks_tls(
    transfer: Transfer, tmp_path: Path, authority: Any, other_authority: Any
) -> None:
    async with tls_server(tmp_path, authority) as server:
        address = f"{server.http_url}/files/image"
        out = tmp_path / "out"
        [report] = await transfer("download", address, out, f"ca={authority.file}", BOARD)
        assert (report["state"], report["error"]) == ("done", "")
        assert out.read_bytes() == CONTENT
        other = f"ca={other_authority.file}"
        [report] = await transfer("download", address, tmp_path / "none", other, BOARD)
        assert report["error"] == "the certificate of the server is not trusted (missing_issuer)"
        elsewhere = address.replace("127.0.0.1", "localhost")
        [report] = await transfer("download", elsewhere, out, f"ca={authority.file}", BOARD)
        assert report["error"] == "the certificate of the server is not trusted (wrong_host)"
        for protocol in ("http", "ftp"):
            address = url(server, protocol, "/files/image")
            words = [f"ca={authority.file}", BOARD]
            [report] = await transfer("download", address, out, *words, "free_kib=69")
            assert report["error"] == (
                "no TLS connection to the server: not enough memory beside the link to the CSMS"
            )
            assert (report["state"], report["retry"]) == ("failed", True)
            [report] = await transfer("download", address, out, *words, "free_kib=70")
            assert report["state"] == "done"


CLIENTS = [[], [BOARD]]


@asynccontextmanager
async def script(*lines: tuple[bytes, bytes]) -> AsyncIterator[int]:
    """A server that waits for a text, answers, and hangs up after the last answer. Gives its port.

    After an empty answer it stays silent.
    """

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            for wanted, answer in lines:
                if wanted:
                    await reader.readuntil(wanted)
                writer.write(answer)
                await writer.drain()
                if not answer:
                    await reader.read()
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("client", CLIENTS)
async def test_login_stays_with_the_server_that_it_is_for(
    server: FileServer, transfer: Transfer, tmp_path: Path, client: list[str]
) -> None:
    async with FileServer(tmp_path / "other", user="cp 1", password="s:cret/@") as other:
        (other.files / "image").write_bytes(b"secret")
        target = quote(f"http://{other.http_url.rpartition('@')[2]}/files/image", safe="")
        address = f"{server.http_url}/redirect?to={target}"
        [report] = await transfer("download", address, tmp_path / "out", *client)
    assert report["error"] == "the server answered 401"


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    ("head", "body", "error"),
    [
        ("Content-Length: 3", b"abc", ""),
        ("Transfer-Encoding: chunked", b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", ""),
        ("Content-Length: 0", b"", ""),
        ("Content-Length: 4", b"abc", "the connection broke"),
        ("Transfer-Encoding: chunked", b"3\r\nabc\r\n", "the connection broke"),
        ("Server: x", b"abc", "the server does not tell the length of the file"),
        ("Server: x", b"", "the server does not tell the length of the file"),
        (
            "Content-Length: 3\r\nContent-Encoding: gzip",
            b"abc",
            "the server packs the file, which was not asked for",
        ),
    ],
)
async def test_file_is_whole_where_the_server_says_so(
    transfer: Transfer, tmp_path: Path, client: list[str], head: str, body: bytes, error: str
) -> None:
    answer = f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode() + body
    async with script((b"\r\n\r\n", answer)) as port:
        [report] = await transfer("download", f"http://127.0.0.1:{port}/f", tmp_path / "o", *client)
    assert (report["error"], report["state"]) == (error, "failed" if error else "done")


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize(
    ("lines", "errors"),
    [
        (
            [(b"", b"220 hi\r\n"), (b"AUTH", b"234 go on\r\n"), (b"\x16\x03", b"")],
            ("the server was silent for too long", "the server cannot be reached"),
        ),
        # What somebody on the way puts before TLS is not believed.
        (
            [(b"", b"220 hi\r\n"), (b"AUTH", b"234 go on\r\n230 you are in\r\n")],
            ("the transfer failed: ", "the server spoke before TLS stood"),
        ),
        (
            [(b"", b"220-" + b"x" * 65536 + b"\r\n220 z\r\n"), (b"AUTH", b"421 bye\r\n")],
            ("the server was silent for too long", "the server does not speak FTP"),
        ),
        (
            [(b"", b"220-hi\r\n 220 x\r\n221 y\r\n220 z\r\n"), (b"AUTH", b"421 bye\r\n")],
            ("the transfer failed: ", "the server offers no TLS: it answered 421"),
        ),
    ],
)
async def test_ftps_server_that_goes_wrong_before_tls_is_left(
    transfer: Transfer,
    tmp_path: Path,
    client: list[str],
    lines: list[tuple[bytes, bytes]],
    errors: tuple[str, str],
) -> None:
    async with script(*lines) as port:
        address = f"ftps://cp:secret@127.0.0.1:{port}/f"
        words = ["stall_s=1", "connect_s=1", *client]
        [report] = await transfer("download", address, tmp_path / "o", *words)
    assert report["error"].startswith(errors[CLIENTS.index(client)])
    assert "secret" not in report["error"]
