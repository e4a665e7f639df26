"""What a board's flash holds: the parts of an image, where they go, and the merged image."""

from __future__ import annotations

import hashlib
import itertools
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vevgw.errors import UserError

# Fixed in the ROM of the ESP32 and in the boot loader of this project.
_BOOTLOADER_OFFSET = 0x1000
_TABLE_OFFSET = 0x8000
_IMAGE_MAGIC = 0xE9
_CHIP_ESP32 = 0
_ROW = struct.Struct("<2sBBII16sI")
_ROW_MAGIC = b"\xaa\x50"
_CHECKSUM_MAGIC = b"\xeb\xeb"
_APP, _DATA = 0, 1
# lib/platform/image_label.hpp: behind the heads of image and segment, and ESP-IDF's description.
_LABEL = struct.Struct("<4sIII")
_LABEL_MAGIC = b"VEVL"
_LABEL_OFFSET = 24 + 8 + 256
_SUBTYPE_OTADATA = 0
_SUBTYPE_OTA_0 = 0x10
_OTADATA_BYTES = 0x2000
_ERASED = b"\xff"


@dataclass(frozen=True, slots=True)
class Partition:
    """A row of the partition table; offset and size in bytes."""

    label: str
    kind: int
    subtype: int
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Part:
    """Something to write into the flash."""

    name: str
    offset: int
    content: bytes

    @property
    def sha256(self) -> str:
        """Digest of the content, hexadecimal."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class BoardImage:
    """All parts in the order of their offsets, and what the firmware may grow to.

    Attributes:
        parts: What is written into the flash.
        slot_bytes: Size of an OTA slot.
        elf: Of the application, with names for its addresses; None: not there.
    """

    parts: tuple[Part, ...]
    slot_bytes: int
    elf: bytes | None = None

    @property
    def firmware(self) -> Part:
        """The application."""
        return next(part for part in self.parts if part.name == "firmware.bin")

    def merged(self) -> bytes:
        """Returns one image for offset 0, with erased flash between the parts."""
        image = bytearray()
        for part in self.parts:
            image += _ERASED * (part.offset - len(image)) + part.content
        return bytes(image)


def parse_table(content: bytes) -> list[Partition]:
    """Returns the rows of a binary partition table (gen_esp32part's format).

    Raises:
        ValueError: It is none, or its checksum is wrong.
    """
    rows: list[Partition] = []
    for at in range(0, len(content) - _ROW.size + 1, _ROW.size):
        magic, kind, subtype, offset, size, label, _ = _ROW.unpack_from(content, at)
        if magic == _CHECKSUM_MAGIC:
            digest = content[at + 16 : at + 32]
            if hashlib.md5(content[:at], usedforsecurity=False).digest() != digest:
                raise ValueError("its checksum is wrong")
            break
        if magic != _ROW_MAGIC:
            break
        name = label.split(b"\0")[0].decode("ascii", "replace")
        rows.append(Partition(name, kind, subtype, offset, size))
    if not rows:
        raise ValueError("it has no rows")
    return rows


def security_version(firmware: bytes) -> int:
    """Returns the security version of an application: no lower one is installed after it."""
    label = firmware[_LABEL_OFFSET : _LABEL_OFFSET + _LABEL.size]
    if len(label) == _LABEL.size and label.startswith(_LABEL_MAGIC):
        _, _, version, inverted = _LABEL.unpack(label)
        if int(version) == int(inverted) ^ 0xFFFFFFFF:
            return int(version)
    return 0  # made before there were any


def first_boot_selection() -> bytes:
    """Returns the OTA selection that boots the first slot: what arduino-esp32 has as boot_app0.bin.

    One entry (sequence 1, no state, CRC-32 of the sequence) in erased flash.
    """
    sequence = struct.pack("<I", 1)
    entry = sequence + _ERASED * 24 + struct.pack("<I", zlib.crc32(sequence, 0xFFFFFFFF))
    return entry.ljust(_OTADATA_BYTES, _ERASED)


def load(folder: Path) -> BoardImage:
    """Returns the image whose files are in a build folder of PlatformIO or a release folder.

    `firmware.bin`, `bootloader.bin` and `partitions.bin` must be there; `boot_app0.bin` is made
    when it is not, for PlatformIO leaves it in the framework.

    Raises:
        UserError: A file is missing, is no image for an ESP32, or does not fit its partition.
    """
    bootloader = _read(folder, "bootloader.bin")
    table = _read(folder, "partitions.bin")
    firmware = _read(folder, "firmware.bin")
    for name, content in (("bootloader.bin", bootloader), ("firmware.bin", firmware)):
        _require_esp32_image(folder / name, content)
    try:
        rows = parse_table(table)
    except ValueError as error:
        raise UserError(f"{folder / 'partitions.bin'} is no partition table: {error}.") from None
    slot = _find(folder, rows, _APP, _SUBTYPE_OTA_0, "first OTA slot")
    selection = _find(folder, rows, _DATA, _SUBTYPE_OTADATA, "OTA selection")
    if len(firmware) > slot.size:
        raise UserError(
            f"{folder / 'firmware.bin'} has {len(firmware):,} bytes, {len(firmware) - slot.size:,} "
            f"more than an OTA slot holds ({slot.size:,}); build it with fewer charger profiles: "
            "vevgw build --env esp32dev --profile NAME."
        )
    if _BOOTLOADER_OFFSET + len(bootloader) > _TABLE_OFFSET:
        raise UserError(f"{folder / 'bootloader.bin'} reaches into the partition table.")
    boot_app0 = folder / "boot_app0.bin"
    chosen = boot_app0.read_bytes() if boot_app0.is_file() else first_boot_selection()
    parts = (
        Part("bootloader.bin", _BOOTLOADER_OFFSET, bootloader),
        Part("partitions.bin", _TABLE_OFFSET, table),
        Part("boot_app0.bin", selection.offset, chosen),
        Part("firmware.bin", slot.offset, firmware),
    )
    _require_order(folder, parts)
    elf = folder / "firmware.elf"
    return BoardImage(parts, slot.size, elf.read_bytes() if elf.is_file() else None)


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise UserError(
            f"{folder / name} cannot be read ({error.strerror}); build the board's image with "
            "'vevgw build --env esp32dev', or name a folder that has it with --from."
        ) from error


def _require_esp32_image(path: Path, content: bytes) -> None:
    if len(content) < 24 or content[0] != _IMAGE_MAGIC:
        raise UserError(f"{path} is no image of an ESP chip.")
    chip = int.from_bytes(content[12:14], "little")
    if chip != _CHIP_ESP32:
        raise UserError(f"{path} is for another chip than the ESP32 (its chip id is {chip}).")


def _find(folder: Path, rows: Sequence[Partition], kind: int, subtype: int, what: str) -> Partition:
    for row in rows:
        if (row.kind, row.subtype) == (kind, subtype):
            return row
    raise UserError(f"The partition table {folder / 'partitions.bin'} has no {what}.")


def _require_order(folder: Path, parts: Sequence[Part]) -> None:
    for part, following in itertools.pairwise(parts):
        if part.offset + len(part.content) > following.offset:
            raise UserError(f"{part.name} reaches into {following.name} in {folder}.")
