"""Certificates for tests of TLS: right ones, and wrong in one way each."""

import datetime
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.x509.oid import ExtendedKeyUsageOID as Usage
from cryptography.x509.oid import NameOID

from vevgw.csms.pki import _general_name

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


@cache
def rsa_key(bits: int) -> rsa.RSAPrivateKey:
    """One RSA key for all: to make one takes longer than a whole case."""
    return rsa.generate_private_key(65537, bits)


@dataclass(frozen=True)
class Issued:
    """A certificate with its key and what issued it."""

    certificate: x509.Certificate
    key: Key
    issuer: "Issued | None" = None

    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def chain(self) -> "list[Issued]":
        """From this one up to, and without, the root."""
        above = [] if self.issuer is None or self.issuer.issuer is None else self.issuer.chain()
        return [self, *above]


def issue(
    name: str,
    issuer: Issued | None = None,
    *,
    key: Key | None = None,
    days: tuple[int, int] = (-1, 30),
    is_ca: bool = False,
    path_length: int | None = None,
    names: list[str] | None = None,
    usage: x509.ObjectIdentifier | None = None,
    extensions: Sequence[tuple[x509.ExtensionType, bool]] = (),
    pss: bool = False,
) -> Issued:
    """Makes a certificate; without an issuer it signs itself.

    Args:
        days: From when to when it is valid, counted from now.
        names: Subject alternative names; None = no such extension.
        extensions: Further ones, and whether they are critical.
        pss: The signature is RSA-PSS.
    """
    own = key or ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.certificate.subject)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=days[0]))
        .not_valid_after(now + datetime.timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=path_length), critical=True)
    )
    if names is not None:
        alternatives = x509.SubjectAlternativeName([_general_name(text) for text in names])
        builder = builder.add_extension(alternatives, critical=False)
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    for extension, is_critical in extensions:
        builder = builder.add_extension(extension, critical=is_critical)
    signer = own if issuer is None else issuer.key
    rsa_padding = padding.PSS(padding.MGF1(hashes.SHA256()), 32) if pss else None
    signed = builder.sign(signer, hashes.SHA256(), rsa_padding=rsa_padding)
    return Issued(signed, own, issuer)


@cache
def root() -> Issued:
    """The root that the charge point trusts."""
    return issue("trusted root", is_ca=True)


@cache
def foreign_root() -> Issued:
    return issue("foreign root", is_ca=True)


@cache
def expired_root() -> Issued:
    return issue("expired root", is_ca=True, days=(-20, -1))


@cache
def rsa_root() -> Issued:
    return issue("RSA root", is_ca=True, key=rsa_key(2048))


def leaf(**changes: object) -> Issued:
    """A server's certificate under the trusted root; with what is given it is another."""
    fields: dict[str, object] = {"issuer": root(), "names": ["localhost", "127.0.0.1"]}
    fields["usage"] = Usage.SERVER_AUTH
    return issue("csms", **{**fields, **changes})  # type: ignore[arg-type]


def intermediate(**changes: object) -> Issued:
    fields: dict[str, object] = {"issuer": root(), "is_ca": True}
    return issue("intermediate", **{**fields, **changes})  # type: ignore[arg-type]


def long_leaf() -> Issued:
    """With three certificates above it, together more than 5 kB of DER."""
    key = rsa_key(2048)
    first = issue("intermediate 1 " + "x" * 40, root(), key=key, is_ca=True)
    second = issue("intermediate 2 " + "x" * 40, first, key=key, is_ca=True)
    third = issue("intermediate 3 " + "x" * 40, second, key=key, is_ca=True)
    names = ["localhost", *(f"node-{i:03}.a-long-domain-name.example" for i in range(70))]
    found = leaf(issuer=third, key=key, names=names)
    assert sum(len(item.der()) for item in found.chain()) > 5000
    return found


def huge_leaf() -> Issued:
    """Longer than a TLS record."""
    found = leaf(
        names=["localhost", *(f"node-{i:03}.a-long-domain-name.example" for i in range(500))]
    )
    assert len(found.der()) > 16384
    return found


def cross_signed() -> list[Issued]:
    """The intermediate's key is certified twice: by a root that is not installed, and by ours."""
    by_foreign = issue("intermediate", foreign_root(), is_ca=True)
    by_ours = issue("intermediate", root(), is_ca=True, key=by_foreign.key)
    return [leaf(issuer=by_foreign), by_foreign, by_ours]


def too_deep() -> list[Issued]:
    """A CA under one that allows none below itself."""
    upper = intermediate(path_length=0)
    return leaf(issuer=issue("lower", upper, is_ca=True)).chain()


def sha1_leaf() -> list[Issued]:
    """Signed with SHA-1, which `cryptography` does no longer do by itself."""
    sha1, sha256 = bytes.fromhex("2a864886f70d010105"), bytes.fromhex("2a864886f70d01010b")
    upper = issue("RSA intermediate", root(), is_ca=True, key=rsa_key(2048))
    assert isinstance(upper.key, rsa.RSAPrivateKey)
    # The lengths stay, so only the names of the algorithm and the signature change.
    found = leaf(issuer=upper)
    body = found.certificate.tbs_certificate_bytes.replace(sha256, sha1)
    digest = utils.Prehashed(hashes.SHA1())
    signature = upper.key.sign(hashlib.sha1(body).digest(), padding.PKCS1v15(), digest)
    der = found.der()
    der = der.replace(found.certificate.tbs_certificate_bytes, body).replace(sha256, sha1)
    der = der.replace(found.certificate.signature, signature)
    return [Issued(x509.load_der_x509_certificate(der), found.key, upper), upper]


def with_root(found: Issued) -> list[Issued]:
    top = found
    while top.issuer is not None:
        top = top.issuer
    return [*found.chain(), top]


def unknown_extension() -> x509.UnrecognizedExtension:
    """Of a kind that nobody knows."""
    return x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")


def name_constraints() -> x509.NameConstraints:
    return x509.NameConstraints([x509.DNSName("localhost")], None)


def key_usage(**wanted: bool) -> x509.KeyUsage:
    """What is named may be done with the key, and nothing else."""
    names = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
        *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    )
    return x509.KeyUsage(**{**dict.fromkeys(names, False), **wanted})
