"""A profile as a file that a gateway loads at run time (.vevp).

Bytes: `VEVP`, version (1 byte), 3 zero bytes, length of what follows (u32), its CRC-32 (u32), then
the tables of profiles_tables in the order of lib/bridge/profile_image.cpp. Little endian.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from vevgw.chargers.profiles import Profile
from vevgw.chargers.profiles_tables import Cell, Name, Row, When, tables

MAGIC = b"VEVP"
VERSION = 2
# One letter per member: as in struct, w = conditions, s = text (length in one byte).
_HEAD = "ssBBIBBHBHHHHIBBBBHBBBw"
_CONTROL = "BBBBBBIIIIIIIBHHwBBII" + 9 * "BB"
_WATCHDOG = "BBBHIIIBBBB"
_ARRAYS = {
    "registers": "BBHBBBBBBBBHHBIii",
    "extras": "BBwqq",
    "conditions": "BBIII",
    "states": "wIBBBss",
    "errors": "wIBBBss",
    "steps": "BBwIH",
    "init": "BIHBw",
}


def image(profile: Profile) -> bytes:
    """Returns the file for a profile without mistakes.

    Raises:
        UserError: It is too large for the firmware.
    """
    made = tables(profile)
    body = _pack(_HEAD, made.head) + _pack(_CONTROL, made.control)
    body += _pack(_WATCHDOG, made.watchdog)
    for name, letters in _ARRAYS.items():
        rows: list[Row] = getattr(made, name)
        body += struct.pack("<H", len(rows))
        body += b"".join(_pack(letters, row) for row in rows)
    head = MAGIC + struct.pack("<B3xII", VERSION, len(body), zlib.crc32(body))
    return head + body


def _flat(row: Row) -> Iterator[Cell]:
    for cell in row:
        if isinstance(cell, tuple) and not isinstance(cell, Name):
            yield from _flat(cell)
        else:
            yield cell


def _pack(letters: str, row: Row) -> bytes:
    packed = b""
    for letter, cell in zip(letters, _flat(row), strict=True):
        if isinstance(cell, When):
            packed += struct.pack("<HB", cell.first, cell.count)
        elif isinstance(cell, str):
            text = cell.encode()[:255]
            packed += struct.pack("<B", len(text)) + text
        elif isinstance(cell, Name):
            packed += struct.pack("<B", cell.value)
        elif not isinstance(cell, tuple):
            packed += struct.pack("<" + letter, int(cell))
    return packed
