"""Wires from outputs of a simulated board to inputs of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from vevgw.chargers.devices.direct import LineDevice
from vevgw.chargers.ev import Pilot


class Jumpers(LineDevice):
    """An input follows its output, or counts how often that rises.

    Args:
        pairs: Output -> input.
        pulses: Inputs that count.
    """

    model: ClassVar[str] = "jumpers"

    def __init__(self, pairs: Mapping[int, int], *, pulses: Sequence[int] = ()) -> None:
        super().__init__()
        self._pairs = dict(pairs)
        self._pulses = tuple(pulses)
        self._levels: dict[int, bool] = {}
        self._buffer = b""

    def receive(self, data: bytes) -> bytes:
        self._buffer += data
        answer = b""
        while b"\n" in self._buffer:
            line, self._buffer = self._buffer.split(b"\n", 1)
            match line.decode("ascii", "replace").split():
                case ["H", *_]:  # it starts: all pins are inputs
                    self._levels.clear()
                    for into in self._pairs.values():
                        answer += f"I {into} 0\n".encode()
                case ["O", pin, level] if int(pin) in self._pairs:
                    answer += self._follow(int(pin), is_high=level == "1")
        return answer

    def _follow(self, pin: int, *, is_high: bool) -> bytes:
        into = self._pairs[pin]
        rises = is_high and not self._levels.get(pin, False)
        self._levels[pin] = is_high
        if into in self._pulses:
            return f"S {into} 1\n".encode() if rises else b""
        return f"I {into} {int(is_high)}\n".encode()

    @property
    def state(self) -> str:
        return "wired"

    @property
    def limit_a(self) -> float:
        return 0.0

    def reboot(self) -> None:
        """It has nothing that could."""

    def _pilot(self) -> tuple[Pilot, float]:
        return Pilot.OFF, 0.0

    def _tick(self, dt_s: float) -> None:
        """It has no time of its own."""
