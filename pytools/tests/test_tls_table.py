"""docs/security-profiles.md says of each server of the TLS tests what they expect of it.

python pytools/tests/test_tls_table.py      writes the table anew
"""

from pathlib import Path

from tls_cases import CERTIFICATE, FAILURES, Case
from tls_more_cases import ALL, TO_GATEWAY, TO_GATEWAY_WITH_CERTIFICATE

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/security-profiles.md"
HEAD = "| Server | What becomes of it | Event for the CSMS |\n|---|---|---|\n"


def outcome(case: Case) -> tuple[str, str]:
    found = FAILURES[case.failure] if case.failure else "connected"
    if case.failure == CERTIFICATE:
        found = case.fault
    return found, "" if case.event is None else f"{case.event[0]}: {case.event[1]}"


def shown(name: str) -> str:
    if name in TO_GATEWAY or name in TO_GATEWAY_WITH_CERTIFICATE:
        return f"**{name}**"
    return f"*{name}*" if ALL[name].is_alone else name


def table() -> str:
    rows: dict[tuple[str, str], list[str]] = {}
    for name, case in ALL.items():
        rows.setdefault(outcome(case), []).append(shown(name))
    lines = (
        f"| {'; '.join(names)} | `{found}` | {event} |" for (found, event), names in rows.items()
    )
    return HEAD + "\n".join(lines) + "\n"


def test_document_has_the_outcome_of_every_server() -> None:
    assert table() in DOCUMENT.read_text(encoding="utf-8"), f"run python {__file__}"


if __name__ == "__main__":
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(HEAD)
    after = rest[rest.index("\n\n") + 1 :] if "\n\n" in rest else ""
    DOCUMENT.write_text(before + table() + after, encoding="utf-8")
