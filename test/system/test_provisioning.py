"""Setting a real gateway up over its console: `vevgw provision`, and Improv Wi-Fi."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from vevgw.board import fleet
from vevgw.board.fleet import BoardPlan
from vevgw.board.improv import Command, Frame, FrameType, Splitter, State, command, result
from vevgw.board.improv_session import provision_wifi
from vevgw.board.provision import provision
from vevgw.chargers.sim import ChargerSim
from vevgw.csms import Access, Csms
from vevgw.csms.pki import ThrowAwayCa, server_context
from vevgw.dut import Dut, DutError, GatewayOptions, NativeGateway
from vevgw.dut.bench import PROFILE
from vevgw.dut.native import open_console
from vevgw.dut.transports import FdLine, transport_for

pytestmark = pytest.mark.native
SECRET = "a key that nobody may see"


async def test_a_new_board_is_set_up_once_and_then_left_alone(
    program: Path, csms: Csms, charger: ChargerSim, tmp_path: Path
) -> None:
    settings = {
        "wifi_ssid": "depot 7",
        "wifi_password": SECRET,
        "csms_url": csms.url,
        "identity": "CP-0001",
        "c1.profile": PROFILE,
        "c1.max_ma": "16000",
    }
    plan = BoardPlan(None, None, settings, {"MeterValueSampleInterval": "77"})
    log = tmp_path / "provision.log"
    words = [str(program), "--on-error=stay"]
    options = GatewayOptions(buses={1: charger.port_path})
    async with NativeGateway(words, tmp_path, options) as gateway:
        port = str(gateway.console_link)

        half = {name: settings[name] for name in ("wifi_ssid", "csms_url")}
        unfinished = await provision(BoardPlan(None, None, half), port, log_path=log)
        assert "connector 1 has no charger: set c1.profile" in unfinished.error

        first = await provision(plan, port, log_path=log, csms_s=15)
        assert first.error == ""
        assert first.changed == [
            *(n for n in settings if n not in half),
            "MeterValueSampleInterval",
        ]
        assert (first.identity, first.registration) == ("CP-0001", "accepted")

        again = await provision(plan, port, log_path=log)
        assert (again.error, again.changed, again.same) == ("", [], 7)

        moved = replace(plan, settings={**settings, "wifi_password": f"{SECRET}!"})
        assert (await provision(moved, port, log_path=log)).changed == ["wifi_password"]

        wrong = BoardPlan(None, None, {"c1.max_ma": "many"})
        refused = await provision(wrong, port, log_path=log)
        assert "c?.max_ma must be a whole number" in refused.error

        other = replace(plan, serial_number="246222AABBCC", settings={"identity": "CP-0002"})
        assert "nothing was changed" in (await provision(other, port, log_path=log)).error
    assert SECRET not in log.read_text()
    assert SECRET not in gateway.log_path.read_text()


async def test_a_wrong_wifi_password_is_told_as_the_reason_why_no_csms_accepts(
    program: Path, charger: ChargerSim, tmp_path: Path
) -> None:
    words = [str(program), "--on-error=stay", "--wifi", f"depot={SECRET}"]
    options = GatewayOptions(buses={1: charger.port_path})
    async with NativeGateway(words, tmp_path, options) as gateway:
        settings = {
            "wifi_ssid": "depot",
            "wifi_password": f"not {SECRET}",
            "csms_url": "ws://127.0.0.1:1/",
            "c1.profile": PROFILE,
        }
        log = tmp_path / "provision.log"
        plan = BoardPlan(None, None, settings)
        outcome = await provision(plan, str(gateway.console_link), log_path=log, csms_s=4)
    assert outcome.error.endswith("within 4 s (no Wi-Fi, depot: wrong password).")


async def test_wifi_is_set_up_by_improv_between_console_lines(
    program: Path, tmp_path: Path
) -> None:
    words = [str(program), "--on-error=stay"]
    async with NativeGateway(words, tmp_path, GatewayOptions()) as gateway:
        fd = open_console(gateway.console_link)
        splitter, frames, lines = Splitter(), [], b""

        def read(data: bytes) -> None:
            nonlocal lines
            found, rest = splitter.feed(data)
            frames.extend(found)
            lines += rest

        line = FdLine(fd, read, lambda why: None)

        async def ask(*pieces: bytes, until: Frame) -> None:
            frames.clear()
            for piece in pieces:
                line.write(piece)
                await asyncio.sleep(0.01)
            async with asyncio.timeout(5):
                while until not in frames:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)

        joined = Frame(FrameType.STATE, bytes([State.PROVISIONED]))
        state = command(Command.CURRENT_STATE).encode()
        await ask(b"\xff\0IMPRO\n" + state, until=Frame(FrameType.STATE, bytes([State.AUTHORIZED])))

        await ask(command(Command.SCAN).encode(), until=Frame(FrameType.RESULT, b"\x04\0"))
        assert result(frames[0]) == (Command.SCAN, ["simulated", "-50", "YES"])

        wifi = command(Command.WIFI_SETTINGS, ["simulated", SECRET]).encode()
        half = len(wifi) // 2
        done = Frame(FrameType.RESULT, b"\x01\0")
        await ask(b"#1 sta", wifi[:half], wifi[half:], b"tus\n", until=done)
        assert joined in frames

        lines = b""
        asked = b"#2 setting get wifi_ssid\n#3 setting get wifi_password\n"
        await ask(asked, state, until=joined)
        line.close()
        os.close(fd)

        again = await provision_wifi(str(gateway.console_link), "simulated", f"{SECRET}!")
        assert (again.error, again.identity[:4]) == ("", "VEV-")
    assert b'"wifi_ssid":"simulated"' in lines
    assert b'"wifi_password":"(set)"' in lines
    assert SECRET.encode() not in gateway.log_path.read_bytes() + lines


async def test_a_console_password_is_set_once_and_opens_the_board_later(
    program: Path, tmp_path: Path
) -> None:
    plan = BoardPlan(None, None, {"identity": "CP-1"}, console_password="a long console password")
    log = tmp_path / "provision.log"
    async with NativeGateway([str(program), "--on-error=stay"], tmp_path, GatewayOptions()) as gw:
        port = str(gw.console_link)
        first = await provision(plan, port, log_path=log)
        assert first.changed == ["identity", "console_password"]
        again = await provision(plan, port, log_path=log)
        assert (again.changed, again.same) == ([], 2)
        await gw.restart()

        nobody = await provision(replace(plan, console_password=None), port, log_path=log)
        assert "The console is locked" in nobody.error
        wrong = await provision(replace(plan, console_password="another"), port, log_path=log)
        assert "that is not the password" in wrong.error
        moved = replace(plan, settings={"identity": "CP-2"})
        assert (await provision(moved, port, log_path=log)).changed == ["identity"]
    assert b"long console" not in log.read_bytes()


# Rules: WP-A00.FR.427 WP-A00.FR.401 WP-A02.FR.06
async def test_a_board_gets_its_certificate_on_the_bench_and_connects_with_it(
    program: Path, charger: ChargerSim, tmp_path: Path
) -> None:
    """Purpose: security profile 3 without any CSMS before.

    Pass criteria: the CSMS accepts the gateway by the certificate of the bench's authority, whose
    common name is the board's serial number; a second run changes nothing; a chain that is not
    for this board, and one that is broken off, are refused and change nothing.
    """
    server = ThrowAwayCa(tmp_path / "server")
    fleet_file = tmp_path / "fleet.toml"
    fleet_file.write_text(
        f"""
        [defaults]
        sec_profile = 3
        ca_file = "none"
        c1.profile = "{PROFILE}"
        [defaults.certificates]
        ca = {{ new = "bench/ca.pem" }}
        csms_root = "server/ca.pem"
        [[board]]
        """
    )
    (plan,) = fleet.load(fleet_file)
    tls = server_context(
        server.issue_server(["localhost"]), client_ca=tmp_path / "bench" / "ca.pem"
    )
    log = tmp_path / "provision.log"
    words = [str(program), "--on-error=stay"]
    buses = GatewayOptions(buses={1: charger.port_path})
    async with (
        Csms(db=tmp_path / "db", tls=tls, access=Access(certificates=True)) as csms,
        NativeGateway(words, tmp_path, buses) as gateway,
    ):
        port = str(gateway.console_link)
        async with Dut(transport_for(port), log_path=log) as dut:
            serial = str((await dut.command("status"))["serial_number"])
            with pytest.raises(DutError, match="the gateway does not work yet"):
                await dut.command("certificate request")
        url = csms.url.replace("127.0.0.1", "localhost")
        settings = {**plan.settings, "csms_url": url, "identity": serial}
        plan = replace(plan, settings=settings)

        first = await provision(plan, port, log_path=log, csms_s=15)
        assert (first.error, first.registration) == ("", "accepted")
        assert first.changed == [*settings, "csms_root", "csms_root", "certificate"]
        assert first.certificate is not None
        assert first.certificate.board == serial

        again = await provision(plan, port, log_path=log)
        assert (again.error, again.changed) == ("", [])
        assert again.certificate == first.certificate
        record = (tmp_path / "bench" / "issued.jsonl").read_text()
        assert record.count("\n") == 1
        assert "PRIVATE" not in record

        async with Dut(transport_for(port), log_path=log) as dut:
            before = (await dut.command("certificate list"))["certificates"]
            assert [one["type"] for one in before] == ["csms", "csms", "client"]
            assert f"CN={serial}" in before[2]["subject"]
            csr = (await dut.command("certificate request", timeout_s=20))["csr"]
            foreign = ThrowAwayCa(tmp_path / "foreign").sign_request(csr)
            with pytest.raises(DutError, match="no installed root"):
                await dut.command("certificate accept", text=foreign, timeout_s=20)
            other = server.issue_client("other").read_text().partition("-----BEGIN PRIVATE")[0]
            with pytest.raises(DutError, match="not made for the key of the open request"):
                await dut.command("certificate accept", text=other, timeout_s=20)

            half = dut.mark()
            dut.transport.write(b"#900 certificate accept\n-----BEGIN CERTIFICATE-----\nMIIB\n")
            await dut.expect_event("input", since=half, timeout_s=5)
            after = (await dut.command("certificate list"))["certificates"]
            await dut.expect('"id":900,"ok":false.*another command came', since=half, timeout_s=5)
            assert after == before
            events = (await dut.command("security"))["events"]
            assert "charge point certificate by console" in [one["info"] for one in events]
