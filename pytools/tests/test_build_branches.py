"""`vevgw coverage`: what counts as a branch, and the threshold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vevgw.build import branches
from vevgw.cli import main

SOURCE = """\
if (is_due) send();
LOG_INFO(log, "%d", value);
switch (state) {
assert(size > 0);
call(argument);
template_line(T);
"""


def branch(count: int, *, block: int = 0, throw: bool = False) -> dict[str, Any]:
    return {"count": count, "source_block_id": block, "throw": throw}


def line(number: int, *found: dict[str, Any]) -> dict[str, Any]:
    return {"line_number": number, "count": 1, "branches": list(found)}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "lib" / "ocpp").mkdir(parents=True)
    (tmp_path / "lib" / "ocpp" / "a.cpp").write_text(SOURCE)
    (tmp_path / "platformio.ini").write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(project: Path, *lines: dict[str, Any]) -> list[tuple[int, int, int]]:
    files = branches.read(project, {"files": [{"file": "lib/ocpp/a.cpp", "lines": list(lines)}]})
    return [(found.number, found.branches, found.missed) for found in files[0].lines]


def test_decision_has_two_branches(project: Path) -> None:
    assert read(project, line(1, branch(3), branch(0))) == [(1, 2, 1)]


def test_branches_for_exceptions_decide_nothing(project: Path) -> None:
    call = line(5, branch(0, block=1), branch(0, block=1, throw=True))
    assert read(project, call) == []


def test_branches_in_log_macros_and_asserts_do_not_count(project: Path) -> None:
    assert read(project, line(2, branch(1), branch(0)), line(4, branch(1), branch(0))) == []


def test_switch_has_one_branch_that_no_enumerator_takes(project: Path) -> None:
    assert read(project, line(3, branch(1), branch(0), branch(0))) == [(3, 2, 1)]


def test_instances_of_a_template_are_one_decision(project: Path) -> None:
    one, other = line(6, branch(1), branch(0)), line(6, branch(0), branch(2))
    assert read(project, one, other) == [(6, 2, 0)]


@pytest.mark.parametrize(("threshold", "code"), [("50", 0), ("51", 1)])
def test_command_fails_below_the_threshold(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, threshold: str, code: int
) -> None:
    files = [branches.File("lib/ocpp/a.cpp", (branches.Line(1, 2, 1, "if (is_due) send();"),))]
    monkeypatch.setattr(branches, "measure", lambda *_: files)
    try:
        found = main(["coverage", "--threshold", threshold, "--lines"])
    except SystemExit as ended:
        found = int(ended.code or 0)
    assert found == code
    printed = capsys.readouterr()
    assert "1: 1/2 if (is_due) send();" in printed.out
    assert ("less than 51 %" in printed.err) == (code == 1)
