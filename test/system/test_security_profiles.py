"""The security profiles of a gateway against the emulated CSMS: docs/security-profiles.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from vevgw.chargers.sim import ChargerSim
from vevgw.csms import Access, Csms
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
