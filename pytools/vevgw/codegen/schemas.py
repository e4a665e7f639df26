"""Reads the JSON schemas of a protocol and applies the errata of the overlay."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vevgw.codegen.overlay import Overlay
from vevgw.errors import UserError

Schema = dict[str, Any]
DIRECTIONS = ("req", "conf")


@dataclass(frozen=True, slots=True)
class SchemaSet:
    """All schemas of one protocol.

    Attributes:
        messages: Corrected schemas, by (action, "req" or "conf").
        original: The same as installed.
        digest: SHA-256 over the files, hexadecimal.
    """

    messages: Mapping[tuple[str, str], Schema]
    original: Mapping[tuple[str, str], Schema]
    digest: str


def schema_folder(overlay: Overlay) -> Path:
    """Returns the folder of the schemas.

    Raises:
        UserError: The package is not installed or has no such folder.
    """
    spec = importlib.util.find_spec(overlay.package)
    for location in (spec.submodule_search_locations if spec else None) or ():
        folder = Path(location) / overlay.folder
        if folder.is_dir():
            return folder
    raise UserError(
        f"The Python package '{overlay.package}' with the folder {overlay.folder} is not installed:"
        f" pip install {overlay.package}"
    )


def load_schemas(overlay: Overlay) -> SchemaSet:
    """Reads the schemas of all actions of the overlay.

    Raises:
        UserError: A schema is missing, is not listed in the overlay, or an erratum does not apply.
    """
    folder = schema_folder(overlay)
    digest = hashlib.sha256()
    original: dict[tuple[str, str], Schema] = {}
    known: set[str] = set()
    for action in overlay.actions:
        for direction, pattern in zip(DIRECTIONS, (overlay.request, overlay.response), strict=True):
            name = pattern.format(action=action)
            known.add(name)
            try:
                content = (folder / name).read_bytes()
            except OSError as error:
                raise UserError(f"There is no schema {name} in {folder}.") from error
            digest.update(name.encode() + b"\0" + content + b"\0")
            original[action, direction] = json.loads(content.decode("utf-8-sig"))
    for path in sorted(folder.glob("*.json")):
        if path.name not in known:
            raise UserError(f"{overlay.path}: actions does not list the schema {path.name}.")
    corrected = {key: json.loads(json.dumps(schema)) for key, schema in original.items()}
    for erratum in overlay.errata:
        _apply(erratum.path, corrected, erratum.remove_values, erratum.set)
    return SchemaSet(corrected, original, digest.hexdigest())


def resolve(root: Schema, schema: Schema) -> tuple[Schema, str | None]:
    """Follows a local reference.

    Returns:
        The schema meant, and the name of its definition or None.
    """
    name = None
    while "$ref" in schema:
        name = str(schema["$ref"]).rsplit("/", 1)[-1]
        schema = root["definitions"][name]
    return schema, name


def walk(root: Schema, schema: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    """Yields every schema below `schema` with its path; an array has the path of its elements."""
    schema, _ = resolve(root, schema)
    yield path, schema
    if "items" in schema:
        yield from walk(root, schema["items"], path)
    for name, child in schema.get("properties", {}).items():
        yield from walk(root, child, f"{path}.{name}")


def _apply(
    path: str,
    schemas: Mapping[tuple[str, str], Schema],
    remove_values: tuple[str, ...],
    values: Mapping[str, Any],
) -> None:
    parts = path.split(".")
    root = schemas.get((parts[0], parts[1])) if len(parts) > 1 else None
    targets = [s for p, s in walk(root, root, ".".join(parts[:2])) if p == path] if root else []
    if not targets:
        raise UserError(f"errata: there is no {path} in the schemas.")
    for value in remove_values:
        if value not in targets[-1].get("enum", ()):
            raise UserError(f"errata: {path} does not list {value} (any more).")
        targets[-1]["enum"].remove(value)
    targets[0].update(values)
