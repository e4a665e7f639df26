"""A file server beside the CSMS: firmware to fetch, diagnostics to take, over HTTP(S) and FTP(S).

    http://host:port/files/<name>      GET with Range; what lies in <folder>/files
    http://host:port/uploads/<name>    PUT or POST, to <folder>/uploads
    http://host:port/redirect?to=URL   302 to anywhere; /redirect-for-ever to itself
    ftp://host:port/files/<name>       RETR with REST        ftp://host:port/uploads/<name>   STOR

HTTP is served by aiohttp in the caller's loop, FTP by pyftpdlib in a thread.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import secrets
import ssl
import tempfile
import threading
import warnings
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote

from aiohttp import BodyPartReader, web
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler, TLS_FTPHandler
from pyftpdlib.ioloop import IOLoop
from pyftpdlib.servers import FTPServer

from vevgw.csms.errors import CsmsError, WaitTimeout

logging.getLogger("pyftpdlib").setLevel(logging.WARNING)

_CHUNK_BYTES: Final = 16 * 1024
#: Bits that an FTP user has: list, fetch, store, make folders.
_FTP_RIGHTS: Final = "elrawm"


@dataclass(slots=True)
class FileFaults:
    """What HTTP does wrong on purpose; may be changed while it runs.

    Attributes:
        cut_after: Breaks the connections of the coming downloads after so many bytes, one each.
        replace_after_cut: New content of a file whose download was cut; None = the same.
        stall_after: As cut_after, but stays silent instead.
        without_etag: Tells only when the file was changed (Last-Modified).
        other_part: Sends a part that begins so many bytes before the one that was asked for.
        ignore_range: Sends the whole file whatever part was asked for.
        only_post: Answers 405 to PUT.
        bytes_per_s: Slows downloads down; None = as fast as it goes.
    """

    cut_after: list[int] = field(default_factory=list)
    replace_after_cut: bytes | None = None
    stall_after: list[int] = field(default_factory=list)
    without_etag: bool = False
    other_part: int = 0
    ignore_range: bool = False
    only_post: bool = False
    bytes_per_s: int | None = None


@dataclass(frozen=True, slots=True)
class FileTls:
    """PEM files of the server; with them it offers https and ftps."""

    certificate: Path
    key: Path


def _inside(folder: Path, request: web.Request) -> Path | None:
    """The file that a request names, when it is one right in the folder."""
    name = request.match_info["name"]
    return None if name == ".." or "/" in name or "\0" in name else folder / name


class FileServer:
    """Serves files and takes uploads; an async context manager.

    Attributes:
        files: Folder of what can be fetched.
        uploads: Folder of what has arrived.
        faults: What goes wrong on purpose.
        requests: Method, path and Range header of every HTTP request, for tests.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        host: str = "127.0.0.1",
        http_port: int = 0,
        ftp_port: int = 0,
        user: str = "",
        password: str = "",
        tls: FileTls | None = None,
    ) -> None:
        """Prepares the servers; nothing is opened before start().

        Args:
            folder: Gets the folders files and uploads; None = a temporary one.
            host: Address to listen on.
            http_port: 0 = any free one.
            ftp_port: 0 = any free one.
            user: Login that is demanded; empty = none, and FTP is anonymous.
            password: Of the user.
            tls: Serve https and ftps (explicit) instead of http and ftp.
        """
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        if folder is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="vevgw-files-")
            folder = Path(self._temporary.name)
        self.files = folder / "files"
        self.uploads = folder / "uploads"
        self._folder = folder
        self._host = host
        self._http_port = http_port
        self._ftp_port = ftp_port
        self._user = user
        self._password = password
        self._tls = tls
        self.faults = FileFaults()
        self.requests: list[tuple[str, str, str | None]] = []
        self._runner: web.AppRunner | None = None
        self._ftp: FTPServer | None = None
        self._ftp_thread: threading.Thread | None = None
        self._ftp_pem: tempfile._TemporaryFileWrapper[bytes] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._arrived = asyncio.Condition()
        self._arrivals: list[str] = []

    # -- addresses --------------------------------------------------------------------------------

    def _login(self) -> str:
        return (
            f"{quote(self._user, safe='')}:{quote(self._password, safe='')}@" if self._user else ""
        )

    @property
    def http_url(self) -> str:
        """Base URL, login included, without a slash at the end."""
        scheme = "https" if self._tls else "http"
        return f"{scheme}://{self._login()}{self._host}:{self._http_port}"

    @property
    def ftp_url(self) -> str:
        """Base URL, login included, without a slash at the end."""
        scheme = "ftps" if self._tls else "ftp"
        return f"{scheme}://{self._login()}{self._host}:{self._ftp_port}"

    # -- life -------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listens.

        Raises:
            CsmsError: A port is in use, or the certificate cannot be used.
        """
        for folder in (self.files, self.uploads):
            folder.mkdir(parents=True, exist_ok=True)
        self._loop = asyncio.get_running_loop()
        try:
            await self._start_http()
            self._start_ftp()
        except CsmsError:
            await self.stop()
            raise
        except OSError as error:
            await self.stop()
            raise CsmsError(
                f"The file server cannot listen on {self._host}: {error.strerror or error}."
            ) from None

    async def _start_http(self) -> None:
        application = web.Application(client_max_size=1 << 30, middlewares=[self._guard])
        application.router.add_get("/files/{name}", self._get)
        application.router.add_get("/redirect", self._redirect)
        application.router.add_get("/redirect-for-ever", self._redirect)
        for method in ("PUT", "POST"):
            application.router.add_route(method, "/uploads/{name}", self._take)
        context: ssl.SSLContext | None = None
        if self._tls is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            try:
                context.load_cert_chain(self._tls.certificate, self._tls.key)
            except OSError as error:
                raise CsmsError(
                    f"The certificate of the file server cannot be used: {error.strerror}."
                ) from None
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._http_port, ssl_context=context).start()
        self._http_port = self._runner.addresses[0][1]

    def _start_ftp(self) -> None:
        authorizer = DummyAuthorizer()
        if self._user:
            authorizer.add_user(self._user, self._password, str(self._folder), perm=_FTP_RIGHTS)
        else:
            with warnings.catch_warnings():
                # That anybody may write is what was asked for.
                warnings.simplefilter("ignore", RuntimeWarning)
                authorizer.add_anonymous(str(self._folder), perm=_FTP_RIGHTS)
        on_received = self._on_ftp_received
        attributes: dict[str, Any] = {
            "authorizer": authorizer,
            "banner": "vevgw",
            "on_file_received": lambda _handler, path: on_received(path),
        }
        base = FTPHandler
        if self._tls is not None:
            base = TLS_FTPHandler
            # Outside the folder, which anybody may read. stop() removes it.
            self._ftp_pem = tempfile.NamedTemporaryFile(prefix="vevgw-ftp-", suffix=".pem")  # noqa: SIM115
            self._ftp_pem.write(self._tls.certificate.read_bytes() + self._tls.key.read_bytes())
            self._ftp_pem.flush()
            attributes |= {
                "certfile": self._ftp_pem.name,
                "tls_control_required": True,
                "tls_data_required": True,
                "ssl_context": None,
            }
        handler = type("Handler", (base,), attributes)
        self._ftp = FTPServer((self._host, self._ftp_port), handler, ioloop=IOLoop())
        self._ftp_port = self._ftp.address[1]
        self._ftp_thread = threading.Thread(target=self._serve_ftp, name="ftp", daemon=True)
        self._ftp_thread.start()

    def _serve_ftp(self) -> None:
        assert self._ftp is not None
        self._ftp.serve_forever(timeout=0.1, handle_exit=False)

    async def stop(self) -> None:
        """Ends everything. Does nothing when not running."""
        if self._ftp is not None and self._ftp_thread is not None:
            # Its loop ends when no socket is left in it.
            self._ftp.ioloop.call_later(0, self._ftp.close_all)
            await asyncio.to_thread(self._ftp_thread.join, 5)
            self._ftp = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None
        if self._ftp_pem is not None:
            self._ftp_pem.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    # -- uploads ----------------------------------------------------------------------------------

    def _on_ftp_received(self, path: str) -> None:
        assert self._loop is not None
        if self.uploads.resolve() in Path(path).resolve().parents:
            asyncio.run_coroutine_threadsafe(self._note(Path(path).name), self._loop)

    async def _note(self, name: str) -> None:
        async with self._arrived:
            self._arrivals.append(name)
            self._arrived.notify_all()

    async def wait_upload(self, name: str, *, timeout_s: float) -> Path:
        """Waits until a file has arrived whole.

        Raises:
            WaitTimeout: It has not, in time.
        """
        try:
            async with asyncio.timeout(timeout_s), self._arrived:
                await self._arrived.wait_for(lambda: name in self._arrivals)
        except TimeoutError:
            there = ", ".join(self._arrivals) or "nothing"
            raise WaitTimeout(
                f"The file {name} did not arrive within {timeout_s:g} s; arrived: {there}."
            ) from None
        return next(path for path in self.uploads.rglob("*") if path.name == name)

    # -- HTTP -------------------------------------------------------------------------------------

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.requests.append((request.method, request.path, request.headers.get("Range")))
        if self._user:
            given = request.headers.get("Authorization", "").removeprefix("Basic ")
            wanted = base64.b64encode(f"{self._user}:{self._password}".encode()).decode()
            if not secrets.compare_digest(given, wanted):
                return web.Response(status=401, headers={"WWW-Authenticate": "Basic"})
        response: web.StreamResponse = await handler(request)
        return response

    async def _redirect(self, request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": request.query.get("to", request.path)})

    async def _get(self, request: web.Request) -> web.StreamResponse:
        path = _inside(self.files, request)
        if path is None or not path.is_file():
            raise web.HTTPNotFound
        content = await asyncio.to_thread(path.read_bytes)
        changed_ns = path.stat().st_mtime_ns
        headers = {"Accept-Ranges": "bytes"}
        if self.faults.without_etag:
            validator = formatdate(changed_ns // 1_000_000_000, usegmt=True)
            headers["Last-Modified"] = validator
        else:
            validator = headers["ETag"] = f'"{changed_ns:x}"'
        wanted = slice(None)
        fits = request.headers.get("If-Range", validator) == validator
        if fits and not self.faults.ignore_range:
            # One that cannot be read counts as none (RFC 9110, 14.2).
            with contextlib.suppress(ValueError):
                wanted = request.http_range
        is_part = bool(wanted.start) or wanted.stop is not None
        if is_part and self.faults.other_part:
            wanted = slice(max(1, wanted.start - self.faults.other_part), wanted.stop)
        part = slice(*wanted.indices(len(content)))
        if is_part and part.start >= part.stop:
            headers["Content-Range"] = f"bytes */{len(content)}"
            return web.Response(status=416, headers=headers)
        if is_part:
            headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{len(content)}"
        response = web.StreamResponse(status=206 if is_part else 200, headers=headers)
        response.content_length = part.stop - part.start
        await response.prepare(request)
        await self._send(request, response, content[part])
        return response

    async def _send(
        self, request: web.Request, response: web.StreamResponse, content: bytes
    ) -> None:
        cut = self.faults.cut_after.pop(0) if self.faults.cut_after else None
        stall = self.faults.stall_after.pop(0) if self.faults.stall_after else None
        end = min(x for x in (cut, stall, len(content)) if x is not None)
        for at in range(0, end, _CHUNK_BYTES):
            part = content[at : min(at + _CHUNK_BYTES, end)]
            await response.write(part)
            if self.faults.bytes_per_s is not None:
                await asyncio.sleep(len(part) / self.faults.bytes_per_s)
        if end == len(content):
            await response.write_eof()
        elif stall == end:
            await asyncio.sleep(3600)
        elif request.transport is not None:
            # Not at once: what was written is to arrive.
            await asyncio.sleep(0.1)
            if self.faults.replace_after_cut is not None:
                path = self.files / request.match_info["name"]
                path.write_bytes(self.faults.replace_after_cut)
            request.transport.abort()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if request.method == "PUT" and self.faults.only_post:
            raise web.HTTPMethodNotAllowed("PUT", ["POST"])
        target = _inside(self.uploads, request)
        if target is None or target.is_dir():
            raise web.HTTPForbidden
        if request.content_type.startswith("multipart/"):
            part = await (await request.multipart()).next()
            assert isinstance(part, BodyPartReader)
            content = bytes(await part.read())
        else:
            content = await request.read()
        await asyncio.to_thread(target.write_bytes, content)
        await self._note(name)
        return web.Response(status=201)
