"""Secrets stay secret: after a whole life of a gateway none stands in a log, report or record."""

from __future__ import annotations

import base64
import json
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest

from vevgw.board import crash
from vevgw.board.fleet import BoardPlan
from vevgw.board.improv_session import provision_wifi
from vevgw.board.provision import provision
from vevgw.chargers.ev import EvSpec
from vevgw.chargers.sim import ChargerSim
from vevgw.csms import Access, Csms
from vevgw.csms.export import capture_text, json_lines
from vevgw.csms.files import FileServer
from vevgw.csms.pki import ThrowAwayCa, server_context
from vevgw.csms.queries import LogReader
from vevgw.dut import Dut, DutError, GatewayOptions, NativeGateway, NativeTransport
from vevgw.dut.bench import IDENTITY, PROFILE
from vevgw.security import log_check

pytestmark = pytest.mark.native

# Where a whole id tag belongs: OCPP's messages carry it, and records are made into messages.
TAG_PLACES = re.compile(r"csms\.sqlite3|exported|data/records/")
# The operator's own files, with which the test begins.
GIVEN = re.compile(r"given/|/files/")


class Secrets:
    """Unique values, and the search for all that could be made of them."""

    def __init__(self) -> None:
        self._random = os.urandom(6).hex()
        self.values: dict[str, bytes] = {}

    def make(self, what: str, form: str = "Zq{}") -> str:
        """A secret that nothing else looks like. `{}` stands for its random part."""
        value = form.format(f"{what[:2]}{len(self.values):02d}{self._random}")
        self.values[what] = value.encode()
        return value

    def forms(self, what: str) -> set[bytes]:
        """What a search must look for."""
        value = self.values[what]
        found = {value, value.hex().encode(), quote(value, safe="").encode()}
        for shift in range(3):
            # Within any text in base64: without the letters that hold bits of what is around it.
            code = base64.b64encode(bytes(shift) + value)
            found.add(code[(0, 2, 3)[shift] : len(code.rstrip(b"=")) - 1])
        return found | {form.upper() for form in found if form == value.hex().encode()}

    def leaks(self, name: str, content: bytes, *, but: tuple[str, ...] = ()) -> list[str]:
        """Where which secret stands in a text, one line each."""
        return [
            f"{name}: {what} as {form.decode(errors='replace')}: ...{_around(content, form)}..."
            for what in self.values
            if what not in but
            for form in self.forms(what)
            if form in content
        ]


def _around(content: bytes, form: bytes) -> str:
    at = content.index(form)
    return content[max(0, at - 80) : at + len(form) + 20].decode(errors="replace")


@pytest.mark.parametrize("form", ["{0}", "x{0}", "CP-1:{0}"])
def test_the_search_finds_what_a_secret_can_look_like(form: str) -> None:
    secrets = Secrets()
    whole = form.format(secrets.make("key", "Zq {}/%")).encode()
    for shown in (
        whole,
        whole.hex().encode(),
        whole.hex().upper().encode(),
        quote(whole, safe="").encode(),
        base64.b64encode(whole),
        base64.b64encode(whole + b" and so on"),
    ):
        assert secrets.leaks("a log", b"I (1) app: " + shown)
    assert secrets.leaks("a log", b"I (1) app: nothing of that kind") == []


