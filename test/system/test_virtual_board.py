"""The gateway behind the circuit of a board: DTR and RTS over RFC 2217."""

from __future__ import annotations

from pathlib import Path

import pytest

from vevgw.dut import Boot, Dut, NativeGateway, Rfc2217Transport, VirtualBoard

pytestmark = pytest.mark.native


async def test_reset_lines_restart_the_gateway(gateway: NativeGateway, tmp_path: Path) -> None:
    """Pass criteria: opening the port changes nothing; a pulse restarts; the loader holds."""
    async with VirtualBoard(gateway) as board:
        transport = Rfc2217Transport(board.url)
        async with Dut(transport, log_path=tmp_path / "console.log") as dut:
            await dut.wait_ready(timeout_s=10)
            assert board.resets == 0
            await dut.reset()
            await dut.expect_event("ready", timeout_s=15)
            await dut.reset(Boot.DOWNLOAD)
            await dut.expect("waiting for download", timeout_s=10)
            assert not gateway.is_running
            await dut.reset()
            await dut.wait_ready(timeout_s=15)
            assert board.resets == 3
