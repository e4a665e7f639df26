"""The operations of a CSMS: all CALLs of OCPP 1.6 and of its security extension, as data.

For the command line (payloads from ``key=value``), for forms of a user interface (describe()), and
for documentation.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from vevgw.csms.errors import CsmsError
from vevgw.csms.schemas import SchemaSet

#: Profile of each CALL that a CSMS sends (OCPP 1.6 ed. 2, 3.3; security whitepaper ed. 3).
OPERATIONS: Final[dict[str, str]] = {
    "CancelReservation": "Reservation",
    "CertificateSigned": "Security",
    "ChangeAvailability": "Core",
    "ChangeConfiguration": "Core",
    "ClearCache": "Core",
    "ClearChargingProfile": "SmartCharging",
    "DataTransfer": "Core",
    "DeleteCertificate": "Security",
    "ExtendedTriggerMessage": "Security",
    "GetCompositeSchedule": "SmartCharging",
    "GetConfiguration": "Core",
    "GetDiagnostics": "FirmwareManagement",
    "GetInstalledCertificateIds": "Security",
    "GetLocalListVersion": "LocalAuthListManagement",
    "GetLog": "Security",
    "InstallCertificate": "Security",
    "RemoteStartTransaction": "Core",
    "RemoteStopTransaction": "Core",
    "ReserveNow": "Reservation",
    "Reset": "Core",
    "SendLocalList": "LocalAuthListManagement",
    "SetChargingProfile": "SmartCharging",
    "SignedUpdateFirmware": "Security",
    "TriggerMessage": "RemoteTrigger",
    "UnlockConnector": "Core",
    "UpdateFirmware": "FirmwareManagement",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a payload, for people.

    Attributes:
        path: As ``build_payload`` reads it: ``csChargingProfiles.stackLevel``; ``0`` stands for the
            place in a list.
        kind: ``string``, ``integer``, ``number``, ``boolean``, or the values of an enumeration.
        required: By the object that holds it.
    """

    path: str
    kind: str
    required: bool


def describe(schemas: SchemaSet, action: str) -> dict[str, Any]:
    """Returns an operation as JSON: action, profile, and the schemas of request and response.

    Raises:
        CsmsError: There is no such operation.
    """
    name = operation_named(action)
    return {
        "action": name,
        "profile": OPERATIONS[name],
        "request": schemas.schema(name),
        "response": schemas.schema(f"{name}Response"),
    }


def operation_named(text: str) -> str:
    """Returns the operation that a text means, whatever its case.

    Raises:
        CsmsError: There is none.
    """
    for action in OPERATIONS:
        if action.casefold() == text.casefold():
            return action
    raise CsmsError(f"There is no operation {text!r}; see `vevgw csms operations`.", exit_code=2)


def fields(schema: dict[str, Any]) -> list[Field]:
    """Returns the leaves of a schema in its order."""
    return list(_fields(schema, schema, "", required=True))


def _fields(
    root: dict[str, Any], schema: dict[str, Any], path: str, *, required: bool
) -> Iterable[Field]:
    schema = _resolve(root, schema)
    if schema.get("type") == "object":
        for name, part in schema.get("properties", {}).items():
            below = f"{path}.{name}" if path else name
            yield from _fields(root, part, below, required=name in schema.get("required", ()))
    elif schema.get("type") == "array":
        yield from _fields(root, schema.get("items", {}), f"{path}.0", required=required)
    else:
        kind = "|".join(schema["enum"]) if "enum" in schema else str(schema.get("type", "any"))
        yield Field(path, kind, required)


def build_payload(schemas: SchemaSet, action: str, pairs: Iterable[str]) -> dict[str, Any]:
    """Makes a payload of words ``path=value``, typed by the schema.

    Args:
        schemas: Where the schema is.
        action: Any operation.
        pairs: Such as ``connectorId=1``, ``key.0=HeartbeatInterval``,
            ``csChargingProfiles.chargingSchedule.chargingSchedulePeriod.0.limit=16``. A value may
            be JSON where the field is an object or a list.

    Raises:
        CsmsError: A word is something else, or a path or value does not fit. What is missing is not
            told here, but by the check against the schema.
    """
    root = schemas.schema(action)
    payload: dict[str, Any] = {}
    for pair in pairs:
        path, separator, text = pair.partition("=")
        if not path or not separator:
            raise CsmsError(f"{pair!r} is not FIELD=VALUE.", exit_code=2)
        _put(payload, root, path.split("."), text, pair)
    return payload


def _put(payload: Any, root: dict[str, Any], path: list[str], text: str, pair: str) -> None:
    schema, place = _resolve(root, root), payload
    for position, step in enumerate(path):
        is_last = position == len(path) - 1
        key: str | int = step
        if schema.get("type") == "array":
            if not step.isdigit() or int(step) > len(place):
                raise CsmsError(f"{pair!r}: {step!r} is not the next place in a list.", exit_code=2)
            key, schema = int(step), _resolve(root, schema.get("items", {}))
            if key == len(place):
                place.append(None)
        elif step in schema.get("properties", {}):
            schema = _resolve(root, schema["properties"][step])
            place.setdefault(step, None)
        else:
            names = ", ".join(schema.get("properties", {})) or "none"
            raise CsmsError(f"{pair!r}: no field {step!r}; fields: {names}.", exit_code=2)
        if is_last:
            place[key] = _value(schema, text, pair)
        else:
            if place[key] is None:
                place[key] = [] if schema.get("type") == "array" else {}
            place = place[key]


def _value(schema: dict[str, Any], text: str, pair: str) -> Any:
    for choice in schema.get("enum", ()):
        if isinstance(choice, str) and choice.casefold() == text.casefold():
            return choice
    if schema.get("type") == "string":
        return text
    try:
        return json.loads(text)
    except ValueError:
        raise CsmsError(
            f"{pair!r}: the value must be of type {schema.get('type', 'JSON')}.", exit_code=2
        ) from None


def _resolve(root: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref", "")
    if not reference.startswith("#/"):
        return schema
    found: Any = root
    for step in reference[2:].split("/"):
        found = found[step]
    return found if isinstance(found, dict) else {}
