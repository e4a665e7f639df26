"""Firmware images for gateways without a boot loader (Linux, simulation).

Such an image carries no program: the gateway checks it, stores it, restarts and tells its version.
The layout is in lib/platform/simulated_firmware.hpp.
"""

from __future__ import annotations

import random
import zlib

from vevgw.csms.errors import CsmsError

_MAX_VERSION_CHARACTERS = 50


def make_firmware_image(
    version: str, *, size: int = 65536, starts: bool = True, security_version: int = 0
) -> bytes:
    """Returns an image.

    Args:
        version: What the gateway tells in BootNotification once it runs.
        size: Bytes behind the head.
        starts: False = the gateway goes back to the version before, as if this one crashed.
        security_version: One that ran a higher one refuses it.

    Raises:
        CsmsError: The version is not 1 to 50 printable ASCII characters.
    """
    is_printable = version.isascii() and version.isprintable()
    if not is_printable or not 1 <= len(version) <= _MAX_VERSION_CHARACTERS:
        raise CsmsError("The version must have 1 to 50 printable ASCII characters.", exit_code=2)
    body = random.Random(version).randbytes(size)
    head = (
        f"VEVGW-FIRMWARE 1\nversion {version}\nsize {size}\n"
        f"crc32 {zlib.crc32(body):08x}\nstarts {'yes' if starts else 'no'}\n"
        f"security {security_version}\n\n"
    )
    return head.encode() + body
