"""Everything that can be run on the project.

    python3 noxfile.py SESSION [-- ARGUMENTS]      on a bare machine with python3, g++ and git
    nox -s SESSION [-- ARGUMENTS]                  where nox is installed

Called as a script it installs what the session needs (system packages only as root, otherwise it
prints the command and stops), makes the environment .venv with nox in it, and hands over. All
sessions share .venv.
"""

import os
import sys

if sys.version_info < (3, 11):  # noqa: UP036 - this file must say so where nothing else can run
    sys.exit(f"This project needs Python 3.11 or newer; this is {sys.version.split()[0]}.")

from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "pytools"))

from vevgw.build import node_packages, project_env, system
from vevgw.errors import UserError

NATIVE = ("venv", "g++", "libwebsockets", "libcurl", "mbedtls")
SUITES = (*NATIVE, "doctest")

# Session -> what it needs from the system (keys of vevgw.build.system.NEEDS).
NEEDS = {
    "demo": NATIVE,
    "csms": ("venv",),
    "tests": (*SUITES, "clang", "chromium", "openssl", "nss_wrapper"),
    "lint": ("venv",),
    "layering": ("venv",),
    "codegen": ("venv",),
    "rules": ("venv",),
    "pytools": (*SUITES, "clang", "openssl", "nss_wrapper"),
    "browser": (*NATIVE, "chromium"),
    "unit": (*SUITES, "clang"),
    "scenario": (*SUITES, "clang"),
    "coverage": SUITES,
    "simulation": ("venv", "g++", "mbedtls"),
    "system": (*NATIVE, "openssl", "nss_wrapper"),
    "conformance": NATIVE,
    "hil": (*NATIVE, "openssl", "nss_wrapper"),
    "fuzz": (*NATIVE, "clang"),
    "build": NATIVE,
    "bench": ("venv", "g++ -m32", "valgrind"),
    "bench_csms": ("venv",),
    "size": ("venv", "g++ -m32", "valgrind", "arm-none-eabi-g++", "mbedtls"),
    "esp32": ("venv",),
    "flash": ("venv",),
    "release": ("venv",),
    "secure": ("venv",),
    "lock": ("venv",),
}
# Session -> groups of pyproject.toml that it needs besides `dev`.
GROUPS = {"browser": ("browser",), "flash": ("flash",), "secure": ("flash",), "pytools": ("flash",)}
# Sessions that need the packages of requirements/package.json.
WITH_NODE_PACKAGES = ("browser", "csms")

# What CI runs, in this order: the quick ones first.
EVERYTHING = (
    "lint",
    "layering",
    "rules",
    "codegen",
    "pytools",
    "unit",
    "scenario",
    "simulation",
    "system",
    "conformance",
    "browser",
    "fuzz",
    "demo",
)
# Long lives and power cuts at every byte take four times as long under sanitizers: CI runs the
# scenarios plain, units and fuzz targets sanitized. All 2,000 seeds take five minutes on two cores:
# CI has room for a part of them.
CI_ARGUMENTS = {
    "codegen": ["--check"],
    "scenario": ["--plain"],
    "simulation": ["--seeds", "200", "--days", "30"],
    "fuzz": ["--seconds", "20"],
}


def start(arguments: list[str]) -> int:
    """Prepares the machine for the named sessions and replaces this process by nox."""
    words, separator, rest = arguments, [], []
    if "--" in arguments:
        at = arguments.index("--")
        words, separator, rest = arguments[:at], ["--"], arguments[at + 1 :]
    unknown = [word for word in words if word not in NEEDS]
    if unknown or not words:
        asked = "" if not unknown else f"There is no session '{unknown[0]}'. "
        print(
            f"{asked}Usage: python3 noxfile.py SESSION [-- ARGUMENTS]; the sessions are: "
            f"{' '.join(NEEDS)}.",
            file=sys.stderr,
        )
        return 2
    try:
        system.ensure(dict.fromkeys(need for word in words for need in NEEDS[word]))
        python = project_env.ensure(ROOT)
    except UserError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    command = [str(python), "-m", "nox", "--noxfile", str(ROOT / "noxfile.py")]
    command += ["--session", *words, *separator, *rest]
    os.execve(command[0], command, project_env.variables(ROOT))


if __name__ == "__main__":
    sys.exit(start(sys.argv[1:]))

import nox

nox.needs_version = ">=2024.4.15"
nox.options.default_venv_backend = "none"
nox.options.sessions = ["tests"]


