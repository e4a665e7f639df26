"""The operations of a CSMS and the kinds of faults with their forms, from JSON schemas."""

from __future__ import annotations

from typing import Any, Final

from vevgw.csms.fault_kinds import FAULT_KINDS
from vevgw.csms.faults import SCOPE_SCHEMA
from vevgw.csms.operations import OPERATIONS
from vevgw.csms.schemas import SchemaSet

#: What each operation is for, in the order in which they are offered.
_HELP: Final = {
    "RemoteStartTransaction": "Start charging for an id tag.",
    "RemoteStopTransaction": "Stop a transaction.",
    "ChangeAvailability": "Take a connector (0: all) out of service, or put it back.",
    "UnlockConnector": "Release the cable of a connector.",
    "Reset": "Restart the charge point.",
    "GetConfiguration": "Read configuration keys; without keys all of them.",
    "ChangeConfiguration": "Write one configuration key.",
    "ClearCache": "Forget what the authorization cache holds.",
    "DataTransfer": "Send a message of a vendor.",
    "TriggerMessage": "Ask for a message now.",
    "SetChargingProfile": "Install a charging profile.",
    "ClearChargingProfile": "Remove the charging profiles that match all that is given.",
    "GetCompositeSchedule": "Ask for the limit that follows from all profiles.",
    "ReserveNow": "Keep a connector for an id tag.",
    "CancelReservation": "Give a reserved connector free.",
    "GetLocalListVersion": "Ask for the version of the local authorization list.",
    "SendLocalList": "Replace or change the local authorization list.",
    "UpdateFirmware": "Have an image fetched and installed.",
    "GetDiagnostics": "Have diagnostics uploaded.",
    "ExtendedTriggerMessage": "Ask for a message now, also those of the security extension.",
    "GetLog": "Have a log uploaded.",
    "SignedUpdateFirmware": "Have a signed image fetched and installed.",
    "InstallCertificate": "Add a root certificate.",
    "DeleteCertificate": "Remove a root certificate.",
    "GetInstalledCertificateIds": "List the root certificates.",
    "CertificateSigned": "Deliver the certificate that the charge point asked for.",
}

Form = dict[str, Any]


def operation_forms(schemas: SchemaSet) -> list[Form]:
    """Returns every operation that a CSMS may send: action, group, help, form."""
    return [
        {
            "action": action,
            "group": OPERATIONS[action],
            "help": _HELP.get(action, ""),
            "form": form_of(schemas.schema(action)),
        }
        for action in (*_HELP, *(OPERATIONS.keys() - _HELP.keys()))
    ]


def fault_forms() -> list[Form]:
    """Returns every kind of fault: what, help, directions, and the form of its options."""
    return [
        {
            "what": kind["what"],
            "help": kind["help"],
            "directions": kind["directions"],
            "form": {
                "type": "object",
                "fields": [
                    {"name": name, "required": False, "default": schema["default"]}
                    | _option(schema)
                    for name, schema in kind["options"].items()
                ],
            },
        }
        for kind in (kind.describe() for kind in FAULT_KINDS.values())
    ]


def scope_form() -> Form:
    """Returns the form of what all faults have in common, but their direction and kind."""
    form = form_of(SCOPE_SCHEMA)
    return {
        "type": "object",
        "fields": [f for f in form["fields"] if f["name"] not in ("what", "direction")],
    }


def _option(schema: dict[str, Any]) -> Form:
    kinds = schema.get("type", ())
    if "array" in kinds or "object" in kinds:
        return {"type": "any"}  # entered as JSON
    return form_of(schema)


def form_of(schema: dict[str, Any]) -> Form:
    """Returns what a form must know of a schema.

    A form is ``{"type": ...}`` with, for an object, ``fields`` (forms with ``name`` and
    ``required``), for an array ``item``, ``min`` and ``max`` (items); for an enum ``choices``; for
    a string ``max`` (characters), for numbers ``min``, ``max`` and ``step``. Types are object,
    array, enum, date-time, string, integer, number, boolean, and any (JSON).
    """
    return _form(schema, schema)


def _form(schema: dict[str, Any], root: dict[str, Any]) -> Form:
    schema = _resolved(schema, root)
    if "enum" in schema:
        return {"type": "enum", "choices": list(schema["enum"])}
    kind = schema.get("type")
    if isinstance(kind, list):  # one of them and null: a value that may be left out
        kind = next(name for name in kind if name != "null")
    match kind:
        case "object":
            required = frozenset(schema.get("required", ()))
            return {
                "type": "object",
                "fields": [
                    {"name": name, "required": name in required} | _form(part, root)
                    for name, part in schema.get("properties", {}).items()
                ],
            }
        case "array":
            limits = _picked(schema, min="minItems", max="maxItems")
            return {"type": "array", "item": _form(schema.get("items", {}), root)} | limits
        case "string" if schema.get("format") in ("date-time", "uri"):
            return {"type": schema["format"]}
        case "string":
            return {"type": "string"} | _picked(schema, max="maxLength")
        case "integer" | "number":
            limits = _picked(schema, min="minimum", max="maximum", step="multipleOf")
            return {"type": kind} | limits
        case "boolean":
            return {"type": "boolean"}
        case _:
            return {"type": "any"}


def _resolved(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        part: Any = root
        for name in schema["$ref"].removeprefix("#/").split("/"):
            part = part[name]
        schema = part
    return schema


def _picked(schema: dict[str, Any], **names: str) -> Form:
    return {short: schema[name] for short, name in names.items() if name in schema}
