"""Map files of GNU ld."""

from __future__ import annotations

import pytest

from vevgw.bench import mapfile
from vevgw.errors import UserError

MAP = """\
Archive member included to satisfy reference by file (symbol)

Discarded input sections

 .text.unused   0x00000000      0x400 lib/json/reader.o

Memory Configuration

Linker script and memory map

LOAD lib/json/reader.o

.text           0x00008000      0x1b4
 *(.text.unlikely .text.*_unlikely)
 .text.startup  0x00008000       0x24 main.o
                0x00008000                main
 .text._ZN4json6Reader4nextEv
                0x00008024       0x90 lib/json/reader.o
                0x00008024                json::Reader::next()
 *fill*         0x000080b4        0x4
 .text          0x000080b8        0x0 lib/json/reader.o
 .text.put      0x000080b8       0x0c lib/ocpp/engine.o
 .text          0x000080c4       0xf0 /usr/lib/libc.a(lib_a-memcpy.o)

.rodata         0x00009000      0x11c
 .rodata.str1.1
                0x00009000       0x40 lib/json/reader.o
                                 0x52 (size before relaxing)
 .rodata.str1.1
                0x00009040       0x1a lib/ocpp/engine.o
                                 0x1a (size before relaxing)
 .rodata.kRows  0x00009040       0xdc lib/ocpp/engine.o

.ARM.exidx      0x00009200        0x8
 .ARM.exidx     0x00009200        0x8 lib/ocpp/engine.o

.data           0x20000000        0x4
 .data.counter  0x20000000        0x4 lib/ocpp/engine.o

.bss            0x20000004      0x110
 .bss.storage   0x20000004      0x100 main.o
 COMMON         0x20000104       0x10 lib/ocpp/engine.o

.debug_info     0x00000000     0x9999
 .debug_info    0x00000000     0x9999 lib/ocpp/engine.o

.comment        0x00000000       0x1e
 .comment       0x00000000       0x1e main.o
"""

GROUPS = {"lib/json/reader.o": "json", "lib/ocpp/engine.o": "ocpp"}


def test_sections_count_for_their_library_by_kind() -> None:
    assert mapfile.totals(mapfile.parse(MAP), GROUPS) == {
        "json": {"code": 0x90, "constants": 0x40},
        "ocpp": {"code": 0x0C, "constants": 0xDC + 0x8, "data": 4, "zeroed": 0x10},
    }


def test_strings_that_were_merged_count_once() -> None:
    strings = [row for row in mapfile.parse(MAP) if row.name.startswith(".rodata.str")]
    assert [(row.object, row.size) for row in strings] == [
        ("lib/json/reader.o", 0x40),
        ("lib/ocpp/engine.o", 0),
    ]


def test_discarded_and_debug_sections_do_not_count() -> None:
    names = {row.name for row in mapfile.parse(MAP)}
    assert ".text.unused" not in names
    assert not any(name.startswith((".debug", ".comment")) for name in names)


def test_text_is_code_and_constants() -> None:
    assert mapfile.text_of({"code": 7, "constants": 3, "data": 100, "zeroed": 1000}) == 10


def test_library_of_which_nothing_stays_counts_zero() -> None:
    sums = mapfile.totals(mapfile.parse(MAP), {"lib/common/x.o": "common"})
    assert sums == {"common": {}}
    assert mapfile.text_of(sums["common"]) == 0


@pytest.mark.parametrize("text", ["", "Linker script and memory map\n\n.text 0x0 0x0\n"])
def test_other_files_are_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(UserError, match="map"):
        mapfile.parse(text)
