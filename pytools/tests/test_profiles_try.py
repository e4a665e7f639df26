"""`vevgw profiles try` against simulated devices over real terminals and sockets."""

from __future__ import annotations

import asyncio
import json
import math
import socket
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from vevgw.chargers import profiles, profiles_cli
from vevgw.chargers.devices import make_device, model_names
from vevgw.chargers.devices.profile_device import ProfileDevice
from vevgw.chargers.ev import Ev, EvSpec
from vevgw.chargers.profiles_decode import decode, holds
from vevgw.chargers.sim import ChargerSim
from vevgw.chargers.sim_bus import Framing
from vevgw.errors import UserError


async def try_cli(*arguments: str) -> tuple[int, str, str]:
    """Returns the exit code, stdout, and the sentence of an error."""
    result = await asyncio.to_thread(CliRunner().invoke, profiles_cli.app, ["try", *arguments])
    error = result.exception
    if isinstance(error, UserError):
        return error.exit_code, result.stdout, str(error)
    assert error is None or isinstance(error, SystemExit), error
    return result.exit_code, result.stdout, result.stderr


async def try_once(*arguments: str) -> dict[str, Any]:
    code, out, error = await try_cli(*arguments, "--once", "--json")
    assert code == 0, error or out
    found: dict[str, Any] = json.loads(out)
    return found


def values(found: dict[str, Any], name: str) -> Any:
    return next(row for row in found["registers"] if row["name"] == name)["values"]


# These measure nothing.
UNMEASURED = {"evse-wb-din", "phoenix-ev-cc-ac1-m-ser", "pracht-alpha"}
# The others have classes of their own, without the profile's fields.
LAID_OUT = [
    one
    for one in model_names()
    if ":" not in one and one not in UNMEASURED and isinstance(make_device(one), ProfileDevice)
]


@pytest.mark.parametrize("model", LAID_OUT)
def test_decoded_is_what_the_device_means(model: str) -> None:
    """Currents, voltages, power and energy: the device lays them out, the profile reads them."""
    device = make_device(model)
    assert isinstance(device, ProfileDevice)
    device.energy_total_vah = 1234.0
    device.plug(Ev(EvSpec(phases=3, max_current_a=16)))
    assert device.ev is not None
    device.ev.current_a = 10.0
    compared = 0
    for name, field in device.fields.items():
        row = device.profile()["registers"][name]
        if field.meaning not in ("current", "voltage", "power", "energy_total"):
            continue
        compared += 1
        assert field.reading is not None
        words = [
            device.read(field.reading, field.start(element), field.length)
            if device.blocks is None
            else field.words(device._raw(field, element))
            for element in range(field.elements)
        ]
        got = decode(row, words, None).values
        factor = {"m": 1e-3, "k": 1e3}.get(row["unit"][0], 1.0)
        for phase, value in enumerate(got):
            assert isinstance(value, float), name
            element = field.elements - 1 - phase if field.is_reversed else phase
            raw = field.raw_of(words[element])
            meant = device._measured(field, phase)
            count = abs(float(field.scale)) * 1.01
            assert math.isclose(value * factor, meant, rel_tol=1e-5, abs_tol=count), (name, raw)
    assert compared > 0


@pytest.mark.parametrize(
    ("row", "words", "values"),
    [
        ({}, [0xFFFE], [65534.0]),
        ({"type": "s16", "scale": 0.1}, [0xFFFE], [-0.2]),
        ({"type": "u32"}, [1, 2], [65538.0]),
        ({"type": "u32", "word_order": "low_first"}, [2, 1], [65538.0]),
        ({"byte_order": "low_first"}, [0x0201], [258.0]),
        ({"type": "s32"}, [0xFFFF, 0xFFFF], [-1.0]),
        ({"type": "u64"}, [0, 0, 1, 0], [65536.0]),
        ({"type": "s64"}, [0xFFFF] * 4, [-1.0]),
        ({"type": "f32"}, [0x4366, 0], [230.0]),
        ({"type": "f32"}, [0x7FC0, 0], [None]),
        ({"type": "f64"}, [0x406C, 0xC000, 0, 0], [230.0]),
        ({"shift": 8, "mask": 0x7F}, [0x8304], [3.0]),
        ({"not_available": [0xFFFF], "type": "s16"}, [0xFFFF], [None]),
        ({"zero_when": [1]}, [1], [0.0]),
        ({"valid": [0, 300], "unit": "V"}, [301], [None]),
        ({"scale": "1/4", "offset": -50, "unit": "degC"}, [4], [-49.0]),
        ({"type": "ascii", "length": 2}, [0x2042, 0x3100], ["B1"]),
        ({"type": "hex", "length": 2}, [0x04A1, 0xB200], ["04A1B200"]),
        ({"type": "utf16", "length": 3}, [0x41, 0x42, 0], ["AB"]),
        ({"space": "coil"}, [1], [1.0]),
    ],
)
def test_every_type_is_decoded(row: dict[str, Any], words: list[int], values: list[Any]) -> None:
    assert list(decode({"space": "input", **row}, [words]).values) == values


