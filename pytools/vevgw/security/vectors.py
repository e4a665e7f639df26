"""Makes test/vectors/security/certificates.txt: what lib/security must accept and refuse.

    python -m vevgw.security.vectors test/vectors/security/certificates.txt

Keys and signatures are random: a new file has the same cases with other bytes. A block of PEM
belongs to the name in the line before it; lines `NAME = HEX` are bytes, among them what
`cryptography` says about hashes of issuers. Everything is made to be checked on 2026-06-01.
"""

from __future__ import annotations

import ipaddress
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

NOW = datetime(2026, 6, 1, tzinfo=UTC)
HOST = "csms.example.com"
FIRMWARE = b"an image of the firmware"

_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_END = datetime(2046, 1, 1, tzinfo=UTC)
# The last byte of these object identifiers (1.2.840.113549.1.1.x) tells the hash.
_SHA256_WITH_RSA = bytes.fromhex("2a864886f70d01010b")
_SHA1_WITH_RSA = bytes.fromhex("2a864886f70d010105")
_MD5_WITH_RSA = bytes.fromhex("2a864886f70d010104")
_ALGORITHMS = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with its key."""

    certificate: x509.Certificate
    key: Key


@dataclass(slots=True)
class Vectors:
    """What the file will hold."""

    lines: list[str] = field(default_factory=list)

    def add(self, name: str, issued: Issued) -> Issued:
        """Adds a certificate and returns it."""
        pem = issued.certificate.public_bytes(Encoding.PEM).decode()
        self.lines += [name, pem.rstrip()]
        return issued

    def add_bytes(self, name: str, value: bytes) -> None:
        """Adds bytes."""
        self.lines.append(f"{name} = {value.hex()}")


def _ec(curve: ec.EllipticCurve | None = None) -> Key:
    return ec.generate_private_key(curve or ec.SECP256R1())


def _rsa(bits: int = 2048) -> Key:
    return rsa.generate_private_key(65537, bits)


def _name(common_name: str, organization: str = "VEV") -> x509.Name:
    parts = [(NameOID.ORGANIZATION_NAME, organization), (NameOID.COMMON_NAME, common_name)]
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])


def _usage(*names: str) -> x509.KeyUsage:
    known = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
        *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    )
    return x509.KeyUsage(**{name: name in names for name in known})


def _issue(
    common_name: str,
    issuer: Issued | None,
    *extensions: tuple[x509.ExtensionType, bool],
    key: Key | None = None,
    subject: x509.Name | None = None,
    begin: datetime = _BEGIN,
    end: datetime = _END,
    serial: int | None = None,
    algorithm: hashes.SHA256 | hashes.SHA384 | None = None,
) -> Issued:
    key = key or _ec()
    subject = subject or _name(common_name)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    signer = issuer.key if issuer else key
    return Issued(builder.sign(signer, algorithm or hashes.SHA256()), key)


def _ca(
    common_name: str,
    issuer: Issued | None = None,
    *more: tuple[x509.ExtensionType, bool],
    path_length: int | None = None,
    key: Key | None = None,
    begin: datetime = _BEGIN,
    end: datetime = _END,
    serial: int | None = None,
    algorithm: hashes.SHA256 | hashes.SHA384 | None = None,
) -> Issued:
    own = (
        (x509.BasicConstraints(ca=True, path_length=path_length), True),
        (_usage("key_cert_sign", "crl_sign"), True),
    )
    return _issue(
        common_name,
        issuer,
        *own,
        *more,
        key=key,
        begin=begin,
        end=end,
        serial=serial,
        algorithm=algorithm,
    )


def _server(
    issuer: Issued | None,
    *,
    names: tuple[x509.GeneralName, ...] = (x509.DNSName(HOST),),
    common_name: str = HOST,
    usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.SERVER_AUTH,
    key_usage: tuple[str, ...] = ("digital_signature", "key_encipherment"),
    key: Key | None = None,
    begin: datetime = _BEGIN,
    end: datetime = _END,
    algorithm: hashes.SHA256 | hashes.SHA384 | None = None,
) -> Issued:
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_usage(*key_usage), True),
        (x509.ExtendedKeyUsage([usage]), False),
    ]
    if names:
        extensions.append((x509.SubjectAlternativeName(names), False))
    return _issue(
        common_name, issuer, *extensions, key=key, begin=begin, end=end, algorithm=algorithm
    )


def _with_old_hash(issued: Issued, algorithm: bytes) -> Issued:
    """Names another hash; the signature is wrong then: nobody makes such certificates any more."""
    der = issued.certificate.public_bytes(Encoding.DER).replace(_SHA256_WITH_RSA, algorithm)
    return Issued(x509.load_der_x509_certificate(der), issued.key)


def _servers(out: Vectors, root: Issued, foreign: Issued) -> None:
    inter = out.add("inter", _ca("Test Intermediate", root))
    lower = out.add("lower", _ca("Test Lower Intermediate", inter))
    out.add("inter_crossed", _ca("Test Intermediate", foreign, key=inter.key))
    out.add("server", _server(lower))
    out.add("server_by_root", _server(root))
    names = (
        *(x509.DNSName("*.wild.example.com"), x509.DNSName("other.example.com")),
        *(
            x509.IPAddress(ipaddress.ip_address(text))
            for text in ("192.0.2.7", "2001:db8:0:0:1::7")
        ),
    )
    out.add("server_names", _server(root, names=names, common_name="cn.example.com"))
    out.add("server_cn_only", _server(root, names=()))
    past, future = NOW - timedelta(days=1), NOW + timedelta(days=1)
    out.add("server_expired", _server(root, end=past))
    out.add("server_future", _server(root, begin=future))
    out.add("server_self_signed", _server(None))
    out.add("server_foreign", _server(foreign))
    out.add("server_for_clients", _server(root, usage=ExtendedKeyUsageOID.CLIENT_AUTH))
    out.add("server_wrong_key_usage", _server(root, key_usage=("crl_sign",)))
    out.add("server_any_usage", _server(root, usage=ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE))
    out.add("server_rsa_1024", _server(root, key=_rsa(1024)))
    out.add("server_ec_192", _server(root, key=_ec(ec.SECP192R1())))
    out.add("server_ec_384", _server(root, key=_ec(ec.SECP384R1()), algorithm=hashes.SHA384()))
    out.add("server_below_server", _server(_add_server_as_issuer(out, root)))
    short = out.add("short", _ca("Test Short Path", root, path_length=0))
    out.add("server_by_short", _server(short))
    out.add("server_too_deep", _server(out.add("below_short", _ca("Test Below", short))))
    old = out.add("inter_expired", _ca("Test Old Intermediate", root, end=past))
    out.add("server_by_expired", _server(old))
    limits = x509.NameConstraints(
        permitted_subtrees=[x509.DNSName("example.com")], excluded_subtrees=None
    )
    limited = out.add("inter_constrained", _ca("Test Limited", root, (limits, True)))
    out.add("server_by_constrained", _server(limited))


def _add_server_as_issuer(out: Vectors, root: Issued) -> Issued:
    return out.add("server_as_issuer", _server(root, common_name="Not a CA"))


def _rsa_chain(out: Vectors) -> None:
    root = out.add("rsa_root", _ca("Test RSA Root", key=_rsa(4096)))
    upper = out.add("rsa_upper", _ca("Test RSA Upper", root, key=_rsa(4096)))
    lower = out.add("rsa_lower", _ca("Test RSA Lower", upper, key=_rsa()))
    names = tuple(x509.DNSName(f"{place}.example.com") for place in ("csms", *"abcdefghijkl"))
    out.add("rsa_server", _server(lower, names=names, key=_rsa()))
    for name, algorithm in (("sha1", _SHA1_WITH_RSA), ("md5", _MD5_WITH_RSA)):
        out.add(f"server_{name}", _with_old_hash(_server(lower), algorithm))


def _roots(out: Vectors, root: Issued) -> None:
    successor = out.add("root_successor", _ca("Test Root 2", root))
    out.add("server_by_successor", _server(successor))
    out.add("root_successor_2", _ca("Test Root 3", successor))
    out.add("root_expired", _ca("Test Old Root", end=NOW - timedelta(days=1)))
    out.add("root_no_ca", _server(None, common_name="No CA"))
    out.add("root_sha1", _with_old_hash(_ca("Test Weak Root", key=_rsa()), _SHA1_WITH_RSA))
    # Longer than a frame, shorter than the 5,500 characters of InstallCertificate.
    names = [
        x509.DNSName(f"host-number-{number:03}.of.a.long.list.example.com") for number in range(76)
    ]
    out.add("root_long", _ca("Test Long Root", None, (x509.SubjectAlternativeName(names), False)))
    out.add("root_serial_leading_bit", _ca("Test Serial", serial=0x80000001))
    for number in range(8):
        out.add(f"root_number_{number}", _ca(f"Test Root Number {number}"))


def _hashes(
    out: Vectors, name: str, certificate: x509.Certificate, issuer: x509.Certificate
) -> None:
    out.add_bytes(f"{name}.serial", bytes.fromhex(_hex(certificate.serial_number)))
    for label, algorithm in _ALGORITHMS.items():
        request = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, algorithm).build()
        out.add_bytes(f"{name}.{label}.issuer_name", request.issuer_name_hash)
        out.add_bytes(f"{name}.{label}.issuer_key", request.issuer_key_hash)


def _hex(number: int) -> str:
    digits = f"{number:x}"
    return digits if len(digits) % 2 == 0 else f"0{digits}"


def _firmware(out: Vectors) -> None:
    root = out.add("maker_root", _ca("Test Maker Root"))
    signing = ExtendedKeyUsageOID.CODE_SIGNING
    digest = hashes.Hash(hashes.SHA256())
    digest.update(FIRMWARE)
    value = digest.finalize()
    out.add_bytes("firmware.digest", value)
    prehashed = utils.Prehashed(hashes.SHA256())

    by_ec = out.add("signer_ec", _server(root, usage=signing, names=(), common_name="Signer"))
    assert isinstance(by_ec.key, ec.EllipticCurvePrivateKey)
    out.add_bytes("firmware.by_ec", by_ec.key.sign(value, ec.ECDSA(prehashed)))
    by_rsa = out.add("signer_rsa", _server(root, usage=signing, names=(), key=_rsa()))
    assert isinstance(by_rsa.key, rsa.RSAPrivateKey)
    mgf = padding.MGF1(hashes.SHA256())
    for label, salt in (("32", 32), ("max", padding.PSS.MAX_LENGTH)):
        signature = by_rsa.key.sign(value, padding.PSS(mgf, salt), prehashed)
        out.add_bytes(f"firmware.by_rsa_salt_{label}", signature)
    out.add_bytes("firmware.by_rsa_v15", by_rsa.key.sign(value, padding.PKCS1v15(), prehashed))
    _wrong_signatures(out, by_ec.key, by_rsa.key)
    _wrong_signers(out, root)


def _wrong_signatures(
    out: Vectors, by_ec: ec.EllipticCurvePrivateKey, by_rsa: rsa.RSAPrivateKey
) -> None:
    """Each right in itself, but not a signature of this image as OCPP asks for it."""
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    other = FIRMWARE + b" that is not this one"
    out.add_bytes("firmware.by_ec_other_image", by_ec.sign(other, ec.ECDSA(hashes.SHA256())))
    out.add_bytes("firmware.by_ec_sha384", by_ec.sign(FIRMWARE, ec.ECDSA(hashes.SHA384())))
    out.add_bytes("firmware.by_rsa_other_image", by_rsa.sign(other, pss, hashes.SHA256()))
    of_sha384 = padding.PSS(padding.MGF1(hashes.SHA384()), 48)
    out.add_bytes("firmware.by_rsa_sha384", by_rsa.sign(FIRMWARE, of_sha384, hashes.SHA384()))
    mask_of_sha1 = padding.PSS(padding.MGF1(hashes.SHA1()), 32)
    out.add_bytes("firmware.by_rsa_mask_sha1", by_rsa.sign(FIRMWARE, mask_of_sha1, hashes.SHA256()))


def _wrong_signers(out: Vectors, root: Issued) -> None:
    signing = ExtendedKeyUsageOID.CODE_SIGNING
    past, future = NOW - timedelta(days=1), NOW + timedelta(days=1)
    out.add("signer_for_servers", _server(root, common_name="No Signer"))
    out.add("signer_no_signatures", _server(root, usage=signing, key_usage=("key_encipherment",)))
    out.add("signer_expired", _server(root, usage=signing, end=past))
    out.add("signer_future", _server(root, usage=signing, begin=future))
    out.add("signer_rsa_1024", _server(root, usage=signing, key=_rsa(1024)))
    out.add("signer_foreign", _server(_ca("Test Foreign Maker"), usage=signing))
    out.add("signer_namesake", _server(_ca("Test Maker Root"), usage=signing))


def make() -> str:
    """Returns the text of the file."""
    out = Vectors()
    root = out.add("root", _ca("Test Root"))
    key = root.key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    # Tests sign certificates for keys that are made while they run.
    out.add_bytes("root.key", key)
    out.add("root_namesake", _ca("Test Root"))
    foreign = out.add("foreign_root", _ca("Foreign Root"))
    _servers(out, root, foreign)
    _rsa_chain(out)
    _roots(out, root)
    _firmware(out)
    certificates = x509.load_pem_x509_certificates("\n".join(out.lines).encode())
    by_name = {c.subject.rfc4514_string(): c for c in certificates}
    for name, subject in (
        ("root", "CN=Test Root,O=VEV"),
        ("rsa_root", "CN=Test RSA Root,O=VEV"),
        ("root_serial_leading_bit", "CN=Test Serial,O=VEV"),
    ):
        certificate = root.certificate if name == "root" else by_name[subject]
        _hashes(out, name, certificate, certificate)
    _hashes(out, "root_successor", by_name["CN=Test Root 2,O=VEV"], root.certificate)
    return "\n".join(out.lines) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(make(), encoding="ascii")
