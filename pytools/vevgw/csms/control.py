"""Operations on a running CSMS from another process on the same machine: JSON over a WebSocket.

    request   {"id": 1, "method": "call", "parameters": {...}}
    response  {"id": 1, "result": ...}   or   {"id": 1, "error": "one sentence"}

Only loopback addresses are admitted, and nothing that carries an Origin header: a web page must
not operate a CSMS.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import ssl
from typing import TYPE_CHECKING, Any, Final

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage
from websockets.http11 import Request
from websockets.typing import Subprotocol

from vevgw.csms.access import Refused
from vevgw.csms.errors import CsmsError

if TYPE_CHECKING:
    from vevgw.csms.charge_point import ChargePoint
    from vevgw.csms.server import Csms

SUBPROTOCOL: Final = Subprotocol("vevgw.control")
PATH: Final = "/_control/"


def is_control_path(path: str) -> bool:
    """Whether a request target is that of the control channel."""
    return path.partition("?")[0].startswith(PATH)


def check_request(websocket: ServerConnection, request: Request) -> None:
    """Admits programs on this machine only.

    Raises:
        Refused: The request comes from elsewhere or from a web page.
    """
    address = websocket.remote_address
    if not address or not ipaddress.ip_address(address[0].partition("%")[0]).is_loopback:
        raise Refused(403, "The control channel is for this machine only.")
    if "Origin" in request.headers:
        raise Refused(403, "The control channel is not for web pages.")


async def serve_control(csms: Csms, websocket: ServerConnection) -> None:
    """Carries out requests, several at once, until the connection ends."""
    if websocket.subprotocol != SUBPROTOCOL:
        await websocket.close(1002, f"subprotocol {SUBPROTOCOL} required")
        return
    tasks: set[asyncio.Task[None]] = set()
    try:
        async for message in websocket:
            task = asyncio.create_task(_respond(csms, websocket, message))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
    except ConnectionClosed:
        pass
    finally:
        for task in tasks:
            task.cancel()


async def _respond(csms: Csms, websocket: ServerConnection, message: str | bytes) -> None:
    request_id: Any = None
    response: dict[str, Any]
    try:
        request = json.loads(message)
        request_id = request["id"]
        response = {"result": await _carry_out(csms, request["method"], request["parameters"])}
    except CsmsError as error:
        response = {"error": str(error)}
    except (ValueError, KeyError, TypeError) as error:
        response = {"error": f"Malformed request ({type(error).__name__}: {error})."}
    with contextlib.suppress(ConnectionClosed):
        await websocket.send(json.dumps({"id": request_id, **response}))


async def _carry_out(csms: Csms, method: str, parameters: dict[str, Any]) -> Any:
    match method:
        case "call":
            charge_point = _connected(csms, parameters["charge_point"])
            return await charge_point.call(
                parameters["action"],
                parameters["payload"],
                timeout_s=float(parameters["timeout_s"]),
                validate=bool(parameters.get("validate", True)),
            )
        case "charge_points":
            return [
                {
                    "identity": entry.identity,
                    "connected": csms.charge_point(entry.identity).is_connected,
                    "registration": entry.registration,
                    "connectors": {str(n): c.status for n, c in sorted(entry.connectors.items())},
                }
                for entry in csms.books.charge_points()
            ]
        case "close":
            await _connected(csms, parameters["charge_point"]).close(parameters.get("code", 1000))
            return None
        case "faults":
            return {"seed": csms.faults.seed, "faults": csms.faults.as_data()}
        case "fault_add":
            return csms.faults.add(parameters["fault"]).as_data()
        case "fault_remove":
            csms.faults.remove(parameters["id"])
            return None
        case "fault_clear":
            csms.faults.clear()
            return None
        case _:
            raise CsmsError(f"There is no control method {method!r}.")


def _connected(csms: Csms, identity: Any) -> ChargePoint:
    connected = {c.identity: c for c in csms.charge_points() if c.is_connected}
    if identity not in connected:
        names = ", ".join(sorted(connected)) or "none"
        raise CsmsError(f"Charge point {identity!r} is not connected; connected: {names}.")
    return connected[identity]


async def request(
    method: str,
    parameters: dict[str, Any],
    *,
    host: str,
    port: int,
    timeout_s: float,
    tls: ssl.SSLContext | None = None,
) -> Any:
    """Sends one request to a running CSMS and returns its result.

    Args:
        method: See _carry_out().
        parameters: Of the method.
        host: Address of the CSMS, on this machine.
        port: Its TCP port.
        timeout_s: Seconds for all of it.
        tls: For a CSMS that listens with TLS.

    Raises:
        CsmsError: No CSMS listens there, or it reports an error.
    """
    scheme = "ws" if tls is None else "wss"
    try:
        async with (
            asyncio.timeout(timeout_s),
            connect(
                f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}{PATH}",
                subprotocols=[SUBPROTOCOL],
                ssl=tls,
                proxy=None,
                compression=None,
            ) as websocket,
        ):
            await websocket.send(json.dumps({"id": 1, "method": method, "parameters": parameters}))
            response = json.loads(await websocket.recv())
    except TimeoutError:
        raise CsmsError(
            f"The CSMS at {host}:{port} did not answer within {timeout_s:g} s."
        ) from None
    except ssl.SSLError as error:
        raise CsmsError(f"TLS with the CSMS at {host}:{port} failed: {error.reason}.") from None
    except OSError as error:
        raise CsmsError(
            f"No CSMS can be reached at {host}:{port}: {error.strerror or error}."
        ) from None
    except (InvalidHandshake, InvalidMessage, ConnectionClosed, ValueError) as error:
        hint = " (if it listens with TLS, give --tls-ca)" if tls is None else ""
        raise CsmsError(
            f"What listens at {host}:{port} is no CSMS of vevgw{hint}: {error}."
        ) from None
    if "error" in response:
        raise CsmsError(response["error"])
    return response["result"]