@pytest.mark.parametrize(
    ("match", "value", "expected"),
    [
        (3, 3, True),
        ([1, 2], 3, False),
        ({"bit": 5}, 0x20, True),
        ({"bit": 5}, 0x1F, False),
        ({"mask": 4, "equals": 0}, 3, True),
        ({"mask": 0x0F, "in": [1, 2]}, 0x31, True),
        ({"min": 3, "max": 7}, 8, False),
        ({"not": 0}, 0, False),
        ("C*", "C2", True),
        ("C", "C2", False),
    ],
)
def test_conditions(match: Any, value: int | str, expected: bool) -> None:
    assert holds({"state": match}, {"state": value}) is expected
    assert not holds({"state": match}, {})


async def test_rtu_over_a_terminal_shows_a_charging_heidelberg() -> None:
    async with ChargerSim("heidelberg-energy-control") as sim:
        sim.plug(EvSpec(phases=3, max_current_a=16))
        found = await try_once(
            "heidelberg-energy-control", "--port", sim.port_path, "--limit", "10", "--yes"
        )
        assert found["pilot"] == "B1"
        assert values(found, "voltages") == [230.0, 230.0, 230.0]
        assert values(found, "watchdog-timeout") == [15000.0]
        assert found["hints"] == []
        assert found["limit"]["taken"], found["limit"]
        await sim.wait_for(lambda s: s.limit_a == 10, 5, "10 A")


async def test_ascii_over_a_terminal_with_its_lost_first_request() -> None:
    async with ChargerSim("abl-emh1") as sim:
        sim.device.advance(1)
        found = await try_once("abl-emh1", "--port", sim.port_path)
        assert found["pilot"] == "A"
        assert values(found, "currents") == [0.0, 0.0, 0.0]
        found = await try_once("abl-emh1", "--port", sim.port_path, "--limit", "16", "--yes")
        assert found["limit"]["taken"], found["limit"]


@pytest.mark.parametrize("framing", [Framing.TCP, Framing.RTU])
async def test_a_socket_shows_words_and_values(framing: Framing) -> None:
    async with ChargerSim("alfen-eve", tcp=("127.0.0.1", 0), framing=framing) as sim:
        framer = "tcp" if framing is Framing.TCP else "rtu-over-tcp"
        code, out, _ = await try_cli(
            "alfen-eve", "--tcp", sim.port_path, "--framer", framer, "--once", "--json"
        )
        assert code == 0
        assert json.loads(out)["pilot"].startswith("A")
        code, out, _ = await try_cli(
            "alfen-eve", "--tcp", sim.port_path, "--framer", framer, "--once"
        )
        assert code == 0
        assert "Pilot A" in out


async def test_refused_and_silent_registers_are_rows_not_ends() -> None:
    async with ChargerSim("sungrow-ac") as sim:
        sim.faults.exceptions = 1
        sim.faults.exception_code = 2
        found = await try_once("sungrow-ac", "--port", sim.port_path)
        notes = [row["note"] for row in found["registers"] if row["note"]]
        assert notes == ["refused: exception 2, illegal address"]
        sim.faults.drop_replies = 1
        found = await try_once("sungrow-ac", "--port", sim.port_path)
        assert [row["note"] for row in found["registers"] if row["note"]] == ["no answer"]


async def test_nothing_is_written_without_limit() -> None:
    device = make_device("sungrow-ac")
    assert isinstance(device, ProfileDevice)
    async with ChargerSim(device) as sim:
        await try_once("sungrow-ac", "--port", sim.port_path)
    assert not device.writes


async def test_errors_are_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        refused = f"127.0.0.1:{closed.getsockname()[1]}"
        cases = [
            (("--port", str(tmp_path / "tty")), 1, "There is no port"),
            (("--tcp", refused), 1, "refuses the connection"),
            ((), 2, "Give one of --port and --tcp"),
            (("--tcp", "x:y"), 2, "is not an address"),
            (("--port", "x", "--framer", "tcp"), 2, "rtu or ascii"),
            (("--port", "x", "--unit", "256"), 2, "outside 0..255"),
            (("--port", "x", "--outlet", "2"), 2, "outlets 1 to 1"),
            (("--port", "x", "--limit", "3"), 2, "0 or 6 to 16 A"),
        ]
        for arguments, code, sentence in cases:
            got, out, error = await try_cli("heidelberg-energy-control", *arguments)
            assert (got, out) == (code, ""), arguments
            assert sentence in error


async def test_nobody_answers_tells_the_likely_causes() -> None:
    async with ChargerSim("heidelberg-energy-control") as sim:
        code, _, error = await try_cli(
            "heidelberg-energy-control", "--port", sim.port_path, "--unit", "9", "--once"
        )
        assert code == 1
        assert "Nobody answers as unit 9" in error
        assert "A and B are swapped" in error


async def test_a_wrong_word_order_is_hinted_at(tmp_path: Path) -> None:
    wrong = tmp_path / "alfen-eve.yaml"
    text = profiles.find_file("alfen-eve").read_text("utf-8")
    wrong.write_text(text.replace("type: f32,", "type: f32, word_order: low_first,"), "utf-8")
    async with ChargerSim("alfen-eve", tcp=("127.0.0.1", 0)) as sim:
        found = await try_once(str(wrong), "--tcp", sim.port_path)
        assert any("wrong scale or word order?" in hint for hint in found["hints"])
