"""Chargers that do not speak Modbus: a stream of bytes, or datagrams, in place of registers."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from vevgw.chargers.devices.base import ChargerDevice, Register, Space


class LineDevice(ChargerDevice):
    """A charger at the other end of a line or of the network.

    What it has to say by itself it appends to `_output`; `take_output()` hands it over.
    """

    function_codes: ClassVar[frozenset[int]] = frozenset()

    def __init__(self) -> None:
        super().__init__()
        self._output = b""

    @abstractmethod
    def receive(self, data: bytes) -> bytes:
        """Takes bytes (one whole datagram) from the gateway; returns the answer."""

    def take_output(self) -> bytes:
        """Returns what the charger says by itself."""
        output, self._output = self._output, b""
        return output

    @property
    def registers(self) -> dict[Space, dict[int, Register]]:
        return {}

    @property
    def is_listening(self) -> bool:
        return True

    def on_transaction(self) -> None:
        """There are none."""
