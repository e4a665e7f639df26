"""Stimuli that the CSMS itself can give, whatever the target is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from vevgw.conformance.errors import Obstacle

if TYPE_CHECKING:
    from vevgw.conformance.runner import Walk


async def occupy_others(walk: Walk) -> None:
    """Leaves the connector under test as the only one that a tag can be meant for."""
    for connector in range(1, walk.stage.target.connectors + 1):
        if connector != walk.name("CONN"):
            payload = {"connectorId": connector, "type": "Inoperative"}
            answer = await walk.call("ChangeAvailability", payload)
            if answer.is_error or answer.payload.get("status") != "Accepted":
                raise Obstacle(f"Connector {connector} cannot be made unavailable.")


async def fill_local_list(walk: Walk) -> None:
    """Leaves no room in the local authorization list."""
    keys = ["LocalAuthListMaxLength", "SendLocalListMaxLength"]
    await walk.call("GetConfiguration", {"key": keys})
    known = walk.stage.session.configuration
    try:
        capacity, at_once = (int(known[key]) for key in keys)
    except (KeyError, ValueError):
        raise Obstacle("How long a local list may be is not known.") from None
    for version, at in enumerate(range(0, capacity, at_once), start=1):
        rows = [
            {"idTag": f"FILL{number}", "idTagInfo": {"status": "Accepted"}}
            for number in range(at, min(at + at_once, capacity))
        ]
        kind = "Full" if at == 0 else "Differential"
        payload = {"listVersion": version, "updateType": kind, "localAuthorizationList": rows}
        answer = await walk.call("SendLocalList", payload)
        if answer.is_error or answer.payload.get("status") != "Accepted":
            raise Obstacle(f"A list of {capacity} tags was refused at {at}.")


BY_CSMS: Final[dict[str, Callable[[Walk], Awaitable[None]]]] = {
    "fill_local_list": fill_local_list,
    "occupy_others": occupy_others,
}
