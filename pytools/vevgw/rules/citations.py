"""Citations of rules: `// Rules: R-1 R-2` above a TEST_CASE, `# Rules: …` above a test function.

Between a citation and its test only comments, decorators and further citations may stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_ROOTS = ("test", "pytools/tests")
_CITATION = re.compile(r"^\s*(?://|#)\s*Rules?:(.*)$")
_SEPARATOR = re.compile(r"[\s,]+")
_CASE = re.compile(
    r"\s*(?:TEST_CASE|SCENARIO)(?:_FIXTURE|_TEMPLATE|_CLASS)?\s*\(\s*"
    r'(?:[\w:<>]+\s*,\s*)?((?:"(?:\\.|[^"\\\n])*"\s*)+)'
)
_FUNCTION = re.compile(r"\s*(?:async\s+)?def\s+(test_\w+)\s*\(")
_LITERAL = re.compile(r'"((?:\\.|[^"\\\n])*)"')


@dataclass(frozen=True, slots=True)
class Citation:
    """One rule cited at `path`:`line`; `test` is the name of the test below, "" if none is."""

    rule: str
    path: str
    line: int
    test: str


def read(project: Path) -> list[Citation]:
    """Returns every citation in the tests of a project, in the order of files and lines."""
    found: list[Citation] = []
    for root in _ROOTS:
        for path in sorted((project / root).rglob("*")):
            if path.suffix in (".cpp", ".hpp", ".py") and path.is_file():
                name = path.relative_to(project).as_posix()
                found += read_text(path.read_text(encoding="utf-8"), name)
    return found


def read_text(text: str, path: str) -> Iterator[Citation]:
    """Yields the citations of one file; its suffix says which language it is in."""
    is_python = path.endswith(".py")
    mark = "#" if is_python else "//"
    lines = text.splitlines()
    for index, line in enumerate(lines):
        match = _CITATION.match(line)
        if match is None or not line.lstrip().startswith(mark):
            continue
        test = _test_below(lines, index + 1, is_python=is_python)
        names = [name for name in _SEPARATOR.split(match.group(1)) if name]
        for name in names or [""]:
            yield Citation(name, path, index + 1, test)


def _test_below(lines: list[str], index: int, *, is_python: bool) -> str:
    passed = ("#", "@") if is_python else ("//",)
    depth = 0
    while index < len(lines):
        line = lines[index].strip()
        # A decorator may go over several lines.
        if depth <= 0 and not line.startswith(passed):
            break
        if is_python and not line.startswith("#"):
            depth += sum(line.count(mark) for mark in "([{")
            depth -= sum(line.count(mark) for mark in ")]}")
        index += 1
    if index < len(lines) and not lines[index].strip():
        return ""
    below = "\n".join(lines[index : index + 12])
    match = (_FUNCTION if is_python else _CASE).match(below)
    if match is None:
        return ""
    return match.group(1) if is_python else "".join(_LITERAL.findall(match.group(1)))
