"""A meter whose registers lie where its profile says."""

from __future__ import annotations

from vevgw.chargers.devices.base import ChargerDevice
from vevgw.chargers.devices.profile_device import ProfileDevice
from vevgw.chargers.ev import Pilot


class ProfileMeter(ProfileDevice):
    """The generic meter: it shows what flows into a charger.

    Args:
        model: Name of the profile.
        load: The charger behind it; None: `amps` flow.

    Attributes:
        amps: Current of each phase without a charger, A.
    """

    function_codes = frozenset({3, 4})

    def __init__(self, model: str, load: ChargerDevice | None = None) -> None:
        self.model = model  # type: ignore[misc]
        self.load = load
        self.amps = (0.0, 0.0, 0.0)
        super().__init__()

    @property
    def currents_a(self) -> tuple[float, float, float]:
        """Current of each phase that it measures, A."""
        first, second, third = self.amps if self.load is None else self.load.currents_a
        return (first, second if self.phases > 1 else 0.0, third if self.phases > 2 else 0.0)

    @property
    def permitted_a(self) -> float:
        """A meter permits nothing."""
        return 0.0

    def _pilot(self) -> tuple[Pilot, float]:
        return Pilot.STEADY, 0.0

    def _tick(self, dt_s: float) -> None:
        super()._tick(dt_s)
        if self.load is not None:
            self.energy_total_vah = self.load.energy_total_vah
        else:
            self.energy_total_vah += self.power_va * dt_s / 3600.0 * self.energy_time_scale
