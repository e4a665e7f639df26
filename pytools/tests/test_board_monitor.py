"""`vevgw monitor`: readable lines, back-traces, a port that goes and comes back."""

from __future__ import annotations

import asyncio
import os
import tty
from pathlib import Path

import pytest

from vevgw.board.backtrace import Decoder
from vevgw.board.monitor import Monitor, readable
from vevgw.dut.errors import DutError
from vevgw.dut.lines import parse_line

BACKTRACE = "Backtrace: 0x400d1234:0x3ffb1f00 0x400d5678:0x3ffb1f20 |<-CORRUPTED"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("I (12) ocpp.tx: started", "I (12) ocpp.tx: started"),
        ('EVT {"event":"link_up","connection":1}', "* link_up connection=1"),
        ('EVT {"event":"link_error","error":"no route"}', '* link_error error="no route"'),
        ('{"id":0,"ok":true}', "< ok"),
        ('{"id":17,"ok":true,"level":"info"}', '< #17 {"level": "info"}'),
        ('{"id":3,"ok":false,"error":"no such setting: x"}', "< #3 error: no such setting: x"),
        ("rst:0x1 (POWERON_RESET)", "rst:0x1 (POWERON_RESET)"),
    ],
)
def test_lines_are_readable(raw: str, shown: str) -> None:
    assert readable(parse_line(raw.encode())) == shown


def test_colours_follow_the_level_and_mark_a_panic() -> None:
    assert readable(parse_line(b"E (1) a: b"), colour=True) == "\x1b[31mE (1) a: b\x1b[0m"
    assert readable(parse_line(b"abort() was called"), colour=True).startswith("\x1b[31;1m")
    assert readable(parse_line(b"I (1) a: b"), colour=True) == "I (1) a: b"


@pytest.fixture
def addr2line(tmp_path: Path) -> str:
    program = tmp_path / "addr2line"
    program.write_text('#!/bin/sh\nshift 3\nfor a in "$@"; do echo "$a: f at main.cpp:1"; done\n')
    program.chmod(0o755)
    return str(program)


def test_backtrace_is_decoded_without_its_stack_pointers(tmp_path: Path, addr2line: str) -> None:
    (tmp_path / "firmware.elf").write_bytes(b"")
    decoder = Decoder(tmp_path / "firmware.elf", addr2line)
    assert decoder.decode(BACKTRACE) == [
        "0x400d1234: f at main.cpp:1",
        "0x400d5678: f at main.cpp:1",
    ]
    assert decoder.decode("PC      : 0x400d1234  PS      : 0x00060030") == [
        "0x400d1234: f at main.cpp:1"
    ]
    assert decoder.decode("I (1) a: 0x400d1234:0x3ffb1f00") == []


def test_what_is_missing_for_a_backtrace_is_said_once(
    tmp_path: Path, addr2line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder = Decoder(tmp_path / "firmware.elf", addr2line)
    (sentence,) = decoder.decode(BACKTRACE)
    assert "firmware.elf is missing; name the firmware.elf of this image with --elf" in sentence
    assert decoder.decode(BACKTRACE) == []
    monkeypatch.setenv("PLATFORMIO_CORE_DIR", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    (sentence,) = Decoder(tmp_path / "firmware.elf").decode(BACKTRACE)
    assert "xtensa-esp32-elf-addr2line is not installed" in sentence


class Console:
    """A pseudo-terminal behind a link, as a native gateway or a udev rule makes it."""

    def __init__(self, link: Path) -> None:
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        link.unlink(missing_ok=True)
        link.symlink_to(os.ttyname(self._slave))

    def say(self, text: str) -> None:
        os.write(self._master, text.encode())

    def heard(self) -> bytes:
        return os.read(self._master, 4096)

    def close(self) -> None:
        os.close(self._slave)
        os.close(self._master)


async def test_monitor_shows_sends_and_follows_a_restart(tmp_path: Path) -> None:
    link = tmp_path / "console"
    console = Console(link)
    shown: asyncio.Queue[str] = asyncio.Queue()
    monitor = Monitor(str(link), shown.put_nowait, Decoder(tmp_path / "none", "/none"))
    async with asyncio.timeout(10):
        task = asyncio.create_task(monitor.run())
        assert (await shown.get()).endswith("Ctrl-C ends")
        console.say("I (5) app: starting\nhalf a li")
        assert await shown.get() == "I (5) app: starting"
        monitor.send("status")
        await asyncio.sleep(0)
        assert await asyncio.to_thread(console.heard) == b"status\n"
        console.close()
        assert (await shown.get()).endswith("Waiting for it.")
        console = Console(link)
        assert await shown.get() == f"-- {link} is back"
        console.say("I (5) app: again\n")
        assert await shown.get() == "I (5) app: again"
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    console.close()


async def test_a_port_that_was_never_there_is_one_sentence(tmp_path: Path) -> None:
    monitor = Monitor(str(tmp_path / "ttyUSB9"), print, Decoder(tmp_path / "none", "/none"))
    with pytest.raises(DutError, match="ttyUSB9 cannot be opened"):
        await monitor.run()
