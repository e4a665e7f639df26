"""The benchmark of the emulated CSMS measures both servers the same way."""

from __future__ import annotations

import asyncio

import pytest

from vevgw.bench.csms_load import Load, emulator_command, measure, reference_command
from vevgw.errors import UserError


async def test_both_servers_bear_the_same_load(tmp_path):
    load = Load(charge_points=3, period_s=0.05, seconds=0.5, warm_up_s=0.1)
    commands = (emulator_command(tmp_path / "db"), reference_command())
    outcomes = await asyncio.gather(*(measure(command, load) for command in commands))
    for outcome in outcomes:
        assert 25 <= len(outcome.latencies_ms) <= 33
        assert outcome.latencies_ms == sorted(outcome.latencies_ms)
        assert outcome.percentile_ms(50) <= outcome.percentile_ms(99) <= outcome.latencies_ms[-1]
        assert outcome.cpu_s >= 0
        assert outcome.rss_mb > 1


async def test_a_server_that_does_not_start_is_one_sentence():
    with pytest.raises(UserError, match="The server did not start: true"):
        await measure(["true"], Load())
