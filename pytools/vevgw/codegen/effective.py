"""The JSON schemas as the generated code enforces them: with errata and the bounds of its types.

A payload that the generated decoder takes in strict mode is one that these schemas take. They
differ from the installed ones where the overlay says so, and in three bounds that a device must
have: integers have 32 bits, numbers stay below 10^12, stored strings fit their bytes of UTF-8.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import jsonschema_rs

from vevgw.codegen.model import INT32, Model, TypeDef
from vevgw.codegen.schemas import Schema, SchemaSet, walk

DECIMAL_LIMIT = 999_999_999_999.9


def bounds_of(type_def: TypeDef) -> Mapping[str, Any]:
    """Returns the schema keywords for what the C++ type cannot hold."""
    match type_def.kind:
        case "integer":
            low, high = type_def.bounds or INT32
            return {"minimum": low, "maximum": high}
        case "decimal":
            return {"minimum": -DECIMAL_LIMIT, "maximum": DECIMAL_LIMIT}
        case "string":
            return {"format": format_name(type_def.capacity)}
        case _:
            return {}


def format_name(capacity: int) -> str:
    """Returns the name of our format "at most so many bytes of UTF-8"."""
    return f"x-bytes-{capacity}"


def effective_schema(schemas: SchemaSet, model: Model, action: str, direction: str) -> Schema:
    """Returns the schema of one message with all bounds in it."""
    schema: Schema = json.loads(json.dumps(schemas.messages[action, direction]))
    for path, child in walk(schema, schema, f"{action}.{direction}"):
        type_def = model.leaves.get(path)
        if type_def is not None and child.get("type") != "array":
            child.update(bounds_of(type_def))
    return schema


def validator(schema: Schema) -> jsonschema_rs.Validator:
    """Returns a validator that checks formats, ours included."""
    return validator_class(schema)(schema, validate_formats=True, formats=_formats(schema))


def validator_class(schema: Schema) -> Callable[..., jsonschema_rs.Validator]:
    """Returns the validator of the draft that the schema names."""
    if "draft-04" in schema.get("$schema", ""):
        return jsonschema_rs.Draft4Validator
    return jsonschema_rs.Draft6Validator


def _formats(schema: Schema) -> dict[str, Callable[[str], bool]]:
    names = {child.get("format", "") for _, child in walk(schema, schema, "")}
    return {
        name: _fits(int(name.removeprefix("x-bytes-")))
        for name in names
        if name.startswith("x-bytes-")
    }


def _fits(capacity: int) -> Callable[[str], bool]:
    return lambda text: len(text.encode()) <= capacity
