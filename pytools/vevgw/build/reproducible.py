"""Builds the checked-out commit twice, in two folders, and compares byte by byte.

Whoever builds the sources of a release then knows that its binary is made of them and of nothing
else (reproducible-builds.org).
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from vevgw.build import pio
from vevgw.errors import UserError

# Of different length: a path that gets into the binary changes its size, too.
_FOLDERS = ("one", "another-place")

Builder = Callable[[Path], Path]


def check(project: Path, environment: str, build: Builder | None = None) -> str:
    """Builds the commit twice.

    Args:
        project: Root of the project; changes that no commit holds do not take part.
        environment: Native environment of platformio.ini.
        build: Builds a folder and returns the binary; default: PlatformIO.

    Returns:
        SHA-256 of the binary, hexadecimal.

    Raises:
        UserError: A build failed, or the binaries differ.
    """
    sources = _archive(project)
    with tempfile.TemporaryDirectory(prefix="vevgw-reproducible-") as temporary:
        binaries = []
        for name in _FOLDERS:
            folder = Path(temporary) / name
            with tarfile.open(fileobj=io.BytesIO(sources)) as archive:
                archive.extractall(folder)  # our own commit
            binary = build(folder) if build is not None else _build(folder, environment)
            binaries.append(binary.read_bytes())
        one, other = binaries
        if one != other:
            at = next(
                (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
                min(len(one), len(other)),
            )
            raise UserError(
                f"Two builds of the same commit differ from byte {at:#x} on ({len(one):,} and "
                f"{len(other):,} bytes): something of the place or time of the build is in them."
            )
        return hashlib.sha256(one).hexdigest()


def _build(folder: Path, environment: str) -> Path:
    # Names of files stand in the binary for the debugger: relative to the project.
    variables = {
        "PLATFORMIO_BUILD_FLAGS": f"-ffile-prefix-map={folder}=.",
        "SOURCE_DATE_EPOCH": "0",
        # A cache would make the second build a copy of the first.
        "CCACHE_DISABLE": "1",
    }
    return pio.build(folder, environment, variables=variables) / "program"


def _archive(project: Path) -> bytes:
    done = subprocess.run(
        ["git", "archive", "--format=tar", "HEAD"], cwd=project, capture_output=True, check=False
    )
    if done.returncode != 0:
        reason = done.stderr.decode(errors="replace").strip().removeprefix("fatal: ")
        raise UserError(f"git cannot give the sources of the commit: {reason}.")
    return done.stdout
