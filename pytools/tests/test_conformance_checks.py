"""Checks of the conformance suite that are more than a comparison."""

import base64
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import vevgw.conformance.loader  # noqa: F401  (it knows the modules of all checks)
from vevgw.conformance.checks import CHECKS
from vevgw.conformance.checks_security import hash_data
from vevgw.conformance.errors import Deviation
from vevgw.conformance.params import Parameters
from vevgw.conformance.session import Entry
from vevgw.csms.handshake import OpeningRequest

NOW = "2026-11-23T12:00:00Z"


def walk_with(**parts: Any) -> Any:
    """A walk with only what a check looks at."""
    parameters = Parameters.of("fast")
    stage = SimpleNamespace(
        target=SimpleNamespace(identity="CP 1"),
        session=SimpleNamespace(
            openings=parts.get("openings", []),
            configuration=parts.get("configuration", {}),
            calls=parts.get("calls", []),
            captured=parts.get("captured", {}),
        ),
        folder=parts.get("folder"),
    )
    return SimpleNamespace(
        stage=stage,
        seen={"schedule": [parts["entry"]]} if "entry" in parts else parts.get("seen", {}),
        seconds=lambda text: parameters.seconds(text.removeprefix("$")),
        resolve=lambda text: NOW,
        name=parameters,
    )


def schedule_of(*periods: tuple[int, float], start: str = NOW) -> Entry:
    """An answer to GetCompositeSchedule."""
    rows = [{"startPeriod": at, "limit": limit} for at, limit in periods]
    payload = {"scheduleStart": start, "chargingSchedule": {"chargingSchedulePeriod": rows}}
    return Entry(0, 0.0, "cp-answer", "GetCompositeSchedule", payload)


def judge_schedule(entry: Entry) -> None:
    """Compares it with profiles that began 10 s ago: 8 A, after 50 s 10 A, after 200 s 6 A."""
    arguments = {
        "periods": [[0, 8], [50, 10], [200, 6]],
        "duration": 100,
        "begin": "2026-11-23T11:59:50Z",
    }
    CHECKS["schedule"](walk_with(entry=entry), arguments)


def test_schedule_counts_from_its_own_start_and_ends_with_its_duration() -> None:
    judge_schedule(schedule_of((0, 8), (40, 10)))
    judge_schedule(schedule_of((0, 8), (42, 10)))
    judge_schedule(schedule_of((0, 8), (40, 10), (98, 6)))


@pytest.mark.parametrize(
    "periods",
    [
        ((0, 8),),
        ((0, 8), (40, 11)),
        ((0, 8), (50, 10)),
        ((0, 8), (20, 8), (40, 10)),
        ((5, 8), (40, 10)),
    ],
)
def test_schedule_finds_wrong_periods(periods: tuple[tuple[int, float], ...]) -> None:
    with pytest.raises(Deviation, match="the periods are"):
        judge_schedule(schedule_of(*periods))


@pytest.mark.parametrize("start", ["2026-11-23T12:01:00Z", "soon", ""])
def test_schedule_finds_a_wrong_start(start: str) -> None:
    with pytest.raises(Deviation, match=r"scheduleStart|no point in time"):
        judge_schedule(schedule_of((0, 8), (40, 10), start=start))


def judge_samples(*entries: tuple[int, str, dict[str, Any]]) -> None:
    """Wants voltage and energy every 3 s: (connector, seconds of the timestamp, a value)."""
    energy = {"value": "1", "context": "Sample.Clock"}
    seen = [
        Entry(
            at,
            0.0,
            "cp-call",
            "MeterValues",
            {
                "connectorId": connector,
                "meterValue": [
                    {"timestamp": f"2026-11-23T12:00:{second}Z", "sampledValue": [energy, value]}
                ],
            },
        )
        for at, (connector, second, value) in enumerate(entries)
    ]
    wanted = {"of": "samples", "every": 3, "context": "Sample.Clock", "measurands": "Key"}
    wanted["aligned"] = True
    walk = walk_with(
        seen={"samples": seen}, configuration={"Key": "Voltage,Energy.Active.Import.Register"}
    )
    CHECKS["samples"](walk, wanted)


VOLTAGE = {"measurand": "Voltage", "value": "230", "context": "Sample.Clock"}


