"""The Python environment of the project, `.venv`: made on first use and when the lock changes."""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from vevgw.errors import UserError

_STAMP = "vevgw.stamp"


def python_of(project: Path) -> Path:
    """Returns the interpreter of the environment, whether or not it exists yet."""
    return project / ".venv" / "bin" / "python"


def fingerprint(project: Path) -> str:
    """Returns a digest of everything the content of the environment follows from."""
    digest = hashlib.sha256(str(project).encode())
    for name in ("pyproject.toml", "requirements/constraints.txt"):
        digest.update((project / name).read_bytes())
    return digest.hexdigest()


def is_current(project: Path) -> bool:
    """Returns whether the environment exists and fits pyproject.toml and the lock."""
    stamp = project / ".venv" / _STAMP
    return (
        python_of(project).exists()
        and stamp.is_file()
        and stamp.read_text(encoding="ascii") == fingerprint(project)
    )


def ensure(project: Path, *groups: str) -> Path:
    """Returns the interpreter of an environment that holds the group dev and `vevgw` itself.

    Args:
        project: Root of the project.
        groups: Further groups of pyproject.toml that it must hold.

    Raises:
        UserError: The environment cannot be made, such as without a network.
    """
    (project / ".cache").mkdir(exist_ok=True)
    with (project / ".cache" / "venv.lock").open("w", encoding="ascii") as lock:
        # Two sessions may start at once.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_current(project):
            _make(project)
        for group in groups:
            _add(project, group)
    return python_of(project)


def variables(project: Path) -> dict[str, str]:
    """Returns the process environment in which the programs of `.venv` come first."""
    folder = python_of(project).parent
    own = {key: value for key, value in os.environ.items() if key != "PYTHONHOME"}
    own["PATH"] = os.pathsep.join([str(folder), own.get("PATH", os.defpath)])
    own["VIRTUAL_ENV"] = str(folder.parent)
    return own


def _make(project: Path) -> None:
    print("Preparing the Python environment .venv ...", file=sys.stderr, flush=True)
    python = python_of(project)
    stamp = project / ".venv" / _STAMP
    stamp.unlink(missing_ok=True)
    if not python.exists():
        _call(project, [sys.executable, "-m", "venv", "--clear", str(project / ".venv")])
    pip, uv = _installers(python)
    _call(project, [*pip, "uv"])
    try:
        _install(project, uv)
    except UserError:
        # Slower, but it knows the user's pip settings (a mirror, a certificate).
        _call(project, [*pip, "--upgrade", "pip"])
        _install(project, pip)
    stamp.write_text(fingerprint(project), encoding="ascii")


def _add(project: Path, group: str) -> None:
    """Adds a group to an environment that is current."""
    python = python_of(project)
    stamp = project / ".venv" / f"vevgw-{group}.stamp"
    if stamp.is_file() and stamp.read_text(encoding="ascii") == fingerprint(project):
        return
    print(f"Adding the packages of the group {group} ...", file=sys.stderr, flush=True)
    pip, uv = _installers(python)
    try:
        _call(project, [*uv, "--group", group])
    except UserError:
        _call(project, [*pip, "--group", group])
    stamp.write_text(fingerprint(project), encoding="ascii")


def _installers(python: Path) -> tuple[list[str], list[str]]:
    """Returns the commands of pip and uv that install what follows, as the lock says."""
    lock = ["--quiet", "--constraint", "requirements/constraints.txt"]
    pip = [str(python), "-m", "pip", "install", *lock]
    uv = [str(python), "-m", "uv", "pip", "install", "--python", str(python), *lock]
    return pip, [*uv, "--system-certs"]


def _install(project: Path, command: Sequence[str]) -> None:
    _call(project, [*command, "--group", "dev"])
    # Built with the locked hatchling of the environment, hence without isolation.
    _call(project, [*command, "--no-build-isolation", "--editable", "."])


def _call(project: Path, command: Sequence[str]) -> None:
    done = subprocess.run(
        command,
        cwd=project,
        env=variables(project),
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()
        # pip and uv put the cause on the line that starts with this word.
        cause = next((line for line in lines if line.lower().startswith("error")), lines[-1])
        raise UserError(f"Cannot prepare the Python environment .venv: {cause.strip()}")
