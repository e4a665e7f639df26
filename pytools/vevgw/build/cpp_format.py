"""clang-format over the hand-written C++ files."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from vevgw.build import layering
from vevgw.errors import UserError

_WARNING = re.compile(r"^(.+?):\d+:\d+: (?:error|warning): code should be clang-formatted")


def run(project: Path, *, check: bool) -> list[Path]:
    """Formats the C++ files that are not generated, or only looks.

    Args:
        project: Root of the project.
        check: Change nothing.

    Returns:
        The files that were, or would be, changed.

    Raises:
        UserError: clang-format cannot be run on a file.
    """
    files = [
        path for path in layering.cpp_files(project) if not layering.is_generated(project, path)
    ]
    # The program of the locked PyPI package, whatever else is on PATH.
    tool = str(Path(sys.executable).with_name("clang-format"))
    if not files:
        return []
    changed = _differing(tool, files)
    if changed and not check:
        _call([tool, "-i", *map(str, changed)])
    return changed


def _differing(tool: str, files: list[Path]) -> list[Path]:
    said = _call([tool, "--dry-run", "--ferror-limit=1", *map(str, files)])
    names = {match[1] for line in said.splitlines() if (match := _WARNING.match(line))}
    return [path for path in files if str(path) in names]


def _call(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise UserError(
            "clang-format is not installed; use `python3 noxfile.py lint`.", exit_code=69
        ) from None
    if done.returncode != 0:
        raise UserError(f"clang-format failed: {done.stderr.strip().splitlines()[-1]}")
    return done.stderr
