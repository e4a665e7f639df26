"""Signs a release with the manufacturer's firmware key, and checks what was signed.

The signature of `firmware.bin` is the one SignedUpdateFirmware carries (OCPP 1.6 security
whitepaper, L01): over the whole file, SHA-256 with RSA-PSS or ECDSA, base64.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from vevgw.board import release
from vevgw.errors import UserError

SIGNATURE_SUFFIX: Final = ".sig"
#: The signing certificate, then those between it and the root.
CERTIFICATES: Final = "firmware-signer.pem"
#: The image with both at its end, for updates that the console orders.
SIGNED_IMAGE: Final = "firmware.signed.bin"
# lib/ocpp/security/image_signature.hpp
_FOOT: Final = struct.Struct("<II8s")
_FOOT_MAGIC: Final = b"VEVGWSIG"
_SUMS: Final = "SHA256SUMS"
_FIRMWARE: Final = "firmware.bin"
_RSA_BITS: Final = 2048
_MAX_CHAIN: Final = 4

_Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Signer:
    """The key that signs firmware, and its certificates."""

    key: _Key
    chain: tuple[x509.Certificate, ...]

    @classmethod
    def load(cls, key: Path, certificate: Path, password: bytes | None = None) -> Signer:
        """Reads both.

        Args:
            key: PEM; ECDSA, or RSA with at least 2048 bits.
            certificate: PEM; the signer's first.
            password: Of the key.

        Raises:
            UserError: A file cannot be used, both do not belong together, or the certificate is
                not for signing today.
        """
        private, chain = load_pair(key, certificate, password)
        _require_signer(chain[0], certificate)
        return cls(private, chain)

    def sign(self, content: bytes) -> bytes:
        """Returns the signature in base64."""
        if isinstance(self.key, rsa.RSAPrivateKey):
            raw = self.key.sign(content, _PSS, hashes.SHA256())
        else:
            raw = self.key.sign(content, ec.ECDSA(hashes.SHA256()))
        return base64.b64encode(raw)


def load_pair(
    key: Path, certificate: Path, password: bytes | None
) -> tuple[_Key, tuple[x509.Certificate, ...]]:
    """Returns a private key and the certificates in a file, of which the first is for this key.

    Raises:
        UserError: A file cannot be used, or both do not belong together.
    """
    try:
        private = serialization.load_pem_private_key(_read(key), password)
    except TypeError:
        wrong = "is encrypted, but no" if password is None else "is not encrypted, but a"
        raise UserError(f"{key} {wrong} password was given.") from None
    except ValueError:
        raise UserError(f"{key} is no key in PEM, or its password is another one.") from None
    chain = read_certificates(certificate)
    if not isinstance(private, _Key):
        raise UserError(f"{key} is neither an ECDSA nor an RSA key.")
    if private.public_key() != chain[0].public_key():
        raise UserError(f"{key} does not belong to the first certificate of {certificate}.")
    return private, chain


_PSS = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
# Whoever else signs may have taken another length of the salt.
_ANY_PSS = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)


def carrying(image: bytes, certificates: bytes, signature: bytes) -> bytes:
    """Returns an image that carries its signature.

    Args:
        image: What was signed.
        certificates: PEM; the signer's first.
        signature: Base64.
    """
    foot = _FOOT.pack(len(certificates), len(signature), _FOOT_MAGIC)
    return image + certificates + signature + foot


def _split(content: bytes, path: Path) -> tuple[bytes, bytes, bytes]:
    """Undoes `carrying`."""
    pem, text, magic = 0, 0, b""
    if len(content) >= _FOOT.size:
        pem, text, magic = _FOOT.unpack(content[-_FOOT.size :])
    end = len(content) - _FOOT.size - text
    if magic != _FOOT_MAGIC or end - pem < 0:
        raise UserError(f"{path} carries no signature; copy the release again.")
    return content[: end - pem], content[end - pem : end], content[end : -_FOOT.size]


def sign_release(folder: Path, signer: Signer) -> None:
    """Adds to a release folder the signatures of `firmware.bin` and of `SHA256SUMS`.

    The first one also as a part of `firmware.signed.bin`.

    Raises:
        UserError: A file cannot be read or written.
    """
    chain = b"".join(one.public_bytes(serialization.Encoding.PEM) for one in signer.chain)
    files = {CERTIFICATES: chain}
    for name in (_FIRMWARE, _SUMS):
        files[name + SIGNATURE_SUFFIX] = signer.sign(_read(folder / name)) + b"\n"
    signature = files[_FIRMWARE + SIGNATURE_SUFFIX].strip()
    files[SIGNED_IMAGE] = carrying(_read(folder / _FIRMWARE), chain, signature)
    try:
        for name, content in files.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}.") from error


def verify(path: Path, roots: Path) -> str:
    """Checks a release folder, or a file with its signature beside it.

    Args:
        path: The folder, or the file; `FILE.sig` and `firmware-signer.pem` lie beside it.
        roots: The manufacturer's root certificates, PEM.

    Returns:
        What was checked, as a sentence.

    Raises:
        UserError: Something is missing, changed, or not signed by whom it should be.
    """
    if not path.exists():
        raise UserError(f"There is no {path}; name a release folder, or a file of one.")
    folder = path if path.is_dir() else path.parent
    if path.name == SIGNED_IMAGE:
        content, certificates, signature = _split(_read(path), path)
        chain = _parse(certificates, path)
        _require_chain(chain, read_certificates(roots), path)
        _require_fitting(path, content, signature, chain[0], "the signature that it carries")
    else:
        chain = read_certificates(folder / CERTIFICATES)
        _require_chain(chain, read_certificates(roots), folder / CERTIFICATES)
        for name in (_SUMS, _FIRMWARE) if path.is_dir() else (path.name,):
            _require_signed(folder / name, chain[0])
    if path.is_dir():
        _require_same_image(folder, roots)
        _require_sums(folder)
        release.verify(folder)
    subject = chain[0].subject.rfc4514_string()
    root = chain[-1].issuer.rfc4514_string()
    return f"{path} is as signed by {subject}, which {root} stands for."


def _require_same_image(folder: Path, roots: Path) -> None:
    """A release that was signed before there was such an image has none."""
    path = folder / SIGNED_IMAGE
    if not path.is_file():
        return
    verify(path, roots)
    if _split(_read(path), path)[0] != _read(folder / _FIRMWARE):
        raise UserError(f"{path} is not the file that was released. Do not use it.")


def _require_signed(path: Path, certificate: x509.Certificate) -> None:
    file = path.with_name(path.name + SIGNATURE_SUFFIX)
    _require_fitting(path, _read(path), _read(file).strip(), certificate, file.name)


def _require_fitting(
    path: Path, content: bytes, text: bytes, certificate: x509.Certificate, name: str
) -> None:
    key = certificate.public_key()
    try:
        signature = base64.b64decode(text, validate=True)
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, content, _ANY_PSS, hashes.SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, content, ec.ECDSA(hashes.SHA256()))
        else:
            raise UserError(f"The signer of {path} has neither an ECDSA nor an RSA key.")
    except (InvalidSignature, binascii.Error):
        raise UserError(
            f"{path} is not what was signed: {name} does not fit. Do not use it."
        ) from None


def _require_sums(folder: Path) -> None:
    """The digests that are signed are those of the files: release.verify() looks at its own."""
    lines = _read(folder / _SUMS).decode("ascii", "replace").splitlines()
    signed = dict(line.split(maxsplit=1)[::-1] for line in lines if line.strip())
    missing = [name for name in (release.MANIFEST, _FIRMWARE) if name not in signed]
    if missing:
        raise UserError(f"{folder / _SUMS} has no digest of {missing[0]}.")
    for name, digest in signed.items():
        if not (folder / name).is_file():
            raise UserError(f"{folder / name} is missing; copy the release again.")
        if release.digest_of(folder / name) != digest:
            raise UserError(f"{folder / name} is not the file that was released. Do not use it.")


def _require_signer(certificate: x509.Certificate, path: Path) -> None:
    _require_valid(certificate, path)
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        if not usage.digital_signature:
            raise UserError(f"The certificate of {path} is not for signatures.")
    except x509.ExtensionNotFound:
        pass  # unlimited
    try:
        extended = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        if x509.oid.ExtendedKeyUsageOID.CODE_SIGNING not in extended:
            raise UserError(f"The certificate of {path} is not for the signing of code.")
    except x509.ExtensionNotFound:
        pass


def _require_chain(
    chain: Sequence[x509.Certificate], trusted: Sequence[x509.Certificate], path: Path
) -> None:
    _require_signer(chain[0], path)
    _require_trusted(chain, trusted, path)


def _require_trusted(
    chain: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], path: Path
) -> None:
    if len(chain) > _MAX_CHAIN:
        raise UserError(f"{path} has {len(chain)} certificates; {_MAX_CHAIN} are the most.")
    for issuer in chain[1:]:
        require_ca(issuer, path)
    for below, above in itertools.pairwise(chain):
        if not _is_issued_by(below, above):
            raise UserError(f"The certificates of {path} are no chain, each issued by the next.")
    for root in roots:
        if chain[-1] == root or _is_issued_by(chain[-1], root):
            require_ca(root, path)
            return
    raise UserError(f"{path} is not issued by the root that was named. Do not use the release.")


def require_ca(certificate: x509.Certificate, path: Path) -> None:
    """Checks that a certificate is valid today, and that of an authority.

    Raises:
        UserError: It is not.
    """
    _require_valid(certificate, path)
    try:
        basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        basic = x509.BasicConstraints(ca=False, path_length=None)
    if not basic.ca:
        name = certificate.subject.rfc4514_string()
        raise UserError(f"{name}, which {path} builds on, is no certificate authority.")


def _require_valid(certificate: x509.Certificate, path: Path) -> None:
    now = datetime.now(UTC)
    name = certificate.subject.rfc4514_string()
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _RSA_BITS:
        raise UserError(f"{name} of {path} has {key.key_size} bits; RSA needs {_RSA_BITS}.")
    if now < certificate.not_valid_before_utc:
        raise UserError(f"{name} of {path} is valid from {certificate.not_valid_before_utc:%F} on.")
    if now > certificate.not_valid_after_utc:
        raise UserError(f"{name} of {path} expired on {certificate.not_valid_after_utc:%F}.")


def _is_issued_by(below: x509.Certificate, above: x509.Certificate) -> bool:
    try:
        below.verify_directly_issued_by(above)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def read_certificates(path: Path) -> tuple[x509.Certificate, ...]:
    """Returns the certificates of a PEM file, at least one.

    Raises:
        UserError: It cannot be read, or has none.
    """
    return _parse(_read(path), path)


def _parse(pem: bytes, path: Path) -> tuple[x509.Certificate, ...]:
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError:
        raise UserError(f"{path} holds no certificates in PEM.") from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