def test_samples_of_two_connectors_come_each_at_its_time() -> None:
    judge_samples((0, "00", VOLTAGE), (1, "00", VOLTAGE), (0, "03", VOLTAGE), (1, "03", VOLTAGE))


@pytest.mark.parametrize(
    ("second", "changes", "reason"),
    [
        ("09", {}, "9 s lie between two samples, not 3"),
        ("02", {}, "not aligned to 3 s"),
        ("03", {"context": "Trigger"}, "the context is Trigger"),
        ("03", {"measurand": "Temperature"}, "Voltage is missing"),
        ("03", {"location": "EV"}, "measured in the EV"),
        ("03", {"format": "SignedData"}, "not raw"),
    ],
)
def test_samples_find_what_is_wrong(second: str, changes: dict[str, str], reason: str) -> None:
    with pytest.raises(Deviation, match=reason):
        judge_samples((1, "00", VOLTAGE), (1, second, VOLTAGE | changes))


def opening_of(**changes: Any) -> OpeningRequest:
    """The handshake of a good charge point."""
    good: dict[str, Any] = {
        "identity": "CP 1",
        "path": "/ocpp/CP%201",
        "version": "13",
        "subprotocols": ("ocpp1.6",),
        "authorization": "Basic Q1AgMTpzZWNyZXQ=",
        "tls": "TLSv1.2",
        "cipher": "ECDHE-RSA-AES128-GCM-SHA256",
        "suites": ("ECDHE-RSA-AES128-GCM-SHA256", "AES128-GCM-SHA256", "AES256-GCM-SHA384"),
    }
    return OpeningRequest(**(good | changes))


def test_good_handshake_passes() -> None:
    walk = walk_with(openings=[opening_of()])
    CHECKS["opening"](walk, {})
    CHECKS["tls"](walk, {})
    CHECKS["credentials"](walk, {"password": b"secret".hex()})
    CHECKS["credentials"](walk_with(openings=[opening_of(authorization=None)]), {})


@pytest.mark.parametrize(
    ("check", "changes", "arguments", "reason"),
    [
        ("opening", {"subprotocols": ("ocpp2.0.1",)}, {}, "subprotocols offered"),
        ("opening", {"version": "8"}, {}, "version"),
        ("opening", {"path": "/ocpp/CP-1"}, {}, "path"),
        ("tls", {"tls": None}, {}, "no TLS"),
        ("tls", {"tls": "TLSv1.1"}, {}, r"TLSv1\.1"),
        ("tls", {"cipher": "AES128-SHA"}, {}, "suite"),
        ("tls", {"suites": ("ECDHE-RSA-AES128-GCM-SHA256",)}, {}, "suites offered"),
        ("tls", {"suites": ("AES128-GCM-SHA256",)}, {}, "suites offered"),
        ("credentials", {"authorization": None}, {"password": b"secret".hex()}, "no credentials"),
        ("credentials", {}, {"password": b"other".hex()}, "are wrong"),
        ("credentials", {}, {}, "where none belong"),
    ],
)
def test_bad_handshake_is_found(
    check: str, changes: dict[str, Any], arguments: dict[str, Any], reason: str
) -> None:
    with pytest.raises(Deviation, match=reason):
        CHECKS[check](walk_with(openings=[opening_of(**changes)]), arguments)


@pytest.mark.parametrize("profile", [1, 2, 3])
def test_connection_is_of_its_profile(profile: int) -> None:
    changes: dict[str, Any] = {"authorization": basic(b"x" * 16), "certificate": None}
    changes |= {"tls": None} if profile == 1 else {}
    changes |= {"authorization": None, "certificate": b"any"} if profile == 3 else {}
    walk = walk_with(openings=[opening_of(**changes)])
    CHECKS["connection_of_profile"](walk, {"profile": str(profile)})


@pytest.mark.parametrize(
    ("profile", "changes", "reason"),
    [
        (1, {}, r"has TLSv1\.2, with profile 1"),
        (2, {"tls": None}, "no TLS"),
        (2, {"authorization": None}, "no credentials"),
        (2, {"authorization": "Basic ###"}, "no base64"),
        (2, {"authorization": "Bearer Q1AgMTpzZWNyZXQ="}, "not those of HTTP Basic"),
        (2, {"key": b"x" * 15}, "15 bytes"),
        (2, {"key": b"x" * 21}, "21 bytes"),
        (2, {"user": b"CP-2", "key": b"x" * 16}, "not the identity"),
        (3, {}, "no certificate"),
        (3, {"certificate": b"any"}, "beside a certificate"),
    ],
)
def test_connection_of_another_profile_is_found(
    profile: int, changes: dict[str, Any], reason: str
) -> None:
    given = dict(changes)
    if "key" in given:
        given["authorization"] = basic(given.pop("key"), given.pop("user", b"CP 1"))
    walk = walk_with(openings=[opening_of(**given)])
    with pytest.raises(Deviation, match=reason):
        CHECKS["connection_of_profile"](walk, {"profile": str(profile)})


