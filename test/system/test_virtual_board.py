"""The gateway behind the circuit of a board: DTR and RTS over RFC 2217."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from vevgw.chargers.sim_cable import PtyCable
from vevgw.dut import (
    Boot,
    Dut,
    GatewayOptions,
    NativeGateway,
    Rfc2217Transport,
    VirtualBoard,
)

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


@pytest.mark.timeout(180)
async def test_a_bench_file_leads_the_same_tests_to_a_board(program: Path, tmp_path: Path) -> None:
    """Purpose: pytest with a bench file whose board, RS-485 adapter and power switch are simulated.

    Pass criteria: power cycles in a session pass; a test that needs the access point is skipped by
    its name; the report says what was tested.
    """
    cable = PtyCable(None, reply_delay_s=lambda: 0.0)
    native = NativeGateway(
        [str(program), "--on-error=stay"], tmp_path, GatewayOptions(buses={1: cable.port})
    )
    loop = asyncio.get_running_loop()
    switching: set[asyncio.Task[None]] = set()

    def switch(number: signal.Signals) -> None:
        change = native.kill9() if number is signal.SIGUSR1 else native.start()
        switching.add(loop.create_task(change))

    for number in (signal.SIGUSR1, signal.SIGUSR2):
        loop.add_signal_handler(number, switch, number)
    try:
        async with VirtualBoard(native) as board:
            file = tmp_path / "bench.toml"
            file.write_text(
                f'[board]\nport = "{board.url}"\nname = "virtual"\n'
                '[network]\ncsms_host = "127.0.0.1"\n'
                f'[wires]\nrs485 = "{cable.server_port}"\n'
                f'power_switch = {{ off = "kill -USR1 {os.getpid()}; sleep 0.3", '
                f'on = "kill -USR2 {os.getpid()}" }}\n',
                encoding="utf-8",
            )
            report = tmp_path / "hil.xml"
            words = ["--bench", str(file), "-k", "power_cycles or wifi_that"]
            # Its basetemp must not be cleaned up by those of others.
            words += ["--junit-xml", str(report), "--basetemp", str(tmp_path / "basetemp")]
            process = await asyncio.create_subprocess_exec(
                *(
                    sys.executable,
                    "-m",
                    "pytest",
                    str(Path(__file__).with_name("test_bench.py")),
                    *words,
                ),
                cwd=Path(__file__).parents[2],
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            output, _ = await process.communicate()
    finally:
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            loop.remove_signal_handler(number)
        cable.close()
        await native.kill9()
    shown = output.decode()
    assert process.returncode == 0, shown
    assert "1 passed, 1 skipped" in shown
    assert "needs the wire `wifi` of the bench file" in shown
    text = report.read_text(encoding="utf-8")
    assert 'name="Board" value="virtual ' in text
    assert 'name="Wires" value="rs485, power_switch"' in text
