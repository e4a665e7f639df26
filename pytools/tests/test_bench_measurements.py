"""Figures made of counts, and the workloads themselves where the tools are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from platformio.project.config import ProjectConfig
from platformio.test.helpers import list_test_names

from vevgw import cli
from vevgw.bench import budgets, instructions, objects, size, workloads
from vevgw.bench.callgrind import Part
from vevgw.build import system
from vevgw.errors import UserError

ROOT = Path(__file__).parents[2]
CALLS = (
    "get_configuration",
    "change_configuration",
    "trigger_message",
    "set_charging_profile",
    "get_composite_schedule",
)


def printed() -> dict[str, Any]:
    """A report of the workloads: every figure is one part of its own name, two units each."""
    names = [
        *("boot", "transaction", "meter_values", "stop_transaction", *CALLS),
        *("mix", "idle", "idle_charging", "idle_iteration"),
    ]
    return {
        "figures": {name: {"units": 2, "parts": [name]} for name in names},
        "parts": {name: {"marks": 1, "iterations": 3, "allocations": 0} for name in names},
        "stack": {"step": {"bytes": 100, "part": "boot"}},
        "flash": {
            "transactions": 10,
            "bytes": 8200,
            "most_bytes": 851,
            "appends": 160,
            "other_operations": 1,
        },
        "frames": {"MeterValues": 800},
        "not_built": ["send_local_list"],
    }


def counts(report: workloads.Report, cost: int = 100) -> dict[str, Part]:
    parts = {name: Part(dumps=1, instructions=cost) for name in report.parts}
    for part in parts.values():
        part.own.update({"ocpp::Engine::step(common::Instant)": cost - 40, "0x000a3820": 40})
    return parts


def evaluate(content: dict[str, Any]) -> dict[str, budgets.Figure]:
    report = workloads.parse_report(json.dumps(content))
    figures = instructions.evaluate(report, counts(report)).figures
    return {figure.row.id: figure for figure in figures}


def test_instructions_are_divided_by_units() -> None:
    assert evaluate(printed())["meter_values"].value == 50


def test_operation_that_is_absent_is_not_built_and_named_at_the_mean() -> None:
    figures = evaluate(printed())
    assert figures["send_local_list"].value is None
    assert figures["send_local_list"].note == "not built"
    assert figures["mix"].note == "without send_local_list"


def test_operation_that_is_built_has_a_figure_by_itself() -> None:
    content = printed()
    content["not_built"] = []
    content["figures"]["send_local_list"] = {"units": 2, "parts": ["mix"]}
    figures = evaluate(content)
    assert figures["send_local_list"].value == 50
    assert figures["mix"].note == ""


def test_allocations_are_summed_over_all_parts() -> None:
    content = printed()
    content["parts"]["idle"]["allocations"] = 3
    content["parts"]["transaction"]["allocations"] = 4
    figures = evaluate(content)
    assert figures["allocations"].value == 7
    assert figures["allocations_transaction"].value == 2
    assert figures["allocations"].is_broken


def test_flash_is_per_transaction() -> None:
    figures = evaluate(printed())
    assert figures["flash_transaction"].value == 820
    assert figures["flash_transaction_most"].value == 851
    assert figures["flash_writes"].value == pytest.approx(16.1)


def test_profile_names_the_c_library_where_functions_have_no_names() -> None:
    report = workloads.parse_report(json.dumps(printed()))
    profile = instructions.evaluate(report, counts(report)).profiles["idle"]
    assert profile == [
        ("ocpp::Engine::step(common::Instant)", 30.0),
        ("C library, 0x000a3820", 20.0),
    ]


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"figures": {"boot": {}}}'])
def test_other_output_of_the_workloads_is_one_sentence(text: str) -> None:
    with pytest.raises(UserError, match="printed no report"):
        workloads.parse_report(text)


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("echo the transaction did not start >&2; exit 1", "run: the transaction did not start$"),
        ("echo '==7== of valgrind' >&2; echo of the program >&2; exit 1", "run: of the program$"),
        ("exit 3", "run: exit code 3$"),
    ],
)
def test_workload_that_fails_says_why_in_one_sentence(
    tmp_path: Path, script: str, sentence: str
) -> None:
    program = tmp_path / "workloads"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    with pytest.raises(UserError, match=sentence):
        workloads.run(program)


def test_allocations_make_the_command_fail_and_speed_does_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    content = printed()

    def measure(project: Path, *, runs: int) -> instructions.Measurement:
        report = workloads.parse_report(json.dumps(content))
        return instructions.evaluate(report, counts(report, cost=10**9))

    monkeypatch.setattr(instructions, "measure", measure)
    assert cli_code(["bench"]) == 0
    assert "over budget" in capsys.readouterr().out
    content["parts"]["idle"]["allocations"] = 3
    assert cli_code(["bench"]) == 1
    assert "idle: 3 heap allocations." in capsys.readouterr().err


def test_broken_size_budget_makes_the_command_fail_with_a_sentence_each(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(ROOT)
    rows = budgets.load("size")
    values: dict[str, float | None] = dict.fromkeys(rows, 0)

    def measure(project: Path) -> size.Measurement:
        return size.Measurement(budgets.figures(rows, values), {})

    monkeypatch.setattr(size, "measure", measure)
    assert cli_code(["size"]) == 0
    values.update(stack=3000, code_cortex_m3=100000)
    assert cli_code(["size", "--json", str(tmp_path / "size.json")]) == 1
    error = capsys.readouterr().err
    assert "stack below the engine's calls, x86-32, painted: 3,000 B, 2,048 allowed" in error
    assert "100,000 B, 92,160 allowed" in error
    broken = [row["id"] for row in read(tmp_path / "size.json")["figures"] if row["is_broken"]]
    assert broken == ["code_cortex_m3", "stack"]


def test_object_size_is_read_from_nm() -> None:
    symbols = "00000000 00000024 T main\n00000010 00003058 B size_of_charge_point\n"
    assert size.object_size_in(symbols) == 0x3058
    with pytest.raises(UserError, match="no longer defines"):
        size.object_size_in("00000000 00000024 T main\n")


def test_deepest_stack_is_named_with_its_call_and_part() -> None:
    stack = {"step": (2252, "transaction.stop"), "receive": (3468, "mix"), "on_link": (104, "boot")}
    assert size.deepest_stack(stack) == (
        3468,
        "receive() 3,468 in mix, step() 2,252 in transaction.stop, on_link() 104 in boot",
    )


def test_missing_compiler_is_one_sentence() -> None:
    absent = objects.Toolchain(name="absent", compiler="no-such-g++", package="gcc-absent")
    with pytest.raises(UserError, match="Debian calls it gcc-absent") as error:
        objects.build(ROOT, absent, [])
    assert error.value.exit_code == 69


def test_counts_that_differ_between_runs_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    report = workloads.parse_report(json.dumps(printed()))
    results = iter([(report, counts(report)), (report, counts(report, cost=101))])
    monkeypatch.setattr(workloads, "build", lambda project: project)
    monkeypatch.setattr(workloads, "count", lambda program: next(results))
    with pytest.raises(UserError, match="Two runs differ: 100 and 101 instructions in"):
        instructions.measure(ROOT, runs=2)


@pytest.mark.parametrize(
    ("session", "packages"),
    [
        ("bench", {"g++-multilib", "gcc-multilib", "valgrind"}),
        (
            "size",
            {"g++-multilib", "valgrind", "gcc-arm-none-eabi", "libstdc++-arm-none-eabi-newlib"},
        ),
    ],
)
def test_session_names_the_packages_of_its_tools(
    tmp_path: Path, session: str, packages: set[str]
) -> None:
    # Neither a compiler nor apt-get is on this PATH.
    done = subprocess.run(
        [sys.executable, "noxfile.py", session],
        cwd=ROOT,
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 69
    assert packages <= set(done.stderr.strip().removesuffix(".").split())


def test_folder_of_the_workloads_is_no_suite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert (ROOT / "test/bench/workloads_main.cpp").is_file()
    suites = list_test_names(ProjectConfig(str(ROOT / "platformio.ini")))
    assert "unit/test_json_reader" in suites
    assert not [name for name in suites if "bench" in name.split("/")]


needs_tools = pytest.mark.skipif(
    bool(system.missing(["g++ -m32", "valgrind"])),
    reason="needs g++-multilib and valgrind (`python3 noxfile.py bench` installs them)",
)


@needs_tools
@pytest.mark.native
@pytest.mark.timeout(900)
def test_two_runs_count_the_same_and_nothing_is_allocated() -> None:
    measurement = instructions.measure(ROOT, runs=2)
    figures = {figure.row.id: figure for figure in measurement.figures}
    assert figures["allocations"].value == 0
    for name, part in measurement.report.parts.items():
        assert measurement.instructions[name] > 0, name
        assert part["marks"] > 0
    # Functions of the harness and of the simulated flash must not be in the counts.
    counted = {function for rows in measurement.profiles.values() for function, _ in rows}
    assert "ocpp::Engine::step()" in counted
    assert not [name for name in counted if name.startswith(("platform_sim::", "Driver::"))]


@needs_tools
@pytest.mark.native
@pytest.mark.timeout(900)
def test_painted_stack_is_seen_only_when_asked_for() -> None:
    program = workloads.build(ROOT)
    plain, painted = workloads.run(program), workloads.run(program, measures_stack=True)
    assert plain.stack == {}
    assert 0 < painted.stack["step"][0] < 16384
    assert painted.stack["step"][1] in painted.parts
    assert painted.parts == plain.parts


def cli_code(arguments: list[str]) -> int:
    try:
        return cli.main(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content
