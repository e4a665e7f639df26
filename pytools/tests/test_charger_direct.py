"""Simulated chargers without Modbus: the devices' side of their protocols."""

from __future__ import annotations

import json

import pytest

from vevgw.chargers.devices.gpio_box import GpioBox
from vevgw.chargers.devices.keba import Keba
from vevgw.chargers.devices.openevse import OpenEvse
from vevgw.chargers.direct_sim import DirectSim
from vevgw.chargers.ev import Ev, EvSpec
from vevgw.errors import UserError


def test_openevse_takes_the_checksums_of_its_documentation() -> None:
    evse = OpenEvse()
    evse.advance(0.1)
    # From the protocol's description: $GS^30, $GG^24, $GU^36.
    assert evse.receive(b"$GS^30\r").startswith(b"$OK 01 ")
    assert evse.receive(b"$GG^24\r").startswith(b"$OK 0 240000")
    assert evse.receive(b"$GU^36\r").startswith(b"$OK 0 0")
    assert evse.receive(b"$GS^31\r") == b""


def test_openevse_falls_back_without_heartbeats_until_it_is_acknowledged() -> None:
    evse = OpenEvse()
    evse.plug(Ev(EvSpec(phases=1)))
    evse.receive(_rapi("SY 10 8"))
    evse.advance(9)
    evse.receive(_rapi("SY"))
    evse.advance(9)
    assert evse.limit_a == 32
    evse.advance(2)
    assert evse.limit_a == 8
    assert evse.receive(_rapi("SY")).startswith(b"$NK 10 8 2")
    assert evse.receive(_rapi("SY 165")).startswith(b"$OK 10 8 1")
    assert evse.limit_a == 32


def test_openevse_counts_currents_that_wear_its_eeprom() -> None:
    evse = OpenEvse()
    evse.receive(_rapi("SC 10 V"))
    assert evse.eeprom_writes == 0
    evse.receive(_rapi("SC 12"))
    assert evse.eeprom_writes == 1


def test_keba_does_not_hear_commands_that_come_too_early() -> None:
    keba = Keba()
    assert json.loads(keba.receive(b"report 2"))["Plug"] == 3
    keba.advance(0.05)
    assert keba.receive(b"report 2") == b""
    keba.advance(0.1)
    assert keba.receive(b"ena 0") == b"TCH-OK :done\n"
    keba.advance(1.5)
    assert keba.receive(b"report 2") == b""
    keba.advance(0.5)
    assert json.loads(keba.receive(b"report 2"))["Enable user"] == 0
    assert keba.too_early == 2


@pytest.mark.parametrize(("duty", "amperes"), [(1000, 6), (2666, 15.996), (8500, 51), (9600, 80)])
def test_gpio_box_offers_what_the_duty_cycle_says(duty: int, amperes: float) -> None:
    box = GpioBox()
    box.receive(f"P 25 {duty}\n".encode())
    assert box.limit_a == pytest.approx(amperes)


def test_gpio_box_shows_the_levels_of_the_standard() -> None:
    box = GpioBox()
    box.receive(b"P 25 2000\n")
    assert _pilot_mv(box) == pytest.approx((12_000, -12_000), abs=20)
    vehicle = Ev()
    box.plug(vehicle)
    assert _pilot_mv(box) == pytest.approx((8_980, -12_000), abs=20)
    vehicle.wants_power = True
    assert _pilot_mv(box) == pytest.approx((5_995, -12_000), abs=20)


def test_gpio_box_draws_through_a_closed_contactor_only() -> None:
    box = GpioBox()
    box.plug(Ev())
    box.receive(b"P 25 2666\n")
    box.advance(3)
    assert box.state == "C2"
    assert max(box.currents_a) == 0
    box.receive(b"O 27 1\n")
    box.advance(3)
    assert max(box.currents_a) == pytest.approx(15.996)
    box.receive(b"O 27 0\n")
    assert box.opened_under_load == 1


def test_unknown_model_is_one_sentence() -> None:
    with pytest.raises(UserError, match="There is no charger model 'toaster'"):
        DirectSim("toaster")


def _rapi(words: str) -> bytes:
    text = f"${words}".encode()
    checksum = 0
    for byte in text:
        checksum ^= byte
    return text + f"^{checksum:02X}\r".encode()


def _pilot_mv(box: GpioBox) -> tuple[float, float]:
    box.receive(b"H 0 0\n")
    lines = [line.split() for line in box.receive(b"H\n").decode().splitlines()]
    (levels,) = [words for words in lines if words[:2] == ["A", "36"]]
    return (int(levels[2]) - 1650) * 7.273, (int(levels[3]) - 1650) * 7.273
