"""OCPP 1.6 JSON schemas as compiled validators, and the OCPP-J error code of each violation.

The schemas come from the PyPI package ``ocpp`` (security extension included). Only its data files
are used: the package itself is never imported, because importing it costs more than compiling all
its schemas.
"""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import jsonschema_rs

from vevgw.csms.errors import CsmsError

#: CALLs that only a charge point sends.
CHARGE_POINT_ACTIONS: Final = frozenset(
    {
        "Authorize",
        "BootNotification",
        "DataTransfer",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
        "Heartbeat",
        "LogStatusNotification",
        "MeterValues",
        "SecurityEventNotification",
        "SignCertificate",
        "SignedFirmwareStatusNotification",
        "StartTransaction",
        "StatusNotification",
        "StopTransaction",
    }
)

#: All codes that a CALLERROR may carry (OCPP-J 1.6 4.2.3; the third from the end is misspelt there
#: too).
ERROR_CODES: Final = frozenset(
    {
        "NotImplemented",
        "NotSupported",
        "InternalError",
        "ProtocolError",
        "SecurityError",
        "FormationViolation",
        "PropertyConstraintViolation",
        "OccurenceConstraintViolation",
        "TypeConstraintViolation",
        "GenericError",
    }
)

# Structure first: a wrong structure makes the finer complaints doubtful.
_CODE_ORDER: Final = (
    "FormationViolation",
    "OccurenceConstraintViolation",
    "TypeConstraintViolation",
    "PropertyConstraintViolation",
)


@dataclass(frozen=True, slots=True)
class Violation:
    """Why a frame is wrong.

    Attributes:
        code: OCPP-J error code that a CALLERROR about it carries.
        reason: One sentence, at most 255 characters, with the path of the offending field.
    """

    code: str
    reason: str


def _error_code(error: jsonschema_rs.ValidationError) -> str:
    """Maps one schema error to an OCPP-J 1.6 error code."""
    if not error.instance_path and isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Type):
        return "FormationViolation"  # the payload is no object at all
    match error.kind:
        case jsonschema_rs.ValidationErrorKind.AdditionalProperties():
            return "FormationViolation"
        case jsonschema_rs.ValidationErrorKind.Required():
            return "OccurenceConstraintViolation"
        case jsonschema_rs.ValidationErrorKind.MinItems():
            return "OccurenceConstraintViolation"
        case jsonschema_rs.ValidationErrorKind.MaxItems():
            return "OccurenceConstraintViolation"
        case jsonschema_rs.ValidationErrorKind.Type():
            return "TypeConstraintViolation"
        case _:  # enum, maxLength, format, multipleOf, ...: right type, wrong value
            return "PropertyConstraintViolation"


class SchemaSet:
    """Validators for every CALL and CALLRESULT payload of one OCPP version."""

    def __init__(self, folder: Path) -> None:
        """Compiles all schemas of a folder.

        Args:
            folder: Holds ``<Action>.json`` and ``<Action>Response.json``.

        Raises:
            CsmsError: The folder holds no schema.
        """
        self._validators: dict[str, jsonschema_rs.Draft4Validator] = {}
        self._schemas: dict[str, dict[str, Any]] = {}
        for file in sorted(folder.glob("*.json")):
            schema = json.loads(file.read_text(encoding="utf-8-sig"))
            _bound_integers(schema)
            self._schemas[file.stem] = schema
            # Draft 4, like the schemas of the core specification: 1.0 is no integer. The later ones
            # name draft 6, but use no keyword in which the two differ.
            self._validators[file.stem] = jsonschema_rs.Draft4Validator(
                schema, validate_formats=True
            )
        self.actions = frozenset(n for n in self._validators if f"{n}Response" in self._validators)
        if not self.actions:
            raise CsmsError(f"no OCPP JSON schemas found in {folder}; reinstall the package 'ocpp'")

    def schema(self, name: str) -> dict[str, Any]:
        """Returns the schema of ``<Action>`` or ``<Action>Response``; not to be changed."""
        return self._schemas[name]

    def call_violation(self, action: str, payload: object) -> Violation | None:
        """Says what is wrong with the payload of a CALL; None if nothing."""
        return self._violation(action, action, payload)

    def result_violation(self, action: str, payload: object) -> Violation | None:
        """Says what is wrong with the payload of the CALLRESULT to ``action``; None if nothing."""
        return self._violation(action, f"{action}Response", payload)

    def _violation(self, action: str, name: str, payload: object) -> Violation | None:
        if action not in self.actions:
            return Violation("NotImplemented", f"unknown action {action!r}"[:255])
        validator = self._validators[name]
        if validator.is_valid(payload):
            return None
        found = [
            (_error_code(e), _path(e.instance_path), e.message)
            for e in validator.iter_errors(payload)
        ]
        found.sort(key=lambda f: _CODE_ORDER.index(f[0]))
        reason = "; ".join(f"{path}: {message}" for _, path, message in found)
        return Violation(found[0][0], reason if len(reason) <= 255 else reason[:252] + "...")


def _bound_integers(schema: Any) -> None:
    """Adds what the schemas do not say: an integer has 32 bits in OCPP 1.6."""
    if isinstance(schema, dict):
        if schema.get("type") == "integer":
            schema.setdefault("minimum", -(2**31))
            schema.setdefault("maximum", 2**31 - 1)
        for part in schema.values():
            _bound_integers(part)


def _path(parts: list[Any]) -> str:
    """Writes a path as ``meterValue[0].timestamp``; the payload itself is ``payload``."""
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".") or "payload"


@cache
def ocpp16_schemas() -> SchemaSet:
    """Returns the OCPP 1.6 schemas, compiled once per process.

    Raises:
        CsmsError: The package ``ocpp`` is not installed.
    """
    spec = importlib.util.find_spec("ocpp")
    if spec is None or not spec.submodule_search_locations:
        raise CsmsError("the Python package 'ocpp' (source of the OCPP schemas) is not installed")
    return SchemaSet(Path(spec.submodule_search_locations[0]) / "v16" / "schemas")
