"""Faults as switches: one that is switched off is kept here until it is switched on again."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from vevgw.csms.errors import CsmsError
from vevgw.csms.faults import Faults


class FaultSwitches:
    """The faults of one CSMS, those that are switched off included."""

    def __init__(self, faults: Faults, changed: Callable[[], None]) -> None:
        """Binds them.

        Args:
            faults: Those in force, whoever added them.
            changed: Called when one is added, removed or switched.
        """
        self._faults = faults
        self._changed = changed
        self._off: dict[str, dict[str, Any]] = {}
        faults.listeners.append(changed)

    def as_data(self) -> list[dict[str, Any]]:
        """Returns all faults with ``on`` and ``fired``, in the order of their ids."""
        in_force = self._faults.as_data()
        # The command line may have added one with the same id meanwhile.
        off = [data for name, data in self._off.items() if name not in self._faults]
        every = [data | {"on": True} for data in in_force] + [data | {"on": False} for data in off]
        return sorted(every, key=lambda data: _natural(data["id"]))

    def add(self, data: dict[str, Any]) -> str:
        """Puts a fault in force and returns its id.

        Raises:
            CsmsError: A key or a value is wrong, or its id is in use.
        """
        if data.get("id") in self._off:
            raise CsmsError(f"There is already a fault {data['id']!r}.")
        return self._faults.add(data).id

    def switch(self, fault_id: str, *, on: bool) -> None:
        """Switches a fault on or off; one that is already so stays.

        Raises:
            CsmsError: There is none with this id.
        """
        if on and fault_id in self._off:
            data = self._off.pop(fault_id)
            self._faults.add({k: v for k, v in data.items() if k not in ("fired", "age_s")})
        elif not on and fault_id in self._faults:
            (data,) = (data for data in self._faults.as_data() if data["id"] == fault_id)
            self._off[fault_id] = data
            self._faults.remove(fault_id)
        elif fault_id not in self._faults and fault_id not in self._off:
            self._faults.remove(fault_id)  # says that there is none

    def remove(self, fault_id: str) -> None:
        """Forgets a fault, on or off.

        Raises:
            CsmsError: There is none with this id.
        """
        if self._off.pop(fault_id, None) is None:
            self._faults.remove(fault_id)
        else:
            self._changed()


def _natural(fault_id: str) -> list[tuple[int, str]]:
    """F2 before F10."""
    return [(int(part or 0), text) for text, part in re.findall(r"(\D*)(\d*)", fault_id)]
