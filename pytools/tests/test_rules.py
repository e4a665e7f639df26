"""`vevgw rules`: the rules, the citations above tests, and what does not fit together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vevgw.cli import main
from vevgw.errors import UserError
from vevgw.rules import catalogue, citations, coverage

ROOT = Path(__file__).parents[2]
RULES = """\
- section: "1 Things"
  rules:
    - {id: R-1-1, keyword: SHALL, source: "1", text: "First."}
    - {id: R-1-2, keyword: SHOULD NOT, source: "1, E1", text: "Second."}
"""
# In pieces: whole they would be citations of this file.
CPP, PYTHON = "// Ru" + "les:", "# Ru" + "les:"
CASE = 'TEST_CASE("it works") {}\n'


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two rules and no tests, as current folder."""
    (tmp_path / "test" / "rules").mkdir(parents=True)
    (tmp_path / "test" / "rules" / "some.yaml").write_text(RULES)
    (tmp_path / "platformio.ini").write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_test(project: Path, text: str, name: str = "test_it.cpp") -> None:
    (project / "test" / name).write_text(text)


def give_reason(project: Path, text: str) -> None:
    (project / "test" / "rules" / "untested.yaml").write_text(text)


def problems(project: Path) -> list[str]:
    return coverage.compare(catalogue.read(project), citations.read(project)).problems


def cited(text: str, name: str = "test_it.cpp") -> list[tuple[str, int, str]]:
    return [(c.rule, c.line, c.test) for c in citations.read_text(text, name)]


def test_rule_without_test_is_a_problem(project: Path) -> None:
    write_test(project, f"{CPP} R-1-1\n{CASE}")
    assert problems(project) == ["R-1-2: no test, no reason: Second."]


def test_reason_stands_for_a_test(project: Path) -> None:
    write_test(project, f"{CPP} R-1-1\n{CASE}")
    give_reason(project, "- reason: Binds the CSMS only.\n  rules: [R-1-2]\n")
    assert problems(project) == []


def test_reason_beside_a_test_is_a_problem(project: Path) -> None:
    write_test(project, f"{CPP} R-1-1 R-1-2\n{CASE}")
    give_reason(project, "- reason: Binds the CSMS only.\n  rules: [R-1-2]\n")
    assert problems(project) == [
        "R-1-2: has a reason in untested.yaml and a test, test/test_it.cpp"
    ]


def test_unknown_rule_is_a_problem(project: Path) -> None:
    write_test(project, f"{CPP} R-1-1 R-1-2, R-9-9\n{CASE}")
    assert problems(project) == ["test/test_it.cpp:1: there is no rule R-9-9"]


def test_citation_above_no_test_is_a_problem(project: Path) -> None:
    write_test(project, f"{CPP} R-1-1 R-1-2\n{CASE}{CPP} R-1-1\nvoid helper();\n{CASE}")
    expected = ["test/test_it.cpp:3: R-1-1 is cited above nothing that is a test"]
    assert problems(project) == expected


def test_empty_citation_is_a_problem(project: Path) -> None:
    write_test(project, f"{CPP} R-1-1 R-1-2\n{CPP}\n{CASE}")
    assert problems(project) == ["test/test_it.cpp:2: a citation without a rule"]


def test_rule_cited_twice_for_one_test_is_a_problem(project: Path) -> None:
    write_test(project, f"{CPP} R-1-1 R-1-2\n{CPP} R-1-2\n{CASE}")
    assert problems(project) == ["test/test_it.cpp:2: R-1-2 is cited twice for one test"]


def test_several_lines_and_comments_may_stand_above_a_case() -> None:
    text = f"{CPP} R-1-1 R-1-2\n{CPP} R-1-3\n// It says more.\n{CASE}"
    assert cited(text) == [
        ("R-1-1", 1, "it works"),
        ("R-1-2", 1, "it works"),
        ("R-1-3", 2, "it works"),
    ]


@pytest.mark.parametrize(
    "case",
    [
        'TEST_CASE_FIXTURE(Fixture, "it works") {}',
        'TEST_CASE_FIXTURE(Fixture,\n                  "it "\n                  "works") {}',
        'TEST_CASE_TEMPLATE("it works", T, int, long) {}',
        'TEST_CASE(\n    "it works") {}',
    ],
)
def test_every_kind_of_case_is_known(case: str) -> None:
    assert cited(f"{CPP} R-1-1\n{case}\n") == [("R-1-1", 1, "it works")]


def test_blank_line_parts_citation_and_case() -> None:
    assert cited(f"{CPP} R-1-1\n\n{CASE}") == [("R-1-1", 1, "")]


@pytest.mark.parametrize(
    "function",
    [
        "def test_a() -> None:",
        "async def test_a(x: int) -> None:",
        "@pytest.mark.slow\ndef test_a() -> None:",
        '@pytest.mark.parametrize(\n    "x", [\n        1,\n    ],\n)\n# Why.\ndef test_a():',
    ],
)
def test_every_kind_of_function_is_known(function: str) -> None:
    assert cited(f"{PYTHON} R-1-1\n{function}\n", "test_a.py") == [("R-1-1", 1, "test_a")]


def test_citation_above_a_helper_function_has_no_test() -> None:
    assert cited(f"{PYTHON} R-1-1\ndef helper():\n", "test_a.py") == [("R-1-1", 1, "")]


