"""Charger profiles: what `vevgw profiles` says and builds."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from vevgw import cli
from vevgw.chargers import profiles, profiles_build
from vevgw.chargers.profiles_check import check_text
from vevgw.chargers.profiles_yaml import Finding
from vevgw.errors import UserError

HEIDELBERG = (profiles.PROFILES_FOLDER / "heidelberg-energy-control.yaml").read_text("utf-8")

MINIMAL = """\
format: 1
name: box
title: Box
models: [Box]
sources: {maker: "manual"}
transport:
  rtu: {baud: 9600, parity: none, stop_bits: 1}
  unit: 1
  gap_ms: 0
  timeout_ms: 400
  max_registers: 10
  read_across_gaps: false
  write_with: single
phases: 3
registers:
  state: {address: 1, space: input, meaning: state, poll: status, confidence: h}
  energy:
    {address: 2, space: input, type: u32, unit: Wh, meaning: energy_total, poll: meter, confidence: h}
  limit: {address: 10, space: holding, unit: A, access: rw, confidence: h}
  enable: {address: 11, space: coil, access: rw, confidence: h}
state:
  register: state
  values:
    1: {pilot: A}
    2: {pilot: C}
control:
  limit: {register: limit, min_a: 6, max_a: 16, step_a: 1, zero_means: stop, off: 0}
