"""TLS of the CSMS, and certificates that cases install in a charge point."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

from vevgw.csms.pki import ThrowAwayCa, server_context

#: Folder of the CSMS's authority below that of a case, and its certificate.
_FOLDER: Final = "csms-ca"
#: Password of a charge point with security profile 2.
PASSWORD: Final = "conformance-pass"


def root_file(folder: Path) -> Path:
    """Returns where the root certificate of the CSMS is, for the charge point's settings."""
    return folder / _FOLDER / "ca.pem"


def tls_of(folder: Path, host: str) -> ssl.SSLContext:
    """Makes an authority for a case and returns the TLS settings of its CSMS."""
    authority = ThrowAwayCa(folder / _FOLDER)
    return server_context(authority.issue_server([host, "localhost"]))


def certificates(folder: Path) -> dict[str, str]:
    """Returns the $NAMES of certificates: a root of each kind, and one that is none."""
    system, maker = ThrowAwayCa(folder / "other-ca"), ThrowAwayCa(folder / "maker")
    expired = system.issue_server(["expired.example.org"], "expired").read_text()
    end = "-----END CERTIFICATE-----\n"
    begin = expired.index("-----BEGIN CERTIFICATE-----")
    return {
        "ROOT_CS": system.certificate.read_text(),
        "ROOT_MFR": maker.certificate.read_text(),
        "ROOT_BAD": expired[begin : expired.index(end) + len(end)],
    }
