"""The virtual board: console and reset lines over RFC 2217."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from vevgw.dut import Boot, Dut, DutError, NativeGateway, Rfc2217Transport, VirtualBoard

FAKE = [sys.executable, str(Path(__file__).with_name("fake_gateway.py"))]


@pytest_asyncio.fixture
async def board(tmp_path: Path) -> AsyncIterator[VirtualBoard]:
    async with VirtualBoard(NativeGateway(FAKE, tmp_path)) as virtual:
        yield virtual


@pytest_asyncio.fixture
async def dut(board: VirtualBoard, tmp_path: Path) -> AsyncIterator[Dut]:
    async with Dut(Rfc2217Transport(board.url), log_path=tmp_path / "console.log") as device:
        yield device


async def test_opening_the_port_leaves_the_board_running(board: VirtualBoard, dut: Dut) -> None:
    assert (await dut.command("status"))["boots"] == 1
    assert board.resets == 0


async def test_all_bytes_pass_the_telnet_layer(dut: Dut) -> None:
    text = "".join(chr(code) for code in range(0x20, 0x250))
    answer = await dut.command(f"echo {''.join(text.split())}")
    assert answer["text"] == "".join(text.split())


async def test_reset_restarts_the_process_once(board: VirtualBoard, dut: Dut) -> None:
    await dut.command("status")
    await dut.reset()
    await dut.expect("SPI_FAST_FLASH_BOOT", timeout_s=5)
    assert (await dut.expect_event("ready", timeout_s=5))["boots"] == 2
    assert board.resets == 1
    assert (await dut.command("status"))["boots"] == 2


async def test_reset_works_again_and_again(board: VirtualBoard, dut: Dut) -> None:
    for boots in (2, 3):
        await dut.reset()
        assert (await dut.expect_event("ready", timeout_s=5))["boots"] == boots


async def test_reset_into_the_loader_does_not_start_the_process(
    board: VirtualBoard, dut: Dut
) -> None:
    await dut.reset(Boot.DOWNLOAD)
    await dut.expect("waiting for download", timeout_s=5)
    assert not board.gateway.is_running
    await dut.reset()
    assert (await dut.expect_event("ready", timeout_s=5))["boots"] == 2


@pytest.mark.parametrize(("dtr", "rts"), [(True, True), (False, False), (True, False)])
async def test_lines_that_do_not_pull_en_low(board: VirtualBoard, dtr: bool, rts: bool) -> None:
    board.on_lines(dtr=dtr, rts=rts)
    assert board.resets == 0
    assert board.gateway.is_running


async def test_crash_is_shown_on_the_console(board: VirtualBoard, dut: Dut) -> None:
    with pytest.raises(DutError):
        await dut.command("exit 4", timeout_s=1)
    await dut.expect("ended with exit code 4", timeout_s=5)
    await dut.reset()
    await dut.wait_ready(timeout_s=5)


async def test_client_may_come_back(board: VirtualBoard, tmp_path: Path) -> None:
    for _ in range(2):
        transport = Rfc2217Transport(board.url)
        async with Dut(transport, log_path=tmp_path / "console.log") as device:
            await device.wait_ready(timeout_s=5)
    assert board.resets == 0


async def test_board_that_is_switched_off_is_reported(board: VirtualBoard, dut: Dut) -> None:
    await dut.wait_ready(timeout_s=5)
    await board.stop()
    with pytest.raises(DutError, match=r"the connection to rfc2217://.* is gone"):
        await dut.expect("never", timeout_s=10)
    await board.start()


async def test_nobody_there_is_one_sentence(tmp_path: Path) -> None:
    dut = Dut(Rfc2217Transport("rfc2217://127.0.0.1:1"), log_path=tmp_path / "log")
    with pytest.raises(DutError, match=r"rfc2217://127.0.0.1:1 cannot be opened: .*refused"):
        await dut.open()
