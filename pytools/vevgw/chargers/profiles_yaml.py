"""YAML with the line of every value, so that a mistake can be pointed at."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

KeyPath = tuple[str | int, ...]

# The C parser is ten times as fast; not every build of PyYAML has it.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Something to say about one line of a profile.

    Attributes:
        line: Counted from 1.
        is_error: False for a warning.
    """

    path: Path
    line: int
    message: str
    is_error: bool = True

    def __str__(self) -> str:
        kind = "" if self.is_error else "warning: "
        return f"{self.path}:{self.line}: {kind}{self.message}"


@dataclass(slots=True)
class Document:
    """A YAML file as plain data.

    Attributes:
        data: Mappings, lists and scalars; keys are strings.
        lines: Line of each value by its path of keys; `()` is the whole file.
        findings: What is wrong with the YAML itself.
    """

    path: Path
    data: Any = None
    lines: dict[KeyPath, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def line(self, path: KeyPath) -> int:
        """Returns the line of a value, or of the nearest one around it that exists."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def finding(self, path: KeyPath, message: str, *, is_error: bool = True) -> Finding:
        """Makes a finding at a value."""
        return Finding(self.path, self.line(path), message, is_error)


def dotted(path: Iterable[str | int]) -> str:
    """Returns a path of keys as people write it."""
    return ".".join(str(part) for part in path)


def guess(word: str, options: list[str]) -> str:
    """Returns what somebody who wrote `word` may have meant, as the end of a sentence."""
    close = difflib.get_close_matches(word, options, n=1, cutoff=0.6)
    if close:
        return f" (did you mean '{close[0]}'?)"
    return f" (possible: {', '.join(options)})" if options else ""


def load(path: Path, text: str) -> Document:
    """Parses YAML text. Mistakes become findings, never exceptions.

    Args:
        path: Name of the file for findings; it is not read.
        text: Its content.
    """
    document = Document(path)
    try:
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if error.context == "while scanning a simple key":
            mark = error.context_mark
        line = 1 if mark is None else mark.line + 1
        problem = error.problem or error.context or "cannot be read"
        lines = text.splitlines()
        hint = _hint(problem, lines[line - 1] if line <= len(lines) else "")
        document.findings.append(Finding(path, line, f"This is not YAML: {problem}{hint}."))
        return document
    except yaml.YAMLError as error:
        problem = str(error).splitlines()[0]
        document.findings.append(Finding(path, 1, f"This is not YAML: {problem}."))
        return document
    if node is None:
        document.findings.append(Finding(path, 1, "The file is empty."))
        return document
    document.data = _plain(document, node, (), set())
    return document


def _hint(problem: str, line: str) -> str:
    """What is behind the parser's words more often than not."""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return " (a tab; indent with spaces)"
    if "expected ':'" in problem:
        return " (write 'key: value', with a space behind the colon)"
    if "expected key" in problem or "expected <block end>" in problem:
        return " (keys of one level begin in the same column)"
    if "',' or" in problem:
        return " (a bracket or a comma is missing before)"
    return ""


def _plain(document: Document, node: yaml.Node, path: KeyPath, parents: set[int]) -> Any:
    document.lines[path] = node.start_mark.line + 1
    if id(node) in parents:
        document.findings.append(
            Finding(document.path, node.start_mark.line + 1, "An anchor contains itself.")
        )
        return None
    parents = parents | {id(node)}
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                document.findings.append(Finding(document.path, line, "A key must be one word."))
                continue
            key = str(key_node.value)
            if key in result:
                document.findings.append(Finding(document.path, line, f"'{key}' is there twice."))
                continue
            result[key] = _plain(document, value_node, (*path, key), parents)
            # The key's line: a value may start on the next one.
            document.lines[(*path, key)] = line
        return result
    if isinstance(node, yaml.SequenceNode):
        return [
            _plain(document, item, (*path, index), parents) for index, item in enumerate(node.value)
        ]
    return _scalar(document, node)


def _scalar(document: Document, node: yaml.Node) -> Any:
    loader = yaml.SafeLoader("")
    try:
        value = loader.construct_object(node, deep=True)
        # Dates and the like are words here; "infinite" and "not a number" fit no field.
        is_plain = value is None or isinstance(value, bool | int | str)
        if is_plain or (isinstance(value, float) and math.isfinite(value)):
            return value
        return str(node.value)
    except (yaml.YAMLError, ValueError) as error:
        problem = str(error).splitlines()[0]
        document.findings.append(
            Finding(
                document.path, node.start_mark.line + 1, f"The value cannot be read: {problem}."
            )
        )
        return None
    finally:
        loader.dispose()
