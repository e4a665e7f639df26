"""Checks of the opening handshake: path, subprotocol, credentials."""

from __future__ import annotations

import asyncio
import base64
import urllib.parse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from vevgw.conformance.checks import check
from vevgw.conformance.errors import Deviation
from vevgw.errors import UserError

if TYPE_CHECKING:
    from vevgw.conformance.runner import Walk
    from vevgw.csms.handshake import OpeningRequest

_SUBPROTOCOL: Final = "ocpp1.6"
_WEBSOCKET_VERSION: Final = "13"
#: Suites of TLS 1.2 (A00.FR.318), and what is as strong.
SUITES: Final = frozenset(
    {
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES256-GCM-SHA384",
        "AES128-GCM-SHA256",
        "AES256-GCM-SHA384",
    }
)

#: The security profile with client certificates.
_CERTIFICATES: Final = 3
#: Shortest and longest AuthorizationKey, bytes (A00.FR.205).
_KEY_BYTES: Final = (16, 20)
#: Pairs of suites, of which a charge point must offer one.
_PRESCRIBED: Final = (
    {"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384"},
    {"AES128-GCM-SHA256", "AES256-GCM-SHA384"},
)


def _last(walk: Walk) -> OpeningRequest:
    openings = walk.stage.session.openings
    if not openings:
        raise Deviation("nobody opened a connection")
    return openings[-1]


async def _opened(walk: Walk, times: int) -> None:
    """Waits for the n-th opening handshake of the case; TimeoutError."""
    session = walk.stage.session
    await session.changed.until(
        lambda: len(session.openings) >= times, walk.seconds("$LONG_TIMEOUT")
    )


@check
def opening(walk: Walk, arguments: Mapping[str, Any]) -> None:
    """The charge point asked for OCPP 1.6 at a path that ends with its encoded identity."""
    request = _last(walk)
    if _SUBPROTOCOL not in request.subprotocols:
        raise Deviation(f"the subprotocols offered are {list(request.subprotocols)}")
    if request.version != _WEBSOCKET_VERSION:
        raise Deviation(f"the version of WebSocket is {request.version!r}")
    identity = request.path.rpartition("/")[2]
    if urllib.parse.unquote(identity) != walk.stage.target.identity:
        raise Deviation(f"the path ends with {identity!r}")


@check
def credentials(walk: Walk, arguments: Mapping[str, Any]) -> None:
    """HTTP Basic with the identity and this `password`, given in hex; `null`: no credentials."""
    header = _last(walk).authorization
    password = arguments.get("password")
    if password is None:
        if header is not None:
            raise Deviation("credentials came where none belong")
        return
    user = walk.stage.target.identity.encode() + b":"
    wanted = "Basic " + base64.b64encode(user + bytes.fromhex(password)).decode()
    if header is None:
        raise Deviation("no credentials came")
    if header != wanted:
        raise Deviation("the credentials are wrong")


@check
def connection_of_profile(walk: Walk, arguments: Mapping[str, Any]) -> None:
    """The latest connection is of the security profile `profile`, of 1 to 3.

    Profiles 1 and 2: HTTP Basic with the identity and a key of 16 to 20 bytes; 2 and 3: TLS;
    3: a certificate, and no credentials beside it.
    """
    request, profile = _last(walk), int(arguments["profile"])
    if (request.tls is not None) != (profile > 1):
        raise Deviation(f"the connection has {request.tls or 'no TLS'}, with profile {profile}")
    if profile == _CERTIFICATES:
        if request.certificate is None:
            raise Deviation("the charge point showed no certificate")
        if request.authorization is not None:
            raise Deviation("credentials came beside a certificate")
        return
    if request.authorization is None:
        raise Deviation("no credentials came")
    scheme, _, encoded = request.authorization.partition(" ")
    try:
        user, colon, key = base64.b64decode(encoded, validate=True).partition(b":")
    except ValueError:
        raise Deviation("the credentials are no base64") from None
    if scheme.lower() != "basic" or not colon:
        raise Deviation("the credentials are not those of HTTP Basic")
    if user != walk.stage.target.identity.encode():
        raise Deviation(f"the user is {user!r}, not the identity")
    if not _KEY_BYTES[0] <= len(key) <= _KEY_BYTES[1]:
        raise Deviation(f"the key has {len(key)} bytes, not {_KEY_BYTES[0]} to {_KEY_BYTES[1]}")


