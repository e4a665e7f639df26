"""The chargers of the field on the device side, in virtual time; addresses and numbers are raw."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from pymodbus.client import AsyncModbusSerialClient
from pymodbus.framer import FramerType

from vevgw.chargers import profiles, profiles_docs
from vevgw.chargers.devices import make_device, model_names
from vevgw.chargers.devices.base import ChargerDevice, ExceptionCode, RefusedError, Space
from vevgw.chargers.devices.field_rtu import (
    AblEmh1,
    EvseWbDin,
    MennekesCompact,
    PhoenixSerial,
    Sungrow,
    Viridian,
)
from vevgw.chargers.devices.field_tcp import (
    AbbTerra,
    Alfen,
    DaheimLaden,
    Em2Go,
    EvLink,
    KebaP30,
    MennekesHcc3,
    PhoenixEth,
    Vestel,
)
from vevgw.chargers.devices.profile_device import ProfileDevice
from vevgw.chargers.ev import Ev, EvSpec
from vevgw.chargers.sessions import is_drilled, is_driven
from vevgw.chargers.sim import ChargerSim
from vevgw.chargers.sim_control import SimControl
from vevgw.errors import UserError

IN, HOLD, COIL = Space.INPUT, Space.HOLDING, Space.COIL
Write = tuple[Space, int, list[int]]


def f32(value: float) -> list[int]:
    return list(struct.unpack(">HH", struct.pack(">f", value)))


class Case(NamedTuple):
    """How a model is told to charge with 10 A and to stop, and what its state register shows."""

    state: tuple[Space, int, int]
    shows: tuple[list[int], list[int], list[int]]  # nothing plugged in, paused, charging
    on: list[Write]
    off: list[Write]
    current: tuple[Space, int, list[int]] | None = None  # 10 A on L1


CASES = {
    "abb-terra-ac": Case(
        (HOLD, 0x400C, 2),
        ([0, 0], [0, 1 << 8], [0, 4 << 8]),
        [(HOLD, 0x4100, [0, 10_000])],
        [(HOLD, 0x4100, [0, 0])],
        (HOLD, 0x4010, [0, 10_000]),
    ),
    "abl-emh1": Case(
        (HOLD, 0x04, 1),
        ([0xA1], [0xB1], [0xC2]),
        [(HOLD, 0x14, [167])],
        [(HOLD, 0x14, [0x3E8])],
        (HOLD, 0x2E, [0, 0, 100, 100, 100]),
    ),
    "alfen-eve": Case(
        (HOLD, 1201, 1),
        ([0x4100], [0x4231], [0x4332]),
        [(HOLD, 1210, f32(10))],
        [(HOLD, 1210, f32(0))],
        (HOLD, 320, f32(10)),
    ),
    "amperfied-connect": Case(
        (IN, 5, 1), ([2], [4], [7]), [(HOLD, 261, [100])], [(HOLD, 261, [0])], (IN, 6, [100])
    ),
    "bender-cc612": Case(
        (HOLD, 122, 1),
        ([1], [2], [3]),
        [(HOLD, 1000, [10])],
        [(HOLD, 1000, [0])],
        (HOLD, 212, [0, 10_000]),
    ),
    "daheimladen-smart": Case(
        (HOLD, 0, 1), ([1], [2], [4]), [(HOLD, 91, [100])], [(HOLD, 91, [1])], (HOLD, 6, [100])
    ),
    "em2go-pro-power": Case(
        (HOLD, 0, 1),
        ([1], [2], [4]),
        [(HOLD, 95, [1]), (HOLD, 91, [100])],
        [(HOLD, 95, [2])],
        (HOLD, 6, [100]),
    ),
    "evse-wb-din": Case(
        (HOLD, 1002, 1), ([1], [2], [3]), [(HOLD, 1000, [1000])], [(HOLD, 1000, [0])]
    ),
    "keba-p30": Case(
        (HOLD, 1000, 2),
        ([0, 1], [0, 5], [0, 3]),
        [(HOLD, 5004, [10_000]), (HOLD, 5014, [1])],
        [(HOLD, 5014, [0])],
        (HOLD, 1008, [0, 10_000]),
    ),
    "mennekes-amtron-compact-2": Case(
        (HOLD, 0x0100, 1),
        ([1], [2], [5]),
        [(HOLD, 0x0302, f32(10)), (HOLD, 0x0D05, [1])],
        [(HOLD, 0x0D05, [0])],
        (HOLD, 0x0500, f32(10)),
    ),
    "mennekes-amtron-hcc3": Case(
        (IN, 0x0302, 1),
        ([1], [3], [6]),
        [(HOLD, 0x0400, [10]), (HOLD, 0x0401, [4])],
        [(HOLD, 0x0400, [0])],
    ),
    "phoenix-em-cp-pp-eth": Case(
        (IN, 100, 1),
        ([0x41], [0x42], [0x43]),
        [(HOLD, 300, [10]), (COIL, 400, [1])],
        [(COIL, 400, [0])],
        (IN, 114, [10_000, 0]),
    ),
    "phoenix-ev-cc-ac1-m-ser": Case(
        (IN, 24000, 1),
        ([0x4131], [0x4231], [0x4332]),
        [(HOLD, 4000, [3]), (HOLD, 22000, [10]), (COIL, 20000, [1])],
        [(COIL, 20000, [0])],
    ),
    "phoenix-ev-cc-ac1-m3": Case(
        (IN, 100, 1),
        ([0x41], [0x42], [0x43]),
        [(HOLD, 528, [10]), (COIL, 400, [1])],
        [(COIL, 400, [0])],
        (IN, 114, [10, 0]),
    ),
    "phoenix-ev-cc-ac1-m3:wallbe": Case(
        (IN, 100, 1),
        ([0x41], [0x42], [0x43]),
        [(HOLD, 528, [100]), (COIL, 400, [1])],
        [(COIL, 400, [0])],
    ),
    "pracht-alpha": Case(
        (HOLD, 106, 1), ([0], [1], [2]), [(HOLD, 2, [10]), (HOLD, 3, [10])], [(HOLD, 3, [0])]
    ),
    "schneider-evlink-pro-ac": Case(
        (HOLD, 1, 1),
        ([2], [4], [8]),
        [(HOLD, 4000, [2]), (HOLD, 4004, [10])],
        [(HOLD, 4004, [0])],
        (HOLD, 2999, f32(10)[::-1]),
    ),
    "siemens-versicharge-gen3": Case(
        (HOLD, 1599, 1),
        ([0x4120], [0x4220], [0x4320]),
        [(HOLD, 1633, [1000])],
        [(HOLD, 1633, [0])],
        (HOLD, 1647, [10]),
    ),
    "solax-evc": Case(
        (IN, 0x1D, 1),
        ([0], [8], [2]),
        [(HOLD, 0x628, [1000]), (HOLD, 0x627, [4])],
        [(HOLD, 0x627, [3])],
        (IN, 4, [1000]),
    ),
    "sungrow-ac": Case(
        (IN, 21316, 1),
        ([1], [2], [3]),
        [(HOLD, 21202, [100]), (HOLD, 21211, [0])],
        [(HOLD, 21211, [1])],
        (IN, 21302, [100]),
    ),
    "vestel-evc04": Case(
        (IN, 1001, 1),
        ([0], [0], [1]),
        [(HOLD, 5004, [10])],
        [(HOLD, 5004, [0])],
        (IN, 1008, [10_000]),
    ),
    "viridian-epc": Case(
        (HOLD, 11, 1),
        ([0], [1], [2]),
        [(HOLD, 6, [10]), (HOLD, 5, [1])],
        [(HOLD, 5, [0])],
        (HOLD, 8, [100]),
    ),
    "webasto-next": Case(
        (HOLD, 1000, 1),
        ([0], [1], [3]),
        [(HOLD, 5004, [10])],
        [(HOLD, 5004, [0])],
        (HOLD, 1008, [10_000]),
    ),
}
CASES["solax-hac"] = CASES["solax-evc"]


def write_all(device: ChargerDevice, writes: Sequence[Write]) -> None:
    for space, address, words in writes:
        device.write(space, address, words)


def refusal(device: ChargerDevice, space: Space, address: int, words: list[int]) -> ExceptionCode:
    with pytest.raises(RefusedError) as refused:
        device.write(space, address, words)
    return refused.value.code


def advance(device: ChargerDevice, seconds: float) -> None:
    """Time with a master that lets no watchdog expire."""
    for _ in range(round(seconds)):
        device.advance(1)
        if isinstance(device, ProfileDevice):
            device._feed()
        else:
            device.on_transaction()


def test_every_model_is_here() -> None:
    assert set(CASES) | {"heidelberg-energy-control"} == set(model_names())


def test_every_built_in_charger_is_simulated_and_driven() -> None:
    """A profile with a watchdog is drilled, too."""
    for profile in profiles.load_all():
        if profile.is_meter:
            continue
        assert profile.name in model_names()
        assert is_driven(profile.name), profile.name
        has_watchdog = profile.data["watchdog"]["fed_by"] != "none"
        assert is_drilled(profile.name) is has_watchdog, profile.name


def test_table_of_chargers_matches_the_profiles(tmp_path: Path) -> None:
    loaded = profiles.load_all()
    profiles_docs.check(loaded)
    with pytest.raises(UserError, match="does not match the profiles"):
        profiles_docs.check(loaded, tmp_path / "none.md")


@pytest.mark.parametrize("model", sorted(CASES))
def test_session(model: str) -> None:
    """Plug, charge, pause, unplug; by the numbers of the device's document."""
    device, case = make_device(model), CASES[model]
    idle, paused, charging = case.shows
    write_all(device, case.off)
    assert device.read(*case.state) == idle
    device.plug(Ev())
    advance(device, 5)
    assert device.read(*case.state) == paused
    assert device.energy_total_vah == 0
    write_all(device, case.on)
    advance(device, 10)
    assert device.read(*case.state) == charging
    assert device.limit_a == pytest.approx(10, abs=0.03)
    assert max(device.currents_a) == pytest.approx(10, abs=0.03)
    if case.current is not None:
        space, address, words = case.current
        assert device.read(space, address, len(words)) == words
    assert device.energy_total_vah > 5
    write_all(device, case.off)
    advance(device, 5)
    assert device.read(*case.state) == paused
    assert max(device.currents_a) == 0
    device.unplug()
    assert device.read(*case.state) == idle


