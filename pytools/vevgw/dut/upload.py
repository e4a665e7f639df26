"""Files for a gateway over its console: in pieces, each with its checksum (docs/console.md)."""

from __future__ import annotations

import zlib
from pathlib import Path

from vevgw.chargers import profiles
from vevgw.chargers.profiles_image import image
from vevgw.dut.device import Dut
from vevgw.dut.errors import DutError, NoAnswer
from vevgw.errors import UserError

_PIECE_BYTES = 256
_TRIES = 4
_DAMAGED = ("checksum of this piece", "line is too long", "unknown command", "usage:", "an id is")


def profile_image(path: Path) -> bytes:
    """Returns what a gateway loads: a file as it is, or what a profile's YAML is built to.

    Raises:
        UserError: The file cannot be read, or the profile has mistakes.
    """
    if path.suffix not in (".yaml", ".yml"):
        try:
            return path.read_bytes()
        except OSError as error:
            raise UserError(f"Cannot read {path}: {error.strerror}.") from None
    profile, findings = profiles.check_file(profiles.find_file(str(path)))
    if profile is None:
        raise UserError(str(next(finding for finding in findings if finding.is_error)))
    return image(profile)


async def put_profile(device: Dut, name: str, content: bytes) -> None:
    """Gives a gateway a profile or roots; what the line damages or loses is sent again.

    Args:
        device: Its console.
        name: NAME.vevp or NAME.pem.
        content: From `profile_image`.

    Raises:
        DutError: The gateway refuses it; the text is its sentence.
    """
    await _say(device, f"file begin {name} {len(content)} {zlib.crc32(content):08x}")
    for at in range(0, len(content), _PIECE_BYTES):
        piece = content[at : at + _PIECE_BYTES]
        await _say(device, f"file data {at} {zlib.crc32(piece):08x} {piece.hex()}")
    await _say(device, "file end")


async def _say(device: Dut, line: str) -> None:
    for left in reversed(range(_TRIES)):
        try:
            await device.command(line, timeout_s=5)
        except NoAnswer:
            if not left:
                raise
        except DutError as error:
            if not left or not any(word in str(error) for word in _DAMAGED):
                raise
        else:
            return