watchdog: {fed_by: none}
"""  # noqa: E501


def findings(text: str, name: str = "box.yaml") -> list[Finding]:
    return check_text(Path(name), text)[1]


def change(old: str, new: str) -> str:
    assert MINIMAL.count(old) == 1, old
    return MINIMAL.replace(old, new)


def line_of(text: str, needle: str) -> int:
    return next(i for i, line in enumerate(text.splitlines(), 1) if needle in line)


def test_shipped_profiles_have_no_mistakes() -> None:
    for path in profiles.profile_files():
        profile, found = profiles.check_file(path)
        assert profile is not None, found


def test_minimal_profile_has_no_mistakes() -> None:
    assert findings(MINIMAL) == []


# What is wrong, where (a text of the line), and the words that explain it.
MISTAKES = [
    pytest.param(
        "unit: A, access", "unit: furlong, access", "limit:", "furlong", id="unknown-unit"
    ),
    pytest.param(
        "type: u32", "type: u33", "meaning: energy_total", "did you mean 'u32'", id="unknown-type"
    ),
    pytest.param("address: 2,", "address: 1,", "energy:", "overlaps 'state'", id="overlap"),
    pytest.param(
        "type: u32, unit: Wh",
        "type: u32, scale: 0, unit: Wh",
        "meaning: energy_total",
        "above 0",
        id="scale-0",
    ),
    pytest.param(
        "type: u32, unit: Wh",
        "type: u32, scale: -1, unit: Wh",
        "meaning: energy_total",
        "above 0",
        id="scale-negative",
    ),
    pytest.param(
        "type: u32, unit: Wh",
        "type: u32, scale: 1.0e-30, unit: Wh",
        "meaning: energy_total",
        "no real register",
        id="scale-tiny",
    ),
    pytest.param(
        "unit: Wh",
        "unit: A",
        "meaning: energy_total",
        "possible: Wh",
        id="unit-of-another-quantity",
    ),
    pytest.param(
        "unit: A, access: rw",
        "unit: A, access: r",
        "limit: {register",
        "read-only",
        id="write-to-read-only",
    ),
    pytest.param(
        "space: holding, unit: A",
        "space: input, unit: A",
        "limit: {address",
        "cannot be written",
        id="write-to-input-register",
    ),
    pytest.param(
        "register: limit,",
        "register: limitt,",
        "limit: {register",
        "did you mean 'limit'",
        id="unknown-register",
    ),
    pytest.param(
        "step_a: 1,",
        "step_a: 0.1,",
        "limit: {register",
        "steps of 1 A",
        id="step-finer-than-register",
    ),
    pytest.param("min_a: 6,", "min_a: 20,", "limit: {register", "above max_a", id="min-above-max"),
    pytest.param(
        "min_a: 6,", "min_a: 1,", "limit: {register", "below 6 A", id="min-below-standard"
    ),
    pytest.param("off: 0", "off: 10", "limit: {register", "would allow 10 A", id="off-is-not-off"),
    pytest.param(
        "zero_means: stop",
        "zero_means: unlimited",
        "limit: {register",
        "enable register",
        id="zero-lifts-the-limit",
    ),
    pytest.param(
        "1: {pilot: A}", "1: {pilot: B}", "values:", "No state means pilot A", id="no-unplugged"
    ),
    pytest.param(
        "2: {pilot: C}", "2: {pilot: Z}", "2:", "'Z', which is unknown", id="unknown-pilot"
    ),
    pytest.param(
        "2: {pilot: C}",
        "2: {pilot: C}\n    3: {pilot: E}",
        "3:",
        "needs an error",
        id="fault-without-error",
    ),
    pytest.param("title: Box", "titel: Box", "titel", "did you mean 'title'", id="unknown-key"),
    pytest.param("phases: 3\n", "", "format: 1", "lacks 'phases'", id="missing-key"),
    pytest.param("phases: 3", "phases: three", "phases", "not an integer", id="wrong-type"),
    pytest.param("phases: 3", "phases: 4", "phases", "maximum of 3", id="out-of-range"),
    pytest.param("name: box", "name: crate", "name: crate", "box.yaml", id="name-is-not-the-file"),
    pytest.param(
        "phases: 3", "phases: 3\nphases: 1", "phases: 1", "there twice", id="duplicate-key"
    ),
    pytest.param("stop_bits: 1}", "stop_bits: 1", "unit: 1", "not YAML", id="malformed-yaml"),
    pytest.param(
        "space: coil, access: rw",
        "space: coil, scale: 2, access: rw",
        "enable:",
        "one bit",
        id="bit-with-scale",
    ),
    pytest.param(
        "address: 2,", "address: 65535,", "energy:", "beyond address 65535", id="beyond-the-end"
    ),
    pytest.param(
        "meaning: energy_total, poll: meter",
        "meaning: energy_total",
        "energy:",
        "poll is missing",
        id="never-read",
    ),
    pytest.param(
        "unit: A, access",
        "unit: A, from_layout: 3, access",
        "limit: {address",
        "layout_version",
        id="gate-without-layout",
    ),
    pytest.param(
        "{fed_by: none}",
        "{fed_by: any_transaction}",
        "watchdog",
        "lacks 'default_ms'",
        id="watchdog-incomplete",
    ),
]


@pytest.mark.parametrize(("old", "new", "place", "words"), MISTAKES)
def test_mistake_is_explained_at_its_line(old: str, new: str, place: str, words: str) -> None:
    text = change(old, new)
    errors = [finding for finding in findings(text) if finding.is_error]
    assert errors
    match = [finding for finding in errors if words in finding.message]
    assert match, [str(finding) for finding in errors]
    assert match[0].line == line_of(text, place), str(match[0])
    assert str(match[0]).startswith(f"box.yaml:{match[0].line}: ")
    assert "\n" not in str(match[0])


@pytest.mark.parametrize("text", ["", "- 1", "just words", "a: &x [*x]", "\t: :", "{", "\x00"])
def test_what_is_no_profile_is_explained(text: str) -> None:
    errors = [finding for finding in findings(text) if finding.is_error]
    assert errors
    assert all("\n" not in str(finding) for finding in errors)


def test_every_line_of_a_profile_can_be_missing_without_a_traceback() -> None:
    lines = HEIDELBERG.splitlines()
    for index in range(len(lines)):
        findings("\n".join(lines[:index] + lines[index + 1 :]), "heidelberg-energy-control.yaml")


def test_doubtful_register_is_a_warning() -> None:
    text = change(
        "unit: Wh, meaning: energy_total, poll: meter, confidence: h",
        "unit: Wh, meaning: energy_total, poll: meter, confidence: l",
    )
    found = findings(text)
    assert [finding.is_error for finding in found] == [False]
    assert "doubtful" in found[0].message
    assert str(found[0]).startswith("box.yaml:17: warning: ")


def folder_with(tmp_path: Path, text: str = MINIMAL) -> Path:
    (tmp_path / "box.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def run(*words: str) -> int:
    try:
        return cli.main(["profiles", *words])
    except SystemExit as ended:
        return int(ended.code or 0)


def test_check_counts_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = folder_with(tmp_path, change("type: u32", "type: u33"))
    assert run("check", "--folder", str(folder)) == 1
    out, err = capsys.readouterr()
    assert re.search(r"box\.yaml:18: registers\.energy\.type is 'u33'", out)
    assert "1 mistake in 1 profile(s)." in err
    assert "Traceback" not in err


def test_check_strict_fails_on_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_with(tmp_path, MINIMAL.replace("confidence: h}", "confidence: l}", 1))
    assert run("check", "--folder", str(folder)) == 0
    assert run("check", "--strict", "--folder", str(folder)) == 1
    assert "1 warning" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["check", "show"])
def test_unknown_profile_is_one_sentence(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command, "heidelberg-energy-contrl") == 1
    err = capsys.readouterr().err
    assert "There is no charger profile 'heidelberg-energy-contrl'" in err
    assert "did you mean 'heidelberg-energy-control'?" in err
    assert len(err.splitlines()) == 1


def test_missing_file_and_folder_are_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "nowhere/box.yaml") == 1
    assert run("list", "--folder", "/nowhere") == 1
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_list_and_show_name_the_profile(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list") == 0
    assert "heidelberg-energy-control" in capsys.readouterr().out
    assert run("show", "heidelberg-energy-control") == 0
    out = capsys.readouterr().out
    assert re.search(r"current-limit\s+holding\s+261", out)
    assert "follower" in out


def test_committed_tables_match_the_profiles() -> None:
    profiles_build.check(profiles.load_all())


def test_build_check_fails_on_drift(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = folder_with(tmp_path)
    output = tmp_path / "tables.cpp"
    assert run("build", "--check", "--folder", str(folder), "--output", str(output)) == 1
    assert run("build", "--folder", str(folder), "--output", str(output)) == 0
    assert run("build", "--check", "--folder", str(folder), "--output", str(output)) == 0
    folder_with(tmp_path, change("max_a: 16", "max_a: 13"))
    assert run("build", "--check", "--folder", str(folder), "--output", str(output)) == 1
    err = capsys.readouterr().err
    assert "run `vevgw profiles build`" in err


def test_build_refuses_a_profile_with_mistakes(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, change("min_a: 6,", "min_a: 20,"))
    with pytest.raises(UserError, match=r"box\.yaml:27: .*above max_a"):
        profiles.load_all(folder)


@pytest.mark.native
def test_tables_of_every_kind_of_profile_compile(tmp_path: Path) -> None:
    extended = MINIMAL.replace(
        "zero_means: stop, off: 0}",
        'zero_means: unlimited, off: 1}\n  enable: {register: enable, "on": 1, "off": 0}',
    ).replace("title: Box", 'title: "Bóx \\"2\\""')
    assert [finding for finding in findings(extended) if finding.is_error] == []
    folder = folder_with(tmp_path, extended)
    (folder / "heidelberg-energy-control.yaml").write_text(HEIDELBERG, encoding="utf-8")
    output = tmp_path / "tables.cpp"
    profiles_build.write(profiles.load_all(folder), output)
    command = ["g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
    lib = profiles.REPOSITORY / "lib"
    done = subprocess.run(
        [*command, f"-I{lib}", str(output)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
