"""Checks of the profile Core: configuration keys and meter values."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from vevgw.conformance.checks import check
from vevgw.conformance.errors import Deviation

if TYPE_CHECKING:
    from vevgw.conformance.runner import Walk

_BOTH: Final = None
#: Keys that each profile demands, and whether they are read-only; None: either.
REQUIRED_KEYS: Final[dict[str, dict[str, bool | None]]] = {
    "Core": {
        "AuthorizeRemoteTxRequests": _BOTH,
        "ClockAlignedDataInterval": False,
        "ConnectionTimeOut": False,
        "ConnectorPhaseRotation": False,
        "GetConfigurationMaxKeys": True,
        "HeartbeatInterval": False,
        "LocalAuthorizeOffline": False,
        "LocalPreAuthorize": False,
        "MeterValuesAlignedData": False,
        "MeterValuesSampledData": False,
        "MeterValueSampleInterval": False,
        "NumberOfConnectors": True,
        "ResetRetries": False,
        "StopTransactionOnInvalidId": False,
        "StopTxnAlignedData": False,
        "StopTxnSampledData": False,
        "SupportedFeatureProfiles": True,
        "TransactionMessageAttempts": False,
        "TransactionMessageRetryInterval": False,
        "UnlockConnectorOnEVSideDisconnect": _BOTH,
    },
    "LocalAuthListManagement": {
        "LocalAuthListEnabled": False,
        "LocalAuthListMaxLength": True,
        "SendLocalListMaxLength": True,
    },
    "SmartCharging": {
        "ChargeProfileMaxStackLevel": True,
        "ChargingScheduleAllowedChargingRateUnit": True,
        "ChargingScheduleMaxPeriods": True,
        "MaxChargingProfilesInstalled": True,
    },
}
_ENERGY: Final = "Energy.Active.Import.Register"


@check
def required_keys(walk: Walk, arguments: Mapping[str, Any]) -> None:
    """The answer `of` holds every key that the supported profiles demand."""
    answer = walk.seen[arguments["of"]][-1]
    keys = {item["key"]: item for item in answer.payload["configurationKey"]}
    profiles = str(keys.get("SupportedFeatureProfiles", {}).get("value", "")).split(",")
    if "Core" not in [profile.strip() for profile in profiles]:
        raise Deviation("SupportedFeatureProfiles does not name Core", answer.index)
    for profile in profiles:
        for key, readonly in REQUIRED_KEYS.get(profile.strip(), {}).items():
            if key not in keys:
                raise Deviation(f"the key {key} of {profile} is missing", answer.index)
            if readonly is not None and keys[key]["readonly"] != readonly:
                rights = "read-only" if readonly else "writable"
                raise Deviation(f"the key {key} is not {rights}", answer.index)


@check
async def keys_by_name(walk: Walk, arguments: Mapping[str, Any]) -> None:
    """As many keys of the answer `of` as may be asked for at once are answered, every one."""
    names = [item["key"] for item in walk.seen[arguments["of"]][-1].payload["configurationKey"]]
    most = int(walk.stage.session.configuration["GetConfigurationMaxKeys"])
    asked = names[:most]
    answer = await walk.call("GetConfiguration", {"key": asked})
    if answer.is_error:
        raise Deviation(f"{len(asked)} keys were answered with an error", answer.index)
    if answer.payload.get("unknownKey"):
        raise Deviation(f"{answer.payload['unknownKey']} are told to be unknown", answer.index)
    missing = set(asked) - {item["key"] for item in answer.payload.get("configurationKey", [])}
    if missing:
        raise Deviation(f"{', '.join(sorted(missing))} are missing", answer.index)


@check
def samples(walk: Walk, arguments: Mapping[str, Any]) -> None:
    """The MeterValues `of` hold the measurands that a key names, with one `context`.

    Further arguments: that key (`measurands`); `every`, s, when they come regularly, those of each
    connector for itself; whether they are `aligned` to the clock.
    """
    wanted = walk.stage.session.configuration.get(arguments["measurands"], "") or _ENERGY
    last: dict[int, datetime] = {}
    for entry in walk.seen[arguments["of"]]:
        connector = entry.payload["connectorId"]
        for value in entry.payload["meterValue"]:
            moment = datetime.fromisoformat(value["timestamp"]).astimezone(UTC)
            if "every" in arguments:
                _check_moment(walk, arguments, moment, last.get(connector), entry.index)
            last[connector] = moment
            _check_values(value["sampledValue"], arguments["context"], wanted, entry.index)


def _check_moment(
    walk: Walk, arguments: Mapping[str, Any], moment: datetime, last: datetime | None, index: int
) -> None:
    every_s = float(arguments["every"])
    deviation_s = walk.seconds("$DEV")
    if arguments.get("aligned") and moment.timestamp() % every_s > min(0.5, deviation_s):
        raise Deviation(f"the timestamp {moment} is not aligned to {every_s:g} s", index)
    if last is not None and abs((moment - last).total_seconds() - every_s) > deviation_s:
        passed_s = (moment - last).total_seconds()
        raise Deviation(f"{passed_s:g} s lie between two samples, not {every_s:g}", index)


def _check_values(values: list[dict[str, Any]], context: str, wanted: str, index: int) -> None:
    for value in values:
        # Sample.Periodic is what a missing context means.
        if value.get("context", "Sample.Periodic") != context:
            raise Deviation(f"the context is {value.get('context')}, not {context}", index)
        if value.get("location") == "EV" and value.get("measurand") != "SoC":
            raise Deviation(f"{value.get('measurand')} is measured in the EV", index)
        if value.get("format", "Raw") != "Raw":
            raise Deviation("a value is not raw", index)
    found = {value.get("measurand", _ENERGY) for value in values}
    for measurand in wanted.split(","):
        name = measurand.strip()
        if name not in found and name.rsplit(".", 1)[0] not in found:
            raise Deviation(f"{name} is missing", index)


@check
def stop_reason(walk: Walk, arguments: Mapping[str, Any]) -> None:
    """The stop `of` is PowerLoss, unless the `status` after the power cut was Charging."""
    stop = walk.seen[arguments["of"]][-1]
    went_on = walk.seen[arguments["status"]][-1].payload["status"] == "Charging"
    reason = stop.payload.get("reason", "Local")
    if (reason == "Local") != went_on:
        how = "went on and was stopped by its tag" if went_on else "was ended by the power cut"
        raise Deviation(f"the reason is {reason}, but the transaction {how}", stop.index)


@check
def happened_offline(walk: Walk, arguments: Mapping[str, Any]) -> None:
    """The timestamp of the message `of` lies between link_down and link_up."""
    entry = walk.seen[arguments["of"]][-1]
    log = walk.stage.session.entries
    bounds = []
    for stimulus in ("link_down", "link_up"):
        at_s = next(one.at_s for one in reversed(log) if one.action == stimulus)
        bounds.append(datetime.now(UTC) - timedelta(seconds=walk.stage.session.now_s() - at_s))
    deviation = timedelta(seconds=walk.seconds("$DEV"))
    moment = datetime.fromisoformat(entry.payload["timestamp"])
    if not bounds[0] - deviation <= moment <= bounds[1] + deviation:
        raise Deviation(
            f"the timestamp {moment} is not of the time without connection", entry.index
        )
