"""`vevgw crash`: the summary, the core dump in pieces."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import tty
from pathlib import Path

import pytest

from vevgw import cli

DUMP = bytes(range(256)) * 2 + b"end"


class Board:
    """A console on a pseudo-terminal that keeps a crash."""

    def __init__(self, dump: bytes = DUMP, *, told_bytes: int | None = None) -> None:
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.port = os.ttyname(self.slave)
        self.dump = dump
        self.told_bytes = len(dump) if told_bytes is None else told_bytes
        self.has_crash = True
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        rest = b""
        while True:
            *lines, rest = (rest + os.read(self.master, 4096)).split(b"\n")
            for line in lines:
                number, *words = line.decode().split()
                reply = {"id": int(number[1:]), "ok": True, **self.answer(words)}
                os.write(self.master, json.dumps(reply).encode() + b"\n")

    def answer(self, words: list[str]) -> dict[str, object]:
        if words == ["crash", "erase"]:
            self.has_crash = False
        elif words[:2] == ["crash", "read"]:
            offset = int(words[2])
            return {"offset": offset, "hex": self.dump[offset : offset + 256].hex()}
        elif words == ["status"]:
            crash = {
                "task": "loopTask",
                "cause": "exception 28 at address 0x00000000",
                "image": "0123456789abcdef",
                "is_this_image": False,
                "backtrace": "Backtrace: 0x400d1234:0x00000000 0x400d5678:0x00000000",
                "dump_bytes": self.told_bytes,
            }
            return {"version": "1.2.3", **({"crash": crash} if self.has_crash else {})}
        return {}


def run(*words: str) -> object:
    with pytest.raises(SystemExit) as stop:
        cli.main(["crash", *words])
    return stop.value.code


def test_crash_is_told_decoded_saved_and_erased(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    board = Board()
    tool = tmp_path / "addr2line"
    tool.write_text('#!/bin/sh\nshift 3\nfor a in "$@"; do echo "$a: f at main.cpp:1"; done\n')
    tool.chmod(0o755)
    (tmp_path / "firmware.elf").touch()
    saved = tmp_path / "core"
    words = [
        "--port",
        board.port,
        "--elf",
        str(tmp_path / "firmware.elf"),
        "--addr2line",
        str(tool),
    ]
    assert run(*words, "--save", str(saved), "--erase") == 0
    shown = capsys.readouterr().out
    assert "Crash of task loopTask: exception 28 at address 0x00000000." in shown
    assert "Image 0123456789abcdef, not the one that runs now. Core dump: 515 bytes." in shown
    assert "  0x400d1234: f at main.cpp:1\n  0x400d5678: f at main.cpp:1\n" in shown
    assert "info_corefile -t raw -c" in shown
    assert saved.read_bytes() == DUMP
    assert run(*words) == 0
    assert "No crash is kept (firmware 1.2.3)." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("board", "sentence"),
    [
        (Board(b""), "keeps no core dump; run the command without --save"),
        (Board(told_bytes=9000), "ended after 515 of 9,000 bytes; try again"),
    ],
)
def test_dump_that_is_not_there_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], board: Board, sentence: str
) -> None:
    assert cli.main(["crash", "--port", board.port, "--save", str(tmp_path / "core")]) == 1
    assert sentence in capsys.readouterr().err


def test_file_that_cannot_be_written_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    board = Board()
    assert cli.main(["crash", "--port", board.port, "--save", str(tmp_path)]) == 1
    assert "name another file with --save" in capsys.readouterr().err


def test_events_between_do_not_disturb(tmp_path: Path) -> None:
    async def read() -> None:
        from vevgw.board.crash import fetch
        from vevgw.dut.device import Dut
        from vevgw.dut.transports import transport_for

        board = Board()
        device = Dut(transport_for(board.port), log_path=tmp_path / "log")
        await device.open()
        try:
            os.write(board.master, b'EVT {"event":"link_up","connection":1}\n')
            steps: list[tuple[int, int]] = []
            found = await fetch(
                device, with_dump=True, on_progress=lambda done, total: steps.append((done, total))
            )
            assert found.dump == DUMP
            assert steps[-1] == (515, 515)
        finally:
            await device.close()

    asyncio.run(read())
