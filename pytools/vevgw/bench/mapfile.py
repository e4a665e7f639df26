"""Reads the map file of GNU ld: which object put how many bytes where."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from vevgw.errors import UserError

Kind = Literal["code", "constants", "data", "zeroed"]

_START = "Linker script and memory map"
# " .text.name  0x00008010  0x5c  path.o"; a long name stands alone on the line before.
_NAME = re.compile(r"^ (\.[\w.$@*-]+|COMMON)(?:\s+(.*))?$")
_PLACE = re.compile(r"^\s+0x([0-9a-f]+)\s+0x([0-9a-f]+)\s+(\S.*)$")
_OUTPUT = re.compile(r"^(\.[\w.]+|COMMON)\b")

# The most specific prefix wins.
_KINDS: tuple[tuple[str, Kind], ...] = (
    (".text", "code"),
    (".literal", "code"),
    (".glue", "code"),
    (".vfp11_veneer", "code"),
    (".init_array", "constants"),
    (".rodata", "constants"),
    (".ARM.ex", "constants"),
    (".eh_frame", "constants"),
    (".gcc_except_table", "constants"),
    (".data", "data"),
    (".bss", "zeroed"),
    ("COMMON", "zeroed"),
)


@dataclass(frozen=True, slots=True)
class Section:
    """One input section that stayed in the image; `size` is what it takes there, bytes."""

    name: str
    kind: Kind
    address: int
    size: int
    object: str


def parse(text: str) -> list[Section]:
    """Returns the sections of the image that come from objects, by address.

    Strings that the linker merged count once: for the first object that has them.

    Raises:
        UserError: This is no map file of GNU ld, or none of its sections is known.
    """
    _, found, listing = text.partition(_START)
    if not found:
        raise UserError("The linker wrote a map file without a memory map.")
    listed: list[tuple[int, int, str, Kind, str]] = []
    pending: str | None = None
    is_in_image = False
    for line in listing.splitlines():
        if _OUTPUT.match(line):
            # Sections for the debugger have addresses too, from 0.
            is_in_image = _kind(line.split()[0]) is not None
            pending = None
            continue
        name = _NAME.match(line)
        if name:
            pending, place = name[1], _PLACE.match("  " + (name[2] or ""))
        else:
            place = _PLACE.match(line) if pending else None
        if pending and place:
            kind = _kind(pending)
            address, size = int(place[1], 16), int(place[2], 16)
            if is_in_image and kind and size:
                listed.append((address, size, pending, kind, place[3].strip()))
            pending = None
    if not listed:
        raise UserError("The linker's map file names no section of any object.")
    return list(_without_overlaps(listed))


def totals(sections: Iterable[Section], group_of: Mapping[str, str]) -> dict[str, dict[Kind, int]]:
    """Returns bytes by group and kind.

    Args:
        sections: What `parse` returned.
        group_of: Object, as the map file names it, to group; other objects are left out.
    """
    result: dict[str, dict[Kind, int]] = {group: {} for group in group_of.values()}
    for section in sections:
        group = group_of.get(section.object)
        if group is not None:
            sums = result[group]
            sums[section.kind] = sums.get(section.kind, 0) + section.size
    return result


def text_of(sums: Mapping[Kind, int]) -> int:
    """Returns what `size` calls text: code and constants, bytes."""
    return sums.get("code", 0) + sums.get("constants", 0)


def _kind(name: str) -> Kind | None:
    return next((kind for prefix, kind in _KINDS if name.startswith(prefix)), None)


def _without_overlaps(listed: list[tuple[int, int, str, Kind, str]]) -> Iterable[Section]:
    # Merged strings keep their size in the list but share their place with what follows.
    listed.sort(key=lambda row: row[0])
    for index, (address, size, name, kind, owner) in enumerate(listed):
        following = listed[index + 1][0] if index + 1 < len(listed) else address + size
        yield Section(name, kind, address, min(size, following - address), owner)
