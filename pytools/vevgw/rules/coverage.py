"""Rules and citations side by side: the table, the summary, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from vevgw.rules.catalogue import Catalogue
from vevgw.rules.citations import Citation


@dataclass(frozen=True, slots=True)
class Coverage:
    """The rules of a project with the tests that show them."""

    catalogue: Catalogue
    tests: dict[str, list[Citation]]
    problems: list[str]

    def missing(self) -> list[str]:
        """Rules with neither a test nor a reason."""
        reasons = self.catalogue.reasons
        return [
            name for name in self.catalogue.rules if not self.tests[name] and name not in reasons
        ]

    def summary(self) -> dict[str, tuple[int, int, int]]:
        """Section -> rules with tests, with a reason instead, with neither."""
        found: dict[str, list[int]] = {}
        missing = set(self.missing())
        for name, rule in self.catalogue.rules.items():
            counts = found.setdefault(rule.section, [0, 0, 0])
            counts[0 if self.tests[name] else 2 if name in missing else 1] += 1
        return {section: (a, b, c) for section, (a, b, c) in found.items()}

    def rows(self) -> Iterator[str]:
        """The table: a line for each rule, below it a line for each of its tests."""
        for name, rule in self.catalogue.rules.items():
            tests = self.tests[name]
            state = str(len(tests)) if tests else "-" if name in self.catalogue.reasons else "NONE"
            yield f"{name:<16}{state:>5}  {rule.text}"
            for test in tests:
                yield f"{'':<23}{test.path}:{test.line} {test.test}"
            if not tests and name in self.catalogue.reasons:
                yield f"{'':<23}no test: {self.catalogue.reasons[name]}"

    def to_json(self) -> dict[str, Any]:
        """Everything, for other programs."""
        return {
            "rules": [
                {
                    **{key: getattr(rule, key) for key in ("id", "keyword", "source", "text")},
                    "section": rule.section,
                    "tests": [
                        {"path": test.path, "line": test.line, "name": test.test}
                        for test in self.tests[name]
                    ],
                    "reason": self.catalogue.reasons.get(name),
                }
                for name, rule in self.catalogue.rules.items()
            ],
            "problems": self.problems,
        }


def compare(catalogue: Catalogue, citations: Sequence[Citation]) -> Coverage:
    """Says which test shows which rule, and what is wrong; `problems` is empty when all is well."""
    tests: dict[str, list[Citation]] = {name: [] for name in catalogue.rules}
    problems: list[str] = []
    for citation in citations:
        place = f"{citation.path}:{citation.line}"
        if not citation.rule:
            problems.append(f"{place}: a citation without a rule")
        elif citation.rule not in tests:
            problems.append(f"{place}: there is no rule {citation.rule}")
        elif not citation.test:
            problems.append(f"{place}: {citation.rule} is cited above nothing that is a test")
        elif any(
            (other.path, other.test) == (citation.path, citation.test)
            for other in tests[citation.rule]
        ):
            problems.append(f"{place}: {citation.rule} is cited twice for one test")
        else:
            tests[citation.rule].append(citation)
    problems += [
        f"{name}: has a reason in untested.yaml and a test, {tests[name][0].path}"
        for name in catalogue.reasons
        if tests[name]
    ]
    coverage = Coverage(catalogue, tests, problems)
    problems += [
        f"{name}: no test, no reason: {catalogue.rules[name].text}" for name in coverage.missing()
    ]
    return coverage
