"""A private PlatformIO core folder that builds `platform = native` without PlatformIO's registry.

PlatformIO looks for its packages in the core folder first and asks the registry only when one is
missing. For a native build it needs two: `tool-scons`, here a three-line script on the SCons of the
Python environment, and the platform `native`, here the host compiler. `prepare()` writes both.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
from pathlib import Path

from vevgw.errors import UserError

_SCONS_SCRIPT = '''\
"""SCons as installed in the Python environment."""

from SCons.Script import main

main()
'''

_PLATFORM_SCRIPT = '''\
"""The host as a PlatformIO platform: no packages, no frameworks."""

from platformio.public import PlatformBase


class NativePlatform(PlatformBase):
    pass
'''

# What PlatformIO runs to build an environment of this platform.
_BUILDER_SCRIPT = '''\
"""Builds programs with the compiler of the host (CC, CXX and AR of the environment win)."""

import os

from SCons.Script import AlwaysBuild, Default, DefaultEnvironment

env = DefaultEnvironment()
# custom_compiler of platformio.ini: g++ or clang++.
compiler = os.environ.get("CXX") or env.GetProjectOption("custom_compiler", "g++")
env.Replace(
    CC=os.environ.get("CC") or {"g++": "gcc", "clang++": "clang"}.get(compiler, "cc"),
    CXX=compiler,
    AR=os.environ.get("AR", "ar"),
    LINK=compiler,
    RANLIB="ranlib",
    SIZETOOL="size",
    SIZEPRINTCMD="$SIZETOOL $SOURCES",
    PROGSUFFIX="",
)
if env.get("PROGNAME", "program") == "program":
    env.Replace(PROGNAME="program")



def build_suites(names):
    """One program for each suite, from one scan of the dependencies of them all."""
    env.ProcessProgramDeps()
    env.ProcessProjectDeps()
    env.Prepend(_LIBFLAGS="-Wl,--start-group ")
    env.Append(_LIBFLAGS=" -Wl,--end-group")
    objects = env.Flatten(env["PIOBUILDFILES"])
    programs = []
    for name in names:
        folder = os.path.join(env.subst("$BUILD_TEST_DIR"), name)
        own = [node for node in objects if str(node).startswith(folder + os.sep)]
        programs += env.Program(os.path.join(folder, "program"), own)
    AlwaysBuild(env.Alias("checkprogsize", programs))
    return programs


# Several suites at once, asked for by vevgw.build.suites; `pio test` builds one after another.
suites = os.environ.get("VEVGW_SUITES", "").split()
program = build_suites(suites) if suites else env.BuildProgram()
# Libraries are translated alike for suites and programs: what one build has made serves the next.
for library in env.GetLibBuilders():
    defines = [name for name in library.env.get("CPPDEFINES", []) if name != "PIO_UNIT_TESTING"]
    paths = {library.env.Dir(path) for path in library.env.get("CPPPATH", [])}
    library.env.Replace(CPPDEFINES=defines, CPPPATH=sorted(paths, key=str))
size = env.VerboseAction("$SIZEPRINTCMD", "Sizes of $SOURCE")
env.AddPlatformTarget("size", program, size, "Program size")
AlwaysBuild(env.Alias("nobuild", program))
Default(program)
'''

_NATIVE_VERSION = "1.2.1"


def scons_package_version() -> str:
    """Returns the `tool-scons` version that the installed PlatformIO asks for: 4.41101.0.

    Raises:
        UserError: PlatformIO is not installed, or its SCons is not the installed one.
    """
    try:
        from platformio.dependencies import get_core_dependencies
    except ImportError:
        raise UserError(
            "PlatformIO is not installed in this Python environment; "
            "run `python3 noxfile.py unit` once, or install this project with pip.",
            exit_code=69,
        ) from None
    wanted: str = get_core_dependencies()["tool-scons"].lstrip("~^=<>")
    expected = scons_version(wanted)
    try:
        installed = importlib.metadata.version("scons")
    except importlib.metadata.PackageNotFoundError:
        installed = "none"
    if installed != expected:
        raise UserError(
            f"This PlatformIO needs SCons {expected} but SCons {installed} is installed; "
            f"change the scons line of pyproject.toml to scons=={expected} and lock again.",
            exit_code=69,
        )
    return wanted


def scons_version(package_version: str) -> str:
    """Returns the SCons release that a `tool-scons` version stands for: 4.41101.0 means 4.11.1.

    Raises:
        ValueError: The version does not have the form 4.41101.0.
    """
    digits = package_version.split(".")[1]
    if len(digits) != 5 or not digits.isdecimal():
        raise ValueError(f"unexpected tool-scons version {package_version}")
    return f"{int(digits[0])}.{int(digits[1:3])}.{int(digits[3:5])}"


def prepare(core_dir: Path) -> None:
    """Makes `core_dir` a PlatformIO core folder with `tool-scons` and `native`.

    Does nothing when it already is one.

    Raises:
        UserError: See `scons_package_version`; or the folder cannot be written.
    """
    version = scons_package_version()
    scons = core_dir / "packages" / "tool-scons"
    native = core_dir / "platforms" / "native"
    files = {
        scons / "package.json": _json(
            {"name": "tool-scons", "version": version, "description": "SCons from PyPI"}
        ),
        scons / ".piopm": _record("tool", "tool-scons", version, 8192),
        scons / "scons.py": _SCONS_SCRIPT,
        native / "platform.json": _json(
            {
                "name": "native",
                "title": "Native",
                "description": "host compiler",
                "version": _NATIVE_VERSION,
                "packages": {},
                "frameworks": {},
            }
        ),
        native / ".piopm": _record("platform", "native", _NATIVE_VERSION, 11),
        native / "platform.py": _PLATFORM_SCRIPT,
        native / "builder" / "main.py": _BUILDER_SCRIPT,
    }
    state = core_dir / "appstate.json"
    if not state.is_file():
        # Without a last version PlatformIO greets a new user.
        files[state] = _json({"last_version": importlib.metadata.version("platformio")})
    for path, text in files.items():
        try:
            _write(path, text)
        except OSError as error:
            raise UserError(f"Cannot write {path}: {error.strerror}.") from error


def _json(document: object) -> str:
    return json.dumps(document, indent=2) + "\n"


def _record(kind: str, name: str, version: str, identifier: int) -> str:
    """The note by which PlatformIO recognises a package that it installed."""
    spec = {
        "owner": "platformio",
        "id": identifier,
        "name": name,
        "requirements": None,
        "uri": None,
    }
    return _json({"type": kind, "name": name, "version": version, "spec": spec})


def _write(path: Path, text: str) -> None:
    """Writes only what differs, and whole: a build of another process may read the file now."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)
