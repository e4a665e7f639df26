"""A throw-away certificate authority: for TLS of the CSMS, client certificates, signed firmware.

Its folder holds ``ca.pem`` (to install in charge points), ``ca-key.pem`` and what was issued; keys
are readable by the owner only. Keys are ECDSA P-256, as the security extension asks for. Never use
it for anything but tests: the keys lie about unprotected.
"""

from __future__ import annotations

import base64
import ipaddress
import os
import ssl
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal, get_args

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from vevgw.csms.errors import CsmsError

Defect = Literal["expired", "not-yet-valid", "wrong-host", "self-signed", "other-ca"]
#: What can be wrong with the certificate of a server on purpose.
DEFECTS: Final[tuple[Defect, ...]] = get_args(Defect)
#: How firmware is signed; OCPP knows the first two.
SignatureKind = Literal["ecdsa", "rsa-pss", "rsa-pkcs1"]
#: Days that a certificate is valid.
VALID_DAYS: Final = 825

_Key = ec.EllipticCurvePrivateKey


class ThrowAwayCa:
    """A certificate authority in a folder; an existing one is used again.

    Attributes:
        folder: Where everything lies.
        certificate: PEM file of the authority.
    """

    def __init__(self, folder: Path) -> None:
        """Opens the authority in a folder, or makes it.

        Raises:
            CsmsError: The folder cannot be written, or what lies there is something else.
        """
        self.folder = folder
        self.certificate = folder / "ca.pem"
        key_file = folder / "ca-key.pem"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not self.certificate.exists():
                self._key, self._certificate = make_authority("vevgw throw-away CA")
                _write(key_file, _key_pem(self._key))
                _write(self.certificate, _pem(self._certificate), mode=0o644)
                return
            self._certificate = x509.load_pem_x509_certificate(self.certificate.read_bytes())
            key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        except OSError as error:
            raise CsmsError(f"The folder {folder} cannot be used: {error.strerror}.") from None
        except (ValueError, TypeError) as error:
            raise CsmsError(f"What lies in {folder} is no authority of vevgw: {error}.") from None
        if not isinstance(key, _Key) or key.public_key() != self._certificate.public_key():
            raise CsmsError(f"ca-key.pem in {folder} does not belong to ca.pem.")
        self._key = key

    def issue_server(self, names: Iterable[str], defect: Defect | None = None) -> Path:
        """Makes a certificate for a server.

        Args:
            names: Host names and addresses.
            defect: What is wrong with it on purpose.

        Returns:
            PEM file with certificate and key.
        """
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        wanted = ["wrong.example.org"] if defect == "wrong-host" else list(names)
        start, end = now - timedelta(days=1), now + timedelta(days=VALID_DAYS)
        if defect == "expired":
            start, end = now - timedelta(days=30), now - timedelta(days=1)
        elif defect == "not-yet-valid":
            start = now + timedelta(days=1)
        ca_key, ca = self._key, self._certificate
        if defect == "other-ca":
            ca_key, ca = make_authority("vevgw other CA")
        subject = _name(wanted[0])
        issuer = subject if defect == "self-signed" else ca.subject
        builder = _builder(subject, issuer, key.public_key(), start, end, is_ca=False)
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general_name(name) for name in wanted]), critical=False
        ).add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        signed = builder.sign(key if defect == "self-signed" else ca_key, hashes.SHA256())
        return self._keep("server" if defect is None else f"server-{defect}", signed, key)

    def issue_client(self, identity: str) -> Path:
        """Makes a certificate for a charge point, its identity as the common name.

        Returns:
            PEM file with certificate and key.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in identity)
        return self._keep(
            f"client-{safe}", self._sign_client(_name(identity), key.public_key()), key
        )

    def sign_request(self, csr_pem: str) -> str:
        """Makes a client certificate for a PKCS#10 request, as of SignCertificate.

        Returns:
            The chain as PEM: the certificate, then that of the authority.

        Raises:
            CsmsError: It is no request, or its signature is wrong.
        """
        request = read_request(csr_pem)
        signed = self._sign_client(request.subject, request.public_key())
        return (_pem(signed) + _pem(self._certificate)).decode()

    def sign_firmware(self, image: bytes, kind: SignatureKind = "ecdsa") -> tuple[str, str]:
        """Signs an image, as of SignedUpdateFirmware.

        Args:
            image: The file, whole.
            kind: With SHA-256 each.

        Returns:
            The signing certificate as PEM, and the signature in base64.
        """
        key: _Key | rsa.RSAPrivateKey
        if kind == "ecdsa":
            key = ec.generate_private_key(ec.SECP256R1())
            signature = key.sign(image, ec.ECDSA(hashes.SHA256()))
        else:
            key = rsa.generate_private_key(65537, 2048)
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
            scheme = pss if kind == "rsa-pss" else padding.PKCS1v15()
            signature = key.sign(image, scheme, hashes.SHA256())
        now = datetime.now(UTC)
        builder = _builder(
            _name("vevgw firmware"),
            self._certificate.subject,
            key.public_key(),
            now - timedelta(days=1),
            now + timedelta(days=VALID_DAYS),
            is_ca=False,
        ).add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
        signed = builder.sign(self._key, hashes.SHA256())
        return _pem(signed).decode(), base64.b64encode(signature).decode()

    def _sign_client(self, subject: x509.Name, key: object) -> x509.Certificate:
        return sign_client(subject, key, self._certificate, self._key)

    def _keep(self, name: str, certificate: x509.Certificate, key: _Key) -> Path:
        file = self.folder / f"{name}.pem"
        _write(file, _pem(certificate) + _key_pem(key))
        return file


def read_request(csr_pem: str) -> x509.CertificateSigningRequest:
    """Returns a PKCS#10 request whose signature is right.

    Raises:
        CsmsError: It is no request, or its signature is wrong.
    """
    try:
        request = x509.load_pem_x509_csr(csr_pem.encode())
        is_signed = request.is_signature_valid
    except (ValueError, InvalidSignature) as error:
        raise CsmsError(f"The certificate request cannot be read: {error}.") from None
    if not is_signed:
        raise CsmsError("The signature of the certificate request is wrong.")
    return request


def sign_client(
    subject: x509.Name,
    key: object,
    issuer: x509.Certificate,
    issuer_key: _Key | rsa.RSAPrivateKey,
    *,
    days: int = VALID_DAYS,
) -> x509.Certificate:
    """Makes a client certificate with a random serial number; its issuer lives as long at least.

    Args:
        subject: Whose it is.
        key: Public key.
        issuer: Certificate of the authority.
        issuer_key: Its key.
        days: How long it is valid from now on.
    """
    now = datetime.now(UTC)
    end = min(now + timedelta(days=days), issuer.not_valid_after_utc)
    builder = _builder(subject, issuer.subject, key, now - timedelta(days=1), end, is_ca=False)
    return builder.add_extension(
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
    ).sign(issuer_key, hashes.SHA256())


def server_context(
    certificate: Path, key: Path | None = None, *, client_ca: Path | None = None
) -> ssl.SSLContext:
    """Returns the TLS settings of a server.

    Args:
        certificate: PEM certificate chain.
        key: PEM key; None = in the same file.
        client_ca: PEM file; clients must show a certificate of it. None = none is asked for.

    Raises:
        CsmsError: A file cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # An encrypted key is refused instead of asking for its password on the terminal.
        context.load_cert_chain(certificate, key, password=_no_password)
    except (OSError, ssl.SSLError, CsmsError) as error:
        raise CsmsError(
            f"TLS cannot use {certificate} and {key or certificate}: {error}."
        ) from None
    if client_ca is not None:
        try:
            context.load_verify_locations(client_ca)
        except (OSError, ssl.SSLError) as error:
            raise CsmsError(f"The file {client_ca} holds no certificate: {error}.") from None
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _no_password() -> str:
    raise CsmsError("the key is encrypted")


def make_authority(
    name: str, organization: str = "vevgw test", *, age_days: int = 31
) -> tuple[_Key, x509.Certificate]:
    """Makes a root that is valid for ten years. Its common name ends in random digits.

    Args:
        name: Begins its common name.
        organization: Of its subject.
        age_days: How long ago it became valid.
    """
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = _name(f"{name} {os.urandom(4).hex()}", organization)
    start, end = now - timedelta(days=age_days), now + timedelta(days=10 * 365)
    builder = _builder(subject, subject, key.public_key(), start, end, is_ca=True)
    return key, builder.sign(key, hashes.SHA256())


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: object,
    start: datetime,
    end: datetime,
    *,
    is_ca: bool,
) -> x509.CertificateBuilder:
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)  # type: ignore[arg-type]
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .add_extension(usage, critical=True)
    )


def _name(text: str, organization: str = "vevgw test") -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, text),
        ]
    )


def _general_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: _Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(file: Path, data: bytes, mode: int = 0o600) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
