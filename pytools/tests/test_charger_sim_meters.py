"""The meters of the field on the device side; addresses and numbers are raw."""

from __future__ import annotations

import struct

import pytest

from vevgw.chargers.devices import make_device, meter_names
from vevgw.chargers.devices.base import Space
from vevgw.chargers.devices.meter import ProfileMeter

IN, HOLD = Space.INPUT, Space.HOLDING


def f32(value: float) -> list[int]:
    return list(struct.unpack(">HH", struct.pack(">f", value)))


def meter(model: str) -> ProfileMeter:
    device = make_device(model)
    assert isinstance(device, ProfileMeter)
    device.amps = (10.0, 8.0, 6.0)
    device.energy_total_vah = 12_345_600.0
    return device


# 230 V; 10, 8 and 6 A; 12,345.6 kWh: type, order and unit as the meter's table has them.
SHOWN = [
    ("eastron-sdm630", IN, 0x0000, f32(230) * 3),
    ("eastron-sdm630", IN, 0x0006, f32(10) + f32(8) + f32(6)),
    ("eastron-sdm630", IN, 0x000C, f32(2300) + f32(1840) + f32(1380)),
    ("eastron-sdm630", IN, 0x0048, f32(12_345.6)),
    ("eastron-sdm120", IN, 0x0048, f32(12_345.6)),
    ("eastron-sdm72d-m-v1", IN, 0x0034, f32(5520)),
    ("gavazzi-em24", IN, 0x0000, [2300, 0]),
    ("gavazzi-em24", IN, 0x000C, [10_000, 0]),
    ("gavazzi-em24", IN, 0x0042, [123_456 & 0xFFFF, 123_456 >> 16]),
    ("abb-b23", HOLD, 0x5000, [0, 0, 1_234_560 >> 16, 1_234_560 & 0xFFFF]),
    ("abb-b23", HOLD, 0x5B00, [0, 2300]),
    ("abb-b23", HOLD, 0x5B0C, [0, 1000, 0, 800, 0, 600]),
    ("orno-we517", HOLD, 0x001E, f32(2.3)),
    ("orno-we517", HOLD, 0x0108, f32(12_345.6)),
]


@pytest.mark.parametrize(("model", "space", "address", "words"), SHOWN)
def test_registers(model: str, space: Space, address: int, words: list[int]) -> None:
    assert meter(model).read(space, address, len(words)) == words


@pytest.mark.parametrize("model", meter_names())
def test_every_meter_counts_and_takes_no_orders(model: str) -> None:
    """Every register that exists can be read; time passes into the energy."""
    device = meter(model)
    for space, registers in device.registers.items():
        for address in registers:
            assert 0 <= device.read(space, address, 1)[0] <= 0xFFFF
    device.advance(60)
    counted_wh = sum(amps * 230 for amps in device.currents_a) / 60
    assert device.energy_total_vah == pytest.approx(12_345_600 + counted_wh, rel=1e-6)
    assert device.limit_a == 0


def test_no_value_is_the_pattern_of_the_meter() -> None:
    device = meter("abb-b23")
    device.unavailable.add("currents")
    assert device.read(HOLD, 0x5B0C, 2) == [0xFFFF, 0xFFFF]
