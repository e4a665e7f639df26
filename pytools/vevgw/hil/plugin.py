"""Hooks of the system tests: options, the board before the first test, markers, report.

Used by test/system/conftest.py.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from vevgw.dut import find_gateway
from vevgw.errors import UserError
from vevgw.hil import bench_file, probe, selection
from vevgw.hil.bench_file import BenchFile

_BENCH: Final = pytest.StashKey[BenchFile]()
_FACTS: Final = pytest.StashKey[dict[str, str]]()
# A board boots, joins its Wi-Fi and is slower than a process: a test may take so long by default.
_BOARD_S: Final = 240
# A soak test ends by itself.
_SOAK_SLACK_S: Final = 300


def add_options(parser: pytest.Parser) -> None:
    """The options that say what is tested."""
    group = parser.getgroup("gateway under test")
    group.addoption("--bench", type=Path, metavar="FILE", help="bench file, see docs/hil.md")
    group.addoption("--port", help="native (default), a serial device, or rfc2217://HOST:PORT")
    group.addoption("--flash", action="store_true", help="write the firmware by vevgw flash first")
    group.addoption("--gateway", type=Path, help="native gateway; default: the one of this project")
    group.addoption("--charger-port", help="with a board: RS-485 adapter that plays the charger")
    group.addoption("--csms-host", help="with a board: address of this computer as it sees it")
    group.addoption(
        "--hours", type=float, default=0.0, help="length of the soak test; default: one session"
    )


def bench_of(config: pytest.Config) -> BenchFile:
    """Returns what is tested: the bench file with the options over it."""
    return config.stash[_BENCH]


def configure(config: pytest.Config) -> None:
    """Reads the bench file; the process that others obey looks at the board and may flash it.

    Raises:
        pytest.UsageError: Something is wrong; pytest prints the sentence alone.
    """
    try:
        bench = _read(config)
        config.stash[_BENCH] = bench
        is_worker = hasattr(config, "workerinput")
        facts = {} if is_worker else _prepare(config, bench)
    except UserError as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[_FACTS] = facts
    _describe(config, facts)


def _read(config: pytest.Config) -> BenchFile:
    path: Path | None = config.getoption("--bench")
    bench = BenchFile() if path is None else bench_file.load(path)
    given = {
        "port": config.getoption("--port"),
        "rs485": config.getoption("--charger-port"),
        "csms_host": config.getoption("--csms-host"),
    }
    bench = replace(bench, **{name: value for name, value in given.items() if value is not None})
    if config.getoption("--hours") < 0:
        raise UserError("--hours must not be negative.")
    if bench.is_native and (config.getoption("--flash") or bench.rs485 is not None):
        raise UserError(
            "--flash and --charger-port are for a board: name it with --port or --bench."
        )
    if not bench.is_native and config.getoption("numprocesses", None):
        raise UserError("A board is tested by one process: leave -n out.")
    return bench


def _prepare(config: pytest.Config, bench: BenchFile) -> dict[str, str]:
    if config.getoption("--collect-only"):
        return {}
    if bench.is_native:
        facts = probe.native_facts(program_of(config))
    else:
        facts = probe.prepare_board(bench, is_flashed=config.getoption("--flash"))
        facts["Port"] = bench.port
    facts["Wires"] = ", ".join(bench.wires()) or "none"
    return facts | probe.project_facts(config.rootpath)


def program_of(config: pytest.Config) -> Path:
    """Returns the native gateway that was asked for, else that of this project.

    Raises:
        UserError: It is not built.
    """
    asked: Path | None = config.getoption("--gateway")
    return asked if asked is not None else find_gateway(config.rootpath)


def select(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks each test by what it takes, and skips what the bench cannot do."""
    bench = bench_of(config)
    for item in items:
        fixtures: list[str] = getattr(item, "fixturenames", [])
        needs_process = item.get_closest_marker("native") is not None
        for name in () if needs_process else selection.markers(fixtures):
            item.add_marker(name)
        if "soak_hours" in fixtures:
            limit_s = config.getoption("--hours") * 3600 + _SOAK_SLACK_S
            item.add_marker(pytest.mark.timeout(limit_s), append=False)
        elif not bench.is_native and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(_BOARD_S))
        why = selection.why_not(fixtures, bench, needs_process=needs_process)
        if why is not None:
            item.add_marker(pytest.mark.skip(reason=why))


def header(config: pytest.Config) -> list[str]:
    """The lines above the tests on the terminal."""
    return [f"{name.lower()}: {value}" for name, value in config.stash[_FACTS].items()]


def _describe(config: pytest.Config, facts: dict[str, str]) -> None:
    """Puts the facts above the HTML report."""
    from pytest_metadata.plugin import metadata_key

    shown: dict[str, Any] = config.stash.get(metadata_key, {})
    kept = {name: shown[name] for name in ("Python", "Platform") if name in shown}
    shown.clear()
    # A worker tells its own to the others' process: nothing.
    shown.update(facts | kept if facts else {})


def on_start(session: pytest.Session) -> None:
    """Puts the facts into the JUnit report."""
    from _pytest.junitxml import xml_key

    junit = session.config.stash.get(xml_key, None)
    if junit is not None:
        for name, value in session.config.stash[_FACTS].items():
            junit.add_global_property(name, value)
