"""PlatformIO as a subprocess: native builds on the private core, board builds on the user's own."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from vevgw.build import pio_core, platformio_ini
from vevgw.errors import UserError

_REGISTRY = "api.registry.platformio.org"
_REGISTRY_TIMEOUT_S = 5.0
_UNREACHABLE = (
    f"PlatformIO cannot reach its registry ({_REGISTRY}), and the board's toolchain is not "
    "installed on this machine yet; run this once with internet access, or copy the folder "
    "~/.platformio of a machine that has built it."
)
_NO_LIBRARIES = (
    f"PlatformIO cannot reach its registry ({_REGISTRY}), and '{{}}' needs libraries that are not "
    "in .pio/libdeps on this machine yet ({}); run this once with internet access, "
    "or build 'native', whose engine needs none."
)
# What PlatformIO says when a package can neither be found nor downloaded.
_NO_REGISTRY = re.compile(r"HTTPClientError|InternetConnectionError|no Internet connection", re.I)
# What PlatformIO, the compiler or esptool say -> what to do.
_REMEDIES = (
    (
        re.compile(r"No space left on device", re.I),
        "The disk is full; make room (the board's toolchain takes 2 GB) and build again.",
    ),
    (
        re.compile(r"is greater than maximum allowed|region .* overflowed", re.I),
        "The image does not fit into the board; build it with fewer charger profiles: "
        "vevgw build --env esp32dev --profile NAME.",
    ),
    (
        re.compile(r"could not open (serial )?port|port is busy|Permission denied: '/dev/", re.I),
        "The port cannot be opened; close other monitors on it, and on Linux be in the group "
        "dialout.",
    ),
    (
        re.compile(r"Failed to connect to ESP32|No serial data received", re.I),
        "The board does not answer; hold its button BOOT while flashing starts, and check that the "
        "cable carries data.",
    ),
)


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


def run(
    project: Path,
    arguments: Sequence[str],
    *,
    native: bool,
    variables: Mapping[str, str] | None = None,
    unreachable: str | None = None,
) -> int:
    """Runs `pio ARGUMENTS` in the project with its output on this terminal.

    Args:
        project: Root of the project.
        arguments: Words behind `pio`.
        native: Whether the private core is enough, see `process_environment`.
        variables: Environment variables beside those of this process.
        unreachable: What to say when a native build has to download packages and cannot; None: it
            needs none.

    Returns:
        The exit code.

    Raises:
        UserError: The private core cannot be prepared, no compiler is installed, or a board build
            needs packages that cannot be downloaded.
    """
    if native:
        _require_compiler(project, arguments)
    environment = {**process_environment(project, native=native), **(variables or {})}
    command = [sys.executable, "-m", "platformio", *arguments]
    if native and unreachable is None:
        return subprocess.run(command, cwd=project, env=environment, check=False).returncode
    if unreachable is not None:
        _require_registry(environment, unreachable)
        return _run_online(project, command, environment, unreachable)
    core = Path(environment.get("PLATFORMIO_CORE_DIR", Path.home() / ".platformio"))
    platforms = Path(environment.get("PLATFORMIO_PLATFORMS_DIR", core / "platforms"))
    if not any(platforms.glob("espressif32*")):
        _require_registry(environment, _UNREACHABLE)
    return _run_online(project, command, environment, _UNREACHABLE)


def _require_registry(variables: Mapping[str, str], sentence: str) -> None:
    """Says at once what PlatformIO says after a minute: something is missing, nobody answers."""
    if any(
        variables.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
    ):
        return
    try:
        socket.create_connection((_REGISTRY, 443), timeout=_REGISTRY_TIMEOUT_S).close()
    except OSError:
        raise UserError(sentence) from None


def _missing_libraries(project: Path, environment: str) -> str | None:
    """Returns what to say when libraries of a native environment are not there and cannot come."""
    folder = Path(os.environ.get("PLATFORMIO_LIBDEPS_DIR", project / ".pio" / "libdeps"))
    missing = [
        library
        for library in platformio_ini.words(project, environment, "lib_deps")
        if not (folder / environment / library.partition("@")[0].rpartition("/")[2]).is_dir()
    ]
    return _NO_LIBRARIES.format(environment, ", ".join(missing)) if missing else None


def _run_online(
    project: Path, command: Sequence[str], variables: dict[str, str], sentence: str
) -> int:
    """Runs a command that may have to download packages; says the sentence when it cannot."""
    unreachable = False
    remedy: str | None = None
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
            found = (text for pattern, text in _REMEDIES if pattern.search(line))
            remedy = remedy or next(found, None)
    if process.returncode != 0 and remedy is not None:
        raise UserError(remedy)
    if process.returncode != 0 and unreachable:
        raise UserError(sentence)
    return process.returncode


def _require_compiler(project: Path, arguments: Sequence[str]) -> None:
    """Says which package is missing before PlatformIO fails at the first file."""
    compiler = os.environ.get("CXX", "g++")
    if "CXX" not in os.environ and "-e" in arguments[:-1]:
        environment = arguments[arguments.index("-e") + 1]
        compiler = " ".join(platformio_ini.words(project, environment, "custom_compiler")) or "g++"
    if shutil.which(compiler.split()[0]) is None:
        package = "clang libclang-rt-dev" if compiler == "clang++" else "g++"
        raise UserError(
            f"There is no C++ compiler: '{compiler}' is not installed "
            f"(on Debian and Ubuntu: apt-get install {package}).",
            exit_code=69,
        )


def build(project: Path, environment: str, *, variables: Mapping[str, str] | None = None) -> Path:
    """Builds one environment of platformio.ini and returns the folder with the result.

    A native build leaves the executable `program` there, a board build `firmware.bin`.

    Args:
        project: Root of the project.
        environment: Section of platformio.ini behind `env:`.
        variables: See `run`.

    Raises:
        UserError: The build failed; PlatformIO has printed why.
    """
    platformio_ini.words(project, environment, "platform")  # a wrong name is said at once
    native = is_native(environment)
    code = run(
        project,
        ["run", "-e", environment],
        native=native,
        variables=variables,
        unreachable=_missing_libraries(project, environment) if native else None,
    )
    if code != 0:
        raise UserError(
            f"The build of '{environment}' failed (exit code {code}); see the first error above."
        )
    return project / ".pio" / "build" / environment
