"""docs/timings.md and lib/bridge/timings.hpp have the same rows."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# X(name, default, lowest, highest, "help"), the help perhaps in several pieces.
ROW = re.compile(r'X\((\w+), (\d+), (\d+), (\d+),\s*((?:"[^"]*"\s*)+)\)')


def rows_of_code() -> list[str]:
    header = (ROOT / "lib/bridge/timings.hpp").read_text(encoding="utf-8").replace("\\\n", "\n")
    rows = []
    for name, default, lowest, highest, pieces in ROW.findall(header):
        text = "".join(re.findall(r'"([^"]*)"', pieces))
        rows.append(f"| `t.{name}` | {default} | {lowest} | {highest} | {text} |")
    return rows


def rows_of_document() -> list[str]:
    text = (ROOT / "docs/timings.md").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.startswith("| `t.")]


def test_every_timing_is_documented_as_it_is_in_the_code() -> None:
    code = rows_of_code()
    header = (ROOT / "lib/bridge/timings.hpp").read_text(encoding="utf-8")
    assert len(code) == len(re.findall(r"\bX\(\w+, ", header)), "a row that is not understood"
    assert rows_of_document() == code, "docs/timings.md must have:\n" + "\n".join(code)


def test_names_of_timings_fit_the_flash_store_of_the_board() -> None:
    longest = 15 - len("t.")
    assert [row for row in rows_of_code() if len(row.split("`")[1]) - len("t.") > longest] == []
