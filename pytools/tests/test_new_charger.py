"""docs/new-charger.md: the profile in it is complete, and drives a device without any code."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from guide import write_example
from typer.testing import CliRunner

from vevgw.chargers import profiles, profiles_cli
from vevgw.chargers.devices import generic
from vevgw.chargers.ev import Ev, EvSpec
from vevgw.chargers.sim import ChargerSim


async def _try(path: Path, sim: ChargerSim, *more: str) -> dict[str, Any]:
    arguments = ["try", str(path), "--port", sim.port_path, "--once", "--json", *more]
    result = await asyncio.to_thread(CliRunner().invoke, profiles_cli.app, arguments)
    assert result.exit_code == 0, result.exception
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def _values(found: dict[str, Any], name: str) -> Any:
    return next(row for row in found["registers"] if row["name"] == name)["values"]


def test_the_example_is_a_profile_without_mistakes_or_warnings(tmp_path: Path) -> None:
    path = write_example(tmp_path)
    result = CliRunner().invoke(profiles_cli.app, ["check", "--strict", str(path)])
    assert result.exit_code == 0, result.exception
    assert "no mistakes" in result.stdout
    made = tmp_path / "example-box.vevp"
    result = CliRunner().invoke(profiles_cli.app, ["build", "--binary", str(path), "-o", str(made)])
    assert result.exit_code == 0, result.exception
    assert made.stat().st_size > 100


def test_every_built_in_charger_has_a_generic_device() -> None:
    for path in profiles.profile_files(profiles.PROFILES_FOLDER / "chargers"):
        device = generic.make(path)
        assert device.state == "A1"
        device.plug(Ev(EvSpec()))
        assert device.state == "B1"


async def test_the_example_drives_a_device_from_plug_to_unplug(tmp_path: Path) -> None:
    path = write_example(tmp_path)
    async with ChargerSim(str(path), energy_time_scale=1000) as sim:
        sim.device.energy_total_vah = 70_000.0
        found = await _try(path, sim)
        assert found["pilot"] == "A"
        assert found["hints"] == []
        assert _values(found, "watchdog-time") == [60.0]
        assert _values(found, "energy") == [70_000.0]
        sim.plug(EvSpec(phases=3, max_current_a=16, battery_wh=1e6))
        assert (await _try(path, sim))["pilot"] == "B1"
        assert (await _try(path, sim, "--limit", "10", "--yes"))["limit"]["taken"]
        await sim.wait_for(lambda s: s.current_a > 9.9, 10, "10 A")
        found = await _try(path, sim)
        assert found["pilot"] == "C2"
        assert found["hints"] == []
        assert min(_values(found, "currents")) > 9.8
        assert _values(found, "energy")[0] > 70_000
        assert (await _try(path, sim, "--limit", "0", "--yes"))["limit"]["taken"]
        await sim.wait_for(lambda s: s.current_a == 0, 10, "a pause")
        assert (await _try(path, sim))["pilot"] == "B1"
        sim.unplug()
        assert (await _try(path, sim))["pilot"] == "A"
