"""`vevgw flash`: the real esptool writes the flash of a simulated ROM loader."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from board_files import make_build
from fake_rom import FakeBoard, FakeRom

from vevgw import cli
from vevgw.board import flash, image
from vevgw.board.flash import FlashOptions
from vevgw.board.ports import SerialPort, choose_port
from vevgw.errors import UserError

needs_esptool = pytest.mark.skipif(
    flash.importlib.util.find_spec("esptool") is None, reason="the group flash is not installed"
)


@pytest.fixture
def build(tmp_path: Path) -> Path:
    return make_build(tmp_path / "build")


def holds(rom: FakeRom, parts: image.BoardImage) -> bool:
    return all(
        rom.flash[part.offset : part.offset + len(part.content)] == part.content
        for part in parts.parts
    )


@needs_esptool
@pytest.mark.parametrize("stub", [True, False])
def test_all_parts_get_into_the_flash(build: Path, stub: bool) -> None:
    rom = FakeRom()
    settings = bytes(range(256))
    rom.flash[0x9000:0x9100] = settings
    parts = image.load(build)
    seen: dict[str, float] = {}
    with FakeBoard(rom) as board:
        options = FlashOptions(board.port, stub=stub, reset=False)
        flash.flash(parts, options, on_progress=lambda name, percent: seen.update({name: percent}))
    assert rom.ran_stub is stub
    assert holds(rom, parts)
    assert rom.flash[0x9000:0x9100] == settings
    assert seen == dict.fromkeys((part.name for part in parts.parts), 100.0)


@needs_esptool
def test_command_flashes_a_folder(build: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rom = FakeRom()
    rom.flash[0x9000] = 7
    with FakeBoard(rom) as board:
        words = ["flash", "--from", str(build), "--port", board.port, "--no-reset", "--erase"]
        with pytest.raises(SystemExit) as stop:
            cli.main(words)
        assert stop.value.code == 0
        assert f"Flashed {board.port}" in capsys.readouterr().out
    assert holds(rom, image.load(build))
    assert rom.flash[0x9000] == 0xFF


@needs_esptool
@pytest.mark.parametrize(
    ("rom", "sentence"),
    [
        (FakeRom(wrong_md5=True), "is not what was written"),
        (FakeRom(chip_magic=0x6F51306F), "is no ESP32"),
        (FakeRom(dies_at=2), "broke while it was written.*flash it again"),
        (None, "does not answer; hold its button BOOT"),
    ],
)
def test_a_board_that_does_not_fit_is_one_sentence(
    build: Path, rom: FakeRom | None, sentence: str
) -> None:
    with FakeBoard(rom) as board, pytest.raises(UserError, match=sentence):
        flash.flash(image.load(build), FlashOptions(board.port, stub=False, reset=False))


@pytest.mark.parametrize(
    ("last", "sentence"),
    [
        (
            "Hash of data verified. ERROR: A serial exception error occurred: "
            "Could not configure port: (5, 'Input/output error') Note: This is likely no problem",
            "broke while it was written",
        ),
        (
            "ERROR: A fatal error occurred: Something new. This can have many causes, see https://x",
            r"esptool says: Something new\.$",
        ),
        ("Traceback", r"esptool says: Traceback\.$"),
    ],
)
def test_what_esptool_says_last_decides(last: str, sentence: str) -> None:
    said = flash._explain(["Hash of data verified.", last], "/dev/ttyUSB0")
    assert re.search(sentence, said)


@needs_esptool
def test_a_missing_port_is_one_sentence(build: Path, tmp_path: Path) -> None:
    options = FlashOptions(str(tmp_path / "ttyUSB9"))
    with pytest.raises(UserError, match="ttyUSB9 cannot be opened; check its name"):
        flash.flash(image.load(build), options)


def test_without_esptool_the_sentence_says_how_to_get_it(
    build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flash.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"run 'python3 noxfile.py flash'"):
        flash.flash(image.load(build), FlashOptions("/dev/null"))


CP2102 = SerialPort("/dev/ttyUSB0", 0x10C4, 0xEA60)
CH340 = SerialPort("/dev/ttyUSB1", 0x1A86, 0x7523)
OTHER = SerialPort("/dev/ttyS0")


def test_the_only_bridge_is_the_board() -> None:
    assert choose_port(None, [OTHER, CP2102]) == "/dev/ttyUSB0"
    assert choose_port("/dev/ttyS0", [CP2102]) == "/dev/ttyS0"


def test_several_bridges_are_named() -> None:
    expected = r"/dev/ttyUSB0 \(CP2102\), /dev/ttyUSB1 \(CH340\); name one with --port"
    with pytest.raises(UserError, match=expected):
        choose_port(None, [CP2102, CH340])


def test_no_bridge_is_one_sentence() -> None:
    with pytest.raises(UserError, match=r"No board .*ports without such a bridge: /dev/ttyS0"):
        choose_port(None, [OTHER])
