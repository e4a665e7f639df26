"""The table of docs/security.md: requirement, the code that meets it, the tests that show it.

It stands between two comment lines. Each row is checked against the rules (their `code`) and the
citations above tests; further tests may be cited without the table growing old.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from vevgw.errors import UserError
from vevgw.rules.coverage import Coverage

DOCUMENT = Path("docs/security.md")
_PREFIX = "WP-"
_BEGIN, _END = "<!-- `vevgw rules --table` writes from here -->", "<!-- to here -->"
_HEAD = ("| Requirement | Code | Shown by |", "|---|---|---|")
_TESTS_SHOWN = 2
_NAMED = re.compile(r"`([^`]+)`")


def rows(found: Coverage) -> list[str]:
    """Returns the lines of the table."""
    lines = list(_HEAD)
    for name, rule in found.catalogue.rules.items():
        if name.startswith(_PREFIX):
            code = f"`{rule.code}`" if rule.code else "none"
            lines.append(f"| {name}: {rule.text} | {code} | {_shown_by(found, name)} |")
    return lines


def write(found: Coverage, project: Path) -> None:
    """Puts the present table into the document.

    Raises:
        UserError: There is no place for it.
    """
    before, _, after = _split(project)
    text = "\n".join([before + _BEGIN, *rows(found), _END + after])
    (project / DOCUMENT).write_text(text, encoding="utf-8")


def problems(found: Coverage, project: Path) -> Iterator[str]:
    """Yields what the document says and is not so.

    Raises:
        UserError: It has no table.
    """
    rules = {name: rule for name, rule in found.catalogue.rules.items() if name.startswith(_PREFIX)}
    for name, rule in rules.items():
        if rule.code and not (project / rule.code).exists():
            yield f"{name}: its code {rule.code} does not exist"
    if not rules:
        return
    shown = {line.partition("|")[2].partition(":")[0].strip(): line for line in _split(project)[1]}
    for name in shown.keys() - rules.keys() - {"", "---|---|---|", "Requirement"}:
        if name.startswith(_PREFIX):
            yield f"{DOCUMENT}: there is no rule {name}"
    for name, rule in rules.items():
        line = shown.get(name)
        if line is None:
            yield f"{DOCUMENT}: {name} is missing"
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        code, tests = cells[1], cells[2]
        if code != (f"`{rule.code}`" if rule.code else "none"):
            yield f"{DOCUMENT}: {name} names the code {code}"
        if not cells[0].endswith(rule.text):
            yield f"{DOCUMENT}: {name} has another text"
        cited = {_short(test.path) for test in found.tests[name]}
        for path in _NAMED.findall(tests):
            if path not in cited:
                yield f"{DOCUMENT}: {path} does not cite {name}"
        if bool(cited) != bool(_NAMED.findall(tests)):
            yield f"{DOCUMENT}: what it says of tests of {name} is out of date"


def _split(project: Path) -> tuple[str, list[str], str]:
    """The document before, in and after the table."""
    try:
        text = (project / DOCUMENT).read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{DOCUMENT} cannot be read: {error.strerror}.") from None
    before, begin, rest = text.partition(_BEGIN)
    table, end, after = rest.partition(_END)
    if not begin or not end:
        raise UserError(f"{DOCUMENT} has no place for the table: a line `{_BEGIN}` and `{_END}`.")
    return before, table.splitlines(), after


def _shown_by(found: Coverage, name: str) -> str:
    paths = list(dict.fromkeys(_short(test.path) for test in found.tests[name]))
    if not paths:
        return f"no test: {found.catalogue.reasons.get(name, 'none yet').rstrip('.')}"
    return ", ".join(f"`{path}`" for path in paths[:_TESTS_SHOWN])


def _short(path: str) -> str:
    return path.removeprefix("test/").removeprefix("pytools/tests/")
