"""Model of an electric vehicle at the end of a charging cable.

The model is pure: it has no clock of its own and is moved by `Ev.advance()`. It follows IEC 61851-1
as far as a charging station can see: control pilot state B (connected) or C (asks for power),
current below the offered limit, pauses, a full battery, and vehicles that fall asleep in a pause.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

from vevgw.errors import UserError


class Pilot(enum.Enum):
    """What the station puts on the control pilot."""

    STEADY = "steady"  # 12 V/9 V without PWM: connected, charging not permitted (states x1)
    PWM = "pwm"  # duty cycle offers a current (states x2)
    OFF = "off"  # state E or F, or the pilot is interrupted


@dataclass(frozen=True, slots=True)
class EvSpec:
    """Properties of one vehicle.

    Attributes:
        name: Shown in logs.
        battery_wh: Usable capacity, Wh, > 0.
        soc_percent: State of charge when it is plugged in, 0..100.
        target_percent: It stops asking for power at this state of charge, 0..100.
        max_current_a: Largest current of the on-board charger per phase, A, 1..63.
        min_current_a: Below this offer it does not charge, A, >= 6 by IEC 61851-1.
        phases: 1 or 3 phases used.
        taper_from_percent: Above this state of charge the current falls towards 1 A at the target.
        start_delay_s: From the offer to state C, s.
        stop_delay_s: From the end of the offer to state B, s (IEC 61851-1: at most 3 s).
        ramp_up_a_per_s: Rise of the current, A/s.
        ramp_down_a_per_s: Fall of the current, A/s.
        sleeps_after_s: A pause longer than this sends it to sleep; only an interrupted pilot or a
            new plug wakes it. None: it never sleeps.
        wakes_at_offer: Asleep, it wakes at this many offers that begin anew, too; 0: at none.
        keeps_asking: It stays in state C although the offer is gone (some vehicles do).
        efficiency: Energy into the battery per energy from the station, > 0..1.
    """

    name: str = "EV"
    battery_wh: float = 60_000.0
    soc_percent: float = 40.0
    target_percent: float = 100.0
    max_current_a: float = 16.0
    min_current_a: float = 6.0
    phases: int = 3
    taper_from_percent: float = 90.0
    start_delay_s: float = 0.5
    stop_delay_s: float = 0.3
    ramp_up_a_per_s: float = 8.0
    ramp_down_a_per_s: float = 32.0
    sleeps_after_s: float | None = None
    wakes_at_offer: int = 0
    keeps_asking: bool = False
    efficiency: float = 0.9

    def __post_init__(self) -> None:
        checks = (
            (self.battery_wh > 0, "battery_wh must be above 0"),
            (0 <= self.soc_percent <= 100, "soc_percent must be 0..100"),
            (0 <= self.target_percent <= 100, "target_percent must be 0..100"),
            (1 <= self.max_current_a <= 63, "max_current_a must be 1..63"),
            (0 <= self.min_current_a <= 63, "min_current_a must be 0..63"),
            (self.phases in (1, 3), "phases must be 1 or 3"),
            (self.ramp_up_a_per_s > 0, "ramp_up_a_per_s must be above 0"),
            (self.ramp_down_a_per_s > 0, "ramp_down_a_per_s must be above 0"),
            (self.wakes_at_offer >= 0, "wakes_at_offer must be at least 0"),
            (0 < self.efficiency <= 1, "efficiency must be above 0 and at most 1"),
        )
        for good, sentence in checks:
            if not good:
                raise UserError(f"The vehicle '{self.name}' is impossible: {sentence}.")

    @classmethod
    def from_json(cls, values: dict[str, object]) -> EvSpec:
        """Returns the vehicle that a JSON object describes; missing fields keep their defaults.

        Raises:
            UserError: A field is unknown or its value is impossible.
        """
        unknown = sorted(set(values) - set(cls.__dataclass_fields__))
        if unknown:
            known = ", ".join(cls.__dataclass_fields__)
            raise UserError(f"A vehicle has no field '{unknown[0]}'; the fields are: {known}.")
        try:
            return replace(cls(), **values)  # type: ignore[arg-type]
        except TypeError as error:
            raise UserError(f"A field of the vehicle has the wrong type: {error}.") from error


class Ev:
    """One vehicle while it is plugged in.

    Attributes:
        spec: Its properties.
        soc_percent: State of charge now.
        wants_power: Control pilot state C (true) or B (false).
        asleep: It fell asleep in a pause and ignores the offer.
        suspended: It does not want to charge now (timer in the vehicle, charge port, driver).
        current_a: Current per used phase, A.
    """

    def __init__(self, spec: EvSpec | None = None) -> None:
        self.spec = spec or EvSpec()
        self.soc_percent = self.spec.soc_percent
        self.wants_power = False
        self.asleep = False
        self.suspended = False
        self.current_a = 0.0
        self._offer_s = 0.0
        self._no_offer_s = 0.0
        self._slept_offers = 0

    @property
    def is_full(self) -> bool:
        """Whether the target state of charge is reached."""
        return self.soc_percent >= self.spec.target_percent

    def advance(self, dt_s: float, pilot: Pilot, offered_a: float, *, closed: bool) -> None:
        """Moves the vehicle through dt_s seconds of one constant offer.

        Args:
            dt_s: Step, s, small against the ramps and delays.
            pilot: What the station shows.
            offered_a: Current that the PWM offers, A; meaningless unless `pilot` is PWM.
            closed: The station's contactor is closed, so that current can flow.
        """
        if pilot is Pilot.OFF:
            self.asleep = False
        if not self.asleep:
            self._slept_offers = 0
        offer = pilot is Pilot.PWM and offered_a >= self.spec.min_current_a - 1e-9
        if offer:
            if self.asleep and self._no_offer_s > 0:
                self._slept_offers += 1
                self.asleep = self._slept_offers != self.spec.wakes_at_offer
            self._offer_s += dt_s
            self._no_offer_s = 0.0
        else:
            self._offer_s = 0.0
            self._no_offer_s += dt_s
            sleeps = self.spec.sleeps_after_s
            if pilot is not Pilot.OFF and sleeps is not None and self._no_offer_s >= sleeps:
                self.asleep = True
        self.wants_power = self._decide(pilot, offer=offer)
        self._follow(dt_s, offered_a if offer else 0.0, closed=closed)

    def take_energy(self, energy_wh: float) -> None:
        """Books energy that the station delivered, Wh, into the battery."""
        gain = 100.0 * energy_wh * self.spec.efficiency / self.spec.battery_wh
        self.soc_percent = min(100.0, self.soc_percent + gain)

    def _decide(self, pilot: Pilot, *, offer: bool) -> bool:
        if pilot is Pilot.OFF or self.suspended or self.asleep or self.is_full:
            return False
        if offer:
            return self.wants_power or self._offer_s >= self.spec.start_delay_s
        if self.spec.keeps_asking:
            return self.wants_power
        return self.wants_power and self._no_offer_s < self.spec.stop_delay_s

    def _follow(self, dt_s: float, offered_a: float, *, closed: bool) -> None:
        if not closed:
            self.current_a = 0.0
            return
        target = min(offered_a, self.spec.max_current_a, self._taper_a())
        if not self.wants_power:
            target = 0.0
        if target > self.current_a:
            self.current_a = min(target, self.current_a + self.spec.ramp_up_a_per_s * dt_s)
        else:
            self.current_a = max(target, self.current_a - self.spec.ramp_down_a_per_s * dt_s)

    def _taper_a(self) -> float:
        spec = self.spec
        width = spec.target_percent - spec.taper_from_percent
        if width <= 0 or self.soc_percent <= spec.taper_from_percent:
            return spec.max_current_a
        left = max(0.0, (spec.target_percent - self.soc_percent) / width)
        return max(1.0, spec.max_current_a * left)