def basic(key: bytes, user: bytes = b"CP 1") -> str:
    """The header of HTTP Basic."""
    return "Basic " + base64.b64encode(user + b":" + key).decode()


def test_hash_data_names_a_root() -> None:
    root = trustme.CA()
    pem = root.cert_pem.bytes().decode()
    data = hash_data(pem, "SHA256")
    assert data["hashAlgorithm"] == "SHA256"
    assert len(data["issuerNameHash"]) == len(data["issuerKeyHash"]) == 64
    assert not data["serialNumber"].startswith("0")
    assert data != hash_data(trustme.CA().cert_pem.bytes().decode(), "SHA256")
    assert len(hash_data(pem, "SHA512")["issuerKeyHash"]) == 128


def request_of(key: ec.EllipticCurvePrivateKey, name: str, organization: str) -> str:
    """What SignCertificate carries."""
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    request = x509.CertificateSigningRequestBuilder().subject_name(subject)
    return request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def walk_signing(folder: Path, csr: str, **parts: Any) -> Any:
    """A charge point with the serial number 7 asked for a certificate."""
    payloads = {
        "BootNotification": {"chargePointSerialNumber": "7"},
        "SignCertificate": {"csr": csr},
    }
    calls = [Entry(0, 0.0, "cp-call", action, payload) for action, payload in payloads.items()]
    return walk_with(calls=calls, folder=folder, **parts)


def certificate_of(walk: Any) -> bytes:
    """The certificate that was made for the request, as a connection shows it."""
    chain = walk.stage.session.captured["CP_CERT"].encode()
    return x509.load_pem_x509_certificate(chain).public_bytes(serialization.Encoding.DER)


def test_certificate_is_asked_for_and_shown(tmp_path: Path) -> None:
    csr = request_of(ec.generate_private_key(ec.SECP256R1()), "7", "CONFORMANCE")
    walk = walk_signing(tmp_path, csr)
    CHECKS["signing_request"](walk, {})
    walk.stage.session.openings.append(opening_of(certificate=certificate_of(walk)))
    CHECKS["client_certificate"](walk, {"latest": True})
    with pytest.raises(Deviation, match="not a new one"):
        CHECKS["signing_request"](walk, {})
    later = request_of(ec.generate_private_key(ec.SECP256R1()), "7", "CONFORMANCE")
    walk.stage.session.calls.append(Entry(0, 0.0, "cp-call", "SignCertificate", {"csr": later}))
    CHECKS["signing_request"](walk, {})
    with pytest.raises(Deviation, match="not the new one"):
        CHECKS["client_certificate"](walk, {"latest": True})
    CHECKS["client_certificate"](walk, {"latest": False})
    CHECKS["client_certificate"](walk, {})
    walk.stage.session.openings.append(opening_of(certificate=certificate_of(walk)))
    with pytest.raises(Deviation, match="not the old one"):
        CHECKS["client_certificate"](walk, {"latest": False})
    walk.stage.session.openings.append(opening_of())
    with pytest.raises(Deviation, match="no certificate"):
        CHECKS["client_certificate"](walk, {})


@pytest.mark.parametrize(
    ("csr", "reason"),
    [
        (request_of(ec.generate_private_key(ec.SECP256R1()), "8", "CONFORMANCE"), "common name"),
        (request_of(ec.generate_private_key(ec.SECP256R1()), "7", "Other"), "organization"),
        (request_of(ec.generate_private_key(ec.SECP192R1()), "7", "CONFORMANCE"), "too short"),
        ("MUTANT", "cannot be read"),
    ],
)
def test_bad_signing_request_is_found(tmp_path: Path, csr: str, reason: str) -> None:
    with pytest.raises(Deviation, match=reason):
        CHECKS["signing_request"](walk_signing(tmp_path, csr), {})
