"""Writes an image into a board, by esptool."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vevgw.board.image import BoardImage
from vevgw.errors import UserError

# "Writing at 0x00010400 ===   42.0% 1.00kB/39.06kB [0s]"
_PROGRESS = re.compile(r"Writing at (0x[0-9a-f]+)\b.*?([\d.]+)%")
# "A fatal error occurred: ...", "A serial exception error occurred: ..."; hints come behind it.
_FAILURE = re.compile(r".*error occurred: (.*?)(?= Note: | This can have many causes|$)")
# What esptool says -> what to do.
_REMEDIES = (
    (
        re.compile(r"port is busy|doesn't exist|could not open|Permission denied|ioctl", re.I),
        "the port {port} cannot be opened; check its name, close other monitors on it, and on "
        "Linux be in the group dialout",
    ),
    (
        re.compile(r"Failed to connect|No serial data|Timed out waiting|download mode", re.I),
        "the board at {port} does not answer; hold its button BOOT while flashing starts, and "
        "check that the cable carries data",
    ),
    (
        re.compile(r"Unexpected chip|autodetect|is not an? .* image", re.I),
        "the chip at {port} is no ESP32; the image is for an ESP32-WROOM-32",
    ),
    (
        re.compile(r"No more data|Input/output|disconnected|write timeout|readiness to read", re.I),
        "the connection to the board at {port} broke while it was written, so its firmware is not "
        "complete; check cable and supply, and flash it again",
    ),
    (
        re.compile(r"MD5 of file does not match|verif", re.I),
        "what the flash of the board at {port} holds is not what was written; use a better cable "
        "or --baud 115200, and try again",
    ),
)


@dataclass(frozen=True, slots=True)
class FlashOptions:
    """How a board is written.

    Attributes:
        port: Serial device or rfc2217://HOST:PORT.
        baud: Bits per second while writing.
        stub: False: by the ROM loader alone, slower.
        reset: False: the board has no reset lines; it waits in its ROM loader (BOOT held while EN
            was pressed) and is restarted by hand.
        erase: Erases everything first, settings and undelivered transactions too.
    """

    port: str
    baud: int = 460_800
    stub: bool = True
    reset: bool = True
    erase: bool = False


def command(image: Sequence[tuple[int, Path]], options: FlashOptions) -> list[str]:
    """Returns the command line of esptool for files and their offsets."""
    # Without --chip: esptool then finds out which it is, and refuses an image for another one.
    words = [sys.executable, "-m", "esptool", "--port", options.port]
    words += ["--baud", str(options.baud)]
    before, after = ("default-reset", "hard-reset") if options.reset else ("no-reset", "no-reset")
    words += ["--before", before, "--after", after]
    if not options.reset:
        words += ["--connect-attempts", "2"]  # each would be the same
    if not options.stub:
        words.append("--no-stub")
    # The boot loader's header says mode, frequency and size already.
    words += ["write-flash", "--flash-mode", "keep", "--flash-freq", "keep"]
    words += ["--flash-size", "keep", *(["--erase-all"] if options.erase else [])]
    for offset, path in image:
        words += [f"{offset:#x}", str(path)]
    return words


def flash(
    image: BoardImage,
    options: FlashOptions,
    *,
    on_progress: Callable[[str, float], None] = lambda part, percent: None,
) -> None:
    """Writes all parts, compares their digests, and restarts the board.

    Settings and records stay: they are in partitions of their own.

    Args:
        image: What is written.
        options: Where and how.
        on_progress: Called with the part's name and its percentage.

    Raises:
        UserError: esptool is missing, or it failed; the sentence says what to do.
    """
    if importlib.util.find_spec("esptool") is None:
        raise UserError(
            "esptool is not installed; run 'python3 noxfile.py flash', or "
            "'pip install \"esptool>=5.6,<6\"' in this Python environment.",
            exit_code=69,
        )
    with tempfile.TemporaryDirectory(prefix="vevgw-flash-") as temporary:
        files = []
        for part in image.parts:
            path = Path(temporary) / part.name
            path.write_bytes(part.content)
            files.append((part.offset, path))
        words = command(files, options)
        code, lines = _run(words, image, on_progress)
    if code != 0:
        raise UserError(_explain(lines, options.port))


def _run(
    words: Sequence[str], image: BoardImage, on_progress: Callable[[str, float], None]
) -> tuple[int, list[str]]:
    lines: list[str] = []
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.strip())
            progress = _PROGRESS.match(line)
            if progress is not None:
                # The address behind what is written: that of a part's end at last.
                last = int(progress.group(1), 16) - 1
                part = max((p for p in image.parts if p.offset <= last), key=lambda p: p.offset)
                on_progress(part.name, float(progress.group(2)))
    return process.returncode, lines


def _explain(lines: Sequence[str], port: str) -> str:
    """Returns one sentence for what esptool printed."""
    text = " ".join(lines)
    failure = _FAILURE.match(text)
    reason = failure.group(1) if failure else (lines[-1] if lines else "it said nothing")
    for pattern, remedy in _REMEDIES:
        if pattern.search(reason):
            sentence = remedy.format(port=port)
            return f"{sentence[0].upper()}{sentence[1:]}."
    return f"The board at {port} was not flashed; esptool says: {reason.rstrip('.')}."
