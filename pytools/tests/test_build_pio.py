"""Building without PlatformIO's registry: real runs of PlatformIO on a small project."""

from __future__ import annotations

import importlib.metadata
import shutil
import subprocess
from pathlib import Path

import pytest

from vevgw.build import pio, pio_core
from vevgw.errors import UserError

ROOT = Path(__file__).parents[2]

SUITE = '#include "doctest_main/doctest_main.hpp"\n#include "sum/sum.hpp"\n'
PASSING = SUITE + 'TEST_CASE("two and two make four") { CHECK(sum::sum(2, 2) == 4); }\n'
FAILING = SUITE + 'TEST_CASE("two and two make five") { CHECK(sum::sum(2, 2) == 5); }\n'
CRASHING = PASSING + '#include <cstdlib>\nTEST_CASE("it falls over") { std::abort(); }\n'


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with this project's platformio.ini, an empty core folder and an empty HOME.

    Every request to the network ends in a port where nobody listens.
    """
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY", "PLATFORMIO_CORE_DIR"):
        monkeypatch.delenv(name, raising=False)
    project = tmp_path / "project"
    (project / "test").mkdir(parents=True)
    shutil.copy(ROOT / "platformio.ini", project)
    shutil.copy(ROOT / "test" / "test_custom_runner.py", project / "test")
    shutil.copytree(ROOT / "test" / "support", project / "test" / "support")
    library = project / "lib" / "sum"
    library.mkdir(parents=True)
    (library / "library.json").write_text(
        '{"name": "sum", "version": "0.1.0", "build": {"srcDir": ".", "includeDir": ".."}}'
    )
    (library / "sum.hpp").write_text("#pragma once\nnamespace sum { int sum(int a, int b); }\n")
    (library / "sum.cpp").write_text(
        '#include "sum/sum.hpp"\nnamespace sum { int sum(int a, int b) { return a + b; } }\n'
    )
    return project


def add_suite(project: Path, name: str, text: str) -> None:
    folder = project / "test" / "unit" / name
    folder.mkdir(parents=True)
    (folder / "test_main.cpp").write_text(text)


def add_main(project: Path, text: str) -> None:
    folder = project / "src" / "native"
    folder.mkdir(parents=True)
    (folder / "main.cpp").write_text(text)


@pytest.mark.native
def test_firmware_builds_from_an_empty_core_folder_without_network(toy: Path) -> None:
    add_main(toy, '#include "sum/sum.hpp"\nint main() { return sum::sum(40, 2); }\n')
    (toy / "src" / "esp32").mkdir()
    (toy / "src" / "esp32" / "main.cpp").write_text('#error "not for the host"\n')
    folder = pio.build(toy, "native")
    assert subprocess.run([folder / "program"], check=False).returncode == 42
    assert (toy / ".cache" / "pio-core" / "packages" / "tool-scons").is_dir()
    assert not (toy.parent / "home" / ".platformio").exists()


@pytest.mark.native
def test_broken_source_is_reported_as_a_failed_build(toy: Path) -> None:
    add_main(toy, "int main() { return nothing; }\n")
    with pytest.raises(UserError, match="The build of 'native' failed"):
        pio.build(toy, "native")


@pytest.mark.native
def test_our_warnings_are_errors(toy: Path) -> None:
    add_main(toy, "int main() { int a = 1; { int a = 2; (void)a; } return a; }\n")
    with pytest.raises(UserError):
        pio.build(toy, "native")


@pytest.mark.native
def test_passing_suites_are_counted(toy: Path) -> None:
    add_suite(toy, "test_sum_one", PASSING)
    add_suite(toy, "test_sum_two", PASSING)
    results = pio.run_tests(toy, "native", ["unit/*"])
    assert sorted((suite.name, suite.cases) for suite in results) == [
        ("unit/test_sum_one", 1),
        ("unit/test_sum_two", 1),
    ]


@pytest.mark.native
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (FAILING, r"unit/test_sum_bad \(1 failed, 0 errors\)"),
        (SUITE, r"unit/test_sum_bad \(no test case was seen\)"),
        (CRASHING, r"unit/test_sum_bad \(.*1 errors\)"),
    ],
    ids=["failing", "empty", "crashing"],
)
def test_bad_suite_is_named_with_its_problem(toy: Path, text: str, problem: str) -> None:
    add_suite(toy, "test_sum_bad", text)
    add_suite(toy, "test_sum_good", PASSING)
    with pytest.raises(UserError, match=problem) as error:
        pio.run_tests(toy, "native", ["unit/*"])
    assert "test_sum_good" not in str(error.value)


@pytest.mark.native
def test_filter_without_a_match_is_an_error(toy: Path) -> None:
    add_suite(toy, "test_sum_one", PASSING)
    with pytest.raises(UserError, match="No test suite of 'native' matches unit/test_typo"):
        pio.run_tests(toy, "native", ["unit/test_typo"])


def test_prepare_twice_writes_once(tmp_path: Path) -> None:
    pio_core.prepare(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    pio_core.prepare(tmp_path)
    assert {
        path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()
    } == before


def test_prepare_mends_a_damaged_file(tmp_path: Path) -> None:
    pio_core.prepare(tmp_path)
    damaged = tmp_path / "platforms" / "native" / "platform.json"
    whole = damaged.read_text()
    damaged.write_text("{")
    pio_core.prepare(tmp_path)
    assert damaged.read_text() == whole


def test_prepare_in_an_unwritable_place_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "core").write_text("a file where the folder should be")
    with pytest.raises(UserError, match=r"Cannot write .*package\.json"):
        pio_core.prepare(tmp_path / "core")


def test_installed_scons_is_the_one_platformio_asks_for() -> None:
    assert pio_core.scons_version(pio_core.scons_package_version()) == importlib.metadata.version(
        "scons"
    )


@pytest.mark.parametrize(
    ("package", "release"),
    [("4.41101.0", "4.11.1"), ("4.40801.0", "4.8.1"), ("4.40000.0", "4.0.0")],
)
def test_scons_version_follows_from_the_package_version(package: str, release: str) -> None:
    assert pio_core.scons_version(package) == release


def test_other_scons_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda _name: "4.0.0")
    with pytest.raises(UserError, match=r"needs SCons 4\.\d+\.\d+ but SCons 4\.0\.0 is installed"):
        pio_core.scons_package_version()


def test_missing_compiler_is_one_sentence(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(UserError, match="'no-such-compiler' is not installed") as error:
        pio.build(toy, "native")
    assert error.value.exit_code == 69


def test_project_is_found_from_a_folder_below(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(toy / "lib" / "sum")
    assert pio.project_dir() == toy


def test_outside_a_project_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="is not inside the project"):
        pio.project_dir()


@pytest.mark.parametrize("text", ["", "{}", '{"test_suites": [{"env_name": "native"}]}'])
def test_unreadable_report_is_one_sentence(tmp_path: Path, text: str) -> None:
    report = tmp_path / "report.json"
    report.write_text(text)
    with pytest.raises(UserError, match="no readable test report"):
        pio.read_report(report, "native")


@pytest.mark.native
def test_board_build_without_registry_is_one_sentence(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        pio.sys,
        "executable",
        fake_platformio(toy, "Platform Manager: Installing espressif32 @ 6.9.0\nHTTPClientError: "),
    )
    with pytest.raises(UserError, match="PlatformIO cannot reach its registry"):
        pio.build(toy, "esp32dev")


@pytest.mark.native
def test_board_build_with_an_error_in_the_code_is_not_blamed_on_the_registry(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pio.sys, "executable", fake_platformio(toy, "main.cpp:1: error: no"))
    with pytest.raises(UserError, match="The build of 'esp32dev' failed"):
        pio.build(toy, "esp32dev")


def fake_platformio(folder: Path, text: str) -> str:
    """A program that stands for the interpreter, prints the text and fails."""
    program = folder / "fake-python"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\nexit 1\n")
    program.chmod(0o755)
    return str(program)
