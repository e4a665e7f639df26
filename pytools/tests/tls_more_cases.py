"""Servers as in tls_cases.py: names, rarer certificates, and `openssl s_server`."""

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from tls_cases import CASES, CERTIFICATE, CLIENT, NAMED, REFUSED, SUITE, TLS, VERSION, Case, client
from tls_certificates import (
    Issued,
    cross_signed,
    expired_root,
    foreign_root,
    huge_leaf,
    intermediate,
    issue,
    key_usage,
    leaf,
    long_leaf,
    name_constraints,
    root,
    rsa_key,
    rsa_root,
    sha1_leaf,
    too_deep,
    unknown_extension,
    with_root,
)


def named(name: str) -> Callable[[], list[Issued]]:
    """The chain of a server with a certificate for one name."""
    return lambda: leaf(names=[name]).chain()


def wrong_host(name: str, host: str = NAMED, *, is_alone: bool = True) -> Case:
    """A certificate for this name is none for the host."""
    return Case(named(name), CERTIFICATE, "wrong_host", host=host, is_alone=is_alone)


NO_WILDCARD = {"wildcard": "0"}

NAMES = {
    "host name": Case(named(NAMED), host=NAMED, options=NO_WILDCARD),
    "wildcard": Case(named("*.csms.test"), host=NAMED),
    "wildcard, switched off": Case(
        named("*.csms.test"), CERTIFICATE, "wrong_host", host=NAMED, options=NO_WILDCARD
    ),
    "wildcard for another label": wrong_host("*.csms.test", "a.cp.csms.test", is_alone=False),
    "wildcard for the domain itself": wrong_host("*.csms.test", "csms.test"),
    "wildcard for two labels": wrong_host("*.test"),
    "wildcard in the middle": wrong_host("cp.*.test"),
    "wildcard for a top-level domain": wrong_host("*.test", "csms.test"),
    "wildcard for everything": wrong_host("*"),
    "wildcard for a part of a label": wrong_host("c*.csms.test"),
    "wildcard against an address": wrong_host("*.0.0.1", "127.0.0.1"),
    "wildcard in the common name": Case(
        lambda: issue("*.csms.test", root()).chain(), host=NAMED, is_alone=True
    ),
    "wildcard in the common name beside other names": Case(
        lambda: issue("*.csms.test", root(), names=["csms.example"]).chain(),
        CERTIFICATE,
        "wrong_host",
        host=NAMED,
        is_alone=True,
    ),
    "name with other letters": Case(named("CP.csms.TEST"), host=NAMED, is_alone=True),
    "name with a zero byte behind the host": wrong_host("localhost\0.csms.example", "localhost"),
    "common name with a zero byte behind the host": Case(
        lambda: issue("localhost\0.csms.example", root()).chain(),
        CERTIFICATE,
        "wrong_host",
        is_alone=True,
    ),
}

RARE = {
    "a useless certificate in the chain": Case(
        lambda: [*leaf(issuer=intermediate()).chain(), leaf(), foreign_root()], is_alone=True
    ),
    "an intermediate cross-signed by a foreign root": Case(cross_signed, is_alone=True),
    "root expired": Case(
        lambda: leaf(issuer=expired_root()).chain(),
        CERTIFICATE,
        "expired",
        roots=lambda: [expired_root()],
        is_alone=True,
    ),
    "path longer than a CA allows": Case(too_deep, CERTIFICATE, "path_too_long", is_alone=True),
    "more than eight certificates": Case(
        lambda: with_root(leaf(issuer=intermediate())) + 6 * [foreign_root()],
        CERTIFICATE,
        "too_large",
        is_alone=True,
    ),
    "chain longer than 16 kB": Case(
        lambda: huge_leaf().chain(), CERTIFICATE, "too_large", is_alone=True
    ),
    "name constraints": Case(
        lambda: leaf(issuer=intermediate(extensions=[(name_constraints(), True)])).chain(),
        CERTIFICATE,
        "malformed",
        is_alone=True,
    ),
    "unknown critical extension": Case(
        lambda: leaf(extensions=[(unknown_extension(), True)]).chain(),
        CERTIFICATE,
        "malformed",
        is_alone=True,
    ),
    "unknown extension": Case(
        lambda: leaf(extensions=[(unknown_extension(), False)]).chain(), is_alone=True
    ),
    "signature of SHA-1": Case(sha1_leaf, CERTIFICATE, "weak_signature", is_alone=True),
    "signature of RSA-PSS": Case(
        lambda: leaf(issuer=rsa_root(), pss=True).chain(),
        roots=lambda: [rsa_root()],
        is_alone=True,
    ),
    "key on P-384": Case(
        lambda: leaf(key=ec.generate_private_key(ec.SECP384R1())).chain(), is_alone=True
    ),
    "key on P-521": Case(
        lambda: leaf(key=ec.generate_private_key(ec.SECP521R1())).chain(), is_alone=True
    ),
    "key on P-192": Case(
        lambda: leaf(key=ec.generate_private_key(ec.SECP192R1())).chain(), SUITE, is_alone=True
    ),
    "key of Ed25519": Case(
        lambda: leaf(key=ed25519.Ed25519PrivateKey.generate()).chain(), SUITE, is_alone=True
    ),
    "no extended key usage": Case(lambda: leaf(usage=None).chain(), is_alone=True),
    "issuer whose key must not sign certificates": Case(
        lambda: leaf(issuer=intermediate(extensions=[(key_usage(crl_sign=True), True)])).chain(),
        CERTIFICATE,
        "wrong_usage",
        is_alone=True,
    ),
}

