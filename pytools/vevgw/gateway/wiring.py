"""Where a charger of the gateway is: simulated, on a serial port, or on the network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from vevgw.chargers import profiles
from vevgw.chargers.devices import make_device
from vevgw.chargers.sim import ChargerSim
from vevgw.errors import UserError

DEFAULT_MODEL: Final = "heidelberg-energy-control"
_SIM: Final = "sim"


@dataclass(frozen=True, slots=True)
class Charger:
    """One connector's charger.

    Attributes:
        profile: Name of its profile.
        place: Device path, or HOST[:PORT] or rtu+tcp://HOST:PORT; None: it is simulated.
        model: Of the simulation: the profile, perhaps with a variant after a colon.
    """

    profile: str
    place: str | None = None
    model: str = ""

    @property
    def is_simulated(self) -> bool:
        """Whether the charger is a simulation of ours."""
        return self.place is None


def parse_charger(text: str) -> Charger:
    """Reads `sim`, `sim:MODEL` or `PROFILE@PLACE`.

    Raises:
        UserError: It is none of these, or there is no such profile.
    """
    kind, _, model = text.partition(":")
    if kind == _SIM:
        model = model or DEFAULT_MODEL
        make_device(model)
        return Charger(model.partition(":")[0], model=model)
    profile, at, place = text.partition("@")
    if not at or not place or not profile:
        raise UserError(
            f"'{text}' is no charger; write sim, sim:MODEL, PROFILE@/dev/ttyUSB0 or "
            "PROFILE@HOST[:PORT].",
            exit_code=2,
        )
    profiles.find_file(profile)
    return Charger(profile, place)


def make_simulation(charger: Charger) -> ChargerSim:
    """Returns the simulator of a charger: on the network if it has Modbus TCP, else on a line.

    Raises:
        UserError: Its profile is wrong.
    """
    profile, findings = profiles.check_file(profiles.find_file(charger.profile))
    if profile is None:
        raise UserError(str(min(findings)))
    tcp = ("127.0.0.1", 0) if "tcp" in profile.data["transport"] else None
    return ChargerSim(charger.model, tcp=tcp)


@dataclass(slots=True)
class Wiring:
    """What the gateway has to be told.

    Attributes:
        settings: Device settings.
        buses: Serial device of each bus number.
    """

    settings: dict[str, str] = field(default_factory=dict)
    buses: dict[int, str] = field(default_factory=dict)

    def add(self, connector: int, charger: Charger, place: str) -> None:
        """Connects a charger; those on the same serial device share a bus.

        Args:
            connector: From 1.
            charger: What it is.
            place: Where it is: a device path, or host and port.
        """
        self.settings[f"c{connector}.profile"] = charger.profile
        if not place.startswith("/"):
            self.settings[f"c{connector}.host"] = place
            return
        known = {device: number for number, device in self.buses.items()}
        number = known.get(place, len(self.buses) + 1)
        self.buses[number] = place
        self.settings[f"c{connector}.bus"] = str(number)
