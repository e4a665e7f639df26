"""Compiles libraries of the project with one toolchain, again only what has changed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vevgw.errors import UserError

_COMMON = ("-std=c++17", "-Os", "-g", "-Wall", "-Wextra", "-Werror")
_BARE = ("-ffunction-sections", "-fdata-sections", "-fno-exceptions", "-fno-rtti")


@dataclass(frozen=True, slots=True)
class Toolchain:
    """A compiler with the flags that make what is measured.

    Args:
        name: Of its folder below .cache/bench.
        compiler: Program.
        package: Debian packages that bring it.
        flags: For compiling and linking.
        compile_flags: For compiling alone.
        link_flags: For linking alone.
    """

    name: str
    compiler: str
    package: str
    flags: tuple[str, ...] = ()
    compile_flags: tuple[str, ...] = ()
    link_flags: tuple[str, ...] = ()

    @property
    def is_installed(self) -> bool:
        """Whether the compiler is on PATH; its libraries show when linking."""
        return shutil.which(self.compiler) is not None

    @property
    def prefix(self) -> str:
        """What its other programs are called before `nm` and `size`."""
        return self.compiler.removesuffix("g++")

    def commands(self) -> dict[str, str]:
        """Returns what a reader needs to make the same objects and the same image."""
        link = [self.compiler, *self.flags, "OBJECTS", *self.link_flags, "-o", "IMAGE"]
        compile_one = self.command("-Ilib", "-c", "SOURCE", "-o", "OBJECT")
        return {"compile": " ".join(compile_one), "link": " ".join(link)}

    def command(self, *arguments: str) -> list[str]:
        """Returns the command that compiles with these further arguments."""
        return [self.compiler, *_COMMON, *self.flags, *self.compile_flags, *arguments]


# As the firmware is built: assertions stay, nothing is optimised across files.
CORTEX_M3 = Toolchain(
    name="cortex-m3",
    compiler="arm-none-eabi-g++",
    package="gcc-arm-none-eabi libstdc++-arm-none-eabi-newlib",
    flags=("-mcpu=cortex-m3", "-mthumb"),
    compile_flags=_BARE,
    link_flags=("-Wl,--gc-sections", "--specs=nosys.specs"),
)
# This package has neither a C library nor C++ headers: the headers of the ARM package serve, and
# what only a C library could give stays undefined.
_NEWLIB = "/usr/include/newlib"
_NEWLIB_CXX = f"{_NEWLIB}/c++/12.2.1"
XTENSA_LX106 = Toolchain(
    name="xtensa-lx106",
    compiler="xtensa-lx106-elf-g++",
    package="gcc-xtensa-lx106",
    flags=("-mlongcalls",),
    compile_flags=(
        *_BARE,
        *("-isystem", _NEWLIB_CXX, "-isystem", f"{_NEWLIB_CXX}/arm-none-eabi"),
        *("-isystem", _NEWLIB),
    ),
    link_flags=(
        *("-nostdlib", "-Wl,--gc-sections", "-Wl,--relax", "-Wl,-e,main"),
        "-Wl,--unresolved-symbols=ignore-all",
    ),
)
# Not position-independent, as on a microcontroller; symbols bound at start, not in a measured call.
NATIVE_32 = Toolchain(
    name="native-32",
    compiler="g++",
    package="g++ g++-multilib",
    flags=("-m32",),
    compile_flags=("-fno-pie",),
    link_flags=("-no-pie", "-Wl,-z,now"),
)


def sources(project: Path, libraries: Sequence[str]) -> list[Path]:
    """Returns the C++ sources of libraries, in a stable order.

    Without the security extension, lib/ocpp/security: the engine names none of it, so a program
    that does not plug it in has none of it, and what is linked here without it proves that.
    """
    return [
        path
        for name in libraries
        for path in sorted((project / "lib" / name).rglob("*.cpp"))
        if path.parent != project / "lib" / "ocpp" / "security"
    ]


def build(
    project: Path, toolchain: Toolchain, files: Sequence[Path], defines: Sequence[str] = ()
) -> list[Path]:
    """Compiles files.

    Returns:
        Their objects, in the same order.

    Raises:
        UserError: The compiler is missing (exit code 69) or a file does not compile.
    """
    if not toolchain.is_installed:
        raise UserError(
            f"{toolchain.compiler} is not installed; Debian calls it {toolchain.package}.",
            exit_code=69,
        )
    options = [f"-D{define}" for define in defines]
    digest = hashlib.sha256(" ".join(toolchain.command(*options)).encode()).hexdigest()[:12]
    folder = project / ".cache" / "bench" / toolchain.name / digest

    def compile_one(source: Path) -> Path:
        return _compile(project, folder, toolchain.command(*options), source)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(compile_one, files))


def link(toolchain: Toolchain, objects: Sequence[Path], program: Path, *arguments: str) -> Path:
    """Links a program.

    Raises:
        UserError: The linker failed.
    """
    program.parent.mkdir(parents=True, exist_ok=True)
    command = [toolchain.compiler, *toolchain.flags, *map(str, objects)]
    with _replacing(program) as unfinished:
        call([*command, *toolchain.link_flags, *arguments, "-o", str(unfinished)])
    return program


def call(command: Sequence[str], *, cwd: Path | None = None) -> str:
    """Runs a program of a toolchain and returns what it prints.

    Raises:
        UserError: It is missing (exit code 69) or failed.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)
    except FileNotFoundError:
        raise UserError(f"{command[0]} is not installed.", exit_code=69) from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip() or f"exit code {done.returncode}"
        raise UserError(f"`{Path(command[0]).name}` failed: {said}")
    return done.stdout


def _compile(project: Path, folder: Path, command: Sequence[str], source: Path) -> Path:
    relative = source.relative_to(project)
    target = folder / relative.with_suffix(".o")
    dependencies = target.with_suffix(".d")
    if not _is_current(project, target, dependencies):
        target.parent.mkdir(parents=True, exist_ok=True)
        # Relative names: assertions carry them, and no figure may depend on where the project lies.
        words = [*command, "-Ilib", "-c", str(relative), "-MMD"]
        with _replacing(dependencies) as rules, _replacing(target) as unfinished:
            call([*words, "-MF", str(rules), "-o", str(unfinished)], cwd=project)
    return target


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A file to write that takes the place of `path` when done: others may be building too."""
    with tempfile.TemporaryDirectory(prefix=".build-", dir=path.parent) as folder:
        unfinished = Path(folder) / path.name
        yield unfinished
        unfinished.replace(path)


def _is_current(project: Path, target: Path, dependencies: Path) -> bool:
    if not target.is_file() or not dependencies.is_file():
        return False
    names = dependencies.read_text(encoding="utf-8").replace("\\\n", " ").split(":", 1)[1].split()
    built = target.stat().st_mtime_ns
    paths = [project / name for name in names]
    return all(path.is_file() and path.stat().st_mtime_ns < built for path in paths)