ANY = "ALL:eNULL:@SECLEVEL=0"


def s_server(*words: str, failure: int = 0, key: int | None = None, **changes: object) -> Case:
    """`openssl s_server` with a right certificate. `key` = bits of RSA, None = EC."""
    fields: dict[str, object] = {"failure": failure, "s_server": words}
    chain = leaf if key is None else lambda: leaf(key=rsa_key(key))
    return Case(lambda: chain().chain(), **{**fields, **changes})  # type: ignore[arg-type]


S_SERVER = {
    "s_server": Case(lambda: long_leaf().chain(), s_server=()),
    "s_server, TLS 1.2": s_server("-tls1_2", is_alone=True),
    "s_server, TLS 1.3": s_server("-tls1_3", failure=VERSION),
    "s_server, TLS 1.1": s_server("-tls1_1", "-cipher", ANY, failure=VERSION),
    "s_server, TLS 1.0": s_server("-tls1", "-cipher", ANY, failure=VERSION, is_alone=True),
    "s_server, CBC": s_server(
        *("-tls1_2", "-cipher", "ECDHE+AES:AES:3DES:RC4:SEED:!AESGCM:!AESCCM:@SECLEVEL=0"),
        failure=SUITE,
        key=2048,
    ),
    "s_server, no encryption": s_server(
        "-tls1_2", "-cipher", "eNULL:@SECLEVEL=0", failure=SUITE, key=2048
    ),
    "s_server, no certificate": s_server("-tls1_2", "-cipher", "aNULL:@SECLEVEL=0", failure=SUITE),
    "s_server, secret shared beforehand": s_server(
        "-tls1_2", "-psk", "00", "-cipher", "PSK:@SECLEVEL=0", failure=SUITE, is_alone=True
    ),
    "s_server, other strong suites": s_server(
        *("-tls1_2", "-cipher", "CHACHA20:AESCCM:DHE+AESGCM:@SECLEVEL=0"),
        failure=SUITE,
        is_alone=True,
    ),
    "s_server, signs with SHA-1": s_server(
        *("-tls1_2", "-cipher", "ECDHE:@SECLEVEL=0", "-sigalgs", "ECDSA+SHA1"),
        failure=SUITE,
        is_alone=True,
    ),
    "s_server, P-224": s_server("-tls1_2", "-curves", "P-224", failure=SUITE, is_alone=True),
    "s_server, chain in records of 512 bytes": Case(
        lambda: long_leaf().chain(),
        CERTIFICATE,
        "too_large",
        s_server=("-max_send_frag", "512"),
        is_alone=True,
    ),
    "s_server that does not know the name": s_server(
        *("-servername", NAMED, "-cert2", "{chain}", "-key2", "{key}", "-servername_fatal"),
        failure=TLS,
        text="the server does not know the host name",
    ),
    "s_server, asks for a client certificate": s_server("-verify", "1", is_alone=True),
    "s_server, client certificate": s_server(client=client(), client_root=root),
    "s_server, client certificate missing": s_server(failure=CLIENT, client_root=root),
    "s_server, client certificate refused": s_server(
        failure=CLIENT, text=REFUSED, client=client(), client_root=foreign_root
    ),
    "s_server, client certificate expired": s_server(
        failure=CLIENT, text=REFUSED, client=client(days=(-20, -1)), client_root=root
    ),
    "s_server, client certificate for servers": s_server(
        failure=CLIENT,
        text=REFUSED,
        client=lambda: leaf(),
        client_root=root,
        is_alone=True,
    ),
}

ALL = {**CASES, **NAMES, **RARE, **S_SERVER}
#: What test/system shows to the whole gateway: one of each kind.
TO_GATEWAY = (
    *("valid", "four certificates of 5 kB", "host name", "wildcard", "wildcard, switched off"),
    *("expired", "not yet valid", "wrong host", "foreign root", "missing intermediate"),
    *("self-signed", "wrong key usage", "TLS 1.1 only", "weak suites only"),
    *("client certificate missing", "anything without verification"),
    *("s_server", "s_server, TLS 1.3", "s_server, CBC", "s_server that does not know the name"),
)
#: The same for one that has a client certificate: who signs those of the server's clients, options.
TO_GATEWAY_WITH_CERTIFICATE = {
    "s_server, client certificate": (root, ()),
    "s_server, client certificate refused": (foreign_root, ()),
    "s_server, client certificate expired": (root, ("-attime", "4000000000")),  # in 2096
}
