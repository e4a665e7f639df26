"""The file server of the emulated CSMS: what it gives, takes and refuses."""

from __future__ import annotations

import asyncio
import ftplib
import io
import ssl
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
import trustme
from yarl import URL

from vevgw.csms import CsmsError, WaitTimeout
from vevgw.csms.files import FileServer, FileTls

CONTENT = bytes(range(256)) * 400


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[FileServer]:
    """A server for anybody with one file, "image"; a secret lies beside its folders."""
    async with FileServer(tmp_path / "server") as files:
        (files.files / "image").write_bytes(CONTENT)
        (files.files.parent / "secret").write_text("not for you")
        yield files


@pytest_asyncio.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """A client that leaves URLs as they are."""
    async with aiohttp.ClientSession() as session:
        yield session


async def get(
    http: aiohttp.ClientSession, url: str, wanted: str | None = None
) -> tuple[int, bytes, str]:
    """Returns status, body and Content-Range."""
    headers = {"Range": wanted} if wanted else {}
    async with http.get(URL(url, encoded=True), headers=headers) as answer:
        return answer.status, await answer.read(), answer.headers.get("Content-Range", "")


async def ftp(server: FileServer, work: Callable[[ftplib.FTP], Any]) -> Any:
    """Runs work with an anonymous connection, in a thread."""

    def run() -> Any:
        with ftplib.FTP(timeout=10) as client:
            client.connect("127.0.0.1", URL(server.ftp_url).port or 0)
            client.login()
            return work(client)

    return await asyncio.to_thread(run)


# Rules: R-8-2
@pytest.mark.parametrize(
    ("wanted", "status", "body", "content_range"),
    [
        (None, 200, CONTENT, ""),
        ("bytes=0-", 200, CONTENT, ""),
        ("bytes=1000-", 206, CONTENT[1000:], "bytes 1000-102399/102400"),
        ("bytes=5-9", 206, CONTENT[5:10], "bytes 5-9/102400"),
        ("bytes=102000-999999", 206, CONTENT[102000:], "bytes 102000-102399/102400"),
        ("bytes=-10", 206, CONTENT[-10:], "bytes 102390-102399/102400"),
        ("bytes=102400-", 416, b"", "bytes */102400"),
        ("lines=1-2", 200, CONTENT, ""),
        ("bytes=9-5", 200, CONTENT, ""),
    ],
)
async def test_http_gives_the_part_that_was_asked_for(
    server: FileServer,
    http: aiohttp.ClientSession,
    wanted: str | None,
    status: int,
    body: bytes,
    content_range: str,
) -> None:
    assert await get(http, f"{server.http_url}/files/image", wanted) == (
        status,
        body,
        content_range,
    )
    assert server.requests == [("GET", "/files/image", wanted)]


async def test_http_gives_an_empty_file_and_no_part_of_it(
    server: FileServer, http: aiohttp.ClientSession
) -> None:
    (server.files / "empty").touch()
    assert await get(http, f"{server.http_url}/files/empty") == (200, b"", "")
    assert await get(http, f"{server.http_url}/files/empty", "bytes=5-") == (416, b"", "bytes */0")


BAD_NAMES = ["none", "..", "%2e%2e", "..%2Fsecret", "%2Fetc%2Fpasswd", "a%00b", "folder"]


@pytest.mark.parametrize("name", BAD_NAMES)
async def test_http_gives_nothing_but_its_files(
    server: FileServer, http: aiohttp.ClientSession, name: str
) -> None:
    (server.files / "folder").mkdir()
    status, body, _ = await get(http, f"{server.http_url}/files/{name}")
    assert status == 404
    assert b"not for you" not in body


@pytest.mark.parametrize("name", BAD_NAMES[1:])
async def test_http_takes_uploads_into_its_folder_only(
    server: FileServer, http: aiohttp.ClientSession, name: str
) -> None:
    (server.uploads / "folder").mkdir()
    url = URL(f"{server.http_url}/uploads/{name}", encoded=True)
    async with http.put(url, data=b"mine") as answer:
        assert answer.status in (403, 404, 405)
    left = {path.name for path in server.files.parent.rglob("*")}
    assert left == {"files", "image", "uploads", "folder", "secret"}
    assert (server.files.parent / "secret").read_text() == "not for you"


# Rules: R-5.9-2
async def test_http_takes_a_body_of_any_size_and_a_form(
    server: FileServer, http: aiohttp.ClientSession
) -> None:
    for size in (0, 5_000_000):
        async with http.put(f"{server.http_url}/uploads/put{size}", data=b"x" * size) as answer:
            assert answer.status == 201
        path = await server.wait_upload(f"put{size}", timeout_s=5)
        assert path.stat().st_size == size
    form = aiohttp.FormData()
    form.add_field("file", io.BytesIO(b"in a form"), filename="other")
    async with http.post(f"{server.http_url}/uploads/form", data=form) as answer:
        assert answer.status == 201
    assert (await server.wait_upload("form", timeout_s=5)).read_bytes() == b"in a form"


