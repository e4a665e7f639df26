"""Names for the addresses of a back-trace, by addr2line of the board's toolchain."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

_TOOL = "xtensa-esp32-elf-addr2line"
# "Backtrace: 0x400d1234:0x3ffb1f00 0x400d5678:0x3ffb1f20 |<-CORRUPTED"
_BACKTRACE = re.compile(r"Backtrace:((?:\s*0x[0-9a-f]{8}:0x[0-9a-f]{8})+)", re.I)
# "PC      : 0x400d1234  PS      : 0x00060030"
_REGISTER = re.compile(r"^PC\s*: (0x[0-9a-f]{8})", re.I)
_TIMEOUT_S = 20


class Decoder:
    """Turns addresses in console lines into functions and source lines.

    Args:
        elf: firmware.elf of exactly the image that runs on the board.
        tool: addr2line for it; None = from PATH or PlatformIO's packages.
    """

    def __init__(self, elf: Path, tool: str | None = None) -> None:
        self._elf = elf
        self._tool = tool or _find_tool()
        self._has_complained = False

    def decode(self, line: str) -> list[str]:
        """Returns lines to show below a console line; none when it has no addresses.

        What is missing for decoding is said once, in the place of the first result.
        """
        found = _BACKTRACE.search(line) or _REGISTER.search(line)
        if found is None:
            return []
        # The stack pointers behind the colons are no code.
        addresses = [word.split(":")[0] for word in found.group(1).split()]
        missing = self._missing()
        if missing is not None:
            if self._has_complained:
                return []
            self._has_complained = True
            return [f"addresses are not decoded: {missing}"]
        return self._ask(addresses)

    def _missing(self) -> str | None:
        if self._tool is None:
            return f"{_TOOL} is not installed; PlatformIO installs it with its first board build"
        if not self._elf.is_file():
            return f"{self._elf} is missing; name the firmware.elf of this image with --elf"
        return None

    def _ask(self, addresses: list[str]) -> list[str]:
        assert self._tool is not None
        words = [self._tool, "-pfiaC", "-e", str(self._elf), *addresses]
        try:
            done = subprocess.run(
                words, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            return [f"addresses are not decoded: {self._tool} failed ({error})"]
        if done.returncode != 0:
            return [f"addresses are not decoded: {done.stderr.strip() or self._tool}"]
        return [line.rstrip() for line in done.stdout.splitlines()]


def _find_tool() -> str | None:
    core = Path(os.environ.get("PLATFORMIO_CORE_DIR", Path.home() / ".platformio"))
    installed = core / "packages" / "toolchain-xtensa-esp32" / "bin" / _TOOL
    return shutil.which(_TOOL) or (str(installed) if installed.is_file() else None)