def prepare(session: nox.Session, *groups: str) -> None:
    """Gives the session what it needs (and further groups), or ends it with one sentence."""
    try:
        system.ensure(NEEDS[session.name])
        python = project_env.ensure(ROOT, *GROUPS.get(session.name, ()), *groups)
        if session.name in WITH_NODE_PACKAGES:
            node_packages.ensure(ROOT, python)
    except UserError as error:
        session.error(str(error))
    os.chdir(ROOT)


def run(session: nox.Session, *command: str) -> None:
    """Runs a program of .venv."""
    program, *rest = command
    path = project_env.python_of(ROOT).with_name(program)
    variables = project_env.variables(ROOT)
    session.run(str(path), *rest, external=True, env=variables)


@nox.session
def tests(session: nox.Session) -> None:
    """Everything that CI runs."""
    if session.posargs:
        session.error("'tests' takes no arguments; give them to one of its sessions")
    for name in EVERYTHING:
        session.notify(name, posargs=CI_ARGUMENTS.get(name, []))


@nox.session
def lint(session: nox.Session) -> None:
    """Formats and static checks; `-- --fix` formats."""
    prepare(session)
    if session.posargs not in ([], ["--fix"]):
        session.error("'lint' takes no argument but --fix")
    fix = bool(session.posargs)
    run(session, "ruff", "format", *([] if fix else ["--check"]), ".")
    run(session, "ruff", "check", *(["--fix"] if fix else []), ".")
    run(session, "vevgw", "build", "format", *([] if fix else ["--check"]))
    run(session, "mypy")


@nox.session
def layering(session: nox.Session) -> None:
    """Checks that each folder includes only what it may."""
    prepare(session)
    run(session, "vevgw", "build", "layering", *session.posargs)


@nox.session
def codegen(session: nox.Session) -> None:
    """Generates what is generated from schemas and profiles; `-- --check` only compares."""
    prepare(session)
    run(session, "vevgw", "codegen", *session.posargs)
    run(session, "vevgw", "profiles", "build", *session.posargs)
    run(session, "vevgw", "profiles", "docs", *session.posargs)


@nox.session
def rules(session: nox.Session) -> None:
    """Shows which test proves which rule of OCPP; `-- --only R-4.9`, `-- --json FILE`."""
    prepare(session)
    run(session, "vevgw", "rules", *session.posargs)


@nox.session
def pytools(session: nox.Session) -> None:
    """Tests of the Python package."""
    prepare(session)
    # They wait for processes and time-outs, too. What a file builds serves the whole file.
    run(session, "pytest", "pytools/tests", "-n", "3", "--dist", "loadfile", *session.posargs)


@nox.session
def unit(session: nox.Session) -> None:
    """Unit tests under sanitizers; `-- --plain` without; `-- -f unit/test_X` for one suite."""
    suites(session, "unit/*")


@nox.session
def scenario(session: nox.Session) -> None:
    """Scenarios in virtual time under sanitizers; arguments as for `unit`."""
    suites(session, "scenario/*")


def suites(session: nox.Session, pattern: str) -> None:
    """Runs suites under sanitizers, or as they are with `--plain`."""
    prepare(session)
    words = [word for word in session.posargs if word != "--plain"]
    environment = "native" if "--plain" in session.posargs else "native-asan"
    run(session, "vevgw", "build", "test", "-e", environment, *(words or ["-f", pattern]))


@nox.session
def coverage(session: nox.Session) -> None:
    """Branches of lib/ocpp that units and scenarios take; `-- --lines` shows the others."""
    prepare(session)
    run(session, "vevgw", "coverage", *session.posargs)


@nox.session
def simulation(session: nox.Session) -> None:
    """The engine under faults drawn from seeds; `-- --seed 1 --trace` for one, `-- --help`."""
    prepare(session)
    run(session, "vevgw", "simulate", *(session.posargs or ["--seeds", "2000", "--days", "30"]))
    if "--bridge" not in session.posargs and "--seed" not in session.posargs:
        # CI has room for a part of them, too.
        seeds = "50" if session.posargs else "500"
        run(session, "vevgw", "simulate", "--bridge", "--hours", "2", "--seeds", seeds)


@nox.session(name="system")
def system_tests(session: nox.Session) -> None:
    """Tests of the whole gateway as a Linux process: `hil` without a board."""
    prepare(session)
    run_system_tests(session)


