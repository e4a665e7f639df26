"""The certificate authority of a bench: gives each board a client certificate for its own key.

It is a file with the certificate of the authority (those above it behind it, the root last), and
one with its key that only its owner can read. What was issued is noted beside it, a JSON object a
line in ``issued.jsonl``; no key is in it.
"""

from __future__ import annotations

import getpass
import json
import os
import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from vevgw.board.signing import load_pair, read_certificates, require_ca
from vevgw.csms import pki
from vevgw.errors import UserError

RECORD: Final = "issued.jsonl"
_RSA_BITS: Final = 2048
#: A gateway renews its certificate a month ahead: one that is nearer to its end is not given out.
RENEWED_DAYS: Final = 31
_LEAST_DAYS: Final = RENEWED_DAYS + 1
# A board without a clock judges by the day when its firmware was built.
_AGE_DAYS: Final = 2 * 365


@dataclass(frozen=True, slots=True)
class Issued:
    """One certificate that was given to a board.

    Attributes:
        board: Serial number of the board.
        identity: Of the charge point, when it was issued.
        serial: Of the certificate, hexadecimal.
        sha256: Fingerprint of the certificate, hexadecimal.
        expires: ISO 8601, UTC.
        issuer: Subject of the authority.
    """

    board: str
    identity: str
    serial: str
    sha256: str
    expires: str
    issuer: str


class BenchCa:
    """An authority that signs the requests of boards."""

    def __init__(
        self, certificate: Path, key: Path, password: bytes | None, record: Path | None = None
    ) -> None:
        """Opens one.

        Args:
            certificate: PEM; its own first, its root last.
            key: PEM, mode 0600; ECDSA or RSA.
            password: Of the key; None = it has none, or is asked for on a terminal.
            record: Where issued certificates are noted; None = beside the certificate.

        Raises:
            UserError: They cannot be used.
        """
        _require_private(key)
        if password is None and _is_encrypted(key) and sys.stdin.isatty():
            password = getpass.getpass(f"Password of {key}: ").encode()
        self._key, self._chain = load_pair(key, certificate, password)
        for one in self._chain:
            require_ca(one, certificate)
        self._record = record or certificate.parent / RECORD

    @classmethod
    def make(cls, certificate: Path, password: bytes | None, record: Path | None = None) -> Self:
        """Opens the one of which the key is beside the certificate, and makes it the first time.

        Raises:
            UserError: It can be neither made nor used.
        """
        key = certificate.with_suffix(".key")
        if not certificate.exists():
            _make(certificate, key, password)
        return cls(certificate, key, password, record)

    @property
    def roots(self) -> tuple[x509.Certificate, ...]:
        """What boards must have as roots of the CSMS, so that they take what is issued here."""
        last = self._chain[-1]
        return (last,) if last.subject == last.issuer else ()

    def issue(self, csr_pem: str, board: str, identity: str, days: int) -> tuple[Issued, str]:
        """Makes the client certificate of a board, and notes it.

        Args:
            csr_pem: Its request.
            board: Serial number: must be the common name of the request.
            identity: Of the charge point, for the record.
            days: How long it is valid; no longer than the authority.

        Returns:
            The record, and the chain in PEM without the root.

        Raises:
            UserError: The request is not one of this board, or the record cannot be written.
        """
        request = pki.read_request(csr_pem)
        names = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        if [name.value for name in names] != [board]:
            said = ", ".join(str(name.value) for name in names) or "nobody"
            raise UserError(f"The request of board {board} is made out for {said}.")
        key = request.public_key()
        is_ec = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
        if not is_ec and not (isinstance(key, rsa.RSAPublicKey) and key.key_size >= _RSA_BITS):
            raise UserError(f"The key of board {board} is neither P-256 nor RSA {_RSA_BITS}.")
        authority = self._chain[0]
        if authority.not_valid_after_utc < datetime.now(UTC) + timedelta(days=_LEAST_DAYS):
            raise UserError(
                f"The authority of the bench ends on {authority.not_valid_after_utc:%F}: too soon."
            )
        signed = pki.sign_client(request.subject, key, authority, self._key, days=days)
        issued = Issued(
            board,
            identity,
            f"{signed.serial_number:x}",
            fingerprint(signed),
            signed.not_valid_after_utc.isoformat(),
            authority.subject.rfc4514_string(),
        )
        self._note(issued)
        sent = [signed, *(one for one in self._chain if one not in self.roots)]
        return issued, "".join(pem(one) for one in sent)

    def find(self, board: str, sha256: str) -> Issued | None:
        """Returns what was issued here to a board with this fingerprint."""
        try:
            lines = self._record.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise UserError(f"{self._record} cannot be read: {error}.") from None
        for line in reversed(lines):
            try:
                row = json.loads(line)
                row.pop("issued")
                found = Issued(**row)
            except (ValueError, TypeError, AttributeError, KeyError):
                continue  # a line that was cut
            if (found.board, found.sha256) == (board, sha256):
                return found
        return None

    def _note(self, issued: Issued) -> None:
        row = asdict(issued) | {"issued": datetime.now(UTC).isoformat(timespec="seconds")}
        try:
            with self._record.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
        except OSError as error:
            raise UserError(f"{self._record} cannot be written: {error.strerror}.") from None


def read_roots(path: Path) -> tuple[x509.Certificate, ...]:
    """Returns the certificates of a file, each of an authority and valid today.

    Raises:
        UserError: They are not.
    """
    found = read_certificates(path)
    for one in found:
        require_ca(one, path)
    return found


def fingerprint(certificate: x509.Certificate) -> str:
    """Returns the SHA-256 of a certificate, hexadecimal."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def pem(certificate: x509.Certificate) -> str:
    """Returns a certificate as PEM text."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _make(certificate: Path, key: Path, password: bytes | None) -> None:
    if key.exists():
        raise UserError(f"There is {key}, but no {certificate}: make no other authority over it.")
    private, made = pki.make_authority("Bench CA", "VEV-Gateway bench", age_days=_AGE_DAYS)
    encryption = (
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption()
    )
    text = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )
    try:
        certificate.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
        certificate.write_text(pem(made), encoding="ascii")
    except OSError as error:
        raise UserError(f"{error.filename} cannot be made: {error.strerror}.") from None


def _require_private(key: Path) -> None:
    try:
        mode = key.stat().st_mode
    except OSError as error:
        raise UserError(f"{key} cannot be read: {error.strerror}.") from None
    if mode & 0o077:
        raise UserError(f"Others can read the key {key} of the authority: chmod 600 it.")


def _is_encrypted(key: Path) -> bool:
    try:
        return b"ENCRYPTED" in key.read_bytes()
    except OSError:
        return False
