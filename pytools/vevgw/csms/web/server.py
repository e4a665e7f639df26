"""HTTP and WebSocket of the dashboard, on the event loop of the CSMS.

/            the page
/static/     its parts
/vendor/     the chart library, from its installed package
/feed        WebSocket, see feed.py
/login       asks for the token, when one is needed
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import secrets
import socket
import ssl
from collections.abc import Generator
from pathlib import Path
from typing import Final, Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from websockets.exceptions import InvalidState

import vevgw
from vevgw.build import node_packages
from vevgw.csms.errors import CsmsError
from vevgw.csms.server import Csms
from vevgw.csms.web.feed import Feed
from vevgw.csms.web.guard import Guard, check_token, is_loopback

_STATIC: Final = Path(__file__).with_name("static")
_VENDOR: Final = ("uPlot.iife.min.js", "uPlot.min.css")
_START_TIMEOUT_S: Final = 10.0
#: Longest message of a page; a certificate or a local list is far shorter.
_LONGEST_MESSAGE: Final = 1 << 20

# At INFO they write request targets, and those may hold the token.
for _name in ("uvicorn.error", "uvicorn.access"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class _Server(uvicorn.Server):
    """A uvicorn server as a part of a program: leaves signals alone and sleeps while idle."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = asyncio.Event()
        self.ends = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def main_loop(self) -> None:
        await self.on_tick(0)  # sets the default headers
        self.listens.set()
        await self.ends.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().shutdown(sockets)
        except InvalidState:
            # It closes WebSockets that their peers are closing already, and fails.
            for connection in list(self.server_state.connections):
                transport = getattr(connection, "transport", None)
                if transport is not None:
                    transport.abort()
            await asyncio.sleep(0.05)  # until they are told so
            await super().shutdown(sockets)


class Dashboard:
    """The dashboard of one CSMS; an async context manager.

    Attributes:
        token: What a page must show; None on a loopback address.
    """

    def __init__(
        self,
        csms: Csms,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        any_port: bool = False,
        token: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Prepares a dashboard; nothing is opened before the context is entered.

        Args:
            csms: What is shown; must run.
            host: Address to listen on.
            port: TCP port; 0 = any free one.
            any_port: Take any free port when ``port`` is in use.
            token: What a page must show; default: on a loopback address nothing, else a fresh one.
            tls: Server context for https; None = http.

        Raises:
            CsmsError: The token is too short.
        """
        self._shown_token = ""
        if token is not None:
            check_token(token)
        elif not is_loopback(host):
            token = self._shown_token = secrets.token_urlsafe(24)
        self.token = token
        self._host = host
        self._port = port
        self._any_port = any_port
        self._tls = tls
        charts = node_packages.folder() / "uplot" / "dist"
        self._charts = charts if (charts / _VENDOR[0]).is_file() else None
        about = {
            "version": vevgw.__version__,
            "charts": self._charts is not None,
            "charts_hint": node_packages.HINT,
        }
        self._feed = Feed(csms, about)
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Address of the page, without the token."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{self._scheme}://{host}:{self._port}/"

    @property
    def _scheme(self) -> str:
        return "http" if self._tls is None else "https"

    @property
    def link(self) -> str:
        """What to print for whoever started it: the address, with a token that nobody chose."""
        name = socket.gethostname() if self._host in ("0.0.0.0", "::") else None
        address = f"{self._scheme}://{name}:{self._port}/" if name else self.url
        return f"{address}?token={self._shown_token}" if self._shown_token else address

    async def __aenter__(self) -> Self:
        """Listens.

        Raises:
            CsmsError: The address cannot be listened on.
        """
        listener = self._listen()
        self._port = listener.getsockname()[1]
        await self._feed.load()
        config = uvicorn.Config(
            Guard(self._app(), host=self._host, token=self.token),
            lifespan="off",
            http="h11",
            ws="websockets-sansio",
            ws_max_size=_LONGEST_MESSAGE,
            log_config=None,
            date_header=False,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=2,
        )
        config.load()
        config.ssl = self._tls
        self._server = _Server(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]))
        async with asyncio.timeout(_START_TIMEOUT_S):
            await self._server.listens.wait()
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Closes all pages and stops listening."""
        assert self._server is not None and self._task is not None
        await self._feed.close()
        self._server.ends.set()
        await self._task

    def _listen(self) -> socket.socket:
        try:
            return self._bind(self._port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not self._any_port:
                why = "the port is in use" if error.errno == errno.EADDRINUSE else error.strerror
                raise CsmsError(
                    f"The dashboard cannot listen on {self._host} port {self._port}: {why}."
                ) from None
        return self._bind(0)

    def _bind(self, port: int) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        return socket.create_server((self._host, port), family=family)

    def _app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", _page),
                Mount("/static", StaticFiles(directory=_STATIC)),
                Route("/vendor/{name}", self._vendor),
                WebSocketRoute("/feed", self._feed.serve),
            ]
        )

    async def _vendor(self, request: Request) -> Response:
        name = request.path_params["name"]
        if self._charts is None or name not in _VENDOR:
            return Response(status_code=404)
        return FileResponse(self._charts / name)


async def _page(_: Request) -> Response:
    return FileResponse(_STATIC / "index.html")
