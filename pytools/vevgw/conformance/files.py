"""Files that cases let a charge point fetch and deliver."""

from __future__ import annotations

import logging
import socket
from pathlib import Path
from typing import Final, Self

from vevgw.conformance.model import Case, leaves
from vevgw.csms.firmware_image import make_firmware_image

_NAMES: Final = ("$FW_", "$DIAG_", "$LOG_")
NEW_VERSION: Final = "9.9.9-conformance"


def needs_files(case: Case) -> bool:
    """Whether a case speaks of a file server."""
    text = repr([*leaves(case.preparation), *leaves(case.steps)])
    return any(name in text for name in _NAMES)


class CaseFiles:
    """A file server with a firmware that is good and one that is none.

    Args:
        folder: Gets what is fetched and delivered.
        host: Address to listen on.
        firmware: Image that the charge point can install; None: one for the native gateway.
    """

    def __init__(self, folder: Path, host: str, firmware: Path | None = None) -> None:
        # Its libraries are slow to import, and few cases need them.
        from vevgw.csms.files import FileServer
        from vevgw.csms.pki import ThrowAwayCa

        # It would set up logging of its own, and tell where it listens.
        logging.getLogger("pyftpdlib").addHandler(logging.NullHandler())
        # A charge point that is switched off in the middle of a download is nothing to tell.
        logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
        self._server = FileServer(folder, host=host)
        self._host = host
        self._firmware = firmware
        self._maker = ThrowAwayCa(folder / "maker")
        self._signed: dict[str, str] = {}
        self.uploads = self._server.uploads

    async def __aenter__(self) -> Self:
        await self._server.start()
        image = self._firmware.read_bytes() if self._firmware else make_firmware_image(NEW_VERSION)
        (self._server.files / "firmware.bin").write_bytes(image)
        self._sign(image)
        (self._server.files / "nonsense.bin").write_bytes(b"this is no firmware\n" * 50)
        return self

    def _sign(self, image: bytes) -> None:
        certificate, signature = self._maker.sign_firmware(image)
        _, other = self._maker.sign_firmware(image + b" but for this")
        self._signed = {
            "ROOT_MFR": self._maker.certificate.read_text(),
            "FW_CERT": certificate,
            "FW_SIG": signature,
            "FW_SIG_BAD": other,
        }

    async def __aexit__(self, *exc: object) -> None:
        await self._server.stop()

    def names(self) -> dict[str, str]:
        """Returns the $NAMES that cases use."""
        base = self._server.http_url
        nobody = f"ftp://{self._host}:{_closed_port(self._host)}"
        return {
            "FW_URL": f"{base}/files/firmware.bin",
            "FW_BAD_URL": f"{base}/files/nonsense.bin",
            "FW_MISSING_URL": f"{nobody}/firmware.bin",
            "DIAG_URL": f"{base}/uploads/",
            "LOG_URL": f"{base}/uploads/",
            "DIAG_BAD_URL": f"{nobody}/uploads/",
            **self._signed,
        }


def _closed_port(host: str) -> int:
    """Returns a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
