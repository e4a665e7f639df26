"""Files of cases: what is checked, and that those of the project are good."""

from __future__ import annotations

from pathlib import Path

import pytest

from vevgw.conformance import expressions, loader
from vevgw.conformance.errors import Obstacle
from vevgw.conformance.falsify import falsified
from vevgw.conformance.matching import mismatch
from vevgw.conformance.model import Group, leaves
from vevgw.conformance.mutants import derive
from vevgw.conformance.pics import choose_variant, load_pics
from vevgw.errors import UserError


def findings(tmp_path: Path, text: str) -> list[str]:
    (tmp_path / "Core").mkdir(exist_ok=True)
    (tmp_path / "Core" / "a.yaml").write_text(text)
    found = loader.read(tmp_path).findings
    return [str(one).removeprefix(f"{tmp_path}/Core/") for one in sorted(found)]


CASE = """\
cases:
  - id: TC_900_CP
    title: Made by a test
    rules: []
    steps:
"""


def test_cases_of_the_project_are_well_formed() -> None:
    library = loader.read()
    assert [str(finding) for finding in library.findings] == []
    assert library.cases
    pics = load_pics()
    for case in library.cases:
        assert case.steps, case.id
        choose_variant(case, pics)
        if case.needs is not None:
            unknown = set(expressions.names_of(case.needs)) - set(pics.values)
            assert not unknown, f"{case.id} needs {unknown}, which pics.yaml does not have"


@pytest.mark.parametrize(
    ("step", "sentence"),
    [
        ("- {expect: StatusNotificatoin}", "a.yaml:6: There is no message 'StatusNotificatoin'"),
        ("- {expect: Reset}", "a.yaml:6: There is no message 'Reset'"),
        ("- {send: Heartbeat}", "a.yaml:6: There is no message 'Heartbeat'"),
        ("- {do: dance}", 'a.yaml:6: "dance" is not one of'),
        ("- {wait: 3}", "a.yaml:6: A step begins with one of"),
        ("- {expect: Heartbeat, wiht: {}}", "a.yaml:6: Additional properties are not allowed"),
        ("- {run: Dancing}", "a.yaml:6: There is no state 'Dancing'"),
        ("- {check: dance}", "a.yaml:6: There is no check 'dance'"),
        (
            "- any_order:\n          - {do: plug_in, connector: $CON}",
            "a.yaml:7: There is no parameter 'CON' (did you mean 'CONN'?)",
        ),
        ("- {expect: Heartbeat, since: boot, latest: 3}", "a.yaml:6: There is no label 'boot'"),
        ("- {expect: Heartbeat, when: 'a = 1'}", "a.yaml:6: 'a = 1' is no expression"),
        (
            "- sequence:\n          - any_order:\n              - {do: fly}",
            'a.yaml:8: "fly" is not one of',
        ),
    ],
)
def test_mistake_is_named_with_its_line(tmp_path: Path, step: str, sentence: str) -> None:
    found = findings(tmp_path, f"{CASE}      {step}\n")
    assert len(found) == 1, found
    assert found[0].startswith(sentence)


def test_same_case_twice_is_a_mistake(tmp_path: Path) -> None:
    body = CASE.removeprefix("cases:\n") + "      - {do: plug_in}\n"
    found = findings(tmp_path, f"cases:\n{body}{body}")
    assert len(found) == 1
    assert "TC_900_CP is already in" in found[0]


