"""Outcomes as JUnit XML, for CI systems."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from vevgw.conformance.verdict import Outcome, Verdict, count

_NOT_XML: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd]")


def write_junit(outcomes: Sequence[Outcome], path: Path) -> None:
    """Writes a file; a failed case is a failure, an inconclusive one an error.

    Raises:
        OSError: It cannot be written.
    """
    numbers = count(outcomes)
    suite = ET.Element(
        "testsuite",
        name="vevgw conformance",
        tests=str(len(outcomes)),
        failures=str(numbers[Verdict.FAIL]),
        errors=str(numbers[Verdict.INCONCLUSIVE]),
        skipped=str(numbers[Verdict.NOT_APPLICABLE]),
        time=f"{sum(outcome.duration_s for outcome in outcomes):.3f}",
    )
    for outcome in outcomes:
        case = ET.SubElement(
            suite,
            "testcase",
            classname=f"conformance.{outcome.case.profile}",
            name=f"{outcome.case.id} {outcome.case.title}",
            time=f"{outcome.duration_s:.3f}",
        )
        kind = {
            Verdict.FAIL: "failure",
            Verdict.INCONCLUSIVE: "error",
            Verdict.NOT_APPLICABLE: "skipped",
        }.get(outcome.verdict)
        if kind is not None:
            note = ET.SubElement(case, kind, message=_clean(outcome.reason))
            note.text = _clean("\n".join(filter(None, (outcome.step, outcome.place()))))
        if outcome.is_bad:
            log = ET.SubElement(case, "system-out")
            log.text = _clean("\n".join(entry.line() for entry in outcome.log))
    root = ET.Element("testsuites")
    root.append(suite)
    path.parent.mkdir(parents=True, exist_ok=True)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _clean(text: str) -> str:
    return _NOT_XML.sub("?", text)
