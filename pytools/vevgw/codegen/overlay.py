"""The overlay file: everything that the generator must know beyond the schemas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from vevgw.errors import UserError

T = TypeVar("T")

OVERLAY_FOLDER = Path(__file__).parent / "overlay"
SENDERS = ("charge_point", "csms", "both")
ROLES = ("syntax", "unknown_field", "occurrence", "type", "constraint")


@dataclass(frozen=True, slots=True)
class FieldOverride:
    """How one field is stored, where the general rule does not fit."""

    store: str | None = None
    size: int | None = None
    minimum: int | None = None
    maximum: int | None = None
    step: int | None = None


@dataclass(frozen=True, slots=True)
class Spelling:
    """One enumerator with several spellings on the wire."""

    write: str
    also: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Erratum:
    """A correction of a schema."""

    path: str
    why: str
    remove_values: tuple[str, ...]
    set: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Overlay:
    """Content of an overlay file; see the comments there."""

    path: Path
    text: str
    protocol: str
    package: str
    folder: str
    request: str
    response: str
    error_codes: tuple[str, ...]
    error_roles: Mapping[str, str]
    actions: Mapping[str, str]
    strip: tuple[str, ...]
    names: Mapping[str, str]
    largest_stored_string: int
    fields: Mapping[str, FieldOverride]
    spellings: Mapping[str, Mapping[str, Spelling]]
    errata: tuple[Erratum, ...]


def find_by_suffix(table: Mapping[str, T], path: str) -> tuple[str, T] | None:
    """Returns the entry whose pattern is `path` or the longest dotted end of it."""
    parts = path.split(".")
    for start in range(len(parts)):
        pattern = ".".join(parts[start:])
        if pattern in table:
            return pattern, table[pattern]
    return None


def load_overlay(path: Path) -> Overlay:
    """Reads an overlay.

    Raises:
        UserError: The file is missing, is no YAML, or lacks or misspells an entry.
    """
    try:
        text = path.read_text(encoding="utf-8")
        data = yaml.safe_load(text)
        return _parse(path, text, data)
    except OSError as error:
        raise UserError(f"Cannot read the overlay {path}: {error.strerror}.") from error
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise UserError(f"The overlay {path}{line} is not valid YAML: {problem}.") from error
    except KeyError as error:
        raise UserError(f"The overlay {path} lacks the entry {error}.") from error
    except (AttributeError, TypeError) as error:
        raise UserError(f"The overlay {path} has an entry of the wrong kind: {error}.") from error


def _parse(path: Path, text: str, data: Any) -> Overlay:
    overlay = Overlay(
        path=path,
        text=text,
        protocol=data["protocol"],
        package=data["source"]["package"],
        folder=data["source"]["folder"],
        request=data["source"]["request"],
        response=data["source"]["response"],
        error_codes=tuple(data["errors"]["codes"]),
        error_roles=dict(data["errors"]["roles"]),
        actions=dict(data["actions"]),
        strip=tuple(data.get("strip_from_definitions", ())),
        names=dict(data.get("names") or {}),
        largest_stored_string=int(data["largest_stored_string"]),
        fields={k: FieldOverride(**v) for k, v in (data.get("fields") or {}).items()},
        spellings={
            enum: {
                name: Spelling(entry["write"], tuple(entry.get("also", ())))
                for name, entry in entries.items()
            }
            for enum, entries in (data.get("enum_spellings") or {}).items()
        },
        errata=tuple(
            Erratum(
                path=entry["path"],
                why=entry["why"],
                remove_values=tuple(entry.get("remove_values", ())),
                set=dict(entry.get("set", {})),
            )
            for entry in data.get("errata") or ()
        ),
    )
    for action, sender in overlay.actions.items():
        if sender not in SENDERS:
            raise UserError(f"{path}: sender of {action} is '{sender}', not one of {SENDERS}.")
    for role in ROLES:
        if overlay.error_roles[role] not in overlay.error_codes:
            raise UserError(f"{path}: errors.roles.{role} is not one of errors.codes.")
    return overlay
