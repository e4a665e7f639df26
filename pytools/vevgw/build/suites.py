"""Test suites on the host: PlatformIO builds all programs in one go, several run at once.

`pio test` scans the dependencies anew for each suite, and builds, links and runs one after another:
on two cores that takes more than twice as long.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from vevgw.build import pio
from vevgw.errors import UserError

# A suite that takes longer hangs; the slowest takes a minute.
TIME_LIMIT_S = 900.0
# They begin first: none is to run alone at the end while other cores idle.
LONG_SUITES = (
    "scenario/test_ocpp_simulation",
    "scenario/test_simulation_mutants",
    "scenario/test_power_cut_transactions",
    "scenario/test_ocpp_security",
    "unit/test_ocpp_transaction_store",
    "unit/test_bridge_heidelberg",
)
_SUMMARY = re.compile(
    r"^\[doctest\] test cases:\s*(\d+)\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed", re.M
)


@dataclass(frozen=True, slots=True)
class SuiteResult:
    """What one run of a suite came to; `problem` is None when it passed, else one clause."""

    name: str
    cases: int
    problem: str | None
    seconds: float
    output: str


def find(project: Path, environment: str, filters: Sequence[str] = ()) -> list[str]:
    """Returns the suites that PlatformIO would take for these filters, sorted."""
    from platformio.project.config import ProjectConfig
    from platformio.test.helpers import list_test_suites

    with contextlib.chdir(project):
        config = ProjectConfig(str(project / "platformio.ini"))
        listed = list_test_suites(config, [environment], filters, [])
    return sorted(suite.test_name for suite in listed if not suite.is_finished())


def run(project: Path, environment: str, filters: Sequence[str] = ()) -> list[SuiteResult]:
    """Builds and runs the test suites of a native environment; prints a line for each.

    Args:
        project: Root of the project.
        environment: Native environment of platformio.ini.
        filters: Patterns of suites such as `unit/*`; all suites when empty.

    Raises:
        UserError: The suites do not build, a suite failed or ran no case, or no suite matched; the
            sentence names the suites.
    """
    if not pio.is_native(environment):
        raise UserError(f"Suites of '{environment}' run on a board: use `pio test`.", exit_code=2)
    names = find(project, environment, filters)
    if not names:
        wanted = " ".join(filters) or "any pattern"
        raise UserError(f"No test suite of '{environment}' matches {wanted}.")
    code = pio.run(
        project,
        ["run", "-e", environment, "-t", "__test"],
        native=True,
        variables={"VEVGW_SUITES": " ".join(names)},
    )
    if code != 0:
        raise UserError(f"The test suites of '{environment}' do not build (exit code {code}).")
    folder = project / ".pio" / "build" / environment / "test"
    names.sort(key=lambda name: name not in LONG_SUITES)
    results = []
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for done in as_completed(pool.submit(_run_one, project, folder, name) for name in names):
            result = done.result()
            results.append(result)
            if result.problem:
                print(result.output, flush=True)
            print(
                f"{result.name}: {result.problem or f'{result.cases} cases passed'}, "
                f"{result.seconds:.1f} s",
                flush=True,
            )
    bad = [f"{suite.name} ({suite.problem})" for suite in results if suite.problem]
    if bad:
        raise UserError(f"Test suites failed on '{environment}': {', '.join(sorted(bad))}.")
    return sorted(results, key=lambda suite: suite.name)


def _run_one(project: Path, folder: Path, name: str) -> SuiteResult:
    began = time.monotonic()
    # main() of the suites leaves the verdict to PlatformIO unless told otherwise.
    command = [str(folder / name / "program"), "--no-exitcode=false"]
    try:
        done = subprocess.run(
            command,
            cwd=project,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIME_LIMIT_S,
            check=False,
        )
        code, output = done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        code, output = None, late.stdout or b""
    text = output.decode("utf-8", "replace")
    cases, problem = judge(code, text)
    return SuiteResult(name, cases, problem, time.monotonic() - began, text)


def judge(code: int | None, output: str) -> tuple[int, str | None]:
    """Returns how many cases passed, and one clause that says why the suite failed, or None.

    Args:
        code: Exit code, negative for a signal; None when the suite was ended at its time limit.
        output: What the suite printed.
    """
    summary = _SUMMARY.search(output)
    total, passed, failed = (int(text) for text in summary.groups()) if summary else (0, 0, 0)
    if code is None:
        return passed, f"did not end within {TIME_LIMIT_S:.0f} s"
    if failed:
        return passed, f"{failed} of {total} cases failed"
    if code < 0:
        return passed, f"ended by {signal.Signals(-code).name}"
    if code > 0:
        return passed, f"ended with exit code {code}"
    if passed == 0:
        return 0, "no test case was seen"
    return passed, None