def test_states_get_their_arguments(tmp_path: Path) -> None:
    (tmp_path / "states.yaml").write_text(
        "states:\n"
        "  Inner:\n"
        "    parameters: {tag: $TAG1, more: {}}\n"
        "    steps:\n"
        "      - {expect: Authorize, with: {idTag: $tag, +: $more}}\n"
        "  Outer:\n"
        "    parameters: {tag: $TAG1, parent: null}\n"
        "    config: {Key: 'true'}\n"
        "    steps:\n"
        "      - policy: {tags: {$tag: {parent: $parent}}}\n"
        "      - {run: Inner, with: {tag: $tag, more: {x: 1}}}\n"
    )
    step = "      - {run: Outer, with: {tag: $TAG2}}\n"
    assert findings(tmp_path, CASE + step) == []
    case = loader.read(tmp_path).cases[0]
    assert case.config == {"Key": "true"}
    group = case.steps[0]
    assert isinstance(group, Group)
    assert group.title == "state Outer"
    policy, expect = leaves(case.steps)
    assert policy.tags == {"$TAG2": {}}  # type: ignore[attr-defined]
    assert expect.fields == {"idTag": "$TAG2", "x": 1}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("value", "wanted", "wrong"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, None),
        ({"a": 1}, {"a": 2}, "a is 1, not 2"),
        ({}, {"a": 2}, "a is missing, not 2"),
        ({"a": True}, {"a": 1}, "a is True, not 1"),
        ({"a": 10.0}, {"a": 10}, None),
        ({"a": "x"}, {"a": {"oneof": ["x", "y"]}}, None),
        ({"a": "z"}, {"a": {"oneof": ["x", "y"]}}, "a is 'z', not 'x' or 'y'"),
        ({}, {"a": {"absent": True}}, None),
        ({"a": 1}, {"a": {"absent": True}}, "a is 1, not missing"),
        ({}, {"a": {"absent_or": "x"}}, None),
        ({"a": []}, {"a": {"absent_or": []}}, None),
        ({"a": ["k"]}, {"a": {"absent_or": []}}, "a is ['k'], not missing or []"),
        ({"a": "b"}, {"a": {"absent_or": "x"}}, "a is 'b', not missing or 'x'"),
        ({"a": None}, {"a": {"any": True}}, None),
        ({}, {"a": {"any": True}}, "a is missing, not there"),
        ({"a": "some text"}, {"a": {"contains": "me t"}}, None),
        ({"a": 12}, {"a": {"near": 10, "by": 2}}, None),
        ({"a": 13}, {"a": {"near": 10, "by": 2}}, "a is 13, not 10 +- 2"),
        ({"a": [{"k": 1}, {"k": 2}]}, {"a": [{"k": 2}]}, None),
        ({"a": [{"k": 1}]}, {"a": [{"k": 2}]}, "a has no entry like {k: 2}"),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 2}}}, "a.b.c is 1, not 2"),
    ],
)
def test_matchers(value: object, wanted: object, wrong: str | None) -> None:
    assert mismatch(value, wanted) == wrong


def test_expressions() -> None:
    names = {"A": 3, "config": {"Key": "true"}, "B": "text"}.__getitem__
    assert expressions.resolve("$A + 2 * $A", names) == 9
    assert expressions.resolve({"a": ["$B", "x $A"]}, names) == {"a": ["text", "x 3"]}
    assert expressions.evaluate("config.Key == 'true' and not missing", names) is True
    assert expressions.evaluate("missing.member == 1 or A in [1, 3]", names) is True
    assert expressions.evaluate("A - 1 >= 3", names) is False
    with pytest.raises(Obstacle, match=r"no parameter \$C"):
        expressions.resolve("$C", names)
    with pytest.raises(Obstacle, match="cannot contain"):
        expressions.evaluate("open('x')", names)


def test_pics_of_another_charge_point(tmp_path: Path) -> None:
    path = tmp_path / "pics.yaml"
    path.write_text("items:\n  reservation: {value: true}\n")
    pics = load_pics(path)
    assert pics.of("")["reservation"] is True
    assert pics.of("")["smart_charging"] is False
    path.write_text("items:\n  telepathy: {value: true}\n")
    with pytest.raises(UserError, match="no item 'telepathy'"):
        load_pics(path)


def test_every_case_has_a_mutant() -> None:
    for case in loader.load_all():
        assert derive(case) is not None, f"{case.place}: {case.id} needs a mutant"


@pytest.mark.parametrize(
    ("payload", "wanted", "schema", "changed"),
    [
        (
            {"connectorId": 1, "status": "Preparing"},
            {"connectorId": 1, "status": "Preparing"},
            "StatusNotification",
            {"connectorId": 1, "status": "Available"},
        ),
        (
            {"transactionId": 7, "reason": "Local"},
            {"transactionId": 7, "reason": {"absent_or": "Local"}},
            "StopTransaction",
            {"transactionId": 8, "reason": "Local"},
        ),
        ({"idTag": "A"}, {"idTag": "A"}, "Authorize", {"idTag": "MUTANT"}),
        (
            {"configurationKey": [{"key": "A", "value": "1"}, {"key": "B", "value": "2"}]},
            {"configurationKey": [{"key": "B", "value": "2"}]},
            "GetConfigurationResponse",
            {"configurationKey": [{"key": "A", "value": "1"}, {"key": "MUTANT", "value": "2"}]},
        ),
        ({"csr": "x"}, {"csr": {"any": True}}, "SignCertificate", {}),
        (
            {},
            {"unknownKey": {"absent_or": []}},
            "GetConfigurationResponse",
            {"unknownKey": "MUTANT"},
        ),
        ({"listVersion": 0}, {"listVersion": 0}, "GetLocalListVersionResponse", {"listVersion": 1}),
    ],
)
def test_a_right_payload_is_falsified(
    payload: dict[str, object], wanted: dict[str, object], schema: str, changed: object
) -> None:
    assert falsified(payload, wanted, schema) == changed
