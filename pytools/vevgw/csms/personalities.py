"""Named personalities: what well-known central systems do right after a charge point has booted.

They send what their users' charge points really meet; the rest of the behaviour stays as it is.
"""

from __future__ import annotations

from typing import Any, Final

from vevgw.csms.behaviour import Behaviour, Boot
from vevgw.csms.errors import CsmsError

_Calls = tuple[tuple[str, dict[str, Any]], ...]

_EVCC_MEASURANDS: Final = (
    "Power.Active.Import",
    "Energy.Active.Import.Register",
    "Current.Import",
    "Voltage",
    "Current.Offered",
    "Power.Offered",
    "SoC",
)
_HOME_ASSISTANT_KEYS: Final = (
    "SupportedFeatureProfiles",
    "NumberOfConnectors",
    "ChargingScheduleAllowedChargingRateUnit",
    "ChargeProfileMaxStackLevel",
    "HeartbeatInterval",
    "MeterValuesSampledData",
    "MeterValueSampleInterval",
)


def _change(key: str, value: str) -> tuple[str, dict[str, Any]]:
    return "ChangeConfiguration", {"key": key, "value": value}


#: evcc asks for everything at once and tries each measurand alone before it writes them all.
_EVCC: Final[_Calls] = (
    ("ChangeAvailability", {"connectorId": 0, "type": "Operative"}),
    ("GetConfiguration", {}),
    *(_change("MeterValuesSampledData", measurand) for measurand in _EVCC_MEASURANDS),
    _change("MeterValuesSampledData", ",".join(_EVCC_MEASURANDS[:4])),
    ("TriggerMessage", {"requestedMessage": "MeterValues"}),
    _change("MeterValueSampleInterval", "10"),
    _change("WebSocketPingInterval", "30"),
)
#: Home Assistant asks key by key and makes charge points boot and tell their status again.
_HOME_ASSISTANT: Final[_Calls] = (
    *(("GetConfiguration", {"key": [key]}) for key in _HOME_ASSISTANT_KEYS),
    _change("MeterValuesSampledData", ",".join(_EVCC_MEASURANDS)),
    _change("MeterValueSampleInterval", "60"),
    _change("WebSocketPingInterval", "60"),
    ("ChangeAvailability", {"connectorId": 0, "type": "Operative"}),
    ("TriggerMessage", {"requestedMessage": "StatusNotification"}),
)

PERSONALITIES: Final = ("evcc", "home-assistant", "steve")


def adopt(behaviour: Behaviour, personality: str) -> None:
    """Makes a behaviour that of a well-known central system.

    Raises:
        CsmsError: It is not known here.
    """
    match personality:
        case "evcc":
            behaviour.after_boot = _EVCC
        case "home-assistant":
            behaviour.after_boot = _HOME_ASSISTANT
        case "steve":
            # Hours between heartbeats, and no tag that is not in its table.
            behaviour.boot = Boot(behaviour.boot.answers, interval_s=14_400)
            behaviour.id_tags.unknown = "Invalid"
        case _:
            raise CsmsError(
                f"There is no personality {personality!r}; there are: {', '.join(PERSONALITIES)}.",
                exit_code=2,
            )
