"""The TCP ports that the CSMS listens on."""

from __future__ import annotations

import errno
import logging
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from websockets.asyncio.server import Server, ServerConnection, serve

from vevgw.csms import control
from vevgw.csms.errors import CsmsError
from vevgw.csms.handshake import OCPP_SUBPROTOCOL, Admission

# websockets logs tracebacks of failed handshakes, and all headers (passwords!) at debug level.
_WEBSOCKETS_LOG = logging.getLogger("vevgw.csms.websockets")
_WEBSOCKETS_LOG.setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class Listening:
    """How to listen: see Csms.__init__()."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    ping_interval_s: float | None
    max_frame_bytes: int


async def listen(
    handler: Callable[[ServerConnection], Awaitable[None]], admission: Admission, how: Listening
) -> Server:
    """Listens on a port.

    Args:
        handler: Has each connection from its opening to its end.
        admission: Says who may connect.
        how: Where and with what limits.

    Raises:
        CsmsError: The address cannot be listened on.
    """
    try:
        return await serve(
            handler,
            how.host,
            how.port,
            subprotocols=[OCPP_SUBPROTOCOL, control.SUBPROTOCOL],
            select_subprotocol=admission.select_subprotocol,
            process_request=admission.admit,
            process_response=admission.respond,
            create_connection=admission.new_connection,  # type: ignore[arg-type]
            open_timeout=None,
            ssl=how.tls,
            compression=None,
            server_header="vevgw-csms",
            ping_interval=how.ping_interval_s,
            ping_timeout=how.ping_interval_s,
            close_timeout=2.0,
            max_size=how.max_frame_bytes,
            logger=_WEBSOCKETS_LOG,
        )
    except OSError as error:
        why = "the port is in use" if error.errno == errno.EADDRINUSE else error.strerror
        raise CsmsError(f"The CSMS cannot listen on {how.host} port {how.port}: {why}.") from None


def port_of(server: Server) -> int:
    """Returns the port that it listens on."""
    return int(next(iter(server.sockets)).getsockname()[1])
