"""Who may open the dashboard.

On a loopback address whoever is on this machine may, but no page from elsewhere: neither one whose
name was made to point here (Host), nor one that opens a WebSocket across sites (Origin). On any
other address a token is needed: in the link once, then in a cookie; programs send it as a bearer.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import secrets
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Final
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vevgw.csms.errors import CsmsError

#: Shortest token that a user may choose.
MIN_TOKEN_LENGTH: Final = 16
#: Wait before a wrong token is refused, s: guessing takes ages.
_PENALTY_S: Final = 0.5
_LONGEST_FORM: Final = 4096
#: Needs no token: the page that asks for it, and how it looks.
_OPEN_PATHS: Final = frozenset({"/login", "/static/style.css", "/static/icon.svg"})

_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; object-src 'none'",
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Not no-referrer: the form of the token would then come from the origin "null".
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

_LOGIN: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>CSMS dashboard</title><link rel="icon" href="/static/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/static/style.css">
</head>
<body class="login"><main>
<h1>CSMS dashboard</h1>
<form method="post" action="/login">
<label for="token">Token <input id="token" name="token" type="password" required autofocus
autocomplete="current-password"></label>
<p class="problem" role="alert">{problem}</p>
<button class="primary">Open</button>
</form>
<p class="muted">The token was given to the CSMS, or printed by it at its start.</p>
</main></body>
</html>
"""


def is_loopback(host: str) -> bool:
    """Whether an address or name to listen on is reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def check_token(token: str) -> str:
    """Returns a token that a user chose.

    Raises:
        CsmsError: It is too short or not printable ASCII; the text says nothing of it.
    """
    if len(token) < MIN_TOKEN_LENGTH or not (token.isascii() and token.isprintable()):
        raise CsmsError(
            f"The dashboard token must have at least {MIN_TOKEN_LENGTH} printable ASCII "
            "characters.",
            exit_code=2,
        )
    return token


class Guard:
    """Stands in front of an ASGI application."""

    def __init__(self, app: ASGIApp, *, host: str, token: str | None) -> None:
        """Sets the rules.

        Args:
            app: What is guarded.
            host: Address listened on.
            token: Demanded of everybody; None = only names of this machine are admitted.
        """
        self._app = app
        self._names = {"localhost", "127.0.0.1", "::1", host}
        self._token = token
        # The cookie is not the token: it is worthless once this process has ended.
        self._session = secrets.token_urlsafe(32)
        self._cookie = f"vevgw_{secrets.token_hex(4)}"

    def __repr__(self) -> str:
        return f"Guard({'token' if self._token else 'this machine only'})"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on, or refuses it."""
        if scope["type"] == "http":
            response = await self._judge_http(Request(scope, receive))
            if response is None:
                await self._app(scope, receive, _with_headers(send))
            else:
                await response(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            connection = HTTPConnection(scope)
            if self._foreign(connection) or not self._is_known(connection):
                await receive()
                await send({"type": "websocket.close", "code": 1008})  # an HTTP 403
            else:
                await self._app(scope, receive, send)

    async def _judge_http(self, request: Request) -> Response | None:
        """Returns the response to a request that may not pass."""
        if why := self._foreign(request):
            return PlainTextResponse(f"{why}\n", 403)
        if self._token is None:
            return None
        secure = request.url.scheme == "https"
        if request.method == "POST" and request.url.path == "/login":
            return await self._log_in(_form_token(await _body(request)), secure=secure)
        if request.method == "GET" and "token" in request.query_params:
            return await self._log_in(request.query_params["token"], secure=secure)
        if request.url.path == "/login":
            return _login_page("")
        if request.url.path in _OPEN_PATHS or self._is_known(request):
            return None
        if request.url.path == "/":
            return RedirectResponse("/login", 303)
        return PlainTextResponse("The dashboard needs a token.\n", 401)

    def _foreign(self, connection: HTTPConnection) -> str:
        """Says why a request comes from a page that has no business here; empty if it does not."""
        host = connection.headers.get("host", "")
        if self._token is None and _name(host) not in self._names:
            return "The dashboard is for this machine only; open it as localhost."
        origin = connection.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return "The dashboard is not for pages from elsewhere."
        return ""

    def _is_known(self, connection: HTTPConnection) -> bool:
        if self._token is None:
            return True
        scheme, _, bearer = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and _equal(bearer.strip(), self._token):
            return True
        return _equal(_cookie(connection.headers, self._cookie), self._session)

    async def _log_in(self, token: str, *, secure: bool) -> Response:
        assert self._token is not None
        if not _equal(token, self._token):
            await asyncio.sleep(_PENALTY_S)
            return _login_page("This is not the token.", 403)
        # Away from the link with the token in it: it would stay in the history of the browser.
        response = RedirectResponse("/", 303)
        response.set_cookie(
            self._cookie, self._session, httponly=True, samesite="strict", secure=secure
        )
        return response


def _equal(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())


def _cookie(headers: Headers, name: str) -> str:
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


def _name(host: str) -> str:
    """Returns the name in a Host header, without port and brackets."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LONGEST_FORM:
            return b""
    return body


def _form_token(body: bytes) -> str:
    return parse_qs(body.decode("utf-8", "replace")).get("token", [""])[0]


def _login_page(problem: str, status: int = 200) -> Response:
    return HTMLResponse(_LOGIN.format(problem=problem), status)


def _with_headers(send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            extra = [(k.lower().encode(), v.encode()) for k, v in _HEADERS.items()]
            message = {**message, "headers": [*message.get("headers", ()), *extra]}
        await send(message)

    return wrapped
