"""Device-side models of chargers, by model name.

Each model states how the device behaves, from its documentation; none of them reads the profiles
of the gateway, so that a simulator and a driver do not share one mistake.
"""

from __future__ import annotations

from collections.abc import Callable

from vevgw.chargers.devices.base import ChargerDevice
from vevgw.chargers.devices.heidelberg import HeidelbergEnergyControl
from vevgw.errors import UserError

_MODELS: dict[str, Callable[[], ChargerDevice]] = {
    HeidelbergEnergyControl.model: HeidelbergEnergyControl,
}


def model_names() -> list[str]:
    """Returns the names of all models that can be simulated."""
    return sorted(_MODELS)


def make_device(model: str) -> ChargerDevice:
    """Returns a new device of the model, just powered on.

    Raises:
        UserError: There is no such model.
    """
    factory = _MODELS.get(model)
    if factory is None:
        known = ", ".join(model_names())
        raise UserError(f"There is no charger model '{model}' to simulate; there are: {known}.")
    return factory()
