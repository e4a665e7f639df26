"""Brings a charge point that is not new back to where every case begins."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

from vevgw.conformance.errors import Deviation
from vevgw.errors import UserError

if TYPE_CHECKING:
    from vevgw.conformance.runner import Walk

_CALLS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("ClearChargingProfile", {}),
    ("CancelReservation", {"reservationId": 1}),
    ("ChangeAvailability", {"connectorId": 0, "type": "Operative"}),
    ("ClearCache", {}),
    ("SendLocalList", {"listVersion": 1, "updateType": "Full"}),
)


async def clean_up(walk: Walk) -> None:
    """Ends what a case may have left behind. What the charge point refuses is none of its business.

    Raises:
        UserError: The target does not obey.
    """
    stage = walk.stage
    stage.session.add("note", "cleanup", "the case is cleaned up")
    if not stage.charge_point.is_connected:
        await stage.target.do("link_up", {})
    with contextlib.suppress(UserError):
        await stage.target.do("clear_fault", {"connector": 0})
    for transaction in stage.csms.books.open_transactions(stage.target.identity):
        await _try(walk, "RemoteStopTransaction", {"transactionId": transaction.id})
    for connector in range(1, stage.target.connectors + 1):
        with contextlib.suppress(UserError):
            await stage.target.do("unplug", {"connector": connector})
        if connector != 0:
            operative = {"connectorId": connector, "type": "Operative"}
            await _try(walk, "ChangeAvailability", operative)
    for action, payload in _CALLS:
        await _try(walk, action, payload)
    for key, value in walk.original_configuration.items():
        await _try(walk, "ChangeConfiguration", {"key": key, "value": value})


async def _try(walk: Walk, action: str, payload: dict[str, Any]) -> None:
    with contextlib.suppress(Deviation):
        await walk.call(action, payload)
