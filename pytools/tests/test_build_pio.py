"""Building without PlatformIO's registry: real runs of PlatformIO on a small project."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from vevgw.build import pio, pio_core, platformio_ini, suites
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
def test_pio_test_itself_runs_a_suite(toy: Path, capfd: pytest.CaptureFixture[str]) -> None:
    add_suite(toy, "test_sum_one", PASSING)
    assert pio.run(toy, ["test", "-e", "native", "-f", "unit/*"], native=True) == 0
    assert "two and two make four" in capfd.readouterr().out


@pytest.mark.native
@pytest.mark.timeout(180)
def test_suites_are_judged_one_by_one(toy: Path, capfd: pytest.CaptureFixture[str]) -> None:
    # One build for them all: most of its time is the scan of the dependencies.
    texts = {"bad": FAILING, "empty": SUITE, "crash": CRASHING, "one": PASSING, "two": PASSING}
    for name, text in texts.items():
        add_suite(toy, f"test_sum_{name}", text)
    with pytest.raises(UserError) as error:
        suites.run(toy, "native", ["unit/*"])
    assert str(error.value) == (
        "Test suites failed on 'native': unit/test_sum_bad (1 of 1 cases failed), "
        "unit/test_sum_crash (1 of 2 cases failed), unit/test_sum_empty (no test case was seen)."
    )
    printed = capfd.readouterr().out
    assert "sum::sum(2, 2) == 5" in printed
    results = suites.run(toy, "native", ["unit/test_sum_one", "unit/test_sum_two"])
    assert [(suite.name, suite.cases) for suite in results] == [
        ("unit/test_sum_one", 1),
        ("unit/test_sum_two", 1),
    ]


@pytest.mark.native
def test_suite_that_does_not_compile_fails_the_build(toy: Path) -> None:
    add_suite(toy, "test_sum_one", "int main() { return nothing; }\n")
    with pytest.raises(UserError, match=r"suites of 'native' do not build \(exit code 1\)"):
        suites.run(toy, "native")


def test_filter_without_a_match_is_an_error(toy: Path) -> None:
    add_suite(toy, "test_sum_one", PASSING)
    with pytest.raises(UserError, match="No test suite of 'native' matches unit/test_typo"):
        suites.run(toy, "native", ["unit/test_typo"])


def test_suites_that_begin_first_exist() -> None:
    assert set(suites.LONG_SUITES) <= set(suites.find(ROOT, "native"))


def test_suites_of_a_board_are_not_found_on_the_host(toy: Path) -> None:
    add_suite(toy, "test_sum_one", PASSING)
    (toy / "test" / "target" / "test_board").mkdir(parents=True)
    assert suites.find(toy, "native") == ["unit/test_sum_one"]
    with pytest.raises(UserError, match="Suites of 'esp32dev' run on a board"):
        suites.run(toy, "esp32dev")


SUMMARY = "[doctest] test cases:  3 |  {} passed | {} failed | 0 skipped\n"


@pytest.mark.parametrize(
    ("code", "output", "cases", "problem"),
    [
        (0, SUMMARY.format(3, 0), 3, None),
        (1, SUMMARY.format(2, 1), 2, "1 of 3 cases failed"),
        (0, SUMMARY.format(2, 1), 2, "1 of 3 cases failed"),
        (0, SUMMARY.format(0, 0), 0, "no test case was seen"),
        (0, "", 0, "no test case was seen"),
        (23, SUMMARY.format(3, 0) + "ERROR: LeakSanitizer", 3, "ended with exit code 23"),
        (-11, "", 0, "ended by SIGSEGV"),
        (None, "", 0, "did not end within 900 s"),
    ],
)
def test_suite_passes_only_with_cases_and_exit_code_zero(
    code: int | None, output: str, cases: int, problem: str | None
) -> None:
    assert suites.judge(code, output) == (cases, problem)


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


def test_compiler_of_the_sanitizers_is_named_when_it_is_missing(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(toy))
    with pytest.raises(UserError, match=r"'clang\+\+' is not installed .*libclang-rt-dev"):
        pio.run(toy, ["run", "-e", "native-asan"], native=True)


def test_project_is_found_from_a_folder_below(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(toy / "lib" / "sum")
    assert pio.project_dir() == toy


def test_outside_a_project_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="is not inside the project"):
        pio.project_dir()


@pytest.mark.native
def test_board_build_without_registry_is_one_sentence(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_platform(toy, monkeypatch)
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
    install_platform(toy, monkeypatch)
    monkeypatch.setattr(pio.sys, "executable", fake_platformio(toy, "main.cpp:1: error: no"))
    with pytest.raises(UserError, match="The build of 'esp32dev' failed"):
        pio.build(toy, "esp32dev")


def test_board_build_on_a_bare_machine_without_registry_fails_at_once(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLATFORMIO_CORE_DIR", str(toy / "core"))
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)

    def refuse(address: tuple[str, int], timeout: float) -> None:
        raise OSError(f"no route to {address[0]}")

    monkeypatch.setattr(pio.socket, "create_connection", refuse)
    monkeypatch.setattr(pio.sys, "executable", fake_platformio(toy, "must not be started"))
    with pytest.raises(
        UserError, match=r"cannot reach its registry .* run this once with internet"
    ):
        pio.build(toy, "esp32dev")


def test_libraries_of_a_native_build_without_registry_are_one_sentence(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)

    def refuse(address: tuple[str, int], timeout: float) -> None:
        raise OSError(f"no route to {address[0]}")

    monkeypatch.setattr(pio.socket, "create_connection", refuse)
    monkeypatch.setattr(pio.sys, "executable", fake_platformio(toy, "must not be started"))
    with pytest.raises(
        UserError,
        match=r"'native-microocpp' needs libraries .*\(bblanchon/ArduinoJson@6\.21\.5, "
        r"matth-x/MicroOcpp@1\.2\.0\); run this once with internet access, or build 'native'",
    ):
        pio.build(toy, "native-microocpp")


def test_libraries_that_are_installed_are_not_looked_for(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ArduinoJson", "MicroOcpp"):
        (toy / ".pio" / "libdeps" / "native-microocpp" / name).mkdir(parents=True)

    def refuse(address: tuple[str, int], timeout: float) -> None:
        pytest.fail(f"asked for {address[0]}")

    monkeypatch.setattr(pio.socket, "create_connection", refuse)
    monkeypatch.setattr(pio.sys, "executable", fake_platformio(toy, "main.cpp:1: error: no"))
    with pytest.raises(UserError, match="The build of 'native-microocpp' failed"):
        pio.build(toy, "native-microocpp")


@pytest.mark.parametrize("target", ["native", "esp32dev"])
def test_engine_of_others_is_in_its_own_environments_alone(target: str) -> None:
    plain = platformio_ini.words(ROOT, target, "build_flags")
    plain_libraries = platformio_ini.words(ROOT, target, "lib_deps")
    other = platformio_ini.words(ROOT, f"{target}-microocpp", "build_flags")
    other_libraries = platformio_ini.words(ROOT, f"{target}-microocpp", "lib_deps")
    assert not [flag for flag in plain if "MICROOCPP" in flag or "MO_" in flag]
    assert other[: len(plain)] == plain
    assert "-D GATEWAY_ENGINE_MICROOCPP" in other[len(plain) :]
    assert set(other_libraries) - set(plain_libraries) == {
        "bblanchon/ArduinoJson@6.21.5",
        "matth-x/MicroOcpp@1.2.0",
    }
    # MicroOCPP asks for an older one: PlatformIO takes the one that it met first.
    assert other_libraries[-2:] == ["bblanchon/ArduinoJson@6.21.5", "matth-x/MicroOcpp@1.2.0"]


def test_only_guarded_files_of_the_adapter_name_the_engine_of_others() -> None:
    include = re.compile(r"^ *# *include *[<\"](MicroOcpp|ArduinoJson).*$", re.MULTILINE)
    guard = "#ifdef GATEWAY_ENGINE_MICROOCPP"
    for path in [*ROOT.glob("lib/**/*.?pp"), *ROOT.glob("src/**/*.?pp")]:
        text = path.read_text(encoding="utf-8")
        found = include.search(text)
        if found is not None:
            assert path.name.startswith("micro_ocpp_"), path
            assert guard in text[: found.start()], path
            assert text.rstrip().endswith("#endif"), path


def test_unknown_environment_is_one_sentence() -> None:
    with pytest.raises(UserError, match=r"no environment 'esp64', only .*native-microocpp"):
        platformio_ini.words(ROOT, "esp64", "lib_deps")


def install_platform(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A core folder in which the board's platform seems to be installed."""
    (folder / "core" / "platforms" / "espressif32").mkdir(parents=True)
    monkeypatch.setenv("PLATFORMIO_CORE_DIR", str(folder / "core"))


def fake_platformio(folder: Path, text: str) -> str:
    """A program that stands for the interpreter, prints the text and fails."""
    program = folder / "fake-python"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\nexit 1\n")
    program.chmod(0o755)
    return str(program)
