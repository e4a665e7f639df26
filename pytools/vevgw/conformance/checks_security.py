"""Checks of the security extension: certificates as a charge point lists them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID

from vevgw.conformance.checks import check
from vevgw.conformance.errors import Deviation
from vevgw.conformance.tls_side import signed
from vevgw.csms import CsmsError

if TYPE_CHECKING:
    from vevgw.conformance.runner import Walk

_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "SHA256": hashes.SHA256(),
    "SHA384": hashes.SHA384(),
    "SHA512": hashes.SHA512(),
}

#: Shortest keys, bits (A00.FR.502 and A00.FR.503).
_RSA_BITS: Final = 2048
_EC_BITS: Final = 224


def hash_data(certificate_pem: str, algorithm: str) -> dict[str, str]:
    """Returns CertificateHashDataType of a root, as RFC 6960 computes it.

    Args:
        certificate_pem: Self-signed.
        algorithm: SHA256, SHA384 or SHA512.
    """
    certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
    builder = ocsp.OCSPRequestBuilder()
    request = builder.add_certificate(certificate, certificate, _HASHES[algorithm]).build()
    return {
        "hashAlgorithm": algorithm,
        "issuerNameHash": request.issuer_name_hash.hex(),
        "issuerKeyHash": request.issuer_key_hash.hex(),
        "serialNumber": f"{request.serial_number:x}",
    }


def _listed(walk: Walk, certificate_pem: str) -> dict[str, str] | None:
    """Returns the entry of a certificate in the answer `installed`, as it should be."""
    for entry in walk.seen["installed"][-1].payload.get("certificateHashData", []):
        wanted = hash_data(certificate_pem, entry["hashAlgorithm"])
        if {name: str(text).lower() for name, text in entry.items()} == {
            name: text.lower() for name, text in wanted.items()
        }:
            return wanted
    return None


def _has_serial(walk: Walk, certificate_pem: str) -> bool:
    """Whether the answer `installed` names a serial number, whatever else it says."""
    serial = x509.load_pem_x509_certificate(certificate_pem.encode()).serial_number
    listed = walk.seen["installed"][-1].payload.get("certificateHashData", [])
    return any(str(one["serialNumber"]).lower().lstrip("0") == f"{serial:x}" for one in listed)


@check
def certificate_listed(walk: Walk, arguments: Mapping[str, Any]) -> None:
    """The answer `installed` names a certificate, with `listed: false` does not."""
    is_wanted = arguments.get("listed", True)
    if is_wanted and _listed(walk, arguments["certificate"]) is None:
        raise Deviation("the certificate is not listed")
    if not is_wanted and _has_serial(walk, arguments["certificate"]):
        raise Deviation("the certificate is listed all the same")


@check
async def delete_certificate(walk: Walk, arguments: Mapping[str, Any]) -> None:
    """The charge point deletes a certificate of the answer `installed` when it is named."""
    named = _listed(walk, arguments["certificate"])
    if named is None:
        raise Deviation("the certificate is not listed")
    answer = await walk.call("DeleteCertificate", {"certificateHashData": named})
    if answer.is_error or answer.payload.get("status") != "Accepted":
        raise Deviation(f"DeleteCertificate was answered {answer.payload}", answer.index)


@check
def signing_request(walk: Walk, arguments: Mapping[str, Any]) -> None:
    """The latest SignCertificate is for this charge point and CPO, with a key that is a new one.

    Makes $CP_CERT and $CP_CERT_BAD of it.
    """
    session = walk.stage.session
    asked = [entry for entry in session.calls if entry.action == "SignCertificate"]
    if not asked:
        raise Deviation("nothing was asked to be signed")
    try:
        certificates = signed(walk.stage.folder, asked[-1].payload["csr"])
    except CsmsError as error:
        raise Deviation(str(error), asked[-1].index) from None
    request = x509.load_pem_x509_csr(asked[-1].payload["csr"].encode())
    _judge_subject(walk, request, request.public_key())
    (organization,) = _texts(request.subject, NameOID.ORGANIZATION_NAME) or ("",)
    if organization != walk.name("CPO"):
        raise Deviation(f"the organization asked for is {organization!r}", asked[-1].index)
    key = _public_bits(request.public_key())
    if key in session.captured.get("KEYS", ()) or key in _shown_keys(walk):
        raise Deviation("the key is not a new one", asked[-1].index)
    session.captured["KEYS"] = (*session.captured.get("KEYS", ()), key)
    session.captured |= certificates


@check
def client_certificate(walk: Walk, arguments: Mapping[str, Any]) -> None:
    """The latest connection shows a certificate for this charge point, with a long enough key.

    With `latest: true` it is that of the latest SignCertificate, with `latest: false` another.
    """
    opening = walk.stage.session.openings[-1]
    if opening.certificate is None:
        raise Deviation("the charge point showed no certificate")
    certificate = x509.load_der_x509_certificate(opening.certificate)
    _judge_subject(walk, certificate, certificate.public_key())
    if certificate.serial_number <= 0:
        raise Deviation("the certificate has no serial number")
    keys = walk.stage.session.captured.get("KEYS", ())
    is_latest = _public_bits(certificate.public_key()) in keys[-1:]
    if arguments.get("latest", is_latest) != is_latest:
        raise Deviation(f"the certificate is not the {'old' if is_latest else 'new'} one")


def _judge_subject(
    walk: Walk, named: x509.Certificate | x509.CertificateSigningRequest, key: Any
) -> None:
    """The common name is the serial number that was told, and the key is long enough."""
    boots = [entry for entry in walk.stage.session.calls if entry.action == "BootNotification"]
    told = boots[-1].payload if boots else {}
    serials = {told.get("chargePointSerialNumber"), told.get("chargeBoxSerialNumber")} - {None}
    names = _texts(named.subject, NameOID.COMMON_NAME)
    if len(names) != 1 or (serials and names[0] not in serials):
        raise Deviation(f"the common name is {names!r}, not the serial number")
    is_long = (isinstance(key, rsa.RSAPublicKey) and key.key_size >= _RSA_BITS) or (
        isinstance(key, ec.EllipticCurvePublicKey) and key.key_size >= _EC_BITS
    )
    if not is_long:
        raise Deviation("the key is too short, or of another kind than RSA and EC")


def _texts(name: x509.Name, oid: x509.ObjectIdentifier) -> list[str]:
    return [str(part.value) for part in name.get_attributes_for_oid(oid)]


def _public_bits(key: Any) -> bytes:
    return bytes(
        key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )


def _shown_keys(walk: Walk) -> set[bytes]:
    """Returns the keys of the certificates that came with connections."""
    return {
        _public_bits(x509.load_der_x509_certificate(one.certificate).public_key())
        for one in walk.stage.session.openings
        if one.certificate is not None
    }
