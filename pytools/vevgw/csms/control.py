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
from collections.abc import Awaitable, Callable
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage
from websockets.http11 import Request
from websockets.typing import Subprotocol

from vevgw.csms.access import Refused
from vevgw.csms.behaviour import (
    REGISTRATIONS,
    Boot,
    parse_id_tag,
    parse_transaction_ids,
    policy_data,
)
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
    response = await respond(message, partial(carry_out, csms))
    with contextlib.suppress(ConnectionClosed):
        await websocket.send(json.dumps(response))


async def respond(
    message: str | bytes, carry_out: Callable[[str, dict[str, Any]], Awaitable[Any]]
) -> dict[str, Any]:
    """Carries out a request given as JSON and returns the response to it; see above.

    Args:
        message: The request.
        carry_out: Does what its method and parameters say.
    """
    request_id: Any = None
    try:
        request = json.loads(message)
        request_id = request["id"]
        result = await carry_out(request["method"], request["parameters"])
    except CsmsError as error:
        return {"id": request_id, "error": str(error)}
    except (ValueError, KeyError, TypeError) as error:
        text = f"Malformed request ({type(error).__name__}: {error})."
        return {"id": request_id, "error": text}
    return {"id": request_id, "result": result}


async def carry_out(csms: Csms, method: str, parameters: dict[str, Any]) -> Any:
    """Carries out one request and returns its result.

    Raises:
        CsmsError: It fails, or there is no such method.
        KeyError, TypeError, ValueError: The parameters are malformed.
    """
    wanted = _METHODS.get(method)
    if wanted is None:
        raise CsmsError(f"There is no control method {method!r}.")
    return await wanted(csms, parameters)


async def _call(csms: Csms, parameters: dict[str, Any]) -> Any:
    charge_point = _connected(csms, parameters["charge_point"])
    return await charge_point.call(
        parameters["action"],
        parameters["payload"],
        timeout_s=float(parameters["timeout_s"]),
        validate=bool(parameters.get("validate", True)),
        concurrent=bool(parameters.get("concurrent", False)),
    )


async def _call_many(csms: Csms, parameters: dict[str, Any]) -> Any:
    """To all connected charge points that fit a pattern, at the same time."""
    pattern = parameters["charge_points"]
    identities = [
        c.identity
        for c in csms.charge_points()
        if c.is_connected and fnmatchcase(c.identity, pattern)
    ]
    if not identities:
        raise CsmsError(f"No charge point that fits {pattern!r} is connected.")

    async def one(identity: str) -> dict[str, Any]:
        try:
            return {"result": await _call(csms, {**parameters, "charge_point": identity})}
        except CsmsError as error:
            return {"error": str(error).partition("\n")[0]}

    answers = await asyncio.gather(*(one(identity) for identity in identities))
    return dict(zip(identities, answers, strict=True))


async def _send(csms: Csms, parameters: dict[str, Any]) -> Any:
    record = await _connected(csms, parameters["charge_point"]).send_text(parameters["text"])
    return {"verdict": record.verdict, "reason": record.reason}


async def _charge_points(csms: Csms, _: dict[str, Any]) -> Any:
    return [
        {
            "identity": entry.identity,
            "connected": csms.charge_point(entry.identity).is_connected,
            "registration": entry.registration,
            "connectors": {str(n): c.status for n, c in sorted(entry.connectors.items())},
        }
        for entry in csms.books.charge_points()
    ]


async def _close(csms: Csms, parameters: dict[str, Any]) -> Any:
    await _connected(csms, parameters["charge_point"]).close(parameters.get("code", 1000))


async def _status(csms: Csms, _: dict[str, Any]) -> Any:
    files = csms.files
    return {
        "url": csms.url,
        "database": str(csms.database.resolve()),
        "database_failure": csms.database_failure,
        "seed": csms.faults.seed,
        "connected": sum(c.is_connected for c in csms.charge_points()),
        "files": None
        if files is None
        else {
            "http": files.http_url,
            "ftp": files.ftp_url,
            "files": str(files.files.resolve()),
            "uploads": str(files.uploads.resolve()),
        },
    }


async def _faults(csms: Csms, _: dict[str, Any]) -> Any:
    return {"seed": csms.faults.seed, "faults": csms.faults.as_data()}


async def _fault_add(csms: Csms, parameters: dict[str, Any]) -> Any:
    return csms.faults.add(parameters["fault"]).as_data()


async def _fault_remove(csms: Csms, parameters: dict[str, Any]) -> Any:
    csms.faults.remove(parameters["id"])


async def _fault_clear(csms: Csms, _: dict[str, Any]) -> Any:
    csms.faults.clear()


async def _policy(csms: Csms, _: dict[str, Any]) -> Any:
    return policy_data(csms.behaviour)


async def _policy_boot(csms: Csms, parameters: dict[str, Any]) -> Any:
    boot = Boot(
        tuple(parameters["answers"]), parameters["interval_s"], parameters["retry_interval_s"]
    )
    if any(answer not in REGISTRATIONS for answer in boot.answers):
        raise CsmsError(f"The answers must be of {', '.join(REGISTRATIONS)}.")
    identity = parameters.get("charge_point")
    if identity is None:
        csms.behaviour.boot = boot
        csms.behaviour.boots.clear()
    else:
        csms.behaviour.boots[identity] = boot


async def _policy_tag(csms: Csms, parameters: dict[str, Any]) -> Any:
    tag, row = parse_id_tag(parameters["tag"])
    csms.behaviour.id_tags[tag] = row


async def _policy_untag(csms: Csms, parameters: dict[str, Any]) -> Any:
    if parameters["tag"].casefold() not in csms.behaviour.id_tags.rows():
        raise CsmsError(f"The tag {parameters['tag']!r} is not in the table.")
    del csms.behaviour.id_tags[parameters["tag"]]


async def _policy_transaction_ids(csms: Csms, parameters: dict[str, Any]) -> Any:
    csms.behaviour.transaction_ids = parse_transaction_ids(parameters["ids"])


_METHODS: Final[dict[str, Callable[[Csms, dict[str, Any]], Awaitable[Any]]]] = {
    "call": _call,
    "call_many": _call_many,
    "send": _send,
    "close": _close,
    "charge_points": _charge_points,
    "status": _status,
    "faults": _faults,
    "fault_add": _fault_add,
    "fault_remove": _fault_remove,
    "fault_clear": _fault_clear,
    "policy": _policy,
    "policy_boot": _policy_boot,
    "policy_tag": _policy_tag,
    "policy_untag": _policy_untag,
    "policy_transaction_ids": _policy_transaction_ids,
}


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
        method: A key of _METHODS.
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
        hint = (
            " (if it listens with TLS, give --tls-ca)"
            if tls is None
            else " (if it wants client certificates, give --tls-client)"
        )
        raise CsmsError(
            f"What listens at {host}:{port} is no CSMS of vevgw{hint}: {error}."
        ) from None
    if "error" in response:
        raise CsmsError(response["error"])
    return response["result"]
