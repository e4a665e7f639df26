"""PlatformIO as a subprocess: native builds on the private core, board builds on the user's own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vevgw.build import pio_core
from vevgw.errors import UserError

# What PlatformIO says when a package can neither be found nor downloaded.
_NO_REGISTRY = re.compile(r"HTTPClientError|InternetConnectionError|no Internet connection", re.I)


def project_dir() -> Path:
    """Returns the root of the project: the nearest folder upwards that has a platformio.ini.

    Raises:
        UserError: There is none; the command was called outside the project.
    """
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "platformio.ini").is_file():
            return folder
    raise UserError(
        f"{here} is not inside the project: no platformio.ini here or above.", exit_code=2
    )


def is_native(environment: str) -> bool:
    """Returns whether an environment of platformio.ini runs on the host."""
    return environment.startswith("native")


def process_environment(project: Path, *, native: bool) -> dict[str, str]:
    """Returns the environment variables for `pio`; prepares the private core for native builds.

    Raises:
        UserError: The private core cannot be prepared.
    """
    variables = dict(os.environ)
    variables["PLATFORMIO_SETTING_ENABLE_TELEMETRY"] = "no"
    variables["PLATFORMIO_SETTING_CHECK_PLATFORMIO_INTERVAL"] = "36500"
    if native:
        core = project / ".cache" / "pio-core"
        pio_core.prepare(core)
        variables["PLATFORMIO_CORE_DIR"] = str(core)
        for name in ("PLATFORMIO_PACKAGES_DIR", "PLATFORMIO_PLATFORMS_DIR"):
            variables.pop(name, None)
    return variables


def run(project: Path, arguments: Sequence[str], *, native: bool) -> int:
    """Runs `pio ARGUMENTS` in the project with its output on this terminal.

    Returns:
        The exit code.

    Raises:
        UserError: The private core cannot be prepared, no compiler is installed, or a board build
            needs packages that cannot be downloaded.
    """
    if native:
        _require_compiler()
    variables = process_environment(project, native=native)
    command = [sys.executable, "-m", "platformio", *arguments]
    if native:
        return subprocess.run(command, cwd=project, env=variables, check=False).returncode
    return _run_online(project, command, variables)


def _run_online(project: Path, command: Sequence[str], variables: dict[str, str]) -> int:
    """Runs a command that may have to download packages."""
    unreachable = False
    with subprocess.Popen(
        command,
        cwd=project,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            unreachable = unreachable or _NO_REGISTRY.search(line) is not None
    if process.returncode != 0 and unreachable:
        raise UserError(
            "PlatformIO cannot reach its registry, and what this build needs is not installed on "
            "this machine yet; run it once with internet access."
        )
    return process.returncode


def _require_compiler() -> None:
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler.split()[0]) is None:
        raise UserError(
            f"There is no C++ compiler: '{compiler}' is not installed "
            "(on Debian and Ubuntu: apt-get install g++).",
            exit_code=69,
        )


def build(project: Path, environment: str) -> Path:
    """Builds one environment of platformio.ini and returns the folder with the result.

    A native build leaves the executable `program` there, a board build `firmware.bin`.

    Raises:
        UserError: The build failed; PlatformIO has printed why.
    """
    code = run(project, ["run", "-e", environment], native=is_native(environment))
    if code != 0:
        raise UserError(f"The build of '{environment}' failed (exit code {code}).")
    return project / ".pio" / "build" / environment


@dataclass(frozen=True, slots=True)
class SuiteResult:
    """What PlatformIO reports of one test suite."""

    name: str
    cases: int
    failures: int
    errors: int

    @property
    def problem(self) -> str | None:
        """One clause that says why the suite does not count as passed; None when it passed."""
        if self.failures or self.errors:
            return f"{self.failures} failed, {self.errors} errors"
        if self.cases == 0:
            # PlatformIO calls this SKIPPED and succeeds.
            return "no test case was seen"
        return None


def read_report(path: Path, environment: str) -> list[SuiteResult]:
    """Returns the suites of one environment from a report of `pio test --json-output-path`.

    Raises:
        UserError: The file is missing or is not such a report.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return [
            SuiteResult(
                name=str(suite["test_name"]),
                cases=int(suite["testcase_nums"]),
                failures=int(suite["failure_nums"]),
                errors=int(suite["error_nums"]),
            )
            for suite in document["test_suites"]
            # Suites that a filter left out are listed too, without a time.
            if suite["env_name"] == environment and suite["timestamp"] is not None
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"PlatformIO left no readable test report at {path}: {error!r}.") from error


def run_tests(project: Path, environment: str, filters: Sequence[str] = ()) -> list[SuiteResult]:
    """Runs the test suites of one environment and returns their results.

    Args:
        project: Root of the project.
        environment: Environment of platformio.ini.
        filters: Patterns of suites such as `unit/*`; all suites when empty.

    Raises:
        UserError: A suite failed, ran no case, or no suite matched; the sentence names the suites.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        arguments = ["test", "-e", environment, "--json-output-path", str(report)]
        for pattern in filters:
            arguments += ["--filter", pattern]
        code = run(project, arguments, native=is_native(environment))
        results = read_report(report, environment) if report.is_file() else []
    bad = [f"{suite.name} ({suite.problem})" for suite in results if suite.problem]
    if bad:
        raise UserError(f"Test suites failed on '{environment}': {', '.join(bad)}.")
    if code != 0:
        raise UserError(f"The tests of '{environment}' failed (exit code {code}).")
    if not results:
        wanted = " ".join(filters) or "any pattern"
        raise UserError(f"No test suite of '{environment}' matches {wanted}.")
    return results