def files_below(folder: Path) -> Mapping[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


# Rules: WP-A01.FR.12
async def test_no_secret_stands_in_any_log_report_or_record(
    program: Path,
    charger: ChargerSim,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Purpose: set up, charge, fail, crash; then search whatever was written or said.

    Pass criteria: no form of a secret anywhere; an id tag only where OCPP's messages are.
    """
    caplog.set_level(logging.DEBUG)
    secrets = Secrets()
    tag = secrets.make("tag", "{}")[:20]
    secrets.values["tag"] = tag.encode()
    wifi, wrong_wifi = secrets.make("wifi password"), secrets.make("wrong wifi password")
    key = secrets.make("authorization key", "{}")[:20]
    secrets.values["authorization key"] = key.encode()
    text_key, hex_key = secrets.make("key of ChangeConfiguration", "{}")[:20], os.urandom(20)
    secrets.values["key of ChangeConfiguration"] = text_key.encode()
    secrets.values["hex key"] = hex_key
    console, wrong_console = secrets.make("console password"), secrets.make("wrong console")
    token = secrets.make("token of the CSMS URL")
    login, wrong_login = secrets.make("login", "Zq {}/%"), secrets.make("wrong login", "Zq {}/%")
    page_key = secrets.make("key of the setup page")
    access_point = secrets.make("access point's password")

    # Of the key that the gateway makes it is known how it would look: PEM, or DER (RFC 5915).
    secrets.values["private key as PEM"] = b"PRIVATE KEY"
    secrets.values["private key as DER"] = bytes.fromhex("0201010420")

    given = tmp_path / "given"
    given.mkdir()
    (given / "device.key").write_bytes(os.urandom(32))
    ca = ThrowAwayCa(given / "tls")
    access = Access({IDENTITY: key.encode()})
    said: dict[str, str] = {}
    words = [
        str(program),
        "--on-error=stay",
        "--setup-page=0",
        f"--device-key={given / 'device.key'}",
        f"--log-file={tmp_path / 'gateway-copy.log'}",
        f"--wifi=depot={wifi}",
    ]
    gateway = NativeGateway(words, tmp_path, GatewayOptions(buses={1: charger.port_path}))
    async with (
        Csms(db=tmp_path / "csms.sqlite3", access=access) as csms,
        Csms(tls=server_context(ca.issue_server(["localhost"])), access=access) as foreign,
        FileServer(tmp_path / "server", user="cp", password=login) as server,
        gateway,
    ):
        # A new board: Wi-Fi with a wrong password, then by Improv; a CSMS that is not believed.
        port = str(gateway.console_link)
        async with Dut(NativeTransport(gateway), log_path=tmp_path / "console.log") as dut:
            await dut.command(f"wifi add depot {wrong_wifi}", secret=True)
            await dut.expect("depot: wrong password", timeout_s=5)
        joined = await provision_wifi(port, "depot", wifi)
        assert joined.error == ""
        settings = {
            "wifi_ssid": "depot",
            "wifi_password": wifi,
            "ap_password": access_point,
            "csms_url": f"{foreign.url.replace('127.0.0.1', 'localhost')}?token={token}",
            "ca_file": "none",
            "identity": IDENTITY,
            "password": key,
            "c1.profile": PROFILE,
            "log_level": "debug",
            "unsigned_fw": "true",
        }
        plan = BoardPlan(None, None, settings, console_password=console)
        log = tmp_path / "provision.log"
        first = await provision(plan, port, log_path=log)
        assert first.error == "", first
        async with Dut(NativeTransport(gateway), log_path=tmp_path / "console.log") as dut:
            await dut.wait_ready(timeout_s=5)
            await dut.command("logout")
            with pytest.raises(DutError):
                await dut.command(f"login {wrong_console}", secret=True)
            await dut.command(f"login {console}", secret=True, timeout_s=5)
            await dut.expect_event("link_error", timeout_s=10)
            said["refused"] = json.dumps(await dut.command("ocpp"))
        plan = replace(plan, settings={"csms_url": f"{csms.url}?token={token}"})
        moved = await provision(plan, port, log_path=log)
        assert moved.error == "", moved
        said["provision"] = repr([joined, first, moved, plan])

        async with Dut(NativeTransport(gateway), log_path=tmp_path / "console.log") as dut:
            await dut.wait_ready(timeout_s=5)
            await dut.command(f"login {console}", secret=True, timeout_s=5)
            cp = csms.charge_point(IDENTITY)
            await cp.wait_connected(timeout_s=10)
            await cp.expect("StatusNotification", match={"status": "Available"}, timeout_s=15)

            # A session, with new keys meanwhile: as text, then as hexadecimal.
            connections = cp.connections
            for value in (text_key, hex_key.hex()):
                order = {"key": "AuthorizationKey", "value": value}
                answer = await cp.call("ChangeConfiguration", order, timeout_s=5)
                assert answer == {"status": "Accepted"}
            access.set_password(IDENTITY, hex_key)
            charger.plug(EvSpec())
            await dut.command(f"sim tag {tag}", secret=True)
            await cp.expect("StartTransaction", match={"idTag": tag}, timeout_s=15)
            await cp.wait_connected(timeout_s=10, after=connections)

            # Files: logins that are right and wrong.
            good, bad = server.http_url, server.http_url.replace(quote(login, safe=""), "{}")
            bad = bad.format(quote(wrong_login, safe=""))
            retrieve = "2020-01-01T00:00:00Z"
            for base, status in ((bad, "UploadFailed"), (good, "Uploaded")):
                order = {"location": f"{base}/uploads/", "retries": 0}
                await cp.call("GetDiagnostics", order, timeout_s=5)
                await cp.expect(
                    "DiagnosticsStatusNotification", match={"status": status}, timeout_s=10
                )
            update = {"location": f"{bad}/files/x", "retrieveDate": retrieve, "retries": 0}
            await cp.call("UpdateFirmware", update, timeout_s=5)
            order = {"log": {"remoteLocation": f"{good}/uploads/"}, "logType": "SecurityLog"}
            await cp.call("GetLog", order | {"requestId": 1, "retries": 0}, timeout_s=5)
            await cp.expect("LogStatusNotification", match={"status": "Uploaded"}, timeout_s=10)

            # A key pair of its own.
            trigger = {"requestedMessage": "SignChargePointCertificate"}
            await cp.call("ExtendedTriggerMessage", trigger, timeout_s=5)
            await cp.expect("SignCertificate", timeout_s=10)

            # Keys are written, never read: not by the CSMS either.
            answer = await cp.call("GetConfiguration", {}, timeout_s=5)
            said["GetConfiguration"] = json.dumps(answer)
            shown = {row["key"]: row for row in answer["configurationKey"]}
            assert "value" not in shown.get("AuthorizationKey", {})
            assert "SecurityProfile" in shown

            # The setup page.
            copy = (tmp_path / "gateway-copy.log").read_text(errors="replace")
            page = re.findall("setup page: (http.*)/", copy)[-1]
            async with aiohttp.ClientSession(page) as http:
                for path in ("/", "/api/status", "/api/settings", "/api/networks"):
                    said[path] = await (await http.get(path)).text()
                shown = json.loads(said["/api/settings"])
                head = {"X-Setup-Token": shown["token"]}
                # What is shown of a URL keeps what is stored.
                change = {"csms_url": shown["settings"]["csms_url"], "wifi2_password": "short"}
                said["page"] = await (
                    await http.post("/api/settings", headers=head, json=change)
                ).text()
                change = {"csms_url": shown["settings"]["csms_url"], "password": page_key}
                answered = await http.post("/api/settings", headers=head, json=change)
                assert answered.status == 200, await answered.text()

            for command in (
                "status", "setting list", "setting get csms_url", "config get", "wifi", "ocpp",
                "security", "tx", "tx dead-letters", "log", "firmware", "crash", "charger", "meter",
            ):  # fmt: skip
                said[command] = json.dumps(await dut.command(command))
            await dut.command("sim crash")
        await gateway.wait_exit(timeout_s=5)
        await gateway.start()
        async with Dut(NativeTransport(gateway), log_path=tmp_path / "console2.log") as dut:
            await dut.command(f"login {console}", secret=True, timeout_s=5)
            said["crash"] = json.dumps([await dut.command("status"), await dut.command("crash")])
            crashed = await crash.fetch(dut, with_dump=False)
            said["vevgw crash"] = "\n".join(crashed.lines())
            # What the reports of tests, HTML and JUnit, tell besides what was logged.
            said["a failed wait at the console"] = dut.history.failure("Nothing came.")
            said["things in a report"] = repr(
                [
                    dut,
                    gateway,
                    access,
                    server,
                    csms,
                    plan,
                    GatewayOptions(csms.url, settings=settings),
                ]
            )
            said["kept"] = json.dumps(await dut.command("setting get csms_url"))
            written = files_below(tmp_path)
            await sell(dut)
        erased = await look_at_delivery(gateway, tmp_path)
        await gateway.terminate()

        said["exported by a failed wait at the CSMS"] = cp.history.failure("A frame", 1)
        entries = [record for _, record in cp.history.since(0)]
    with LogReader(tmp_path / "csms.sqlite3") as reader:
        frames = list(reader.frames())
    said["exported as JSON"] = "\n".join(json_lines(frames))
    said["exported as text"] = "\n".join(capture_text(frames))
    said["exported in reports"] = "\n".join(text for one in entries for text in (one.line()))

    said["logged"] = caplog.text
    streams = {name: text.encode() for name, text in said.items()} | dict(written)
    leaks: list[str] = []
    for name, content in streams.items():
        if GIVEN.search(name):
            continue
        leaks += secrets.leaks(name, content, but=("tag",) if TAG_PLACES.search(name) else ())
    assert not leaks, "\n" + "\n".join(leaks)
    assert "signal ABRT" in said["vevgw crash"]
    assert "uploads/diagnostics-" in " ".join(streams)
    (security,) = (name for name in streams if "uploads/security-" in name)
    log = log_check.read(streams[security].decode())
    anchors = re.findall(r"log (\d+:[0-9a-f]{32})", " ".join(said.values()))
    assert anchors
    assert all("is the one" in log_check.check_anchor(log, anchor) for anchor in anchors)

    # What was there is gone: also the tags, which records may hold.
    assert any(content for name, content in written.items() if name.startswith("data/records/"))
    left = [leak for name, content in erased.items() for leak in secrets.leaks(name, content)]
    assert not left, "\n" + "\n".join(left)
    assert not [name for name in erased if "transactions" in name or name.startswith("keys/")]


async def sell(dut: Dut) -> None:
    """Resets to factory settings while a transaction is there: only for who says so."""
    with pytest.raises(DutError, match="to lose them say factory-reset DISCARD"):
        await dut.command("factory-reset CONFIRM")
    await dut.command("factory-reset DISCARD")
    await dut.expect("everything is erased", timeout_s=15)


async def look_at_delivery(gateway: NativeGateway, folder: Path) -> Mapping[str, bytes]:
    """What a gateway that was reset stores, once it has started as a new one."""
    async with Dut(NativeTransport(gateway), log_path=folder / "console3.log") as dut:
        await dut.wait_ready(timeout_s=5)
        assert (await dut.command("setting get c1.profile"))["c1.profile"] == ""
        assert (await dut.command("password"))["password"] is False
    return files_below(folder / "data")