async def test_login_is_demanded(tmp_path: Path, http: aiohttp.ClientSession) -> None:
    async with FileServer(tmp_path, user="cp", password="p/w:") as server:
        (server.files / "image").write_bytes(b"image")
        plain = server.http_url.replace("cp:p%2Fw%3A@", "")
        assert plain != server.http_url
        assert (await get(http, f"{plain}/files/image"))[0] == 401
        assert (await get(http, f"{server.http_url}/files/image"))[0] == 200
        wrong = server.http_url.replace("cp:", "cp:x")
        assert (await get(http, f"{wrong}/files/image"))[0] == 401


async def test_ftp_resumes_and_stays_in_its_folder(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("not for you")

    def work(client: ftplib.FTP) -> bytes:
        got: list[bytes] = []
        client.retrbinary("RETR files/image", got.append, rest=1000)
        for path in ("../outside", "files/../../outside", "files/none", "/outside"):
            with pytest.raises(ftplib.error_perm):
                client.retrbinary(f"RETR {path}", got.append)
            if "none" not in path:
                client.storbinary("STOR " + path.replace("outside", "new"), io.BytesIO(b"x"))
        client.storbinary("STOR uploads/log", io.BytesIO(CONTENT))
        return b"".join(got)

    assert await ftp(server, work) == CONTENT[1000:]
    assert not (tmp_path / "new").exists()
    assert (await server.wait_upload("log", timeout_s=5)).read_bytes() == CONTENT
    # What lies elsewhere is no upload.
    with pytest.raises(WaitTimeout, match=r"new did not arrive within 0\.1 s; arrived: log"):
        await server.wait_upload("new", timeout_s=0.1)


async def test_tls_gives_its_certificate_and_never_its_key(tmp_path: Path) -> None:
    authority, other = trustme.CA(), trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    tls = FileTls(tmp_path / "pem", tmp_path / "key")
    issued.cert_chain_pems[0].write_to_path(str(tls.certificate))
    issued.private_key_pem.write_to_path(str(tls.key))

    def look(context: ssl.SSLContext, port: int) -> list[str]:
        with ftplib.FTP_TLS(context=context, timeout=10) as client:
            client.connect("127.0.0.1", port)
            client.login()
            client.prot_p()
            return client.nlst()

    async with FileServer(tmp_path / "server", tls=tls) as server:
        assert server.http_url.startswith("https://")
        (server.files / "image").write_bytes(b"image")
        for ca, is_trusted in ((authority, True), (other, False)):
            context = ssl.create_default_context()
            ca.configure_trust(context)
            port = URL(server.ftp_url).port or 0
            connector = aiohttp.TCPConnector(ssl=context)
            async with aiohttp.ClientSession(connector=connector) as http:
                if is_trusted:
                    assert await get(http, f"{server.http_url}/files/image") == (200, b"image", "")
                    assert sorted(await asyncio.to_thread(look, context, port)) == [
                        "files",
                        "uploads",
                    ]
                else:
                    with pytest.raises(aiohttp.ClientSSLError):
                        await get(http, f"{server.http_url}/files/image")
                    with pytest.raises(ssl.SSLError):
                        await asyncio.to_thread(look, context, port)
        with pytest.raises(aiohttp.ClientError):
            async with aiohttp.ClientSession() as http:
                await get(http, server.http_url.replace("https", "http") + "/files/image")


async def test_a_certificate_or_port_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no certificate")
    for name in ("text", "none"):
        tls = FileTls(tmp_path / name, tmp_path / name)
        with pytest.raises(CsmsError, match=r"^The certificate of the file server cannot be used"):
            await FileServer(tmp_path / "a", tls=tls).start()
    async with FileServer(tmp_path / "b") as first:
        taken = URL(first.http_url).port or 0
        for ports in ({"http_port": taken}, {"ftp_port": taken}):
            with pytest.raises(CsmsError, match=r"^The file server cannot listen on 127\.0\.0\.1"):
                await FileServer(tmp_path / "c", **ports).start()
    assert not [thread for thread in threading.enumerate() if thread.name == "ftp"]


async def test_a_folder_of_its_own_is_gone_with_the_server() -> None:
    server = FileServer()
    await server.stop()
    async with FileServer() as server:
        folder = server.files.parent
        assert folder.is_dir()
    assert not folder.exists()
