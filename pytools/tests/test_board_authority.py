"""The certificate authority of a bench."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from vevgw.board import fleet
from vevgw.board.authority import BenchCa
from vevgw.csms.pki import make_authority
from vevgw.errors import UserError

BOARD = "246222AABBCC"


def request(name: str = BOARD, key: ec.EllipticCurvePrivateKey | None = None) -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    signed = builder.sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


def test_an_authority_is_made_once_and_its_key_is_its_owners(tmp_path: Path) -> None:
    file = tmp_path / "bench" / "ca.pem"
    made = BenchCa.make(file, b"bench secret")
    key = file.with_suffix(".key")
    assert key.stat().st_mode & 0o777 == 0o600
    assert b"ENCRYPTED" in key.read_bytes()
    assert BenchCa.make(file, b"bench secret").roots == made.roots
    with pytest.raises(UserError, match="its password is another one"):
        BenchCa.make(file, b"another")
    key.chmod(0o640)
    with pytest.raises(UserError, match="Others can read the key"):
        BenchCa.make(file, b"bench secret")
    file.unlink()
    with pytest.raises(UserError, match=r"but no .*ca\.pem"):
        BenchCa.make(file, b"bench secret")


def test_a_certificate_is_for_this_board_as_a_client_and_noted_without_its_key(
    tmp_path: Path,
) -> None:
    ca = BenchCa.make(tmp_path / "ca.pem", None)
    issued, chain = ca.issue(request(), BOARD, "CP-1", 400)
    (signed,) = x509.load_pem_x509_certificates(chain.encode())
    signed.verify_directly_issued_by(ca.roots[0])
    usage = signed.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert signed.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
    assert 398 <= (signed.not_valid_after_utc - datetime.now(UTC)).days <= 400
    assert f"{signed.serial_number:x}" == issued.serial
    assert signed.serial_number.bit_length() > 100, "it is random"
    assert issued.sha256 == signed.fingerprint(hashes.SHA256()).hex()
    record = (tmp_path / "issued.jsonl").read_text()
    assert json.loads(record)["board"] == BOARD

    (tmp_path / "issued.jsonl").write_text('{"board": "cut\n' + record + "[]\n7\n")
    assert ca.find(BOARD, issued.sha256) == issued
    assert ca.find("another", issued.sha256) is None
    assert ca.find(BOARD, "00") is None


def test_a_request_that_is_not_one_of_this_board_is_refused(tmp_path: Path) -> None:
    ca = BenchCa.make(tmp_path / "ca.pem", None)
    for wrong, sentence in (
        (request("another"), f"request of board {BOARD} is made out for another"),
        (request(key=ec.generate_private_key(ec.SECP384R1())), "neither P-256 nor RSA 2048"),
        ("no request", "request cannot be read"),
    ):
        with pytest.raises(UserError, match=sentence):
            ca.issue(wrong, BOARD, "", 400)
    assert not (tmp_path / "issued.jsonl").exists()


def test_an_authority_below_a_root_hands_over_what_lies_between(tmp_path: Path) -> None:
    root_key, root = make_authority("root")
    key = rsa.generate_private_key(65537, 2048)
    builder = x509.CertificateBuilder(
        issuer_name=root.subject,
        subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bench 7")]),
        public_key=key.public_key(),
        serial_number=7,
        not_valid_before=root.not_valid_before_utc,
        not_valid_after=root.not_valid_after_utc,
    ).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    middle = builder.sign(root_key, hashes.SHA256())
    encoding = serialization.Encoding.PEM
    chain = tmp_path / "chain.pem"
    chain.write_bytes(middle.public_bytes(encoding) + root.public_bytes(encoding))
    key_file = tmp_path / "ca.key"
    key_file.touch(0o600)
    key_file.write_bytes(
        key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    ca = BenchCa(chain, key_file, None, tmp_path / "record")
    assert ca.roots == (root,)
    _, sent = ca.issue(request(), BOARD, "", 400)
    assert x509.load_pem_x509_certificates(sent.encode())[1:] == [middle]


def test_a_fleet_names_its_authority_and_roots_once_for_all_boards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH", "bench secret")
    BenchCa.make(tmp_path / "maker.pem", None)
    text = """
        [defaults.certificates]
        ca = { new = "ca.pem" }
        ca_password = { env = "BENCH" }
        csms_root = "ca.pem"
        manufacturer_root = "maker.pem"
        days = 365
        [[board]]
        port = "a"
        [[board]]
        port = "b"
        certificates = { days = 90 }
        """
    path = tmp_path / "fleet.toml"
    path.write_text(text)
    one, two = (plan.certificates for plan in fleet.load(path))
    assert one is not None
    assert two is not None
    assert one.authority is two.authority
    assert (one.days, two.days) == (365, 90)
    assert len(one.csms_roots) == len(one.manufacturer_roots) == 1

    def refused(table: str) -> str:
        path.write_text(f"[defaults.certificates]\n{table}\n[[board]]\nport = 'a'\n")
        with pytest.raises(UserError) as error:
            fleet.load(path)
        return str(error.value)

    assert "certificates may have ca, ca_password" in refused("key = 'x'")
    assert "ca is { new = FILE } or" in refused("ca = { certificate = 'ca.pem' }")
    assert "days of certificates must be 32 to 3650" in refused("days = 7")
    assert "absent.pem cannot be read" in refused("csms_root = 'absent.pem'")
    monkeypatch.delenv("BENCH")
    assert "BENCH, which is not set" in refused(
        "ca = { new = 'other.pem' }\nca_password = { env = 'BENCH' }"
    )
