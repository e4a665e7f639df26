"""What becomes of a server that is wrong in one way: link, security event, next attempt.

The servers are those of pytools/tests/tls_cases.py, which shows more of them to the link and to
lib/security alone. The table of both is in docs/security-profiles.md.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from tls_cases import FAILURES, Case
from tls_certificates import leaf, root
from tls_more_cases import ALL, TO_GATEWAY, TO_GATEWAY_WITH_CERTIFICATE
from tls_servers import own_names, serving

from vevgw.csms.pki import sign_client
from vevgw.dut import Dut, GatewayOptions, NativeGateway, NativeTransport
from vevgw.dut.bench import IDENTITY, PROFILE

pytestmark = pytest.mark.native


@asynccontextmanager
async def gateway_for(target: Any, folder: Path, url: str, **settings: str) -> AsyncIterator[Dut]:
    """The console of a gateway whose charger is not there."""
    password = folder / "password"
    password.write_text("a password of the gateway\n")
    wanted = GatewayOptions(
        csms_url=url,
        identity=IDENTITY,
        profile=PROFILE,
        password_file=password,
        settings={"c1.host": "127.0.0.1", **settings},
    )
    gateway = NativeGateway(target.program, folder, wanted)
    try:
        async with Dut(NativeTransport(gateway), log_path=folder / "console.log") as dut:
            yield dut
    finally:
        await gateway.kill9()


async def check(dut: Dut, case: Case) -> None:
    """Waits for the first attempt, and compares what became of it."""
    is_good = case.failure == 0
    await dut.expect_event("link_up" if is_good else "link_error", timeout_s=15)
    link = await dut.command("ocpp")
    security = await dut.command("security")
    events = [(event["event"], event["info"]) for event in security["events"]]
    start = max(n for n, (event, _) in enumerate(events) if event == "StartupOfTheDevice")
    assert events[start + 1 :] == ([] if case.event is None else [case.event])
    assert link["link"] is is_good
    if not is_good:
        assert link["failure"] == FAILURES[case.failure]
        assert link.get("certificate_fault", "none") == case.fault
        line = await dut.expect(r"link: .*; next attempt in ", timeout_s=5, since=0)
        assert 1 <= float(line.text.rsplit(" ", 2)[1]) <= 2


# Rules: WP-A00.FR.309 WP-A00.FR.315 WP-A00.FR.322 FP-20
@pytest.mark.parametrize("name", TO_GATEWAY)
async def test_server_is_connected_to_or_noted_as_a_security_event(
    target: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    case = ALL[name]
    files, options = case.write(tmp_path)
    settings = {"ca_file": options["ca"], "sec_profile": "2"}
    if options.get("wildcard") == "0":
        settings["tls_wildcard"] = "false"
    if options.get("verify") == "0":
        settings["tls_verify"] = "false"
    for variable, value in own_names(tmp_path).items():
        monkeypatch.setenv(variable, value)
    with serving(case, files, speaks_web_socket=True) as port:
        url = f"wss://{case.host}:{port}/"
        async with gateway_for(target, tmp_path, url, **settings) as dut:
            await check(dut, case)


# Rules: WP-A00.FR.401
async def test_client_certificate_is_taken_or_its_refusal_noted(
    target: object, tmp_path: Path
) -> None:
    """Pass criteria: as above, for servers that want a client certificate: one takes that of the
    gateway, one only those of another authority, and one only those that have not expired.
    """
    url = "ws://127.0.0.1:1/"
    async with gateway_for(target, tmp_path, url, sec_profile="1") as dut:
        root_pem = root().pem().decode()
        await dut.command("certificate install csms", text=root_pem, timeout_s=20)
        request = (await dut.command("certificate request", timeout_s=20))["csr"]
        csr = x509.load_pem_x509_csr(request.encode())
        signed = sign_client(csr.subject, csr.public_key(), root().certificate, root().key, days=9)
        chain = signed.public_bytes(Encoding.PEM).decode()
        await dut.command("certificate accept", text=chain, timeout_s=20)
    for name, (authority, words) in TO_GATEWAY_WITH_CERTIFICATE.items():
        case = Case(
            lambda: leaf().chain(), ALL[name].failure, client_root=authority, s_server=words
        )
        files, _ = case.write(tmp_path)
        with serving(case, files, speaks_web_socket=True) as port:
            url = f"wss://localhost:{port}/"
            settings = {"ca_file": "none", "sec_profile": "3"}
            async with gateway_for(target, tmp_path, url, **settings) as dut:
                await check(dut, case)
