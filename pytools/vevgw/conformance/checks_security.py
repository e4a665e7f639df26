"""Checks of the security extension: certificates as a charge point lists them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp

from vevgw.conformance.checks import check
from vevgw.conformance.errors import Deviation

if TYPE_CHECKING:
    from vevgw.conformance.runner import Walk

_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "SHA256": hashes.SHA256(),
    "SHA384": hashes.SHA384(),
    "SHA512": hashes.SHA512(),
}


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


@check
def certificate_listed(walk: Walk, arguments: Mapping[str, Any]) -> None:
    """The answer `installed` names a certificate, with `listed: false` does not."""
    is_listed = _listed(walk, arguments["certificate"]) is not None
    if is_listed != arguments.get("listed", True):
        raise Deviation(f"the certificate is {'still' if is_listed else 'not'} listed")


@check
async def delete_certificate(walk: Walk, arguments: Mapping[str, Any]) -> None:
    """The charge point deletes a certificate of the answer `installed` when it is named."""
    named = _listed(walk, arguments["certificate"])
    if named is None:
        raise Deviation("the certificate is not listed")
    answer = await walk.call("DeleteCertificate", {"certificateHashData": named})
    if answer.is_error or answer.payload.get("status") != "Accepted":
        raise Deviation(f"DeleteCertificate was answered {answer.payload}", answer.index)
