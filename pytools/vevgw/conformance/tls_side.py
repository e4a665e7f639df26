"""TLS of the CSMS, and certificates that cases install in a charge point."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

from vevgw.csms.pki import ThrowAwayCa, server_context

#: Folders of authorities below that of a case: the one that the CSMS's certificate is of, the one
#: that charge points get a root of and their certificates from, and that of the manufacturer.
_FOLDER: Final = "csms-ca"
_OTHER: Final = "other-ca"
_MAKER: Final = "maker"
#: What the whitepaper prescribes, and ECDHE-RSA.
_SUITES: Final = "ECDHE+AESGCM:AES128-GCM-SHA256:AES256-GCM-SHA384"
#: Password of a charge point with security profile 2.
PASSWORD: Final = "conformance-pass"


def root_file(folder: Path) -> Path:
    """Returns where the root certificate of the CSMS is, for the charge point's settings."""
    return folder / _FOLDER / "ca.pem"


def tls_of(folder: Path, host: str, *, is_installed: bool = False) -> ssl.SSLContext:
    """Makes an authority for a case and returns the TLS settings of its CSMS.

    Args:
        folder: Of the case.
        host: Of the CSMS.
        is_installed: Its root is $ROOT_CS, which cases install; else the charge point has it.

    Clients are asked for a certificate and need not have one: cases judge whether they should.
    """
    authority = ThrowAwayCa(folder / (_OTHER if is_installed else _FOLDER))
    context = server_context(
        authority.issue_server([host, "localhost"]),
        client_ca=ThrowAwayCa(folder / _OTHER).certificate,
    )
    context.verify_mode = ssl.CERT_OPTIONAL
    context.set_ciphers(_SUITES)
    return context


def signed(folder: Path, csr: str) -> dict[str, str]:
    """Returns the $NAMES of a certificate for a request, and of one by a wrong authority.

    Raises:
        CsmsError: It is no request.
    """
    return {
        "CP_CERT": ThrowAwayCa(folder / _OTHER).sign_request(csr),
        "CP_CERT_BAD": ThrowAwayCa(folder / _MAKER).sign_request(csr),
    }


def certificates(folder: Path) -> dict[str, str]:
    """Returns the $NAMES of certificates: a root of each kind, and one that is none."""
    system, maker = ThrowAwayCa(folder / _OTHER), ThrowAwayCa(folder / _MAKER)
    expired = system.issue_server(["expired.example.org"], "expired").read_text()
    end = "-----END CERTIFICATE-----\n"
    begin = expired.index("-----BEGIN CERTIFICATE-----")
    return {
        "ROOT_CS": system.certificate.read_text(),
        "ROOT_MFR": maker.certificate.read_text(),
        "ROOT_BAD": expired[begin : expired.index(end) + len(end)],
    }