@nox.session
def conformance(session: nox.Session) -> None:
    """Test cases of OCPP for the gateway; `-- --case TC_003`, `-- --profile Core`, `-- --help`.

    Without arguments each case is proven, too: it must find a falsified message.
    """
    prepare(session)
    if not any(word.startswith("--target") for word in session.posargs):
        run(session, "vevgw", "build", "firmware")
    reports = ["--html", "build/conformance.html", "--junit", "build/conformance.xml"]
    run(session, "vevgw", "conformance", "run", *(session.posargs or reports))
    if not session.posargs:
        run(session, "vevgw", "conformance", "mutants")


@nox.session
def browser(session: nox.Session) -> None:
    """Tests of dashboard and setup page in Chromium; screenshots go to .cache/browser."""
    prepare(session)
    if not system.has_chromium():
        session.skip("there is no Chromium here, and the system offers no package of it")
    run(session, "vevgw", "build", "firmware")
    run(session, "pytest", "test/browser", "-n", "2", *session.posargs)


@nox.session
def hil(session: nox.Session) -> None:
    """Tests of a gateway on a bench: `-- --bench FILE [--flash]`, `-- -m rs485`; docs/hil.md."""
    # esptool is only needed here to write a firmware.
    prepare(session, *(["flash"] if "--flash" in session.posargs else []))
    run_system_tests(session)


def run_system_tests(session: nox.Session) -> None:
    """Runs test/system on a board or natively, with the same reports."""
    reports = ["--junit-xml", "build/hil.xml", "--html", "build/hil.html", "--self-contained-html"]
    jobs: list[str] = []
    if not any(word.startswith(("--port", "--bench")) for word in session.posargs):
        run(session, "vevgw", "build", "firmware")
        # They wait for intervals and time-outs of the protocol most of the time.
        jobs = ["-n", "6", "--maxschedchunk", "1"]
    run(session, "pytest", "test/system", *jobs, *reports, *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Fuzz targets for a bounded time each; `-- --seconds 600` for longer."""
    prepare(session)
    run(session, "vevgw", "build", "fuzz", *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """Builds the gateway as a Linux process: .pio/build/native/program."""
    prepare(session)
    run(session, "vevgw", "build", "firmware", *session.posargs)


@nox.session
def demo(session: nox.Session) -> None:
    """A whole charging session with a live view."""
    prepare(session)
    run(session, "vevgw", "demo", *session.posargs)


@nox.session
def csms(session: nox.Session) -> None:
    """Runs the emulated CSMS with its dashboard; `-- --help` for its options."""
    prepare(session)
    run(session, "vevgw", "csms", "run", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measures what is budgeted: time, heap, stack."""
    prepare(session)
    run(session, "vevgw", "bench", *session.posargs)


@nox.session
def bench_csms(session: nox.Session) -> None:
    """Measures the emulated CSMS under load: 200 charge points; `-- --help`."""
    prepare(session)
    run(session, "vevgw", "csms", "bench", *session.posargs)


@nox.session
def size(session: nox.Session) -> None:
    """Measures code and RAM of the engine for 32-bit targets."""
    prepare(session)
    run(session, "vevgw", "size", *session.posargs)


@nox.session
def esp32(session: nox.Session) -> None:
    """Builds the image for the board; PlatformIO downloads its toolchain on first use."""
    prepare(session)
    run(session, "vevgw", "build", "firmware", "-e", "esp32dev", *session.posargs)


@nox.session
def flash(session: nox.Session) -> None:
    """Writes the firmware into a board: `-- --port /dev/ttyUSB0`, `-- --from dist/...`."""
    prepare(session)
    run(session, "vevgw", "flash", *session.posargs)


@nox.session
def release(session: nox.Session) -> None:
    """Makes the files of a release for the board, in dist/; `-- --help`."""
    prepare(session)
    run(session, "vevgw", "release", *session.posargs)


@nox.session
def secure(session: nox.Session) -> None:
    """Closes a board in stages: `-- plan`, `-- check`, `-- burn STAGE`; docs/secure-board.md."""
    prepare(session)
    run(session, "vevgw", "secure", *session.posargs)


@nox.session
def lock(session: nox.Session) -> None:
    """Writes requirements/constraints.txt and package-lock.json: the exact versions of packages."""
    prepare(session)
    target = "requirements/constraints.txt"
    options = ["--universal", "--no-annotate", "--no-header", "--no-emit-index-url"]
    options += ["--no-emit-find-links", "--quiet", "--group", "dev", "--group", "browser"]
    options += ["--group", "flash"]
    options += ["--output-file", target]
    run(session, "uv", "pip", "compile", *options, "pyproject.toml", *session.posargs)
    node_packages.lock(ROOT, project_env.python_of(ROOT))
