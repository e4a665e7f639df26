"""Servers that are right or wrong in one way each, and what a charge point has to make of them."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.x509.oid import ExtendedKeyUsageOID as Usage
from tls_certificates import (
    Issued,
    foreign_root,
    intermediate,
    issue,
    leaf,
    long_leaf,
    root,
    rsa_key,
    with_root,
)

# platform::LinkFailure
CERTIFICATE, VERSION, SUITE, CLIENT, MISSING, TLS = 3, 4, 5, 6, 7, 8
#: LinkFailure as the console tells it.
FAILURES = {
    CERTIFICATE: "invalid_server_certificate",
    VERSION: "invalid_tls_version",
    SUITE: "invalid_tls_cipher_suite",
    CLIENT: "refused_client_certificate",
    TLS: "tls",
}
#: A host with a name of its own; the tests resolve it to 127.0.0.1.
NAMED = "cp.csms.test"


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
        roots: What the charge point trusts.
        s_server: The server is `openssl s_server` with these options; None = Python's.
        is_alone: Only lib/security alone: for the link it is the session of another case.
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
    roots: Callable[[], list[Issued]] = lambda: [root()]
    s_server: tuple[str, ...] | None = None
    is_alone: bool = False

    @property
    def event(self) -> tuple[str, str] | None:
        """The security event that the CSMS is told of, and its words; None = none."""
        if self.options.get("verify") == "0":
            return "InvalidCentralSystemCertificate", "not checked: tls_verify is off"
        return {
            CERTIFICATE: ("InvalidCentralSystemCertificate", self.fault),
            VERSION: ("InvalidTLSVersion", "no TLS 1.2"),
            SUITE: ("InvalidTLSCipherSuite", "none in common"),
            CLIENT: ("FailedToAuthenticateAtCentralSystem", "client certificate"),
        }.get(self.failure)

    def write(self, folder: Path) -> tuple["Files", dict[str, str]]:
        """Writes the files. Returns those of the server, and the options of a driver."""

        def keep(name: str, *parts: bytes) -> str:
            (folder / name).write_bytes(b"".join(parts))
            return str(folder / name)

        chain = self.server()
        files = Files(
            keep("server.pem", *(item.pem() for item in chain)),
            keep("above.pem", *(item.pem() for item in chain[1:])),
            keep("server.key", chain[0].key_pem()),
        )
        if self.client_root is not None:
            files.client_root = keep("client-root.pem", self.client_root().pem())
        options = {"ca": keep("ca.pem", *(item.pem() for item in self.roots()))}
        if self.client is not None:
            client = self.client()
            options["client"] = keep("client.pem", client.pem())
            options["key"] = keep("client.key", client.key_pem())
        return files, {**options, **self.options}

    def context(self, files: "Files") -> ssl.SSLContext:
        """For a server of Python."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.load_cert_chain(files.chain, files.key)
        if files.client_root is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(files.client_root)
        if self.change is not None:
            self.change(context)
        return context

    def command(self, files: "Files") -> list[str]:
        """For `openssl s_server` on any port of this machine."""
        words = ["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", files.chain]
        words += ["-key", files.key]
        if Path(files.above).stat().st_size > 0:
            words += ["-cert_chain", files.above]
        if files.client_root is not None:
            words += ["-CAfile", files.client_root, "-Verify", "4", "-verify_return_error"]
        places = {"chain": files.chain, "key": files.key}
        return [*words, *(word.format(**places) for word in self.s_server or ())]


@dataclass
class Files:
    """Of a server, PEM: its chain, that without its own certificate, its key, its clients' root."""

    chain: str
    above: str
    key: str
    client_root: str | None = None


def client(**changes: object) -> Callable[[], Issued]:
    fields: dict[str, object] = {"issuer": root(), "usage": Usage.CLIENT_AUTH}
    return lambda: issue("CP1", **{**fields, **changes})  # type: ignore[arg-type]


REFUSED = "the server refused the client certificate, alert"

CASES: dict[str, Case] = {
    "valid": Case(lambda: leaf().chain()),
    "valid under an intermediate": Case(lambda: leaf(issuer=intermediate()).chain(), is_alone=True),
    "four certificates of 5 kB": Case(lambda: long_leaf().chain()),
    "chain with its root": Case(lambda: with_root(leaf(issuer=intermediate())), is_alone=True),
    "chain in disorder": Case(
        lambda: [(c := long_leaf().chain())[0], *reversed(c[1:])], is_alone=True
    ),
    "an address": Case(lambda: leaf().chain(), host="127.0.0.1"),
    "host name in the common name": Case(lambda: issue("localhost", root()).chain(), is_alone=True),
    "ECDHE-ECDSA, 256 bits": Case(
        lambda: leaf().chain(),
        change=suites("ECDHE-ECDSA-AES256-GCM-SHA384"),
        suite="TLS-ECDHE-ECDSA-WITH-AES-256-GCM-SHA384",
    ),
    "ECDHE-ECDSA, 128 bits": Case(
        lambda: leaf().chain(),
        change=suites("ECDHE-ECDSA-AES128-GCM-SHA256"),
        suite="TLS-ECDHE-ECDSA-WITH-AES-128-GCM-SHA256",
        is_alone=True,
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
        is_alone=True,
    ),
    "RSA with ECDHE": Case(
        lambda: leaf(key=rsa_key(2048)).chain(),
        change=suites("ECDHE-RSA-AES128-GCM-SHA256"),
        suite="TLS-ECDHE-RSA-WITH-AES-128-GCM-SHA256",
        is_alone=True,
    ),
    "expired": Case(lambda: leaf(days=(-20, -1)).chain(), CERTIFICATE, "expired", "it has expired"),
    "issuer expired": Case(
        lambda: leaf(issuer=intermediate(days=(-20, -1))).chain(),
        CERTIFICATE,
        "expired",
        is_alone=True,
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
        lambda: leaf(names=["localhost"]).chain(),
        CERTIFICATE,
        "wrong_host",
        host="127.0.0.1",
        is_alone=True,
    ),
    "foreign root": Case(
        lambda: leaf(issuer=foreign_root()).chain(), CERTIFICATE, "missing_issuer"
    ),
    "foreign root that is shown": Case(
        lambda: with_root(leaf(issuer=foreign_root())),
        CERTIFICATE,
        "untrusted",
        "its root is not installed",
        is_alone=True,
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
        lambda: leaf(issuer=issue("no ca", root())).chain(),
        CERTIFICATE,
        "wrong_usage",
        is_alone=True,
    ),
    "short key": Case(
        lambda: leaf(key=rsa_key(1024)).chain(), CERTIFICATE, "weak_key", is_alone=True
    ),
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
        lambda: leaf().chain(), client=client(key=rsa_key(2048)), client_root=root, is_alone=True
    ),
    "client certificate that nobody asks for": Case(
        lambda: leaf().chain(), client=client(), is_alone=True
    ),
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
