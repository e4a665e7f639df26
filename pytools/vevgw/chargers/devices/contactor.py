"""A contactor in a charger's power line, on a pin of a simulated board."""

from __future__ import annotations

from typing import ClassVar

from vevgw.chargers.devices.base import ChargerDevice
from vevgw.chargers.devices.direct import LineDevice
from vevgw.chargers.ev import Pilot

_MAINS_V = 230.0


class Contactor(LineDevice):
    """Closed while the pin is high; a resistor holds it open while the pin is an input.

    Args:
        load: The charger behind it; its controller has a supply of its own.
        pin: Of the board, active high.

    Attributes:
        is_closed: Now.
        operations: How often it closed.
    """

    model: ClassVar[str] = "contactor"

    def __init__(self, load: ChargerDevice, pin: int = 27) -> None:
        super().__init__()
        self.load = load
        self.pin = pin
        self.operations = 0
        self.is_closed = False
        self._buffer = b""
        self.release()

    def release(self) -> None:
        """The board is off or starts: its pins are inputs."""
        self._set(is_closed=False)

    def receive(self, data: bytes) -> bytes:
        self._buffer += data
        while b"\n" in self._buffer:
            line, self._buffer = self._buffer.split(b"\n", 1)
            match line.decode("ascii", "replace").split():
                case ["H", *_]:
                    self.release()
                case ["O", pin, level] if int(pin) == self.pin:
                    self._set(is_closed=level == "1")
        return b""

    def _set(self, *, is_closed: bool) -> None:
        self.operations += is_closed and not self.is_closed
        self.is_closed = is_closed
        self.load.voltages_v = [_MAINS_V if is_closed else 0.0] * 3

    @property
    def state(self) -> str:
        return "closed" if self.is_closed else "open"

    @property
    def limit_a(self) -> float:
        return 0.0

    def reboot(self) -> None:
        """It has nothing that could."""

    def _pilot(self) -> tuple[Pilot, float]:
        return Pilot.OFF, 0.0

    def _tick(self, dt_s: float) -> None:
        """It has no time of its own."""
