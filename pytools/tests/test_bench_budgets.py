"""Budgets: the table in the package, figures beside it, and what is said about them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from vevgw.bench import budgets, features, report
from vevgw.bench.budgets import Budget, Figure
from vevgw.errors import UserError

ROW = Budget(id="stack", name="stack", unit="B", budget=2048, peer=3060, source="a quarter")


@pytest.mark.parametrize("group", ["size", "bench"])
def test_every_row_says_where_its_budget_comes_from(group: budgets.Group) -> None:
    rows = budgets.load(group)
    assert rows
    for row in rows.values():
        assert row.name
        assert row.source
        assert row.budget is None or row.budget >= 0


def test_goal_is_below_the_budget_that_holds() -> None:
    rows = {**budgets.load("size"), **budgets.load("bench")}
    goals = {name: row.goal for name, row in rows.items() if row.goal is not None}
    assert goals == {
        "code_cortex_m3": 73728,
        "code_xtensa_lx106": 94208,
        "meter_values": 18000,
    }
    assert all(goal < (rows[name].budget or 0) for name, goal in goals.items())


def test_budgets_are_those_that_were_agreed() -> None:
    rows = {**budgets.load("size"), **budgets.load("bench")}
    agreed = {
        "code_cortex_m3": 92160,
        "code_xtensa_lx106": 110592,
        "engine_ram": 16384,
        "connector_ram": 1536,
        "stack": 2048,
        "transaction": 250000,
        "meter_values": 22500,
        "stop_transaction": 15000,
        "get_configuration": 50000,
        "change_configuration": 20000,
        "set_charging_profile": 50000,
        "get_composite_schedule": 50000,
        "send_local_list": 110000,
        "mix": 45000,
        "idle": 100,
        "idle_charging": 100,
        "allocations": 0,
        "flash_transaction": 1000,
    }
    assert {name: rows[name].budget for name in agreed} == agreed


@pytest.mark.parametrize(
    ("value", "is_broken"), [(2047, False), (2048, False), (2048.1, True), (None, False)]
)
def test_budget_breaks_above_its_value_only(value: float | None, is_broken: bool) -> None:
    assert Figure(ROW, value).is_broken == is_broken


def test_figure_without_budget_never_breaks() -> None:
    row = Budget(id="boot", name="boot", unit="instructions", budget=None, peer=None, source="-")
    assert not Figure(row, 1e9).is_broken


def test_broken_budget_is_one_sentence() -> None:
    assert Figure(ROW, 3468).complaint() == "stack: 3,468 B, 2,048 allowed (stack in budgets.yaml)."


def test_value_without_row_is_refused() -> None:
    with pytest.raises(KeyError, match="no row"):
        budgets.figures({"stack": ROW}, {"stack": 1, "heap": 2})


def test_row_without_value_is_refused() -> None:
    with pytest.raises(KeyError):
        budgets.figures({"stack": ROW}, {})


@pytest.mark.parametrize("text", ["size: [1]", "bench: {}", "size: {a: {nonsense: 1}}", "size: ["])
def test_damaged_table_is_one_sentence(tmp_path: Path, text: str) -> None:
    file = tmp_path / "budgets.yaml"
    file.write_text(text)
    with pytest.raises(UserError, match=r"budgets\.yaml is not a table of budgets"):
        budgets.load("size", file)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (None, "-"), (19.5, "19.5"), (1234567.8, "1,234,568"), (43.0, "43")],
)
def test_numbers_are_short(value: float | None, text: str) -> None:
    assert budgets.number(value) == text


def test_table_shows_budget_peer_and_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    absent = Figure(ROW, None, "not built")
    report.show("Title", [Figure(ROW, 3468, "receive()"), Figure(ROW, 100), absent])
    rows = [line for line in capsys.readouterr().out.splitlines() if "2,048" in line]
    assert ["over budget: receive()" in line for line in rows] == [True, False, False]
    assert ["ok" in line for line in rows] == [False, True, False]
    assert "not built" in rows[2]
    assert all("3,060" in line for line in rows)


def test_missed_goal_is_shown_and_breaks_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    figure = Figure(replace(ROW, goal=1000), 1250)
    assert not figure.is_broken
    report.show("Title", [figure])
    out = capsys.readouterr().out
    assert "1,000" in out
    assert "ok, 25 % over the goal" in out
    assert Figure(replace(ROW, goal=1000), 1000).over_goal_percent is None


def test_profile_shows_the_largest_feature_first(capsys: pytest.CaptureFixture[str]) -> None:
    report.show_profile("Title", {"m3": {"JSON": 10, "metering": 3000}, "lx": {"JSON": 20}})
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    assert "metering" in rows[0]
    assert "3,000" in rows[0]
    assert "3,010" in rows[-1]


@pytest.mark.parametrize(
    ("source", "feature"),
    [
        ("ocpp/connector.cpp", "sessions and statuses"),
        ("ocpp/connector_offer.cpp", "smart charging"),
        ("ocpp/handlers/get_configuration.cpp", "configuration"),
        ("ocpp/handlers/reset.cpp", "core: calls, answers, registration, control"),
        ("json/reader.cpp", "JSON"),
        ("platform/record_log.cpp", None),
    ],
)
def test_every_file_of_the_engine_serves_a_feature(source: str, feature: str | None) -> None:
    assert features.feature_of(Path(source)) == feature


def test_json_holds_every_figure_with_its_budget(tmp_path: Path) -> None:
    content = report.as_json(tmp_path, "Title", [Figure(ROW, 3468)], {"command": "vevgw size"})
    report.write_json(tmp_path / "size.json", content)
    read = json.loads((tmp_path / "size.json").read_text())
    assert read["command"] == "vevgw size"
    assert read["figures"] == [
        {
            "id": "stack",
            "name": "stack",
            "unit": "B",
            "value": 3468,
            "budget": 2048,
            "goal": None,
            "peer": 3060,
            "is_broken": True,
            "note": "",
        }
    ]


def test_json_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be written"):
        report.write_json(tmp_path / "absent" / "size.json", {})
