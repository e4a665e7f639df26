"""The conformance suite against a gateway that it can reach through a serial console only."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from vevgw.chargers.sim_cable import PtyCable
from vevgw.conformance import loader
from vevgw.conformance.pics import load_pics
from vevgw.conformance.suite import Plan, run_cases
from vevgw.conformance.targets.serial import SerialTarget
from vevgw.conformance.verdict import Verdict
from vevgw.dut import GatewayOptions, NativeGateway, VirtualBoard
from vevgw.dut.bench import PROFILE


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.native
@pytest.mark.timeout(120)
async def test_cases_on_one_board_leave_nothing_behind(program: Path, tmp_path: Path) -> None:
    """Purpose: cases one after the other on the same board, which keeps what they changed.

    Pass criteria: all pass, the second run of the first one, too.
    """
    port = free_port()
    cable = PtyCable(None, reply_delay_s=lambda: 0.0)
    options = GatewayOptions(
        csms_url=f"ws://127.0.0.1:{port}",
        identity=SerialTarget.identity,
        profile=PROFILE,
        buses={1: cable.port},
    )
    native = NativeGateway(program, tmp_path, options)

    cases = {case.id: case for case in loader.load_all()}
    chosen = [cases[name] for name in ("TC_021_CP", "TC_034_CP", "TC_048_3_CP", "TC_067_CP")]
    try:
        async with VirtualBoard(native) as board:

            def make(folder: Path, variant: str) -> SerialTarget:
                return SerialTarget(board.url, cable.server_port, folder, tmp_path / "energy")

            plan = Plan(
                make,
                load_pics().only(("fixed",)),
                tmp_path / "run",
                jobs=1,
                port=port,
            )
            for case in (*chosen, chosen[0]):
                (outcome,) = await run_cases([case], plan)
                assert outcome.verdict is Verdict.PASS, outcome.reason
    finally:
        cable.close()
        await native.kill9()
