"""Checks profiles: shape by the JSON Schema, sense by profiles_rules."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

from vevgw.chargers import profiles_rules as rules
from vevgw.chargers.profiles_yaml import Document, Finding, KeyPath, dotted, guess, load

# Function codes in place of the words for tables.
_TABLES = {
    code: f" (function {code} is '{space}')"
    for space, codes in {
        "coil": ("1", "5", "15"),
        "discrete": ("2",),
        "holding": ("3", "6", "16"),
        "input": ("4",),
    }.items()
    for code in codes
}
_MOST_OPTIONS = 12

SCHEMA_FILE = Path(__file__).parent / "schema" / "profile.schema.json"


@cache
def schema() -> dict[str, Any]:
    """Returns the JSON Schema of the profile format."""
    loaded: dict[str, Any] = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    return loaded


@cache
def _validator() -> Any:
    return jsonschema_rs.validator_for(schema())


def check_text(path: Path, text: str) -> tuple[Document, list[Finding]]:
    """Checks one profile.

    Returns:
        The parsed file and everything to say about it, in the order of the lines.
    """
    document = load(path, text)
    findings = list(document.findings)
    if not findings:
        findings = list(_shape_findings(document))
    if not findings:
        findings = [*_name_findings(document), *rules.findings(document)]
    return document, sorted(set(findings))


def _shape_findings(document: Document) -> Iterator[Finding]:
    for error in _validator().iter_errors(document.data):
        path = _key_path(document.data, error.instance_path)
        where = dotted(path)
        yield from (
            document.finding(at, sentence)
            for at, sentence in _sentences(document, error, path, where)
        )


def _key_path(data: Any, path: Iterable[str | int]) -> KeyPath:
    """Returns the path with keys as they are: the validator takes a key like "2" for an index."""
    result: list[str | int] = []
    for part in path:
        key = str(part) if isinstance(data, dict) else part
        data = data[key]
        result.append(key)
    return tuple(result)


def _sentences(
    document: Document, error: Any, path: KeyPath, where: str
) -> Iterator[tuple[KeyPath, str]]:
    kind = error.kind.name
    value = _value_at(document, path)
    place = where or "the profile"
    if kind == "enum":
        options = [str(option) for option in error.kind.options]
        hint = _TABLES.get(str(value), "") if path[-1:] == ("space",) else ""
        yield path, f"{place} is '{value}', which is unknown{hint or guess(str(value), options)}."
    elif kind == "additionalProperties":
        known = sorted(_known_keys(error))
        for key in map(str, error.kind.unexpected):
            hint = guess(key, known)
            if hint.startswith(" (possible") and len(known) > _MOST_OPTIONS:
                hint = " (docs/profile-format.md has them all)"
            yield (*path, key), f"{place} has no key '{key}'{hint}."
    elif kind == "required":
        yield path, f"{place} lacks '{error.kind.property}'."
    elif kind == "type":
        wanted = " or ".join(map(str, error.kind.types))
        article = "an" if wanted[0] in "aeiou" else "a"
        hint = _number_hint(value) if {"integer", "number"} & {*map(str, error.kind.types)} else ""
        yield path, f"{place} is {json.dumps(value)[:60]}, not {article} {wanted}{hint}."
    elif kind == "pattern" and path[-1:] == ("scale",):
        yield path, f"{place} is '{value}': write a number like 0.1, or a fraction like \"1/167\"."
    elif kind == "pattern" and path[-1:] == ("name",):
        yield path, f"{place} is '{value}': write small letters, digits and hyphens."
    elif kind == "minProperties":
        yield path, f"{place} is empty."
    else:
        yield path, f"{place}: {error.message}."


def _number_hint(value: Any) -> str:
    """What somebody may have meant who wrote a text in place of a number."""
    text = str(value).strip() if isinstance(value, str) else ""
    if re.fullmatch(r"-?(0[xX][0-9A-Fa-f]+|[0-9]+(\.[0-9]+)?)", text):
        return f" (write {text} without quotes)"
    if re.fullmatch(r"[0-9A-Fa-f]+[hH]", text):
        return f" (write 0x{text[:-1].upper()})"
    if re.fullmatch(r"-?[0-9]+,[0-9]+", text):
        return f" (write {text.replace(',', '.')})"
    return ""


def _value_at(document: Document, path: KeyPath) -> Any:
    value = document.data
    for part in path:
        value = value[part]
    return value


def _known_keys(error: Any) -> Iterable[str]:
    node: Any = schema()
    for part in error.schema_path[:-1]:
        if isinstance(node, dict) and "$ref" in node:
            node = schema()["$defs"][node["$ref"].rsplit("/", 1)[1]]
        try:
            node = node[part]
        except (KeyError, IndexError, TypeError):
            return []
    return list(node.get("properties", {})) if isinstance(node, dict) else []


def _name_findings(document: Document) -> Iterator[Finding]:
    name = document.data["name"]
    if name != document.path.stem:
        yield document.finding(
            ("name",),
            f"The name is '{name}', but the file is '{document.path.name}': make them equal.",
        )
