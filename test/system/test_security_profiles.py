"""The security profiles of a gateway against the emulated CSMS: docs/security-profiles.md."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from vevgw.chargers.sim import ChargerSim
from vevgw.csms import Access, Behaviour, ChargePoint, Csms
from vevgw.csms.pki import ThrowAwayCa, server_context
from vevgw.dut import Dut, GatewayOptions, NativeGateway, NativeTransport
from vevgw.dut.bench import IDENTITY, PROFILE

pytestmark = pytest.mark.native
SECRET = b"OCA_OCTT_admin_test"


def options(charger: ChargerSim, csms_url: str, folder: Path, **settings: str) -> GatewayOptions:
    password = folder / "password"
    password.write_text(SECRET.hex() + "\n")
    return GatewayOptions(
        csms_url=csms_url,
        identity=IDENTITY,
        profile=PROFILE,
        buses={1: charger.port_path},
        password_file=password,
        settings=settings,
    )


# Rules: WP-A00.FR.001 WP-A00.FR.301 WP-A00.FR.307 WP-A00.FR.310 FP-21
async def test_profile_2_connects_to_its_csms_alone(
    charger: ChargerSim, target: object, tmp_path: Path
) -> None:
    """Pass criteria: connected over TLS with the bytes of the key; a server whose certificate has
    expired is not spoken to, and the console names the reason.
    """
    ca = ThrowAwayCa(tmp_path / "tls")
    access = Access({IDENTITY: SECRET})
    good, expired = (
        server_context(ca.issue_server(["localhost"], defect)) for defect in (None, "expired")
    )
    async with Csms(db=tmp_path / "db", tls=good, access=access) as csms:
        url = csms.url.replace("127.0.0.1", "localhost")
        wanted = options(charger, url, tmp_path, ca_file=str(ca.certificate))
        gateway = NativeGateway(target.program, tmp_path, wanted)
        try:
            async with Dut(NativeTransport(gateway), log_path=tmp_path / "console.log") as dut:
                await dut.expect_event("link_up", timeout_s=15)
                status = await dut.command("status")
                assert status["security_profile"] == 2
                assert "tls_unverified" not in status
                assert (await dut.command("ocpp"))["tls"] is True
        finally:
            await gateway.kill9()
    async with Csms(db=tmp_path / "db", tls=expired, access=access) as csms:
        url = csms.url.replace("127.0.0.1", "localhost")
        wanted = options(charger, url, tmp_path, ca_file=str(ca.certificate))
        gateway = NativeGateway(target.program, tmp_path, wanted)
        try:
            async with Dut(NativeTransport(gateway), log_path=tmp_path / "console.log") as dut:
                error = await dut.expect_event("link_error", timeout_s=15)
                assert error["error"].startswith("the certificate of localhost is not accepted: ")
                link = await dut.command("ocpp")
                assert link["failure"] == "invalid_server_certificate"
                assert link["certificate_fault"] == "expired"
                assert 0 < link["next_attempt_in_ms"] <= 4000
        finally:
            await gateway.kill9()
        assert not csms.charge_points()
        # Switched off: a bench works, and everybody is told that it is worth nothing.
        wanted = options(charger, url, tmp_path, ca_file=str(ca.certificate), tls_verify="false")
        gateway = NativeGateway(target.program, tmp_path, wanted)
        try:
            async with Dut(NativeTransport(gateway), log_path=tmp_path / "console.log") as dut:
                await dut.expect("tls_verify is off: any server is taken", timeout_s=15)
                event = await csms.charge_point(IDENTITY).expect(
                    "SecurityEventNotification",
                    match={"techInfo": "not checked: tls_verify is off"},
                    timeout_s=15,
                )
                assert event.payload["type"] == "InvalidCentralSystemCertificate"
                assert (await dut.command("status"))["tls_unverified"] is True
        finally:
            await gateway.kill9()


# Rules: WP-A01.FR.01 J-6.2.2-2 PD-9 FP-21
async def test_key_that_the_csms_has_set_outlives_the_one_of_the_command_line(
    charger: ChargerSim, target: object, tmp_path: Path
) -> None:
    """Pass criteria: killed and started as before, the gateway logs in with the key that came by
    OCPP, any bytes; a file with another key counts again.
    """
    key = bytes([0, 58, *range(240, 256)])
    access = Access({IDENTITY: SECRET})
    async with Csms(db=tmp_path / "db", access=access) as csms:
        gateway = NativeGateway(
            target.program, tmp_path, options(charger, csms.url, tmp_path, ca_file="none")
        )
        try:
            async with Dut(NativeTransport(gateway), log_path=tmp_path / "console.log"):
                cp = await csms.wait_for_charge_point(IDENTITY, timeout_s=20)
                change = {"key": "AuthorizationKey", "value": key.hex()}
                answer = await cp.call("ChangeConfiguration", change, timeout_s=10)
                assert answer["status"] == "Accepted"
                csms.access.set_password(IDENTITY, key)
                await cp.wait_disconnected(timeout_s=10)
                await csms.wait_for_charge_point(IDENTITY, timeout_s=20)
                for file_key in (SECRET, b"another sixteen!"):
                    await gateway.kill9()
                    await csms.charge_point(IDENTITY).wait_disconnected(timeout_s=10)
                    (tmp_path / "password").write_text(file_key.hex() + "\n")
                    if file_key != SECRET:
                        csms.access.set_password(IDENTITY, file_key)
                    await gateway.start(timeout_s=20)
                    await csms.wait_for_charge_point(IDENTITY, timeout_s=20)
        finally:
            await gateway.kill9()


# Rules: WP-A00.FR.005 WP-A00.FR.401 WP-A02.FR.08 WP-A05.FR.01 WP-A05.FR.03 WP-A05.FR.04
# Rules: WP-A05.FR.05
async def test_profile_is_raised_by_ocpp_step_by_step(
    charger: ChargerSim, target: object, tmp_path: Path
) -> None:
    """Purpose: from a password over ws to a client certificate, by messages of the CSMS alone.

    Pass criteria: a step without what it needs is refused; after each other one the gateway is
    connected with the new profile: over TLS to the CSMS whose root was installed, in the end with
    the certificate that it asked for itself.
    """
    ca = ThrowAwayCa(tmp_path / "tls")
    context = server_context(ca.issue_server(["localhost"]))
    access = Access({IDENTITY: SECRET})
    signing = Behaviour(sign_certificate=ca.sign_request)
    async with (
        Csms(db=tmp_path / "db", access=access) as plain,
        Csms(db=tmp_path / "tls-db", access=access, behaviour=signing, tls=context) as secure,
    ):
        url = secure.url.replace("127.0.0.1", "localhost")
        wanted = options(charger, plain.url, tmp_path, ca_file="none", csms_url_tls=url)
        gateway = NativeGateway(target.program, tmp_path, wanted)

        async def raise_to(cp: ChargePoint, profile: str) -> str:
            change = {"key": "SecurityProfile", "value": profile}
            answer = await cp.call("ChangeConfiguration", change, timeout_s=10)
            return str(answer["status"])

        try:
            async with Dut(NativeTransport(gateway), log_path=tmp_path / "console.log") as dut:
                cp = await plain.wait_for_charge_point(IDENTITY, timeout_s=20)
                assert await raise_to(cp, "2") == "Rejected", "no root is installed"
                root = {
                    "certificateType": "CentralSystemRootCertificate",
                    "certificate": ca.certificate.read_text(),
                }
                answer = await cp.call("InstallCertificate", root, timeout_s=10)
                assert answer["status"] == "Accepted"
                assert await raise_to(cp, "2") == "Accepted"
                cp = await secure.wait_for_charge_point(IDENTITY, timeout_s=20)
                assert await raise_to(cp, "3") == "Rejected", "it has no certificate"
                assert await raise_to(cp, "1") == "Rejected", "never lower"
                trigger = {"requestedMessage": "SignChargePointCertificate"}
                await cp.call("ExtendedTriggerMessage", trigger, timeout_s=10)
                await cp.expect("SignCertificate", timeout_s=20)
                for _ in range(50):  # the certificate is checked beside the loop
                    is_taken = await raise_to(cp, "3") == "Accepted"
                    if is_taken:
                        break
                    await asyncio.sleep(0.2)
                assert is_taken
                context.load_verify_locations(ca.certificate)
                context.verify_mode = ssl.CERT_REQUIRED
                secure.access.set_password(IDENTITY, None)
                await cp.wait_disconnected(timeout_s=20)
                await secure.wait_for_charge_point(IDENTITY, timeout_s=20)
                assert (await dut.command("status"))["security_profile"] == 3
        finally:
            await gateway.kill9()
