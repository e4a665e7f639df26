"""The rules: test/rules/*.yaml, and test/rules/untested.yaml with the reasons for gaps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from vevgw.errors import UserError

_FOLDER = Path("test/rules")
_REASONS = "untested.yaml"
_KEYWORDS = frozenset(
    {"MUST", "MUST NOT", "SHALL", "SHALL NOT", "SHOULD", "SHOULD NOT", "REQUIRED", "REC", "MAY"}
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its id, how binding it is, where it stands, what it says in our words.

    Attributes:
        code: File or folder that keeps it, from the project's root; "" = not told, or none does.
    """

    id: str
    keyword: str
    source: str
    text: str
    section: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All rules in the order of their files, and the rules that no test can show: id -> reason."""

    rules: dict[str, Rule]
    reasons: dict[str, str]


def read(project: Path) -> Catalogue:
    """Reads the rules of a project.

    Raises:
        UserError: There are no rules, an entry lacks a field, an id comes twice, a reason is given
            twice or for a rule that does not exist.
    """
    rules: dict[str, Rule] = {}
    files = [path for path in sorted((project / _FOLDER).glob("*.yaml")) if path.name != _REASONS]
    for path in files:
        for section in _list(path):
            title = str(section.get("section", ""))
            for entry in section.get("rules", []):
                rule = _rule(path, title, entry)
                if rule.id in rules:
                    raise UserError(f"{path.name}: the rule {rule.id} comes twice.")
                rules[rule.id] = rule
    if not rules:
        raise UserError(f"There are no rules in {project / _FOLDER}.")
    reasons: dict[str, str] = {}
    for entry in _list(project / _FOLDER / _REASONS):
        reason = entry.get("reason")
        if not reason or not isinstance(reason, str):
            raise UserError(f"{_REASONS}: an entry has no reason.")
        for name in entry.get("rules", []):
            if name not in rules:
                raise UserError(f"{_REASONS}: there is no rule {name}.")
            if name in reasons:
                raise UserError(f"{_REASONS}: the rule {name} has two reasons.")
            reasons[name] = reason
    return Catalogue(rules, reasons)


def _list(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    except yaml.YAMLError as error:
        raise UserError(f"{path.name} is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, list) or not all(isinstance(entry, dict) for entry in data):
        raise UserError(f"{path.name}: expected a list of mappings.")
    return data


def _rule(path: Path, section: str, entry: object) -> Rule:
    fields = entry if isinstance(entry, dict) else {}
    values = {name: str(fields.get(name) or "") for name in ("id", "keyword", "source", "text")}
    lacking = [name for name, value in values.items() if not value]
    if lacking or not section:
        what = lacking[0] if lacking else "section"
        raise UserError(f"{path.name}: the rule {values['id'] or entry} has no {what}.")
    if values["keyword"] not in _KEYWORDS:
        raise UserError(f"{path.name}: {values['id']} has the keyword {values['keyword']}.")
    return Rule(section=section, code=str(fields.get("code") or ""), **values)
