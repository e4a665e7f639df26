"""The Heidelberg Energy Control on the device side, in virtual time."""

from __future__ import annotations

import pytest

from vevgw.chargers.devices.base import ExceptionCode, RefusedError, Space
from vevgw.chargers.devices.heidelberg import HeidelbergEnergyControl
from vevgw.chargers.ev import Ev, EvSpec

IN, HOLD = Space.INPUT, Space.HOLDING


@pytest.fixture
def box() -> HeidelbergEnergyControl:
    device = HeidelbergEnergyControl()
    device.write(HOLD, 257, [0])  # no watchdog unless the test is about it
    return device


def state(box: HeidelbergEnergyControl) -> int:
    return box.read(IN, 5, 1)[0]


def u32(box: HeidelbergEnergyControl, address: int) -> int:
    high, low = box.read(IN, address, 2)
    return high << 16 | low


def charge(box: HeidelbergEnergyControl, deci_a: int = 160, spec: EvSpec | None = None) -> Ev:
    ev = Ev(spec)
    box.plug(ev)
    box.write(HOLD, 261, [deci_a])
    box.advance(10)
    return ev


def test_registers_of_an_idle_box(box: HeidelbergEnergyControl) -> None:
    assert box.read(IN, 4, 11) == [0x0108, 2, 0, 0, 0, 250, 230, 230, 230, 1, 0]
    assert box.read(IN, 100, 2) == [16, 6]
    assert box.read(HOLD, 257, 3) == [0, 0, 1]
    assert box.read(HOLD, 261, 2) == [0, 0]


def test_default_watchdog_is_15_s() -> None:
    assert HeidelbergEnergyControl().read(HOLD, 257, 1) == [15_000]


def test_state_follows_plug_and_permission(box: HeidelbergEnergyControl) -> None:
    assert state(box) == 2  # A1
    box.write(HOLD, 261, [60])
    assert state(box) == 3  # A2
    box.write(HOLD, 261, [0])
    ev = Ev()
    box.plug(ev)
    box.advance(5)
    assert state(box) == 4  # B1
    ev.suspended = True
    box.write(HOLD, 261, [60])
    box.advance(5)
    assert state(box) == 5  # B2
    ev.suspended = False
    box.advance(5)
    assert state(box) == 7  # C2
    box.unplug()
    assert state(box) == 3


def test_state_c1_while_the_ev_asks_without_permission(box: HeidelbergEnergyControl) -> None:
    charge(box, spec=EvSpec(keeps_asking=True))
    box.write(HOLD, 261, [0])
    box.advance(5)
    assert state(box) == 6
    assert box.read(IN, 6, 3) == [0, 0, 0]


def test_currents_power_and_energy_agree(box: HeidelbergEnergyControl) -> None:
    charge(box, 100)
    assert box.read(IN, 6, 3) == [100, 100, 100]
    assert box.read(IN, 14, 1) == [6900]
    before = box.energy_total_vah
    box.advance(3600)
    assert box.energy_total_vah - before == pytest.approx(6900, abs=0.01)
    assert u32(box, 17) == int(box.energy_total_vah)


def test_one_phase_ev_loads_one_phase(box: HeidelbergEnergyControl) -> None:
    charge(box, 100, EvSpec(phases=1))
    assert box.read(IN, 6, 3) == [100, 0, 0]
    assert box.read(IN, 14, 1) == [2300]


def test_energy_scale_changes_energy_only(box: HeidelbergEnergyControl) -> None:
    box.energy_time_scale = 60.0
    charge(box, 100)
    before = box.energy_total_vah
    box.advance(60)
    assert box.energy_total_vah - before == pytest.approx(6900, abs=0.01)
    assert box.read(IN, 6, 1) == [100]


def test_total_energy_has_the_high_word_first(box: HeidelbergEnergyControl) -> None:
    box.energy_total_vah = 70_000.9
    assert box.read(IN, 17, 2) == [1, 70_000 - 65_536]
    assert box.read(IN, 15, 2) == [0, 0]


def test_rotary_switch_limits_the_current() -> None:
    box = HeidelbergEnergyControl(hw_max_a=10)
    charge(box, 160)
    assert box.read(IN, 6, 1) == [100]
    assert box.read(IN, 100, 1) == [10]


@pytest.mark.parametrize("raw", [1, 59, 161, 65_535])
@pytest.mark.parametrize("address", [261, 262])
def test_currents_outside_the_range_are_refused(
    box: HeidelbergEnergyControl, address: int, raw: int
) -> None:
    with pytest.raises(RefusedError) as caught:
        box.write(HOLD, address, [raw])
    assert caught.value.code is ExceptionCode.ILLEGAL_VALUE
    assert box.read(HOLD, address, 1) == [0]


@pytest.mark.parametrize(("address", "raw"), [(258, 1), (259, 2)])
def test_other_illegal_values_are_refused(
    box: HeidelbergEnergyControl, address: int, raw: int
) -> None:
    with pytest.raises(RefusedError, match="ILLEGAL_VALUE"):
        box.write(HOLD, address, [raw])


def test_a_refused_block_write_changes_nothing(box: HeidelbergEnergyControl) -> None:
    with pytest.raises(RefusedError):
        box.write(HOLD, 261, [100, 17])
    assert box.read(HOLD, 261, 2) == [0, 0]


@pytest.mark.parametrize(
    ("space", "address", "count"), [(IN, 3, 1), (IN, 4, 16), (HOLD, 260, 1), (HOLD, 5, 1)]
)
def test_holes_of_the_map_are_refused(
    box: HeidelbergEnergyControl, space: Space, address: int, count: int
) -> None:
    with pytest.raises(RefusedError, match="ILLEGAL_ADDRESS"):
        box.read(space, address, count)