def test_comment_of_the_other_language_is_no_citation() -> None:
    assert cited(f"{PYTHON} R-1-1\n{CASE}") == []
    assert cited(f"{CPP} R-1-1\ndef test_a():\n", "test_a.py") == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (RULES.replace("R-1-2", "R-1-1"), "the rule R-1-1 comes twice"),
        (RULES.replace("SHOULD NOT", "COULD"), "R-1-2 has the keyword COULD"),
        (RULES.replace(', text: "Second."', ""), "the rule R-1-2 has no text"),
        ("rules: 5\n", "expected a list"),
        ("- {\n", "is not YAML"),
        ("", "There are no rules"),
    ],
)
def test_bad_rules_are_one_sentence(project: Path, text: str, sentence: str) -> None:
    (project / "test" / "rules" / "some.yaml").write_text(text)
    with pytest.raises(UserError, match=sentence):
        catalogue.read(project)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("- reason: No.\n  rules: [R-7-7]\n", "there is no rule R-7-7"),
        ("- rules: [R-1-1]\n", "an entry has no reason"),
        ("- reason: No.\n  rules: [R-1-1, R-1-1]\n", "R-1-1 has two reasons"),
    ],
)
def test_bad_reasons_are_one_sentence(project: Path, text: str, sentence: str) -> None:
    give_reason(project, text)
    with pytest.raises(UserError, match=sentence):
        catalogue.read(project)


def test_command_prints_the_table_and_fails(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_test(project, f"{CPP} R-1-1\n{CASE}")
    assert main(["rules", "--json", "out.json"]) == 1
    printed = capsys.readouterr()
    assert "R-1-1               1  First." in printed.out
    assert "test/test_it.cpp:1 it works" in printed.out
    assert "R-1-2            NONE  Second." in printed.out
    assert "      1       0     1  1 Things" in printed.out
    assert "1 of 2 rules" in printed.err
    written = json.loads((project / "out.json").read_text())
    assert written["rules"][0]["tests"][0]["name"] == "it works"
    assert written["rules"][1]["tests"] == []


def test_command_succeeds_when_every_rule_has_a_test(project: Path) -> None:
    write_test(project, f"{CPP} R-1-1 R-1-2\n{CASE}")
    with pytest.raises(SystemExit) as ended:
        main(["rules", "--only", "R-1-2"])
    assert ended.value.code == 0


def test_citations_of_this_project_name_rules_and_stand_above_tests() -> None:
    found = coverage.compare(catalogue.read(ROOT), citations.read(ROOT))
    assert [line for line in found.problems if "no test, no reason" not in line] == []


WP = """\
- section: "Paper"
  rules:
    - {id: WP-1, keyword: SHALL, source: "1", text: "One.", code: "test"}
    - {id: WP-2, keyword: SHALL, source: "1", text: "Two."}
"""
PLACE = (
    "Before.\n\n<!-- `vevgw rules --table` writes from here -->\nold\n<!-- to here -->\n\nAfter.\n"
)


def run(*words: str) -> None:
    """`vevgw rules`, which must end well."""
    with pytest.raises(SystemExit) as ended:
        main(["rules", *words])
    assert ended.value.code == 0


@pytest.fixture
def paper(project: Path) -> Path:
    """A document with the table of two requirements, of which a test shows one."""
    (project / "test" / "rules" / "some.yaml").write_text(WP)
    write_test(project, f"{CPP} WP-1\n{CASE}")
    give_reason(project, "- reason: Nobody can see it.\n  rules: [WP-2]\n")
    document = project / "docs" / "security.md"
    document.parent.mkdir()
    document.write_text(PLACE)
    run("--table")
    return document


def test_table_tells_code_and_tests_of_each_requirement(paper: Path) -> None:
    assert paper.read_text() == PLACE.replace(
        "old\n",
        "| Requirement | Code | Shown by |\n|---|---|---|\n"
        "| WP-1: One. | `test` | `test_it.cpp` |\n"
        "| WP-2: Two. | none | no test: Nobody can see it |\n",
    )
    run()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("`test_it.cpp`", "`test_other.cpp`"), "test_other.cpp does not cite WP-1"),
        (("no test: Nobody can see it", "`test_it.cpp`"), "test_it.cpp does not cite WP-2"),
        (("`test_it.cpp`", "no test"), "what it says of tests of WP-1 is out of date"),
        (("`test` |", "`lib` |"), "WP-1 names the code `lib`"),
        (("One.", "Won."), "WP-1 has another text"),
        (("| WP-2: Two. | none | no test: Nobody can see it |\n", ""), "WP-2 is missing"),
        (("WP-2:", "WP-3:"), "there is no rule WP-3"),
        (("<!-- to here -->", ""), "has no place for the table"),
    ],
)
def test_table_that_is_not_true_is_a_problem(
    paper: Path,
    change: tuple[str, str],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    paper.write_text(paper.read_text().replace(*change))
    assert main(["rules"]) == 1
    shown = capsys.readouterr()
    assert sentence in shown.out + shown.err


def test_code_that_is_gone_is_a_problem(
    paper: Path, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = project / "test" / "rules" / "some.yaml"
    file.write_text(file.read_text().replace('code: "test"', 'code: "gone"'))
    assert main(["rules"]) == 1
    assert "WP-1: its code gone does not exist" in capsys.readouterr().out