@pytest.mark.parametrize("model", sorted(CASES))
def test_unknown_registers_are_refused(model: str) -> None:
    device = make_device(model)
    for space in (IN, HOLD):
        with pytest.raises(RefusedError):
            device.read(space, 60_000, 1)
        assert refusal(device, space, 60_000, [1]) is ExceptionCode.ILLEGAL_ADDRESS


WATCHDOGS = {
    # model: (time, what sets the failsafe current to 8 A, what feeds it)
    "abb-terra-ac": (1200, [], None),
    "alfen-eve": (300, [], (HOLD, 1210, f32(10))),
    "bender-cc612": (60, [(HOLD, 131, [8])], (HOLD, 1000, [10])),
    "daheimladen-smart": (60, [(HOLD, 87, [80])], None),
    "em2go-pro-power": (60, [(HOLD, 87, [80])], None),
    "keba-p30": (30, [(HOLD, 5016, [8000]), (HOLD, 5018, [30])], (HOLD, 5018, [30])),
    "mennekes-amtron-compact-2": (10, [(HOLD, 0x073A, f32(8))], (HOLD, 0x0D00, [0x55AA])),
    "schneider-evlink-pro-ac": (
        4,
        [(HOLD, 4005, [8]), (HOLD, 4006, [8])],
        (HOLD, 4000, [1]),
    ),
    "sungrow-ac": (30, [], None),
    "vestel-evc04": (20, [(HOLD, 2000, [8])], (HOLD, 6000, [1])),
    "viridian-epc": (30, [(HOLD, 30, [8])], None),
    "webasto-next": (20, [(HOLD, 2000, [8])], (HOLD, 6000, [1])),
}
FALLS_TO = {"abb-terra-ac": 0.0, "alfen-eve": 6.0, "sungrow-ac": 0.0}


