"""Files as a build for the board leaves them, small and with nothing to run in them."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

SLOT_BYTES = 0x1A0000


def make_build(
    folder: Path, *, version: str = "0.1.0+gtest", firmware_bytes: int = 40_000, security: int = 0
) -> Path:
    """Writes firmware.bin, bootloader.bin and partitions.bin, and returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bootloader.bin").write_bytes(image_of(b"boot", 2_000))
    (folder / "partitions.bin").write_bytes(partition_table())
    text = (version.encode() + b"\0").ljust(256 + 8, b"\0")
    text += struct.pack("<4sIII", b"VEVL", 16, security, security ^ 0xFFFFFFFF)
    (folder / "firmware.bin").write_bytes(image_of(text, firmware_bytes))
    return folder


def image_of(text: bytes, size: int, *, chip: int = 0) -> bytes:
    """An image of an ESP chip with no segments, and something in it that compresses badly."""
    head = struct.pack("<BBBBIBBBBHB", 0xE9, 0, 2, 0x20, 0x40080000, 0xEE, 0, 0, 0, chip, 0)
    noise = b"".join(hashlib.sha256(bytes([i % 251, i // 251])).digest() for i in range(size // 32))
    return (head.ljust(24, b"\0") + text + noise)[:size].ljust(size, b"\xdb")


def partition_table() -> bytes:
    """The table of the board: settings, OTA selection, two slots, records."""
    rows = [
        (1, 2, 0x9000, 0x5000, b"nvs"),
        (1, 0, 0xE000, 0x2000, b"otadata"),
        (0, 0x10, 0x10000, SLOT_BYTES, b"app0"),
        (0, 0x11, 0x1B0000, SLOT_BYTES, b"app1"),
        (1, 0x82, 0x350000, 0x9F000, b"spiffs"),
    ]
    table = b"".join(struct.pack("<2sBBII16sI", b"\xaa\x50", *row, 0) for row in rows)
    table += b"\xeb\xeb".ljust(16, b"\xff") + hashlib.md5(table).digest()
    return table.ljust(0xC00, b"\xff")
