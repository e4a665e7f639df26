"""Servers that are right or wrong in one way each, and what a charge point has to make of them."""

import datetime
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID as Usage
from cryptography.x509.oid import NameOID

from vevgw.csms.pki import _general_name

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

# platform::LinkFailure
CERTIFICATE, VERSION, SUITE, CLIENT, MISSING, TLS = 3, 4, 5, 6, 7, 8


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
    names: list[str] | None = None,
    usage: x509.ObjectIdentifier | None = None,
) -> Issued:
    """Makes a certificate; without an issuer it signs itself."""
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
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
    )
    if names is not None:
        alternatives = x509.SubjectAlternativeName([_general_name(text) for text in names])
        builder = builder.add_extension(alternatives, critical=False)
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    signed = builder.sign(own if issuer is None else issuer.key, hashes.SHA256())
    return Issued(signed, own, issuer)


@cache
def root() -> Issued:
    """The root that the charge point trusts."""
    return issue("trusted root", is_ca=True)


@cache
def foreign_root() -> Issued:
    return issue("foreign root", is_ca=True)


def leaf(**changes: object) -> Issued:
    """A server's certificate under the trusted root; with what is given it is another."""
    fields: dict[str, object] = {"issuer": root(), "names": ["localhost", "127.0.0.1"]}
    fields["usage"] = Usage.SERVER_AUTH
    return issue("csms", **{**fields, **changes})  # type: ignore[arg-type]


def long_leaf() -> Issued:
    """With three certificates above it, together more than 5 kB of DER."""
    key = rsa_key(2048)
    first = issue("intermediate 1 " + "x" * 40, root(), key=key, is_ca=True)
    second = issue("intermediate 2 " + "x" * 40, first, key=key, is_ca=True)
    third = issue("intermediate 3 " + "x" * 40, second, key=key, is_ca=True)
    names = ["localhost", *(f"node-{i:03}.a-long-domain-name.example" for i in range(70))]
    found = leaf(issuer=third, key=key, names=names)
    size = sum(len(x.certificate.public_bytes(serialization.Encoding.DER)) for x in found.chain())
    assert size > 5000
    return found


def intermediate(**changes: object) -> Issued:
    return issue("intermediate", root(), is_ca=True, **changes)  # type: ignore[arg-type]


def with_root(found: Issued) -> list[Issued]:
    top = found
    while top.issuer is not None:
        top = top.issuer
    return [*found.chain(), top]


def only_old(context: ssl.SSLContext) -> None:
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.options |= ssl.OP_NO_TLSv1_2 | ssl.OP_NO_TLSv1_3