@pytest.mark.parametrize("model", sorted(WATCHDOGS))
def test_watchdog_falls_to_the_failsafe_current_in_its_time(model: str) -> None:
    time_s, prepare, feed = WATCHDOGS[model]
    device = make_device(model)
    assert isinstance(device, ProfileDevice)
    device.plug(Ev(EvSpec(battery_wh=1e6)))
    write_all(device, prepare)
    write_all(device, [one for one in CASES[model].on if one[1:] != (4000, [2])])

    def fed() -> None:
        if feed is None:
            device.read(*CASES[model].state)
            device.on_transaction()
        else:
            device.write(*feed)

    for _ in range(5):
        fed()
        device.advance(time_s * 0.75)
        assert device.limit_a == pytest.approx(10, abs=0.03)
    device.advance(time_s * 0.2)
    assert device.watchdog_expiries == 0
    device.advance(time_s * 0.1)
    assert device.watchdog_expiries == 1
    device.advance(5)
    falls_to = FALLS_TO.get(model, 8.0)
    assert device.limit_a == pytest.approx(falls_to)
    assert max(device.currents_a) == pytest.approx(falls_to)


def test_reads_that_feed_no_watchdog() -> None:
    box = Vestel()
    box.write(HOLD, 5004, [10])
    for _ in range(30):
        box.read(IN, 1001, 1)
        box.on_transaction()
        box.advance(1)
    assert box.watchdog_expiries == 1


