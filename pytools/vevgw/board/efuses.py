"""The eFuses of an ESP32, by espefuse: those of a chip, or a file that stands for them."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vevgw.errors import UserError

_FILE_BYTES = 288
_FATAL = "fatal error occurred:"


@dataclass(frozen=True, slots=True)
class Fuse:
    """One field of the eFuses.

    Attributes:
        number: Its raw value; 0 when it cannot be read.
        readable: False: only the hardware sees it (a protected key).
        writeable: False: it stays what it is.
        shown: As espefuse prints it.
    """

    number: int
    readable: bool
    writeable: bool
    shown: str


@dataclass(frozen=True, slots=True)
class Chip:
    """Where the eFuses are: one of both.

    Attributes:
        port: Serial device of a board in reach.
        file: Virtual eFuses: nothing real is burned.
    """

    port: str | None = None
    file: Path | None = None

    @property
    def name(self) -> str:
        """Returns what a sentence calls it."""
        return f"virtual chip {self.file}" if self.file is not None else f"board at {self.port}"

    def read(self) -> dict[str, Fuse]:
        """Returns all fields by their names.

        Raises:
            UserError: espefuse is missing, or the chip does not answer.
        """
        # Written to a file: on stdout messages come before it.
        with tempfile.TemporaryDirectory(prefix="vevgw-efuses-") as folder:
            path = Path(folder) / "summary.json"
            self._run(["summary", "--format", "json", "--file", str(path)])
            try:
                content: Mapping[str, Mapping[str, Any]] = json.loads(path.read_text("utf-8"))
                return {name: _fuse(row) for name, row in content.items()}
            except (OSError, ValueError, KeyError) as error:
                raise UserError(f"espefuse gave no readable summary of the {self.name}.") from error

    def burn(self, commands: Sequence[Sequence[str]]) -> None:
        """Burns by commands of espefuse, in this order. There is no way back.

        Raises:
            UserError: One failed; the later ones were not tried.
        """
        for command in commands:
            self._run(["--do-not-confirm", *command])

    def _run(self, words: Sequence[str]) -> None:
        if importlib.util.find_spec("espefuse") is None:
            raise UserError(
                "espefuse is not installed; run 'python3 noxfile.py secure', or "
                "'pip install \"esptool>=5.6,<6\"' in this Python environment.",
                exit_code=69,
            )
        command = [sys.executable, "-m", "espefuse", "--chip", "esp32"]
        if self.file is not None:
            _check_file(self.file)
            command += ["--virt", "--path-efuse-file", str(self.file)]
        else:
            command += ["--port", str(self.port)]
        done = subprocess.run([*command, *words], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            # Rich frames what it refuses.
            text = " ".join((done.stdout + done.stderr).translate(_FRAME).split())
            reason = text.rpartition(_FATAL)[2].strip()[-300:] or "it said nothing"
            raise UserError(
                f"espefuse cannot do that on the {self.name}; it says: {reason.rstrip('.')}."
            )


def _check_file(path: Path) -> None:
    """Keeps espefuse from appending to any file, and from a traceback.

    Raises:
        UserError: It can be no file of virtual eFuses.
    """
    if not path.parent.is_dir():
        raise UserError(f"There is no folder {path.parent} for the virtual eFuses.")
    if path.exists() and (not path.is_file() or path.stat().st_size not in (0, _FILE_BYTES)):
        raise UserError(f"{path} is no file of virtual eFuses; a name that is free makes one.")


_FRAME = str.maketrans(dict.fromkeys("╭─╮│╰╯", " "))


def _fuse(row: Mapping[str, Any]) -> Fuse:
    raw = row["raw_value"]
    return Fuse(int(str(raw), 16), bool(row["readable"]), bool(row["writeable"]), str(row["value"]))