def only_new(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_3


def suites(names: str) -> Callable[[ssl.SSLContext], None]:
    def change(context: ssl.SSLContext) -> None:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(f"{names}:@SECLEVEL=0")

    return change


@dataclass(frozen=True)
class Case:
    """One server and what has to become of a connection to it.

    Attributes:
        server: Certificates that the server shows, its own first.
        change: What else is special about the server.
        client: Certificate of the charge point; None = it has none.
        client_root: What the server's clients must have a certificate of; None = it asks for none.
        options: For the driver, such as verify=0.
        failure: platform::LinkFailure; 0 = connected.
        fault: platform::CertificateFault by name.
        text: What is said of it.
        suite: Cipher suite, as mbedTLS calls it.
    """

    server: Callable[[], list[Issued]]
    failure: int = 0
    fault: str = "none"
    text: str = ""
    host: str = "localhost"
    change: Callable[[ssl.SSLContext], None] | None = None
    client: Callable[[], Issued] | None = None
    client_root: Callable[[], Issued] | None = None
    options: dict[str, str] = field(default_factory=dict)
    suite: str = ""

    def write(self, folder: Path) -> tuple[ssl.SSLContext, dict[str, str]]:
        """Writes the files. Returns the server's context and the options of a driver."""

        def keep(name: str, data: bytes) -> str:
            (folder / name).write_bytes(data)
            return str(folder / name)

        chain = self.server()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.load_cert_chain(
            keep("server.pem", b"".join(item.pem() for item in chain)),
            keep("server.key", chain[0].key_pem()),
        )
        if self.client_root is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(keep("client-root.pem", self.client_root().pem()))
        if self.change is not None:
            self.change(context)
        options = {"ca": keep("ca.pem", root().pem())}
        if self.client is not None:
            client = self.client()
            options["client"] = keep("client.pem", client.pem())
            options["key"] = keep("client.key", client.key_pem())
        return context, {**options, **self.options}


def client(**changes: object) -> Callable[[], Issued]:
    fields: dict[str, object] = {"issuer": root(), "usage": Usage.CLIENT_AUTH}
    return lambda: issue("CP1", **{**fields, **changes})  # type: ignore[arg-type]


REFUSED = "the server refused the client certificate, alert"

CASES: dict[str, Case] = {
    "valid": Case(lambda: leaf().chain()),
    "valid under an intermediate": Case(lambda: leaf(issuer=intermediate()).chain()),
    "four certificates of 5 kB": Case(lambda: long_leaf().chain()),
    "chain with its root": Case(lambda: with_root(leaf(issuer=intermediate()))),
    "chain in disorder": Case(lambda: [(c := long_leaf().chain())[0], *reversed(c[1:])]),
    "an address": Case(lambda: leaf().chain(), host="127.0.0.1"),
    "host name in the common name": Case(lambda: issue("localhost", root()).chain()),
    "ECDHE-ECDSA, 256 bits": Case(
        lambda: leaf().chain(),
        change=suites("ECDHE-ECDSA-AES256-GCM-SHA384"),
        suite="TLS-ECDHE-ECDSA-WITH-AES-256-GCM-SHA384",
    ),
    "ECDHE-ECDSA, 128 bits": Case(
        lambda: leaf().chain(),
        change=suites("ECDHE-ECDSA-AES128-GCM-SHA256"),
        suite="TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256",
    ),
    "RSA without ECDHE, 128 bits": Case(
        lambda: leaf(key=rsa_key(2048)).chain(),
        change=suites("AES128-GCM-SHA256"),
        suite="TLS-RSA-WITH-AES-128-GCM-SHA256",
    ),
    "RSA without ECDHE, 256 bits": Case(
        lambda: leaf(key=rsa_key(2048)).chain(),
        change=suites("AES256-GCM-SHA384"),
        suite="TLS-RSA-WITH-AES-256-GCM-SHA384",
    ),
    "RSA with ECDHE": Case(
        lambda: leaf(key=rsa_key(2048)).chain(),
        change=suites("ECDHE-RSA-AES128-GCM-SHA256"),
        suite="TLS-ECDHE-RSA-WITH-AES-128-GCM-SHA256",
    ),
    "expired": Case(lambda: leaf(days=(-20, -1)).chain(), CERTIFICATE, "expired", "it has expired"),
    "issuer expired": Case(
        lambda: leaf(issuer=intermediate(days=(-20, -1))).chain(), CERTIFICATE, "expired"
    ),
    "not yet valid": Case(
        lambda: leaf(days=(1, 20)).chain(), CERTIFICATE, "not_yet_valid", "it is not valid yet"
    ),
    "wrong host": Case(
        lambda: leaf(names=["csms.example"]).chain(),
        CERTIFICATE,
        "wrong_host",
        "it is for another host",
    ),
    "wrong address": Case(
        lambda: leaf(names=["localhost"]).chain(), CERTIFICATE, "wrong_host", host="127.0.0.1"
    ),
    "foreign root": Case(
        lambda: leaf(issuer=foreign_root()).chain(), CERTIFICATE, "missing_issuer"
    ),
    "foreign root that is shown": Case(
        lambda: with_root(leaf(issuer=foreign_root())),
        CERTIFICATE,
        "untrusted",
        "its root is not installed",
    ),
    "missing intermediate": Case(
        lambda: [leaf(issuer=intermediate())],
        CERTIFICATE,
        "missing_issuer",
        "its issuer is not known",
    ),
    "self-signed": Case(
        lambda: leaf(issuer=None).chain(), CERTIFICATE, "self_signed", "it is self-signed"
    ),
    "wrong key usage": Case(
        lambda: leaf(usage=Usage.CLIENT_AUTH).chain(), CERTIFICATE, "wrong_usage"
    ),
    "issuer that is no CA": Case(
        lambda: leaf(issuer=issue("no ca", root())).chain(), CERTIFICATE, "wrong_usage"
    ),
    "short key": Case(lambda: leaf(key=rsa_key(1024)).chain(), CERTIFICATE, "weak_key"),
    "no root at all": Case(
        lambda: leaf().chain(),
        CERTIFICATE,
        "no_root",
        "no root is installed",
        options={"ca": "none"},
    ),
    "TLS 1.1 only": Case(
        lambda: leaf().chain(), VERSION, text="the server does not speak TLS 1.2", change=only_old
    ),
    "TLS 1.3 only": Case(lambda: leaf().chain(), VERSION, change=only_new),
    "weak suites only": Case(
        lambda: leaf(key=rsa_key(2048)).chain(),
        SUITE,
        text="the server allows none of the cipher suites",
        change=suites("AES128-SHA:ECDHE-RSA-AES128-SHA256"),
    ),
    "client certificate": Case(lambda: leaf().chain(), client=client(), client_root=root),
    "client certificate with an RSA key": Case(
        lambda: leaf().chain(), client=client(key=rsa_key(2048)), client_root=root
    ),
    "client certificate that nobody asks for": Case(lambda: leaf().chain(), client=client()),
    "client certificate missing": Case(
        lambda: leaf().chain(),
        CLIENT,
        text="the server wants a client certificate",
        client_root=root,
    ),
    "client certificate refused": Case(
        lambda: leaf().chain(), CLIENT, text=REFUSED, client=client(), client_root=foreign_root
    ),
    "client certificate expired": Case(
        lambda: leaf().chain(),
        CLIENT,
        text=REFUSED,
        client=client(days=(-20, -1)),
        client_root=root,
    ),
    "anything without verification": Case(
        lambda: leaf(issuer=foreign_root(), names=["csms.example"], days=(-20, -1)).chain(),
        options={"verify": "0"},
    ),
}

#: What the link would only show once more: it has the session of the others.
MORE_OF_THE_SAME = {
    "valid under an intermediate",
    "chain with its root",
    "chain in disorder",
    "host name in the common name",
    "ECDHE-ECDSA, 128 bits",
    "RSA without ECDHE, 256 bits",
    "RSA with ECDHE",
    "issuer expired",
    "wrong address",
    "foreign root that is shown",
    "issuer that is no CA",
    "short key",
    "client certificate with an RSA key",
    "client certificate that nobody asks for",
}
