"""Fuzz targets: test/fuzz/fuzz_NAME.cpp with libFuzzer and sanitizers, for a bounded time.

A target defines `LLVMFuzzerTestOneInput` and may use every library but platform_esp32 and
platform_linux. Inputs to start from lie in test/fuzz/corpus/NAME; what a run finds is kept in
.cache/fuzz.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from vevgw.build import layering
from vevgw.errors import UserError

_COMPILER = "clang++"
_FLAGS = (
    *("-std=c++17", "-gline-tables-only", "-O1", "-Wall", "-Wextra", "-Werror"),
    *("-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
)
_SYSTEM_LIBRARIES = ("-lmbedx509", "-lmbedcrypto")
_NOT_FUZZED = frozenset({"platform_esp32", "platform_linux"})


def targets(project: Path) -> list[str]:
    """Returns the names of all fuzz targets, sorted."""
    files = (project / "test" / "fuzz").glob("fuzz_*.cpp")
    return sorted(path.stem.removeprefix("fuzz_") for path in files)


def build(project: Path, names: Sequence[str]) -> dict[str, Path]:
    """Builds fuzz targets, compiling only what has changed.

    Returns:
        Target name to program.

    Raises:
        UserError: A file does not compile, a target does not exist, or clang is missing.
    """
    unknown = [name for name in names if name not in targets(project)]
    if unknown:
        known = ", ".join(targets(project)) or "none"
        raise UserError(f"There is no fuzz target '{unknown[0]}'; there are: {known}.", exit_code=2)
    folder = project / ".cache" / "fuzz"
    libraries = [name for name in layering.ALLOWED if name not in _NOT_FUZZED]
    sources = [
        path for name in libraries for path in sorted((project / "lib" / name).rglob("*.cpp"))
    ]
    mains = [project / "test" / "fuzz" / f"fuzz_{name}.cpp" for name in names]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(lambda path: _compile(project, folder, path), [*sources, *mains]))
    archive = folder / "libproject.a"
    archive.unlink(missing_ok=True)
    members = [str(path) for path in objects[: len(sources)]]
    _call(["ar", "rcs", str(archive), *members])
    programs = {}
    for name, main in zip(names, objects[len(sources) :], strict=True):
        programs[name] = folder / f"fuzz_{name}"
        link = [_COMPILER, "-fsanitize=fuzzer,address,undefined", str(main), str(archive)]
        _call([*link, *_SYSTEM_LIBRARIES, "-o", str(programs[name])])
    return programs


def run(project: Path, programs: Mapping[str, Path], *, seconds: int, seed: int) -> None:
    """Runs targets until the time of each is over, one per core; prints what each said at its end.

    Args:
        project: Root of the project.
        programs: What `build` returned.
        seconds: Time limit for each target, s, >= 1.
        seed: Seed of libFuzzer; 0 lets it choose one (it prints it).

    Raises:
        UserError: An input crashed a target, hung it or used too much memory; the sentence says
            how to run that input again. Targets that have not begun are left out.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = [
            pool.submit(_run_one, project, name, program, seconds=seconds, seed=seed)
            for name, program in programs.items()
        ]
        try:
            for done in as_completed(runs):
                print(done.result(), flush=True)
        finally:
            pool.shutdown(cancel_futures=True)


def _run_one(project: Path, name: str, program: Path, *, seconds: int, seed: int) -> str:
    own = project / ".cache" / "fuzz" / name
    (own / "corpus").mkdir(parents=True, exist_ok=True)
    command = [str(program), f"-max_total_time={seconds}", f"-seed={seed}", "-timeout=5"]
    command += ["-rss_limit_mb=2048", "-verbosity=1", f"-artifact_prefix={own}/"]
    known = set(own.iterdir())
    seeds = project / "test" / "fuzz" / "corpus" / name
    folders = [str(folder) for folder in (own / "corpus", seeds) if folder.is_dir()]
    done = subprocess.run(
        [*command, *folders],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    output = f"fuzz: {name} for {seconds} s\n{done.stdout}"
    if done.returncode != 0:
        print(output, flush=True)
        found = sorted(set(own.iterdir()) - known) or sorted(own.glob("crash-*"))
        again = shlex.join([str(program), *(str(path) for path in found[:1])])
        raise UserError(f"Fuzz target '{name}' failed; to see it again: {again}")
    return output


def _compile(project: Path, folder: Path, source: Path) -> Path:
    instrument = "-fsanitize=fuzzer-no-link"
    command = [_COMPILER, *_FLAGS, instrument, f"-I{project / 'lib'}", "-c", str(source)]
    relative = source.relative_to(project).with_suffix("")
    digest = hashlib.sha256(" ".join(command).encode()).hexdigest()[:16]
    target = folder / "objects" / digest / relative.with_suffix(".o")
    dependencies = target.with_suffix(".d")
    if not _is_current(target, dependencies):
        target.parent.mkdir(parents=True, exist_ok=True)
        _call([*command, "-MMD", "-MF", str(dependencies), "-o", str(target)])
    return target


def _is_current(target: Path, dependencies: Path) -> bool:
    if not target.is_file() or not dependencies.is_file():
        return False
    names = dependencies.read_text(encoding="utf-8").replace("\\\n", " ").split(":", 1)[1].split()
    built = target.stat().st_mtime_ns
    paths = [Path(name) for name in names]
    return all(path.is_file() and path.stat().st_mtime_ns < built for path in paths)


def _call(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise UserError(
            f"{command[0]} is not installed; `python3 noxfile.py fuzz` says how to get it.",
            exit_code=69,
        ) from None
    if done.returncode != 0:
        place = command[-1] if command[0] != _COMPILER else _source_of(command)
        raise UserError(f"Building the fuzz targets failed at {place}:\n{done.stderr.strip()}")


def _source_of(command: Sequence[str]) -> str:
    return command[command.index("-c") + 1] if "-c" in command else command[-1]