def test_evse_counts_in_amps_or_hundredths() -> None:
    box = EvseWbDin()
    box.write(HOLD, 1000, [950])
    assert box.limit_a == 9.5
    old = EvseWbDin(firmware=15)
    old.write(HOLD, 1000, [9])
    assert old.limit_a == 9
    old.read(HOLD, 1000, 7)
    with pytest.raises(RefusedError):
        old.read(HOLD, 1000, 8)
    with pytest.raises(RefusedError):
        old.read(HOLD, 2018, 1)


def test_evse_goes_on_with_its_default_after_a_restart() -> None:
    box = EvseWbDin()
    box.write(HOLD, 2000, [7])
    box.write(HOLD, 1000, [1600])
    box.reboot()
    box.advance(2)
    assert box.limit_a == 7
    assert box.writes["default-current"] == 1


def test_phoenix_serial_ignores_the_coil_until_register_4000_is_3() -> None:
    box = PhoenixSerial()
    box.plug(Ev())
    box.write(COIL, 20000, [1])
    assert box.limit_a == 0
    box.write(HOLD, 4000, [3])
    assert box.limit_a == 16
    assert refusal(box, HOLD, 22000, [5]) is ExceptionCode.ILLEGAL_VALUE
    box.reboot()
    box.advance(2)
    assert box.read(HOLD, 4000, 1) == [3]
    assert box.read(COIL, 20000, 1) == [0]
    box.write(HOLD, 4001, [2])
    box.write(COIL, 20001, [0])
    assert box.read(IN, 24000, 1) == [0x4600]


def test_phoenix_enable_input_takes_the_permission_back() -> None:
    box = PhoenixEth()
    box.write(COIL, 400, [1])
    assert box.limit_a == 16
    box.enable_input = False
    box.advance(1)
    assert box.read(COIL, 400, 1) == [0]
    assert box.limit_a == 0


def test_wallbe_counts_the_limit_in_tenths() -> None:
    box = PhoenixEth(wallbe=True)
    assert box.read(HOLD, 528, 1) == [160]
    box.write(COIL, 400, [1])
    assert box.limit_a == 16
    box.energy_total_vah = 70_000.0
    assert box.read(HOLD, 2980, 4) == [70_000 & 0xFFFF, 1, 0, 0]
    assert box.read(HOLD, 904, 2) == [70_000 & 0xFFFF, 0]


def test_zero_is_no_limit_for_mennekes_compact() -> None:
    box = MennekesCompact()
    box.write(HOLD, 0x0D05, [1])
    box.write(HOLD, 0x0302, f32(0))
    assert box.limit_a == box.hw_max_a
    box.write(HOLD, 0x0302, f32(5.9))
    assert box.limit_a == 0
    assert refusal(box, HOLD, 0x0302, [0x4120]) is ExceptionCode.ILLEGAL_VALUE


def test_zero_starts_daheimladen_also_after_its_restart() -> None:
    box = DaheimLaden()
    box.write(HOLD, 91, [1])
    assert box.limit_a == 0
    box.write(HOLD, 91, [100])
    box.reboot()
    box.advance(2)
    assert box.read(HOLD, 91, 1) == [0]
    assert box.limit_a == box.hw_max_a


def test_em2go_forgets_the_limit_when_it_is_started() -> None:
    box = Em2Go()
    box.write(HOLD, 91, [100])
    box.write(HOLD, 95, [1])
    assert box.limit_a == 16


def test_abl_answers_known_blocks_and_misses_the_first_request() -> None:
    box = AblEmh1()
    assert box.read(HOLD, 0x0F, 5)[3] == 0x03E8
    with pytest.raises(RefusedError):
        box.read(HOLD, 0x12, 1)
    assert box.read(HOLD, 0x2E, 5)[2:] == [1, 1, 1]
    box.plug(Ev(EvSpec(phases=1)))
    box.write(HOLD, 0x14, [200])
    box.advance(10)
    assert box.read(HOLD, 0x2E, 5)[2:] == [0, 0, 120]
    assert not box.hears_request()
    assert box.hears_request()
    box.advance(0.6)
    assert not box.hears_request()
    box.write(HOLD, 0x05, [0xE0E0])
    assert box.read(HOLD, 0x04, 1) == [0xE0]


