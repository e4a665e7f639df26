"""Security profiles of the emulated CSMS with its own throw-away CA."""

from __future__ import annotations

import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from vevgw.csms import Access, Behaviour, Csms, CsmsError
from vevgw.csms.access import Refused
from vevgw.csms.control import request
from vevgw.csms.pki import DEFECTS, ThrowAwayCa, server_context
from vevgw.csms.raw_client import RawClient


def trusting(ca: ThrowAwayCa, client: object = None) -> ssl.SSLContext:
    """Returns the TLS settings of a charge point."""
    context = ssl.create_default_context(cafile=str(ca.certificate))
    if client is not None:
        context.load_cert_chain(str(client))
    return context


async def boots(csms: Csms, tls: ssl.SSLContext, identity: str = "CP1") -> None:
    """Connects, and has the first frame answered."""
    url = f"{csms.url}/{identity}"
    async with connect(url, subprotocols=["ocpp1.6"], ssl=tls, proxy=None) as websocket:
        await websocket.send('[2,"1","Heartbeat",{}]')
        await websocket.recv()


@pytest.fixture
def ca(tmp_path):
    return ThrowAwayCa(tmp_path / "tls")


async def test_a_charge_point_that_trusts_the_ca_connects(ca, tmp_path):
    tls = server_context(ca.issue_server(["127.0.0.1", "localhost"]))
    async with Csms(db=tmp_path / "db", tls=tls) as csms:
        await boots(csms, trusting(ca))
        with pytest.raises(ssl.SSLCertVerificationError):
            await boots(csms, ssl.create_default_context())


@pytest.mark.parametrize("defect", DEFECTS)
async def test_a_server_with_a_defect_is_refused_by_a_careful_client(ca, tmp_path, defect):
    tls = server_context(ca.issue_server(["127.0.0.1"], defect))
    async with Csms(db=tmp_path / "db", tls=tls) as csms:
        with pytest.raises(ssl.SSLCertVerificationError):
            await boots(csms, trusting(ca))


async def test_a_client_certificate_admits_its_own_charge_point_only(ca, tmp_path):
    tls = server_context(ca.issue_server(["127.0.0.1"]), client_ca=ca.certificate)
    one = ca.issue_client("CP1")
    async with Csms(db=tmp_path / "db", tls=tls, access=Access(certificates=True)) as csms:
        await boots(csms, trusting(ca, one))
        with pytest.raises(InvalidStatus) as caught:
            await boots(csms, trusting(ca, one), "CP2")
        assert caught.value.response.status_code == 403
        with pytest.raises(Refused, match="point 'CP2': it is that of 'CP1'"):
            Access(certificates=True).check("/CP2", None, "CP1")
        where = {"host": "127.0.0.1", "port": csms.port, "timeout_s": 5, "tls": trusting(ca)}
        with pytest.raises(CsmsError, match="if it wants client certificates, give --tls-client"):
            await request("charge_points", {}, **where)
        with pytest.raises((ssl.SSLError, ConnectionClosed, InvalidMessage, OSError)):
            await boots(csms, trusting(ca))


async def test_a_password_for_all_is_demanded_of_those_not_named(tmp_path):
    access = Access({"*": b"secret", "CP2": b"other"})
    assert access.check("/CP1", "Basic Q1AxOnNlY3JldA==") == "CP1"
    async with Csms(db=tmp_path / "db", access=access) as csms:
        for identity in ("CP1", "CP2"):
            with pytest.raises(InvalidStatus):
                async with RawClient(f"{csms.url}/{identity}"):
                    pass


async def test_a_certificate_request_is_signed(ca, tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CP1")])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject)
    csr = request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
    behaviour = Behaviour(sign_certificate=ca.sign_request)
    async with (
        Csms(db=tmp_path / "db", behaviour=behaviour) as csms,
        RawClient(f"{csms.url}/CP1") as client,
    ):
        assert (await client.ask("SignCertificate", {"csr": csr}))[2] == {"status": "Accepted"}
        call = await client.answer({"status": "Accepted"})
        assert call[2] == "CertificateSigned"
        leaf, root = x509.load_pem_x509_certificates(call[3]["certificateChain"].encode())
        leaf.verify_directly_issued_by(root)
        assert leaf.public_key() == key.public_key()
        answer = await client.ask("SignCertificate", {"csr": "nonsense"})
        assert answer[2] == {"status": "Rejected"}


def test_an_authority_is_used_again_and_keys_are_private(ca, tmp_path):
    again = ThrowAwayCa(tmp_path / "tls")
    assert again.certificate.read_bytes() == ca.certificate.read_bytes()
    client = again.issue_client("CP/1")
    assert client.name == "client-CP_1.pem"
    for file in (client, tmp_path / "tls" / "ca-key.pem"):
        assert file.stat().st_mode & 0o077 == 0
    (tmp_path / "tls" / "ca.pem").write_text("nonsense")
    with pytest.raises(CsmsError, match="is no authority of vevgw"):
        ThrowAwayCa(tmp_path / "tls")
