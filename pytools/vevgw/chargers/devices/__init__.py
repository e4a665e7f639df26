"""Device-side models of chargers, by the name of their profile.

Each model states how the device behaves, from its documentation; none of them reads the rules of
the gateway's profiles, so that a simulator and a driver do not share one mistake. Only where the
registers lie, and their types, does `ProfileDevice` take from the profile.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from vevgw.chargers import profiles
from vevgw.chargers.devices import field_rtu, field_tcp, generic
from vevgw.chargers.devices.base import ChargerDevice
from vevgw.chargers.devices.heidelberg import HeidelbergEnergyControl
from vevgw.chargers.devices.meter import ProfileMeter
from vevgw.errors import UserError


def _wallbe() -> ChargerDevice:
    return field_tcp.PhoenixEth(wallbe=True)


_CLASSES: tuple[type[ChargerDevice], ...] = (
    HeidelbergEnergyControl,
    field_rtu.AblEmh1,
    field_rtu.EvseWbDin,
    field_rtu.MennekesCompact,
    field_rtu.PhoenixSerial,
    field_rtu.Pracht,
    field_rtu.Solax,
    field_rtu.SolaxHac,
    field_rtu.Sungrow,
    field_rtu.Viridian,
    field_tcp.AbbTerra,
    field_tcp.Alfen,
    field_tcp.Amperfied,
    field_tcp.Bender,
    field_tcp.DaheimLaden,
    field_tcp.Em2Go,
    field_tcp.EvLink,
    field_tcp.KebaP30,
    field_tcp.MennekesHcc3,
    field_tcp.PhoenixEm,
    field_tcp.PhoenixEth,
    field_tcp.Siemens,
    field_tcp.Vestel,
    field_tcp.WebastoNext,
)
_MODELS: dict[str, Callable[[], ChargerDevice]] = {
    **{one.model: one for one in _CLASSES},
    "phoenix-ev-cc-ac1-m3:wallbe": _wallbe,
}


def model_names() -> list[str]:
    """Returns the names of all models that can be simulated; after a colon, a variant."""
    return sorted(_MODELS)


@cache
def meter_names() -> tuple[str, ...]:
    """Returns the names of all built-in meters."""
    folder = profiles.PROFILES_FOLDER / "meters"
    return tuple(path.stem for path in profiles.profile_files(folder)) if folder.is_dir() else ()


def make_device(model: str) -> ChargerDevice:
    """Returns a new device of the model: a charger, or a meter with nothing behind it.

    Args:
        model: Name of a model; or a profile's YAML file for the generic device.

    Raises:
        UserError: There is no such model, or the file has mistakes.
    """
    if model.endswith((".yaml", ".yml")):
        return generic.make(Path(model))
    factory = _MODELS.get(model)
    if factory is None and model in meter_names():
        return ProfileMeter(model)
    if factory is None:
        known = ", ".join(model_names())
        raise UserError(f"There is no charger model '{model}' to simulate; there are: {known}.")
    return factory()
