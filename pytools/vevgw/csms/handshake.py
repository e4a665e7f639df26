"""The opening handshake: admission, subprotocol, and what can go wrong with them on purpose."""

from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.typing import Subprotocol

from vevgw.csms import control
from vevgw.csms.access import Access, Refused, identity_of
from vevgw.csms.effects import Close, Delay, EchoSubprotocol, Freeze, HttpStatus
from vevgw.csms.faults import Fault, Faults

_LOG = logging.getLogger(__name__)

OCPP_SUBPROTOCOL: Final = Subprotocol("ocpp1.6")
#: Longest wait for the request of a client, s.
REQUEST_TIMEOUT_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class OpeningRequest:
    """What a client asked for in its opening handshake.

    Attributes:
        identity: Of the charge point; empty if the path names none.
        path: As it was sent.
        version: Sec-WebSocket-Version.
        subprotocols: Offered, in the order of preference.
        authorization: The header; None if absent. It holds a password: do not log it.
        tls: Version of TLS, None without TLS.
        cipher: Its suite.
        suites: Of the client's, those that the server allows, too.
        certificate: Of the client, DER; None if it showed none or was not asked for one.
    """

    identity: str
    path: str
    version: str
    subprotocols: tuple[str, ...]
    authorization: str | None
    tls: str | None
    cipher: str | None
    suites: tuple[str, ...] = ()
    certificate: bytes | None = None


