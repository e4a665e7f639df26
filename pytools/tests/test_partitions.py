"""The flash layout of the board: it cannot be mended over the air."""

from __future__ import annotations

import configparser
import csv
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
FLASH_BYTES = 4 * 1024 * 1024
PARTITION_TABLE_END = 0x9000


class Partition(NamedTuple):
    name: str
    kind: str
    subtype: str
    offset: int
    size: int

    @property
    def end(self) -> int:
        return self.offset + self.size


@pytest.fixture(scope="module")
def partitions() -> list[Partition]:
    """The rows of the table that platformio.ini names for the board."""
    settings = configparser.ConfigParser(strict=False, interpolation=None)
    settings.read(ROOT / "platformio.ini")
    path = ROOT / settings["env:esp32dev"]["board_build.partitions"]
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines)]
    return [Partition(r[0], r[1], r[2], int(r[3], 0), int(r[4], 0)) for r in rows]


def test_partitions_neither_overlap_nor_leave_the_flash(partitions: list[Partition]) -> None:
    end = PARTITION_TABLE_END
    for partition in partitions:
        assert partition.offset >= end, partition
        assert partition.offset % 0x1000 == 0, partition
        end = partition.end
    assert end <= FLASH_BYTES


def test_two_images_of_the_same_size_start_where_the_bootloader_wants(
    partitions: list[Partition],
) -> None:
    images = [partition for partition in partitions if partition.kind == "app"]
    assert [image.subtype for image in images] == ["ota_0", "ota_1"]
    assert images[0].size == images[1].size
    assert all(image.offset % 0x10000 == 0 for image in images)


def test_settings_records_and_update_state_have_a_partition(partitions: list[Partition]) -> None:
    by_subtype = {partition.subtype: partition for partition in partitions}
    assert {"nvs", "ota", "spiffs", "nvs_keys", "coredump"} <= by_subtype.keys()
    assert by_subtype["ota"].size == 0x2000
    # arduino-esp32 mounts LittleFS by this label when none is given.
    assert by_subtype["spiffs"].name == "spiffs"
