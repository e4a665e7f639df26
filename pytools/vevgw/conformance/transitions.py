"""Which status of a connector may follow which (OCPP 1.6 ed. 2, 4.9, table of transitions)."""

from __future__ import annotations

from typing import Any, Final

_BUSY: Final = frozenset({"Available", "Finishing", "Unavailable", "Faulted"})
_ANY: Final = frozenset(
    {
        "Available",
        "Preparing",
        "Charging",
        "SuspendedEV",
        "SuspendedEVSE",
        "Finishing",
        "Reserved",
        "Unavailable",
        "Faulted",
    }
)
_NEXT: Final = {
    "Available": _ANY - {"Finishing"},
    "Preparing": _ANY - {"Reserved", "Unavailable"},
    "Charging": _BUSY | {"SuspendedEV", "SuspendedEVSE"},
    "SuspendedEV": _BUSY | {"Charging", "SuspendedEVSE"},
    "SuspendedEVSE": _BUSY | {"Charging", "SuspendedEV"},
    "Finishing": frozenset({"Available", "Preparing", "Unavailable", "Faulted"}),
    "Reserved": frozenset({"Available", "Preparing", "Unavailable", "Faulted"}),
    "Unavailable": _ANY - {"Finishing", "Reserved"},
    "Faulted": _ANY,
}


class Statuses:
    """Follows the status of every connector."""

    def __init__(self) -> None:
        self._last: dict[int, str] = {}

    def forget(self) -> None:
        """Something happened in between that nobody told: a restart, a time without connection."""
        self._last.clear()

    def mistake(self, payload: dict[str, Any]) -> str | None:
        """Takes a StatusNotification.req; returns what is impossible about it."""
        connector, status = payload["connectorId"], payload["status"]
        if connector == 0 and status not in ("Available", "Unavailable", "Faulted"):
            return f"connector 0 cannot be {status}"
        before = self._last.get(connector)
        self._last[connector] = status
        if before is None or before == status or status in _NEXT[before]:
            return None
        return f"connector {connector}: {before} cannot be followed by {status}"
