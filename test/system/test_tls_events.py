"""What becomes of a server that is wrong in one way: link, security event, next attempt.

The servers are those of pytools/tests/tls_cases.py, which shows more of them to the link and to
lib/security alone. The table of both is in docs/security-profiles.md.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tls_cases import FAILURES
from tls_more_cases import ALL, TO_GATEWAY
from tls_servers import own_names, serving

from vevgw.dut import Dut, GatewayOptions, NativeGateway, NativeTransport
from vevgw.dut.bench import IDENTITY, PROFILE

pytestmark = pytest.mark.native


# Rules: WP-A00.FR.309 WP-A00.FR.315 WP-A00.FR.322 FP-20
@pytest.mark.parametrize("name", TO_GATEWAY)
async def test_server_is_connected_to_or_noted_as_a_security_event(
    target: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    case = ALL[name]
    files, options = case.write(tmp_path)
    settings = {"ca_file": options["ca"], "c1.host": "127.0.0.1", "sec_profile": "2"}
    if options.get("wildcard") == "0":
        settings["tls_wildcard"] = "false"
    if options.get("verify") == "0":
        settings["tls_verify"] = "false"
    password = tmp_path / "password"
    password.write_text("a password of the gateway\n")
    for variable, value in own_names(tmp_path).items():
        monkeypatch.setenv(variable, value)
    with serving(case, files, speaks_web_socket=True) as port:
        wanted = GatewayOptions(
            csms_url=f"wss://{case.host}:{port}/",
            identity=IDENTITY,
            profile=PROFILE,
            password_file=password,
            settings=settings,
        )
        gateway = NativeGateway(target.program, tmp_path, wanted)
        try:
            async with Dut(NativeTransport(gateway), log_path=tmp_path / "console.log") as dut:
                is_good = case.failure == 0
                await dut.expect_event("link_up" if is_good else "link_error", timeout_s=15)
                link = await dut.command("ocpp")
                security = await dut.command("security")
        finally:
            await gateway.kill9()
    events = [(event["event"], event["info"]) for event in security["events"]]
    assert events[0][0] == "StartupOfTheDevice"
    assert events[1:] == ([] if case.event is None else [case.event])
    assert link["link"] is is_good
    if not is_good:
        assert link["failure"] == FAILURES[case.failure]
        assert link.get("certificate_fault", "none") == case.fault
        assert 0 < link["next_attempt_in_ms"] <= 2000
