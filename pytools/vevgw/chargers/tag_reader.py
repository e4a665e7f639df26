"""A simulated RDM6300: a 125 kHz tag reader on a pseudo-terminal.

The module sends, at 9600 8N1, one frame about every 65 ms while a tag is in its field: 0x02, ten
hex digits (version byte and four bytes of number), two hex digits of checksum, 0x03.
"""

from __future__ import annotations

import os
from functools import reduce
from types import TracebackType
from typing import Self

from vevgw.chargers.sim_cable import open_raw_pty
from vevgw.errors import UserError


class TagReaderSim:
    """The reader; a context manager."""

    def __init__(self) -> None:
        self._master = -1
        self._slave = -1

    def __enter__(self) -> Self:
        self._master, self._slave = open_raw_pty()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._master)
        os.close(self._slave)

    @property
    def port_path(self) -> str:
        """Device that the gateway opens."""
        return os.ttyname(self._slave)

    def present(self, tag: str) -> None:
        """Holds a tag to the reader for a moment.

        Args:
            tag: Ten hex digits.

        Raises:
            UserError: It is not.
        """
        os.write(self._master, frame(tag) * 3)


def frame(tag: str) -> bytes:
    """Returns what the module sends for a tag.

    Raises:
        UserError: The tag is not ten hex digits.
    """
    try:
        number = bytes.fromhex(tag)
    except ValueError:
        number = b""
    if len(number) != 5:
        raise UserError(f"A tag of the RDM6300 has ten hex digits, not '{tag}'.")
    checksum = reduce(lambda left, right: left ^ right, number)
    return b"\x02" + number.hex().upper().encode() + f"{checksum:02X}".encode() + b"\x03"