def test_watchdog_falls_to_the_failsafe_current() -> None:
    box = HeidelbergEnergyControl()
    box.write(HOLD, 262, [60])
    ev = Ev()
    box.plug(ev)
    box.write(HOLD, 261, [160])
    box.on_transaction()
    box.advance(14.9)
    assert box.read(HOLD, 261, 1) == [160]
    box.advance(0.2)
    assert box.read(HOLD, 261, 1) == [60]
    box.advance(2)
    assert box.read(IN, 6, 1) == [60]
    assert state(box) == 7


def test_watchdog_is_fed_by_any_transaction() -> None:
    box = HeidelbergEnergyControl()
    box.write(HOLD, 261, [160])
    for _ in range(10):
        box.advance(14)
        box.on_transaction()
    assert box.read(HOLD, 261, 1) == [160]
    assert box.watchdog_expiries == 0


def test_watchdog_with_failsafe_0_locks_until_unlocked_and_commanded_again() -> None:
    box = HeidelbergEnergyControl()
    charge(box, 160)
    box.on_transaction()
    box.advance(16)
    assert state(box) == 10
    assert box.read(IN, 6, 1) == [0]
    box.on_transaction()
    box.advance(5)
    assert state(box) == 10, "a transaction alone must not unlock"
    box.write(HOLD, 259, [1])
    box.advance(box.timing.unlock_s + 1)
    box.on_transaction()
    assert state(box) == 4, "the current is still 0"
    box.write(HOLD, 261, [100])
    box.advance(5)
    assert state(box) == 7


def test_watchdog_0_is_off(box: HeidelbergEnergyControl) -> None:
    charge(box, 160)
    box.advance(3600)
    assert state(box) == 7


def test_remote_lock_interrupts_the_pilot_and_wakes_the_ev(box: HeidelbergEnergyControl) -> None:
    ev = charge(box, spec=EvSpec(sleeps_after_s=60))
    box.write(HOLD, 261, [0])
    box.advance(61)
    box.write(HOLD, 261, [160])
    box.advance(30)
    assert ev.asleep
    assert state(box) == 5
    box.write(HOLD, 259, [0])
    box.advance(1)
    assert state(box) == 10
    box.write(HOLD, 259, [1])
    assert state(box) == 10, "it needs time to come back"
    box.advance(box.timing.unlock_s + 5)
    assert state(box) == 7


def test_external_lock_forbids_charging(box: HeidelbergEnergyControl) -> None:
    charge(box)
    box.external_unlocked = False
    box.advance(5)
    assert box.read(IN, 13, 1) == [0]
    assert state(box) == 4
    assert box.limit_a == 0


def test_derating_reduces_the_current_and_shows_in_state_and_temperature(
    box: HeidelbergEnergyControl,
) -> None:
    charge(box)
    box.is_derating = True
    box.advance(5)
    assert state(box) == 8
    assert box.read(IN, 6, 1) == [100]
    assert box.read(IN, 9, 1)[0] > 750


def test_faults_stop_the_current(box: HeidelbergEnergyControl) -> None:
    charge(box)
    box.fault = "E"
    box.advance(1)
    assert state(box) == 9
    assert box.read(IN, 6, 1) == [0]
    box.fault = "error"
    assert state(box) == 11


def test_negative_temperature_is_twos_complement(box: HeidelbergEnergyControl) -> None:
    box._temperature_c = -5.0
    assert box.read(IN, 9, 1) == [65_536 - 50]


def test_standby_silences_an_idle_box_until_a_vehicle_comes(box: HeidelbergEnergyControl) -> None:
    box.advance(719)
    assert box.is_listening
    box.advance(2)
    assert not box.is_listening
    box.plug(Ev())
    assert box.is_listening


def test_standby_disabled_keeps_the_box_on_the_bus(box: HeidelbergEnergyControl) -> None:
    box.write(HOLD, 258, [4])
    box.advance(7200)
    assert box.is_listening


def test_no_standby_while_a_vehicle_is_plugged(box: HeidelbergEnergyControl) -> None:
    box.plug(Ev())
    box.advance(7200)
    assert box.is_listening
    box.unplug()
    box.advance(60)
    assert box.is_listening


def test_reboot_resets_what_is_volatile_and_keeps_the_total(box: HeidelbergEnergyControl) -> None:
    charge(box)
    box.advance(3600)
    total = u32(box, 17)
    assert total > 1000
    box.write(HOLD, 258, [4])
    box.write(HOLD, 262, [60])
    box.reboot()
    assert not box.is_listening
    box.advance(1.1)
    assert box.is_listening
    assert state(box) == 1
    box.advance(1.0)
    assert state(box) == 4
    assert box.read(HOLD, 257, 3) == [15_000, 0, 1]
    assert box.read(HOLD, 261, 2) == [0, 0]
    assert u32(box, 15) == 0
    assert u32(box, 17) == total


def test_layout_1_0_7_cannot_read_standby_and_lock_and_has_no_watchdog() -> None:
    box = HeidelbergEnergyControl(layout_version=0x0107)
    for address in (257, 258, 259, 262):
        with pytest.raises(RefusedError, match="ILLEGAL_ADDRESS"):
            box.read(HOLD, address, 1)
    box.write(HOLD, 258, [4])
    assert box.read(HOLD, 261, 1) == [0]


def test_layout_1_0_4_has_neither_current_nor_total_energy() -> None:
    box = HeidelbergEnergyControl(layout_version=0x0104)
    assert box.read(IN, 14, 1) == [0]
    for space, address in ((HOLD, 261), (IN, 17)):
        with pytest.raises(RefusedError, match="ILLEGAL_ADDRESS"):
            box.read(space, address, 1)