class Opening(ServerConnection):
    """A connection that is given up when its request does not come.

    The library's own limit would also end a handshake that is held back on purpose.

    Attributes:
        echo: The subprotocol to answer with on purpose; None = the agreed one.
    """

    echo: EchoSubprotocol | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Starts the clock."""
        super().connection_made(transport)
        self.loop.call_later(REQUEST_TIMEOUT_S, self._expire)

    def _expire(self) -> None:
        if self.request is None:
            self.transport.abort()


class Admission:
    """Answers opening handshakes."""

    def __init__(
        self,
        access: Callable[[], Access],
        faults: Faults,
        refused: Callable[[str, str, str], None],
        opened: Callable[[OpeningRequest], None],
    ) -> None:
        """Sets the rules.

        Args:
            access: Returns who may connect.
            faults: What goes wrong on purpose.
            refused: Told of the identity, the peer, and why it was refused.
            opened: Told of every handshake, refused ones included.
        """
        self._access = access
        self._faults = faults
        self._refused = refused
        self._opened = opened
        self._opening: weakref.WeakSet[Opening] = weakref.WeakSet()

    def new_connection(self, *arguments: Any, **options: Any) -> Opening:
        """Makes a connection, for the library."""
        connection = Opening(*arguments, **options)
        self._opening.add(connection)
        return connection

    def end(self) -> None:
        """Ends all handshakes, those held back on purpose included."""
        for connection in list(self._opening):
            # One in the middle of its TLS handshake has no transport yet.
            transport = getattr(connection, "transport", None)
            if transport is not None and connection.state is State.CONNECTING:
                transport.abort()

    async def admit(self, websocket: ServerConnection, request: Request) -> Response | None:
        """Accepts (None) or refuses an opening handshake before the upgrade."""
        path, peer = request.path, peer_of(websocket)
        try:
            if control.is_control_path(path):
                control.check_request(websocket, request)
                return None
            self._opened(_opening_request(websocket, request))
            fault = self._faults.on_connect(identity_of(path))
            if fault is not None:
                response = await self._harm(fault, websocket, identity_of(path))
                if response is not None:
                    return response
            authorizations = request.headers.get_all("Authorization")
            authorization = authorizations[0] if authorizations else None
            self._access().check(path, authorization, _certificate_name(websocket))
        except Refused as refused:
            _LOG.warning("Refused %s: %s", peer, refused.sentence)
            self._note(path, peer, f"HTTP {refused.status}: {refused.sentence}")
            response = websocket.respond(HTTPStatus(refused.status), refused.sentence + "\n")
            if refused.status == HTTPStatus.UNAUTHORIZED:
                response.headers["WWW-Authenticate"] = 'Basic realm="OCPP"'
            return response
        return None

    @staticmethod
    def respond(
        websocket: ServerConnection, request: Request, response: Response
    ) -> Response | None:
        """Changes the response to an accepted handshake on purpose."""
        echo = websocket.echo if isinstance(websocket, Opening) else None
        if echo is not None and response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            response.headers.pop("Sec-WebSocket-Protocol", None)
            if echo.name is not None:
                response.headers["Sec-WebSocket-Protocol"] = echo.name
        return None

    @staticmethod
    def select_subprotocol(
        websocket: ServerConnection, offered: Sequence[Subprotocol]
    ) -> Subprotocol | None:
        """Picks the subprotocol by the path; None when the client does not offer it."""
        assert websocket.request is not None
        is_control = control.is_control_path(websocket.request.path)
        wanted = control.SUBPROTOCOL if is_control else OCPP_SUBPROTOCOL
        return wanted if wanted in offered else None

    async def _harm(
        self, fault: Fault, websocket: ServerConnection, identity: str
    ) -> Response | None:
        what = f"fault {fault.mark}"
        match fault.effect:
            case HttpStatus(status, retry_after_s):
                self._refused(identity, peer_of(websocket), f"HTTP {status}, {what}")
                return _response(status, retry_after_s)
            case EchoSubprotocol() as echo:
                assert isinstance(websocket, Opening)
                websocket.echo = echo
            case Close():
                self._refused(identity, peer_of(websocket), f"TCP torn down, {what}")
                websocket.transport.abort()
            case Freeze(for_s):
                self._refused(identity, peer_of(websocket), f"never answered, {what}")
                await _while_open(websocket, for_s)
            case Delay(delay_s):
                await _while_open(websocket, delay_s)
        return None

    def _note(self, path: str, peer: str, why: str) -> None:
        if control.is_control_path(path):
            return
        try:
            identity = identity_of(path)
        except Refused:
            identity = ""
        self._refused(identity, peer, why)


def _opening_request(websocket: ServerConnection, request: Request) -> OpeningRequest:
    try:
        identity = identity_of(request.path)
    except Refused:
        identity = ""
    offered = ",".join(request.headers.get_all("Sec-WebSocket-Protocol"))
    tls = websocket.transport.get_extra_info("ssl_object")
    cipher = tls.cipher() if tls is not None else None
    return OpeningRequest(
        identity=identity,
        path=request.path,
        version=request.headers.get("Sec-WebSocket-Version", ""),
        subprotocols=tuple(name.strip() for name in offered.split(",") if name.strip()),
        authorization=next(iter(request.headers.get_all("Authorization")), None),
        tls=tls.version() if tls is not None else None,
        cipher=cipher[0] if cipher is not None else None,
        suites=tuple(name for name, _, _ in (tls.shared_ciphers() or ()))
        if tls is not None
        else (),
        certificate=tls.getpeercert(binary_form=True) if tls is not None else None,
    )


async def _while_open(websocket: ServerConnection, delay_s: float | None) -> None:
    lost: asyncio.Future[Any] = websocket.connection_lost_waiter
    await asyncio.wait([lost], timeout=delay_s)


def _response(status: int, retry_after_s: int | None) -> Response:
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = "On Purpose"
    body = f"{reason}, on purpose.\n".encode()
    headers = Headers(
        {"Content-Type": "text/plain", "Content-Length": str(len(body)), "Connection": "close"}
    )
    if retry_after_s is not None:
        headers["Retry-After"] = str(retry_after_s)
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Basic realm="OCPP"'
    return Response(status, reason, headers, body)


def peer_of(websocket: ServerConnection) -> str:
    """Returns address and port of the other side."""
    address = websocket.remote_address
    return f"{address[0]}:{address[1]}" if address else "unknown"


def _certificate_name(websocket: ServerConnection) -> str | None:
    """Returns the common name of the client certificate."""
    certificate: dict[str, Any] = websocket.transport.get_extra_info("peercert") or {}
    for part in certificate.get("subject", ()):
        for key, value in part:
            if key == "commonName":
                return str(value)
    return None
