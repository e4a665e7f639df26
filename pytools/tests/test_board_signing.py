"""A signed release: made, checked, and refused when a byte of it is not the signed one."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from board_files import make_build
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from vevgw.board import build as board_build
from vevgw.board import image, release, signing
from vevgw.cli import main
from vevgw.errors import UserError

VERSION = "0.1.0+gtest"
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class Manufacturer:
    """A root and one signer, in files."""

    def __init__(
        self, folder: Path, key: Key, *, days: int = 30, usage: x509.ObjectIdentifier | None = None
    ) -> None:
        folder.mkdir()
        root_key = ec.generate_private_key(ec.SECP256R1())
        root = certificate("Root", root_key, "Root", root_key, is_ca=True, days=30)
        signer = certificate(
            "Signer",
            key,
            "Root",
            root_key,
            is_ca=False,
            days=days,
            usage=usage or ExtendedKeyUsageOID.CODE_SIGNING,
        )
        self.root = folder / "root.pem"
        self.certificate = folder / "signer.pem"
        self.key = folder / "key.pem"
        self.root.write_bytes(root.public_bytes(serialization.Encoding.PEM))
        self.certificate.write_bytes(signer.public_bytes(serialization.Encoding.PEM))
        self.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )

    def release(self, folder: Path) -> Path:
        """Makes a signed release by the command, and returns its folder."""
        words = ["release", "--from", str(make_build(folder / "build", version=VERSION))]
        words += ["--version", VERSION, "--out", str(folder / "dist")]
        words += ["--signing-key", str(self.key), "--signing-certificate", str(self.certificate)]
        assert run(*words) == 0
        return folder / "dist" / f"vev-gateway-{VERSION}"


def certificate(
    subject: str,
    key: Key,
    issuer: str,
    issuer_key: Key,
    *,
    is_ca: bool,
    days: int,
    usage: x509.ObjectIdentifier | None = None,
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=60))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
    )
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def run(*words: str) -> int:
    try:
        return main(list(words))
    except SystemExit as done:  # click's way to say that it went well
        return int(done.code or 0)


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_a_signed_release_is_verified(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key: Key = ec.generate_private_key(ec.SECP256R1())
    if kind == "rsa":
        key = rsa.generate_private_key(65537, 2048)
    maker = Manufacturer(tmp_path / "maker", key)
    folder = maker.release(tmp_path)
    assert run("verify", str(folder), "--root", str(maker.root)) == 0
    assert "signed by CN=Signer, which CN=Root stands for" in capsys.readouterr().out
    for name in ("firmware.bin", "firmware.signed.bin"):
        assert run("verify", str(folder / name), "--root", str(maker.root)) == 0


@pytest.mark.parametrize(
    "name",
    [
        "firmware.signed.bin",
        "firmware.bin",
        "SHA256SUMS",
        "merged.bin",
        "release.json",
        "sbom.cdx.json",
    ],
)
def test_a_changed_byte_is_found_in_every_file(name: str, tmp_path: Path) -> None:
    maker = Manufacturer(tmp_path / "maker", ec.generate_private_key(ec.SECP256R1()))
    folder = maker.release(tmp_path)
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(UserError, match=r"Do not use it|copy the release again"):
        signing.verify(folder, maker.root)


def test_an_image_carries_its_signature(tmp_path: Path) -> None:
    maker = Manufacturer(tmp_path / "maker", ec.generate_private_key(ec.SECP256R1()))
    folder = maker.release(tmp_path)
    path, plain = folder / signing.SIGNED_IMAGE, (folder / "firmware.bin").read_bytes()
    content = path.read_bytes()
    signature = (folder / "firmware.bin.sig").read_bytes().strip()
    assert content.startswith(plain)
    assert signing.carrying(plain, maker.certificate.read_bytes(), signature) == content
    path.write_bytes(plain)
    with pytest.raises(UserError, match=r"firmware\.signed\.bin carries no signature; copy"):
        signing.verify(folder, maker.root)
    path.write_bytes(signing.carrying(plain, b"no certificate", signature))
    with pytest.raises(UserError, match=r"firmware\.signed\.bin holds no certificates in PEM"):
        signing.verify(path, maker.root)


def test_the_security_version_is_that_of_the_image(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = make_build(tmp_path / "build", version=VERSION, security=3)
    words = ["release", "--from", str(source), "--version", VERSION]
    words += ["--out", str(tmp_path / "dist")]
    assert run(*words) == 0
    assert "security version 3" in capsys.readouterr().out
    manifest = tmp_path / "dist" / f"vev-gateway-{VERSION}" / "release.json"
    assert json.loads(manifest.read_text())["security_version"] == 3
    assert run(*words, "--security-version", "4") == 1
    assert "has the security version 3: build it" in capsys.readouterr().err
    assert image.security_version(b"\xe9" + bytes(400)) == 0
    flags = board_build.image_flags("1", release.revision(Path.cwd()), security_version=5)
    assert "-D GATEWAY_SECURITY_VERSION=5" in flags


def test_a_release_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"There is no .*nothing; name a release folder"):
        signing.verify(tmp_path / "nothing", tmp_path / "root.pem")


def test_a_release_of_somebody_else_is_refused(tmp_path: Path) -> None:
    maker = Manufacturer(tmp_path / "maker", ec.generate_private_key(ec.SECP256R1()))
    other = Manufacturer(tmp_path / "other", ec.generate_private_key(ec.SECP256R1()))
    folder = maker.release(tmp_path)
    with pytest.raises(UserError, match="not issued by the root"):
        signing.verify(folder, other.root)
    # With the certificate of another signer of the same root names, the signature does not fit.
    (folder / signing.CERTIFICATES).write_bytes(other.certificate.read_bytes())
    with pytest.raises(UserError, match="is not what was signed"):
        signing.verify(folder, other.root)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    maker = Manufacturer(tmp_path / "maker", ec.generate_private_key(ec.SECP256R1()))
    folder = maker.release(tmp_path)
    for name in ("sbom.cdx.json", "firmware.bin.sig", "SHA256SUMS", "firmware.bin"):
        kept = (folder / name).read_bytes()
        (folder / name).unlink()
        with pytest.raises(
            UserError, match=rf"^[^\n]*{name} (is missing; copy|cannot be read: No)"
        ):
            signing.verify(folder, maker.root)
        (folder / name).write_bytes(kept)
    with pytest.raises(UserError, match="nowhere cannot be read: No such file"):
        signing.verify(folder, tmp_path / "nowhere")
    with pytest.raises(UserError, match="SHA256SUMS holds no certificates in PEM"):
        signing.verify(folder, folder / "SHA256SUMS")


def test_a_signature_of_something_else_is_refused(tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    maker = Manufacturer(tmp_path / "maker", key)
    folder = maker.release(tmp_path)
    content = (folder / "firmware.bin").read_bytes()
    older = base64.b64encode(key.sign(content, padding.PKCS1v15(), hashes.SHA256()))
    of_another = (folder / "SHA256SUMS.sig").read_bytes()
    for signature in (b"", b"no base64!", b"AAAA", of_another, older):
        (folder / "firmware.bin.sig").write_bytes(signature)
        with pytest.raises(UserError, match=r"is not what was signed: firmware\.bin\.sig does not"):
            signing.verify(folder, maker.root)


def test_a_key_that_cannot_be_read_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    maker = Manufacturer(tmp_path / "maker", key)
    closed = tmp_path / "closed.pem"
    closed.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    for file, password, sentence in (
        (closed, None, "is encrypted, but no password was given"),
        (closed, b"wrong", "is no key in PEM, or its password is another one"),
        (maker.key, b"secret", "is not encrypted, but a password was given"),
        (maker.certificate, None, "is no key in PEM"),
        (tmp_path / "nowhere", None, "cannot be read: No such file"),
    ):
        with pytest.raises(UserError, match=sentence):
            signing.Signer.load(file, maker.certificate, password)
    assert signing.Signer.load(closed, maker.certificate, b"secret")
    words = ["release", "--from", str(tmp_path), "--signing-key", str(maker.key)]
    assert run(*words) == 2
    assert "go together" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("days", "usage", "sentence"),
    [
        (-1, None, "expired on"),
        (30, ExtendedKeyUsageOID.SERVER_AUTH, "not for the signing of code"),
    ],
)
def test_a_key_that_may_not_sign_is_refused_before_the_build(
    days: int, usage: x509.ObjectIdentifier | None, sentence: str, tmp_path: Path
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    maker = Manufacturer(tmp_path / "maker", key, days=days, usage=usage)
    with pytest.raises(UserError, match=sentence):
        signing.Signer.load(maker.key, maker.certificate)


def test_a_short_rsa_key_is_refused(tmp_path: Path) -> None:
    maker = Manufacturer(tmp_path / "maker", rsa.generate_private_key(65537, 1024))
    with pytest.raises(UserError, match="RSA needs 2048"):
        signing.Signer.load(maker.key, maker.certificate)


def test_key_and_certificate_must_belong_together(tmp_path: Path) -> None:
    one = Manufacturer(tmp_path / "one", ec.generate_private_key(ec.SECP256R1()))
    two = Manufacturer(tmp_path / "two", ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(UserError, match="does not belong"):
        signing.Signer.load(one.key, two.certificate)


def test_an_unsigned_release_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["release", "--from", str(make_build(tmp_path / "build", version=VERSION))]
    assert run(*words, "--version", VERSION, "--out", str(tmp_path / "dist")) == 0
    assert "not signed" in capsys.readouterr().out
    folder = tmp_path / "dist" / f"vev-gateway-{VERSION}"
    with pytest.raises(UserError, match=r"firmware-signer\.pem cannot be read"):
        signing.verify(folder, tmp_path / "root.pem")
