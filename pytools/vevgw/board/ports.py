"""Which serial port a board is on: the USB bridges that DevKits have."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vevgw.errors import UserError

# (vendor id, product id) -> name of the bridge chip.
BRIDGES = {
    (0x10C4, 0xEA60): "CP2102",
    (0x1A86, 0x7523): "CH340",
    (0x1A86, 0x55D4): "CH9102",
    (0x0403, 0x6001): "FTDI",
    (0x0403, 0x6010): "FTDI",
    (0x0403, 0x6014): "FTDI",
    (0x0403, 0x6015): "FTDI",
}


@dataclass(frozen=True, slots=True)
class SerialPort:
    """A serial port of this computer; the ids are those of its USB device, None without one."""

    device: str
    vendor_id: int | None = None
    product_id: int | None = None

    @property
    def bridge(self) -> str | None:
        """Name of the USB bridge chip, None when it is not one that boards have."""
        if self.vendor_id is None or self.product_id is None:
            return None
        return BRIDGES.get((self.vendor_id, self.product_id))


def serial_ports() -> list[SerialPort]:
    """Returns the serial ports of this computer."""
    from serial.tools import list_ports

    found = [SerialPort(port.device, port.vid, port.pid) for port in list_ports.comports()]
    return sorted(found, key=lambda port: port.device)


def choose_port(asked: str | None, present: Iterable[SerialPort] | None = None) -> str:
    """Returns the port that was asked for, else the only one with a bridge of a board.

    Args:
        asked: Device, pseudo-terminal or rfc2217://HOST:PORT; None = look for one.
        present: The ports to choose from; None = those of this computer.

    Raises:
        UserError: There is none, there are several, or the one asked for does not exist.
    """
    if asked is not None and ("://" in asked or os.name == "nt" or Path(asked).exists()):
        return asked
    ports = list(serial_ports() if present is None else present)
    if asked is not None:
        there = ", ".join(port.device for port in ports) or "none"
        raise UserError(f"There is no port {asked}; plug the board in, or name one of: {there}.")
    boards = [port for port in ports if port.bridge is not None]
    if len(boards) == 1:
        return boards[0].device
    if boards:
        names = ", ".join(f"{port.device} ({port.bridge})" for port in boards)
        raise UserError(f"Several ports may be the board's: {names}; name one with --port.")
    others = ", ".join(port.device for port in ports)
    bridges = ", ".join(dict.fromkeys(BRIDGES.values()))
    raise UserError(
        f"No board was found on USB (bridges looked for: {bridges}); plug it in, or name its port "
        f"with --port ({'ports without such a bridge: ' + others if others else 'no ports here'})."
    )
