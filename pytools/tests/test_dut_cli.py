"""`vevgw dut` as a process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from vevgw.dut import Dut, NativeGateway
from vevgw.dut.transports import transport_for

FAKE = [sys.executable, str(Path(__file__).with_name("fake_gateway.py"))]


async def vevgw(*arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "vevgw.cli", "dut", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


@pytest_asyncio.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[NativeGateway]:
    async with NativeGateway(FAKE, tmp_path) as native:
        yield native


async def test_send_prints_the_reply(gateway: NativeGateway, tmp_path: Path) -> None:
    log = tmp_path / "raw.log"
    words = ("send", "--log", str(log), str(gateway.console_link), "echo", "two", "words")
    code, out, _ = await vevgw(*words)
    assert code == 0
    assert json.loads(out) == {"text": "two words"}
    assert b">>> #1 echo two words" in log.read_bytes()


async def test_send_reports_a_refusal_as_one_sentence(gateway: NativeGateway) -> None:
    code, out, err = await vevgw("send", str(gateway.console_link), "jump")
    assert (code, out) == (1, "")
    assert err == "vevgw: there is no command 'jump'\n"


async def test_lines_go_to_a_command_that_asks_for_them_and_to_no_other(
    gateway: NativeGateway, tmp_path: Path
) -> None:
    log = tmp_path / "raw.log"
    async with Dut(transport_for(str(gateway.console_link)), log_path=log) as dut:
        await dut.command("event input", text="-----BEGIN CERTIFICATE-----\nMIIB\n")
        await dut.expect("there is no command 'end'", timeout_s=5)
        assert b">>> (3 lines of text)" in log.read_bytes()
        await dut.command("echo refused", text="MIIB\n")
        assert log.read_bytes().count(b"lines of text") == 1


async def test_a_private_key_is_never_sent(tmp_path: Path) -> None:
    text = tmp_path / "key.pem"
    text.write_text("-----BEGIN EC PRIVATE KEY-----\n")
    code, _, err = await vevgw("send", "--text", str(text), "/dev/ttyNONE", "certificate", "accept")
    assert (code, "There is a private key" in err) == (1, True)


async def test_send_to_nobody_is_one_sentence() -> None:
    code, _, err = await vevgw("send", "/dev/ttyNONE", "status")
    assert code == 1
    assert err.startswith("vevgw: The port /dev/ttyNONE cannot be opened")
    assert len(err.splitlines()) == 1


async def test_reset_of_a_pseudo_terminal_is_one_sentence(gateway: NativeGateway) -> None:
    code, _, err = await vevgw("reset", str(gateway.console_link))
    assert code == 1
    assert "has no DTR and RTS" in err


async def test_board_is_served_and_reset_over_rfc2217(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "vevgw.cli", "dut", "board", "--folder", str(tmp_path / "board"), *FAKE),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        ready = json.loads(await asyncio.wait_for(process.stdout.readline(), 20))
        code, out, err = await vevgw("send", ready["url"], "status")
        assert (code, err) == (0, "")
        assert json.loads(out) == {"boots": 1}
        code, _, err = await vevgw("reset", ready["url"])
        assert (code, err) == (0, "")
        boots = tmp_path / "board" / "data" / "boots"
        async with asyncio.timeout(10):
            while boots.read_text() != "2":  # noqa: ASYNC110 - a file tells nobody
                await asyncio.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 10) == 0
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_killed_board_leaves_no_gateway_behind(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "vevgw.cli", "dut", "board", "--folder", str(tmp_path), *FAKE),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    await asyncio.wait_for(process.stdout.readline(), 20)
    console = os.open(tmp_path / "console", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def read() -> None:
        # A pseudo-terminal hangs up when the process behind it is gone.
        try:
            gone = not os.read(console, 4096)
        except OSError:
            gone = True
        if gone:
            loop.remove_reader(console)
            ended.set()

    loop.add_reader(console, read)
    process.kill()
    await process.wait()
    await asyncio.wait_for(ended.wait(), 10)
    os.close(console)


@pytest.mark.parametrize("log", ["/nowhere/raw.log"])
async def test_log_file_without_folder_is_one_sentence(log: str) -> None:
    code, _, err = await vevgw("send", "--log", log, "/dev/ttyNONE", "status")
    assert code == 1
    assert "does not exist" in err