@check
def still_connected(walk: Walk, arguments: Mapping[str, Any]) -> None:
    """The charge point has kept its connection since `reconnected` was last asked."""
    session = walk.stage.session
    if not walk.stage.charge_point.is_connected or len(session.openings) != session.openings_judged:
        raise Deviation("the charge point did not keep its connection")


@check
async def keeps_to_tls(walk: Walk, arguments: Mapping[str, Any]) -> None:
    """Without TLS at the CSMS nothing connects `for` so many seconds; with it, it does again.

    Raises:
        UserError: The CSMS has no port that is without TLS.
    """
    stage = walk.stage
    if stage.csms.tls_url is None:
        raise UserError("The CSMS of this target has no port without TLS to offer.")
    before = len(stage.session.openings)
    await stage.csms.withdraw_tls()
    try:
        await asyncio.sleep(walk.seconds(arguments["for"]))
    finally:
        await stage.csms.offer_tls()
    if any(one.tls is None for one in stage.session.openings[before:]):
        raise Deviation("the charge point came with a lower security profile")
    await _opened(walk, before + 1)
    stage.session.openings_judged = len(stage.session.openings)
    await stage.charge_point.wait_connected(timeout_s=walk.seconds("$LONG_TIMEOUT"))


@check
async def without_subprotocol(walk: Walk, arguments: Mapping[str, Any]) -> None:
    """Where the CSMS agrees to no subprotocol the charge point sends nothing and tries again."""
    stage = walk.stage
    fault = stage.csms.faults.add({"what": "subprotocol", "name": None})
    before = len(stage.session.openings)
    sent = len(stage.session.calls)
    try:
        if stage.charge_point.is_connected:
            await stage.charge_point.close()
        try:
            await _opened(walk, before + 2)
        except TimeoutError:
            tries = len(stage.session.openings) - before
            raise Deviation(f"the charge point tried {tries} times, not twice or more") from None
        if len(stage.session.calls) > sent:
            entry = stage.session.calls[sent]
            raise Deviation(f"{entry.action} came without an agreed subprotocol", entry.index)
    finally:
        stage.csms.faults.remove(fault.id)
    # The last of those connections may still be there.
    after = stage.charge_point.connections
    await stage.charge_point.wait_connected(timeout_s=walk.seconds("$LONG_TIMEOUT"), after=after)


@check
async def reconnected(walk: Walk, arguments: Mapping[str, Any]) -> None:
    """The charge point has opened another connection, or does so in time.

    Another than that of the beginning, or those that were there when this was last asked.
    """
    stage = walk.stage
    try:
        await _opened(walk, stage.session.openings_judged + 1)
    except TimeoutError:
        raise Deviation("the charge point did not connect again") from None
    stage.session.openings_judged = len(stage.session.openings)
    await stage.charge_point.wait_connected(timeout_s=walk.seconds("$LONG_TIMEOUT"))


@check
def tls(walk: Walk, arguments: Mapping[str, Any]) -> None:
    """The connection has TLS 1.2 or later with one of the suites of the security whitepaper.

    The charge point offers both of those with ECDHE-ECDSA, or both of those with RSA.
    """
    request = _last(walk)
    if request.tls not in ("TLSv1.2", "TLSv1.3"):
        raise Deviation(f"the connection has {request.tls or 'no TLS'}")
    if request.tls == "TLSv1.2" and request.cipher not in SUITES:
        raise Deviation(f"the suite is {request.cipher}")
    if not any(pair <= set(request.suites) for pair in _PRESCRIBED):
        raise Deviation(f"the suites offered are {', '.join(request.suites) or 'others'}")
