"""The vehicle model, in virtual time."""

from __future__ import annotations

import pytest

from vevgw.chargers.ev import Ev, EvSpec, Pilot
from vevgw.errors import UserError


def run(ev: Ev, seconds: float, pilot: Pilot, offered_a: float = 0.0) -> None:
    for _ in range(round(seconds * 20)):
        ev.advance(0.05, pilot, offered_a, closed=pilot is Pilot.PWM and ev.wants_power)


def test_ev_takes_the_offered_current_after_its_start_delay() -> None:
    ev = Ev(EvSpec(start_delay_s=1.0, ramp_up_a_per_s=8.0))
    run(ev, 0.9, Pilot.PWM, 10.0)
    assert not ev.wants_power
    run(ev, 0.6, Pilot.PWM, 10.0)
    assert ev.wants_power
    assert 0 < ev.current_a < 10
    run(ev, 2.0, Pilot.PWM, 10.0)
    assert ev.current_a == 10.0


def test_ev_never_exceeds_its_own_charger() -> None:
    ev = Ev(EvSpec(max_current_a=8.0))
    run(ev, 5, Pilot.PWM, 16.0)
    assert ev.current_a == 8.0


def test_ev_follows_a_lower_offer_quickly() -> None:
    ev = Ev()
    run(ev, 5, Pilot.PWM, 16.0)
    run(ev, 0.5, Pilot.PWM, 6.0)
    assert ev.current_a == 6.0


def test_ev_ignores_an_offer_below_its_minimum() -> None:
    ev = Ev(EvSpec(min_current_a=8.0))
    run(ev, 5, Pilot.PWM, 7.9)
    assert not ev.wants_power
    assert ev.current_a == 0.0


def test_ev_opens_s2_when_the_offer_ends() -> None:
    ev = Ev(EvSpec(stop_delay_s=0.5))
    run(ev, 5, Pilot.PWM, 16.0)
    run(ev, 0.3, Pilot.STEADY)
    assert ev.wants_power
    assert ev.current_a == 0.0
    run(ev, 0.5, Pilot.STEADY)
    assert not ev.wants_power


def test_ev_that_keeps_asking_stays_in_state_c() -> None:
    ev = Ev(EvSpec(keeps_asking=True))
    run(ev, 5, Pilot.PWM, 16.0)
    run(ev, 60, Pilot.STEADY)
    assert ev.wants_power


def test_ev_falls_asleep_in_a_pause_and_wakes_by_an_interrupted_pilot() -> None:
    ev = Ev(EvSpec(sleeps_after_s=30))
    run(ev, 5, Pilot.PWM, 16.0)
    run(ev, 31, Pilot.STEADY)
    run(ev, 60, Pilot.PWM, 16.0)
    assert ev.asleep
    assert ev.current_a == 0.0
    run(ev, 1, Pilot.OFF)
    run(ev, 5, Pilot.PWM, 16.0)
    assert not ev.asleep
    assert ev.current_a == 16.0


def test_ev_that_sleeps_may_wake_at_the_second_offer() -> None:
    ev = Ev(EvSpec(sleeps_after_s=30, wakes_at_offer=2))
    run(ev, 5, Pilot.PWM, 16.0)
    run(ev, 31, Pilot.STEADY)
    run(ev, 60, Pilot.PWM, 16.0)
    assert ev.asleep
    run(ev, 5, Pilot.STEADY)
    run(ev, 5, Pilot.PWM, 16.0)
    assert ev.current_a == 16.0


def test_ev_suspended_by_its_driver_does_not_charge() -> None:
    ev = Ev()
    ev.suspended = True
    run(ev, 5, Pilot.PWM, 16.0)
    assert not ev.wants_power


def test_ev_stops_asking_when_full_and_tapers_before() -> None:
    ev = Ev(EvSpec(battery_wh=1000, soc_percent=89, taper_from_percent=90, efficiency=0.5))
    run(ev, 5, Pilot.PWM, 16.0)
    assert ev.current_a == 16.0
    ev.take_energy(120)  # 6 % of the battery after losses
    assert ev.soc_percent == pytest.approx(95.0)
    run(ev, 5, Pilot.PWM, 16.0)
    assert ev.current_a == pytest.approx(8.0)
    ev.take_energy(1000)
    assert ev.soc_percent == 100.0
    run(ev, 0.1, Pilot.PWM, 16.0)
    assert not ev.wants_power


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"phases": 2}, "phases must be 1 or 3"),
        ({"battery_wh": 0}, "battery_wh must be above 0"),
        ({"colour": "red"}, "no field 'colour'"),
        ({"max_current_a": "much"}, "wrong type"),
    ],
)
def test_ev_spec_refuses_impossible_values(values: dict[str, object], word: str) -> None:
    with pytest.raises(UserError, match=word):
        EvSpec.from_json(values)
