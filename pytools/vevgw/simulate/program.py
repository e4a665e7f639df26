"""Builds test/simulation with g++ and runs it, one process per processor."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from vevgw.bench import objects
from vevgw.errors import UserError

_LIBRARIES = (
    "common",
    "platform",
    "json",
    "ocpp_messages",
    "security",
    "ocpp",
    "modbus",
    "bridge",
    "gateway",
    "platform_sim",
)
_SUPPORT = ("test/support/ocpp_world/model_csms.cpp",)
_FOLDERS = (
    "lib/ocpp/security",  # which lib/gateway names
    "test/support/modbus_line",
    "test/support/simulation",
    "test/simulation",
)
_MBEDTLS = ("-lmbedtls", "-lmbedx509", "-lmbedcrypto")
# At most so many for one process: starting it is not free, and all are to end together.
_MAX_SEEDS_OF_PROCESS = 20

_FAST = objects.Toolchain(
    name="simulation",
    compiler="g++",
    package="g++ libmbedtls-dev",
    flags=("-O2",),
    compile_flags=("-Wshadow", "-Itest/support"),
    link_flags=_MBEDTLS,
)
_CHECKED = objects.Toolchain(
    name="simulation-checked",
    compiler="g++",
    package="g++ libmbedtls-dev",
    flags=("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
    compile_flags=("-Wshadow", "-Itest/support"),
    link_flags=_MBEDTLS,
)

_GOOD = re.compile(
    r"seed (?P<seed>\d+): good, hash (?P<hash>[0-9a-f]{16}), (?P<transactions>\d+) transactions, "
    r"(?P<kwh>\d+) kWh, (?P<frames>\d+) frames, (?P<retries>\d+) retries, (?P<calls>\d+) CALLs "
    r"answered, (?P<cuts>\d+) power cuts"
)
_SUM = re.compile(r"\d+ seeds x \d+ (days|hours) good: ")


@dataclass(frozen=True, slots=True)
class Run:
    """What the program said about one seed that kept every promise."""

    seed: int
    hash: str
    transactions: int
    kwh: int
    frames: int
    retries: int
    calls: int
    power_cuts: int


def build(project: Path, *, sanitizers: bool = False) -> Path:
    """Builds the program, compiling only what has changed.

    Args:
        project: Root of the project.
        sanitizers: Under AddressSanitizer and UndefinedBehaviorSanitizer; about ten times slower.

    Raises:
        UserError: No g++ (exit code 69), or a file does not compile.
    """
    toolchain = _CHECKED if sanitizers else _FAST
    files = objects.sources(project, _LIBRARIES)
    files += [project / name for name in _SUPPORT]
    files += [path for folder in _FOLDERS for path in sorted((project / folder).glob("*.cpp"))]
    compiled = objects.build(project, toolchain, files)
    return objects.link(toolchain, compiled, project / ".cache" / "simulation" / toolchain.name)


def run(
    program: Path,
    seeds: Sequence[int],
    arguments: Sequence[str],
    *,
    on_output: Callable[[str], None],
    processes: int | None = None,
) -> list[Run]:
    """Runs the program on seeds until all are done or one breaks a promise.

    Args:
        program: What `build` returned.
        seeds: In the order in which they are reported.
        arguments: Further options of the program.
        on_output: Called with what the program printed about each seed, in order. How the seeds
            were split over processes does not show.
        processes: At a time; as many as there are processors when absent.

    Raises:
        UserError: Exit code 1. A promise was broken; what the program printed about it has been
            handed to `on_output`.
    """
    stop = threading.Event()
    processes = processes or os.cpu_count() or 1
    size = max(1, min(_MAX_SEEDS_OF_PROCESS, len(seeds) // (4 * processes)))
    parts = [seeds[at : at + size] for at in range(0, len(seeds), size)]

    def run_part(part: Sequence[int]) -> subprocess.CompletedProcess[str] | None:
        if stop.is_set():
            return None
        command = [str(program), "--seed", str(part[0]), "--seeds", str(len(part)), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    good: list[Run] = []
    with ThreadPoolExecutor(processes) as pool:
        try:
            for part, done in zip(parts, pool.map(run_part, parts), strict=True):
                if done is None:
                    break
                told = done.stdout if done.returncode == 2 else done.stdout + done.stderr
                for text in _by_seed(told):
                    on_output(text)
                found = list(parse(done.stdout))
                if done.returncode != 0:
                    raise UserError(_describe(part[min(len(found), len(part) - 1)], done))
                good += found
        finally:
            stop.set()
    return good


def _by_seed(output: str) -> list[str]:
    """Splits what a process printed: one text for each seed, without the sum at the end."""
    texts: list[str] = []
    text = ""
    for line in output.splitlines(keepends=True):
        if _SUM.match(line):
            continue
        text += line
        if _GOOD.match(line):
            texts.append(text)
            text = ""
    return [*texts, text] if text else texts


def parse(output: str) -> Iterator[Run]:
    """Reads the lines about good seeds."""
    for found in _GOOD.finditer(output):
        yield Run(
            seed=int(found["seed"]),
            hash=found["hash"],
            transactions=int(found["transactions"]),
            kwh=int(found["kwh"]),
            frames=int(found["frames"]),
            retries=int(found["retries"]),
            calls=int(found["calls"]),
            power_cuts=int(found["cuts"]),
        )


def combined_hash(runs: Sequence[Run]) -> str:
    """One hash of all message logs."""
    return hashlib.sha256(" ".join(run.hash for run in runs).encode()).hexdigest()[:16]


def _describe(seed: int, done: subprocess.CompletedProcess[str]) -> str:
    if done.returncode == 1:
        reasons = [line for line in done.stdout.splitlines() if not _GOOD.match(line)]
        first = reasons[0] if reasons else "no reason given"
        return f"a promise was broken: {first}"
    if done.returncode == 2 and done.stderr:
        return done.stderr.splitlines()[0]
    if done.returncode < 0:
        return f"the simulation died of signal {-done.returncode} on seed {seed}"
    return f"the simulation ended with exit code {done.returncode} on seed {seed}"
