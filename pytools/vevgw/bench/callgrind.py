"""Reads what callgrind wrote: instructions by part of a workload and by function."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from vevgw.errors import UserError

_TRIGGER = "desc: Trigger: Client Request: "
_TOTALS = re.compile(r"^(?:totals|summary): (\d+)$")
_REFERENCE = re.compile(r"^(c?(?:fn|fi|fe|fl|ob)|cfl|cfi|cob)=\((\d+)\)(?: (.*))?$")
_COST = re.compile(r"^(?:[+-]?\d+|\*|0x[0-9a-f]+) (\d+)$")


@dataclass(slots=True)
class Part:
    """What was counted under one name.

    `own` holds the instructions of each function itself, `within` those of each function together
    with what it called (recursion counted once per call).
    """

    dumps: int = 0
    instructions: int = 0
    own: Counter[str] = field(default_factory=Counter)
    within: Counter[str] = field(default_factory=Counter)

    def add(self, other: Part) -> None:
        """Adds the counts of another part."""
        self.dumps += other.dumps
        self.instructions += other.instructions
        self.own.update(other.own)
        self.within.update(other.within)


def parse(dumps: Iterable[str]) -> dict[str, Part]:
    """Returns the counts of each part of a workload.

    Args:
        dumps: Text of every file callgrind wrote, in the order of their numbers: they share one
            table of names.

    Raises:
        UserError: A file is no output of callgrind.
    """
    parts: dict[str, Part] = {}
    names: dict[tuple[str, str], str] = {}
    for text in dumps:
        name, part = _parse_dump(text, names)
        if name is not None:
            parts.setdefault(name, Part()).add(part)
    return parts


def _parse_dump(text: str, names: dict[tuple[str, str], str]) -> tuple[str | None, Part]:
    """Reads one file; its name is None when the end of the program caused it."""
    if not text.startswith("# callgrind format"):
        raise UserError("Callgrind wrote a file in an unknown format.")
    part = Part(dumps=1)
    trigger: str | None = None
    total: int | None = None
    function = callee = ""
    is_call_cost = False
    for line in text.splitlines():
        if match := _COST.match(line):
            cost = int(match[1])
            if is_call_cost:
                is_call_cost = False
                # A function that calls itself would count twice.
                if callee != function:
                    part.within[function] += cost
            else:
                part.own[function] += cost
                part.within[function] += cost
        elif line.startswith("calls="):
            is_call_cost = True
        elif match := _REFERENCE.match(line):
            # Files, objects and functions have tables of their own; callers and callees share them.
            kind = match[1].removeprefix("c")
            key = ("fn" if kind == "fn" else kind[0], match[2])
            if match[3] is not None:
                names[key] = match[3]
            if kind == "fn":
                name = names.get(key, f"function {match[2]}")
                if match[1] == "cfn":
                    callee = name
                else:
                    function = name
        elif line.startswith(_TRIGGER):
            trigger = line.removeprefix(_TRIGGER)
        elif match := _TOTALS.match(line):
            total = int(match[1])
    if total is None:
        raise UserError("Callgrind wrote a file without a total; did the workload end early?")
    part.instructions = total
    return trigger, part