def test_keba_reads_one_value_at_a_time() -> None:
    box = KebaP30()
    assert box.read(HOLD, 1016, 2) == [317201 >> 16, 317201 & 0xFFFF]
    for address, count in ((1008, 4), (1000, 1), (1001, 2)):
        with pytest.raises(RefusedError):
            box.read(HOLD, address, count)
    assert refusal(box, HOLD, 5004, [5999]) is ExceptionCode.ILLEGAL_VALUE
    box.write(HOLD, 5016, [8000])
    assert box.read(HOLD, 1600, 2) == [0, 8000]


def test_vestel_refuses_reads_across_what_is_not_there() -> None:
    box = Vestel()
    with pytest.raises(RefusedError):
        box.read(IN, 1000, 5)


def test_alfen_tells_what_is_left_of_the_validity() -> None:
    box = Alfen()
    box.write(HOLD, 1210, f32(10))
    box.advance(100)
    assert box.read(HOLD, 1208, 2)[1] in (199, 200)
    box.unavailable.add("currents")
    assert box.read(HOLD, 320, 2) == [0x7FC0, 0]


def test_abb_ends_the_session_when_the_bus_is_silent() -> None:
    box = AbbTerra()
    box.plug(Ev())
    box.write(HOLD, 0x4106, [60])
    box.write(HOLD, 0x4100, [0, 16_000])
    box.advance(61)
    box.on_transaction()
    box.write(HOLD, 0x4100, [0, 16_000])
    box.advance(5)
    assert box.limit_a == 0
    assert box.read(HOLD, 0x400C, 2) == [0, 5 << 8]
    assert box.read(HOLD, 0x400A, 2) == [0, 0x101]
    box.unplug()
    box.plug(Ev())
    assert box.limit_a == 16


def test_hcc3_waits_for_the_start_of_a_session() -> None:
    box = MennekesHcc3()
    box.write(HOLD, 0x0400, [16])
    box.plug(Ev())
    assert box.read(IN, 0x0305, 1) == [1]
    assert box.limit_a == 0
    box.write(HOLD, 0x0401, [4])
    assert box.limit_a == 16
    box.write(HOLD, 0x0401, [3])
    assert box.read(IN, 0x0305, 1) == [5]


def test_evlink_supervision_can_be_switched_off() -> None:
    box = EvLink()
    box.write(HOLD, 4004, [16])
    box.write(HOLD, 4000, [2])
    box.advance(60)
    assert box.limit_a == 16


def test_sungrow_switches_phases_only_while_it_is_stopped() -> None:
    box = Sungrow()
    box.write(HOLD, 21203, [1])
    assert box.read(IN, 21269, 1) == [1]
    box.write(HOLD, 21211, [0])
    assert refusal(box, HOLD, 21203, [0]) is ExceptionCode.ILLEGAL_VALUE


def test_one_phase_and_glitches() -> None:
    box = Viridian()
    box.plug(Ev())
    box.write(HOLD, 6, [16])
    box.write(HOLD, 5, [1])
    box.advance(10)
    assert box.currents_a == (16, 0, 0)
    assert box.read(HOLD, 9, 1) == [16 * 230]
    box.forced["state"] = 99
    assert box.read(HOLD, 11, 1) == [99]
    box.forced.clear()
    box.fault = "error"
    assert box.read(HOLD, 14, 1) == [1]
    assert box.limit_a == 0


async def test_console_shows_a_glitch_and_a_fault() -> None:
    """Pass criteria: the register shows what was forced, the state is a fault; then both end."""
    sim = ChargerSim("viridian-epc", tcp=("127.0.0.1", 0))
    control = SimControl(sim)
    device = sim.device
    assert isinstance(device, ProfileDevice)
    async with sim:
        for line, state, shown in (
            ('{"cmd":"register","name":"state","raw":9}', "A1", [9]),
            ('{"cmd":"register","name":"state"}', "A1", [0]),
            ('{"cmd":"fault","kind":"error"}', "error", [4]),
            ('{"cmd":"fault","kind":"none"}', "A1", [0]),
        ):
            assert (await control.handle_line(line))["ok"]
            assert (sim.state, device.read(HOLD, 11, 1)) == (state, shown)
        answer = await control.handle_line('{"cmd":"register","name":"toast"}')
        assert "There is no register 'toast'" in answer["error"]


async def test_abl_speaks_ascii_on_a_line_and_misses_what_wakes_it() -> None:
    async with ChargerSim("abl-emh1") as sim:
        client = AsyncModbusSerialClient(
            sim.port_path, framer=FramerType.ASCII, timeout=0.2, retries=1
        )
        assert await client.connect()
        answer = await client.read_holding_registers(4, count=1, device_id=1)
        assert answer.registers == [0xA1]
        client.close()
        assert sim.statistics.requests == 1
