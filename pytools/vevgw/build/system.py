"""What a session needs from the operating system, and how to get it on Debian and Ubuntu."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vevgw.errors import UserError

_FUZZ_PROBE = (
    'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }'
)


def _has_program(name: str) -> bool:
    return shutil.which(name) is not None


def _has_header(name: str) -> bool:
    if not _has_program("g++"):
        return Path("/usr/include", name).is_file()
    command = ["g++", "-x", "c++", "-fsyntax-only", "-include", name, os.devnull]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def find_library(name: str) -> Path | None:
    """Where a shared library of the system is that no program is linked with; None = nowhere."""
    places = sorted(Path("/usr").glob(f"lib*/{name}")) or sorted(Path("/usr/lib").glob(f"*/{name}"))
    return places[0] if places else None


def _has_venv() -> bool:
    return all(importlib.util.find_spec(module) for module in ("venv", "ensurepip"))


def _has_chromium() -> bool:
    return has_chromium() or not offers_chromium()


def has_chromium() -> bool:
    """Whether there is a browser for tests of pages."""
    return _has_program("chromium")


def offers_chromium() -> bool:
    """Whether the system has a package of it; Ubuntu has a snap, which no container can run."""
    try:
        return "ID=ubuntu" not in Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except OSError:
        return True


def _has_fuzzer() -> bool:
    if not _has_program("clang++"):
        return False
    command = ["clang++", "-fsanitize=fuzzer,address", "-x", "c++", "-", "-o", os.devnull]
    probe = subprocess.run(command, input=_FUZZ_PROBE, text=True, capture_output=True, check=False)
    return probe.returncode == 0


def _builds_for(*compiler: str) -> bool:
    """Whether a compiler is there with the C and C++ headers of its target."""
    if not _has_program(compiler[0]):
        return False
    command = [*compiler, "-x", "c++", "-fsyntax-only", "-include", "algorithm", os.devnull]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that must be on the system: the packages that bring it, and a test for it."""

    packages: tuple[str, ...]
    is_there: Callable[[], bool]


NEEDS: dict[str, Need] = {
    "venv": Need(("python3-venv",), _has_venv),
    "g++": Need(("g++",), lambda: _has_program("g++")),
    "libwebsockets": Need(("libwebsockets-dev",), lambda: _has_header("libwebsockets.h")),
    "libcurl": Need(("libcurl4-openssl-dev",), lambda: _has_header("curl/curl.h")),
    "mbedtls": Need(("libmbedtls-dev",), lambda: _has_header("mbedtls/x509_crt.h")),
    "openssl": Need(("openssl",), lambda: _has_program("openssl")),
    # Gives names to addresses of this machine.
    "nss_wrapper": Need(("libnss-wrapper",), lambda: find_library("libnss_wrapper.so") is not None),
    "doctest": Need(("doctest-dev",), lambda: _has_header("doctest/doctest.h")),
    # Debian keeps the run-time library of the fuzzer in a package of its own.
    "clang": Need(("clang", "libclang-rt-dev"), _has_fuzzer),
    "chromium": Need(("chromium",), _has_chromium),
    "g++ -m32": Need(("g++-multilib", "gcc-multilib"), lambda: _builds_for("g++", "-m32")),
    "valgrind": Need(
        ("valgrind",), lambda: _has_program("valgrind") and _has_header("valgrind/callgrind.h")
    ),
    "arm-none-eabi-g++": Need(
        ("gcc-arm-none-eabi", "libnewlib-arm-none-eabi", "libstdc++-arm-none-eabi-newlib"),
        lambda: _builds_for("arm-none-eabi-g++", "-mcpu=cortex-m3", "-mthumb"),
    ),
}


def missing(needs: Iterable[str]) -> list[str]:
    """Returns the packages to install for the given keys of `NEEDS`, sorted, without repeats."""
    packages: set[str] = set()
    for name in needs:
        if not NEEDS[name].is_there():
            packages.update(NEEDS[name].packages)
    return sorted(packages)


def install_commands(packages: Sequence[str]) -> list[list[str]]:
    """Returns the commands, for root, that install the packages."""
    return [
        ["apt-get", "update"],
        ["apt-get", "install", "-y", "--no-install-recommends", *packages],
    ]


def ensure(needs: Iterable[str], *, is_root: bool | None = None) -> None:
    """Installs what is missing when called by root; otherwise says how and changes nothing.

    Args:
        needs: Keys of `NEEDS`.
        is_root: Whether to act as root; asks the system when absent.

    Raises:
        UserError: Exit code 69. Something is missing and was not, or could not be, installed.
    """
    packages = missing(needs)
    if not packages:
        return
    commands = install_commands(packages)
    line = " && ".join(" ".join(command) for command in commands)
    if shutil.which("apt-get") is None:
        raise UserError(
            "System packages are missing and there is no apt-get here; install what Debian calls: "
            f"{' '.join(packages)}.",
            exit_code=69,
        )
    if not (os.geteuid() == 0 if is_root is None else is_root):
        raise UserError(
            f"System packages are missing; run this as root, then try again:\n  {line}",
            exit_code=69,
        )
    print(f"Installing system packages: {' '.join(packages)}", file=sys.stderr, flush=True)
    variables = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in commands:
        done = subprocess.run(
            command, env=variables, capture_output=True, text=True, errors="replace", check=False
        )
        if done.returncode != 0:
            last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no message"]
            raise UserError(f"`{' '.join(command)}` failed: {last[0]}", exit_code=69)
