"""The dashboard of the emulated CSMS without a browser: feed, requests, forms, access."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import sys
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import jsonschema_rs
import pytest

from vevgw.csms import Csms
from vevgw.csms.errors import CsmsError
from vevgw.csms.faults import Faults, parse_fault
from vevgw.csms.operations import OPERATIONS
from vevgw.csms.pki import ThrowAwayCa, server_context
from vevgw.csms.raw_client import RawClient
from vevgw.csms.schemas import ocpp16_schemas
from vevgw.csms.web import Dashboard, guard
from vevgw.csms.web.forms import fault_forms, form_of, operation_forms, scope_form
from vevgw.csms.web.switches import FaultSwitches

TOKEN = "a token of a test, long enough"
START = {
    "connectorId": 1,
    "idTag": "A1",
    "meterStart": 1000,
    "timestamp": "2026-11-22T10:00:00.000Z",
}


@pytest.fixture
async def csms(tmp_path):
    async with Csms(db=tmp_path / "csms.sqlite3") as csms:
        yield csms


@pytest.fixture
async def dashboard(csms):
    async with Dashboard(csms) as dashboard:
        yield dashboard


@pytest.fixture
async def guarded(csms):
    async with Dashboard(csms, token=TOKEN) as dashboard:
        yield dashboard


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    jar = aiohttp.CookieJar(unsafe=True)  # cookies of addresses, too
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        yield session


class Page:
    """What a page keeps: everything that came, and answers by id."""

    def __init__(self, websocket: aiohttp.ClientWebSocketResponse) -> None:
        self.websocket = websocket

    async def next(self, **wanted: Any) -> dict[str, Any]:
        """Returns the next message that has these keys (value ... = any)."""
        async with asyncio.timeout(10):
            while True:
                data = await self.websocket.receive_json()
                if all(key in data and value in (..., data[key]) for key, value in wanted.items()):
                    return data

    async def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        await self.websocket.send_json({"id": 7, "method": method, "parameters": parameters})
        return await self.next(type="answer", id=7)


@pytest.fixture
async def page(dashboard, http) -> AsyncIterator[Page]:
    async with http.ws_connect(f"{dashboard.url}feed", max_msg_size=0) as websocket:
        yield Page(websocket)


def meter_values(transaction_id: int, time: str, energy_wh: int, power_w: int) -> dict[str, Any]:
    values = [
        {"value": str(energy_wh)},
        {"value": str(power_w), "measurand": "Power.Active.Import", "unit": "W"},
    ]
    value = {"timestamp": time, "sampledValue": values}
    return {"connectorId": 1, "transactionId": transaction_id, "meterValue": [value]}


# -- the feed -------------------------------------------------------------------------------------


async def test_a_new_page_gets_everything_at_once(csms, dashboard, http):
    async with RawClient(f"{csms.url}/CP1") as client:
        await client.ask(
            "StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
        )
        await client.ask("StartTransaction", START)
        async with http.ws_connect(f"{dashboard.url}feed") as websocket:
            snapshot = await Page(websocket).next(type="snapshot")
    (charge_point,) = snapshot["charge_points"]
    assert charge_point["identity"] == "CP1"
    assert charge_point["connected"]
    assert charge_point["registration"] == "Accepted"
    assert charge_point["connectors"][0]["status"] == "Available"
    assert [t["id"] for t in snapshot["transactions"]] == [1]
    assert [f["action"] for f in snapshot["frames"]] == [
        action
        for action in ("BootNotification", "StatusNotification", "StartTransaction")
        for _ in range(2)
    ]
    assert snapshot["database_failure"] is None


async def test_changes_come_as_deltas(csms, page):
    await page.next(type="snapshot")
    async with RawClient(f"{csms.url}/CP1") as client:
        await page.next(charge_points=...)
        await client.ask(
            "StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Preparing"}
        )
        delta = await page.next(type="delta", charge_points=...)
        assert delta["charge_points"][0]["connectors"][0]["status"] == "Preparing"
        await client.ask("StartTransaction", START)
        assert (await page.next(transactions=...))["transactions"][0]["stop_utc"] is None
        time = "2026-11-22T10:01:00Z"
        await client.ask("MeterValues", meter_values(1, time, 1120, 7200))
        delta = await page.next(points=...)
        assert delta["points"] == {"1": [[1795341660000.0, 7200.0, 120.0]]}
        assert delta["transactions"][0]["power_w"] == 7200
        stop = {"transactionId": 1, "meterStop": 1240, "timestamp": "2026-11-22T10:02:00Z"}
        await client.ask("StopTransaction", stop)
        transaction = (await page.next(transactions=...))["transactions"][0]
        assert (transaction["energy_wh"], transaction["reason"]) == (240, "Local")
    assert not (await page.next(charge_points=...))["charge_points"][0]["connected"]


async def test_a_frame_comes_with_its_verdict_and_without_secrets(csms, page):
    await page.next(type="snapshot")
    async with RawClient(f"{csms.url}/CP1") as client:
        await page.next(frames=...)
        await client.ask("Heartbeat", {"extra": 1})
        frame = (await page.next(frames=...))["frames"][0]
        assert (frame["verdict"], frame["dir"], frame["action"]) == ("invalid", "in", "Heartbeat")
        assert "extra" in frame["reason"]
        payload = {"key": "AuthorizationKey", "value": "0123456789abcdef"}
        call = {"charge_point": "CP1", "action": "ChangeConfiguration", "payload": payload}
        _, answer = await asyncio.gather(
            client.answer({"status": "Accepted"}), page.ask("call", **call, timeout_s=5)
        )
        assert answer["result"] == {"status": "Accepted"}
    async with aiohttp.ClientSession() as http:
        url = str(page.websocket._response.url)
        async with http.ws_connect(url) as websocket:
            snapshot = await Page(websocket).next(type="snapshot")
    assert "0123456789abcdef" not in json.dumps(snapshot)
    assert "***" in json.dumps(snapshot)


async def test_changes_of_a_moment_are_one_message(csms, page):
    await page.next(type="snapshot")
    async with RawClient(f"{csms.url}/CP1") as client:
        await page.next(frames=...)
        for _ in range(10):
            await client.ask("Heartbeat", {})
        frames = (await page.next(frames=...))["frames"]
        assert len(frames) > 2


async def test_a_page_that_does_not_read_costs_no_memory_and_gets_a_snapshot(csms, dashboard):
    feed = dashboard._feed
    sent: list[dict[str, Any]] = []
    may_send = asyncio.Event()

    class Slow:
        async def accept(self) -> None: ...

        async def receive_text(self) -> str:
            await asyncio.Event().wait()
            raise AssertionError

        async def send_text(self, text: str) -> None:
            sent.append(json.loads(text))
            await may_send.wait()

        async def close(self, code: int, reason: str) -> None: ...

    task = asyncio.create_task(feed.serve(Slow()))
    async with asyncio.timeout(5):
        while not sent:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    (page,) = feed._pages
    for number in range(1000):
        page.offer(json.dumps({"type": "delta", "number": number}))
    assert len(page._deltas) <= 50
    may_send.set()
    async with asyncio.timeout(5):
        while len(sent) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert [data["type"] for data in sent] == ["snapshot", "snapshot"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_frames_of_an_earlier_run_are_shown(tmp_path, http):
    async with Csms(db=tmp_path / "db") as csms, RawClient(f"{csms.url}/CP1"):
        pass
    async with (
        Csms(db=tmp_path / "db") as csms,
        Dashboard(csms) as dashboard,
        http.ws_connect(f"{dashboard.url}feed") as websocket,
    ):
        snapshot = await Page(websocket).next(type="snapshot")
    assert [frame["action"] for frame in snapshot["frames"]] == ["BootNotification"] * 2
    assert not snapshot["charge_points"][0]["connected"]


# -- requests -------------------------------------------------------------------------------------


async def test_a_curve_goes_from_start_to_stop(csms, page):
    async with RawClient(f"{csms.url}/CP1") as client:
        await client.ask("StartTransaction", START)
        for minute, energy_wh in ((1, 1100), (2, 1200)):
            time = f"2026-11-22T10:0{minute}:00Z"
            await client.ask("MeterValues", meter_values(1, time, energy_wh, 6000))
        stop = {"transactionId": 1, "meterStop": 1250, "timestamp": "2026-11-22T10:03:00Z"}
        await client.ask("StopTransaction", stop)
    curve = (await page.ask("curve", transaction=1))["result"]
    start = 1795341600000.0
    assert curve == [
        [start, None, 0.0],
        [start + 60e3, 6000.0, 100.0],
        [start + 120e3, 6000.0, 200.0],
        [start + 180e3, None, 250],
    ]


async def test_a_long_frame_is_fetched_whole(csms, page):
    await page.next(type="snapshot")
    async with RawClient(f"{csms.url}/CP1") as client:
        await client.ask("DataTransfer", {"vendorId": "V", "data": "x" * 10_000})
        frame = {"raw": "", "size": 0}
        while frame["size"] < 10_000:
            frame = max((await page.next(frames=...))["frames"], key=lambda f: f["size"])
    assert len(frame["raw"]) == 4000
    whole = (await page.ask("frame", n=frame["n"]))["result"]
    assert len(whole["raw"]) == whole["size"] == frame["size"]


async def test_older_messages_are_searched_in_the_database(csms, page):
    async with RawClient(f"{csms.url}/CP1") as client, RawClient(f"{csms.url}/CP2"):
        for _ in range(3):
            await client.ask("Heartbeat", {})
        await client.ask("Heartbeat", {"100%": 1})

    async def found(before: int = 1000, **wanted: Any) -> list[int]:
        query = {"charge_point": None, "direction": None, "text": "", "problems": False}
        answer = await page.ask("search", before=before, **query | wanted)
        return [frame["n"] for frame in answer["result"]]

    assert await found() == list(range(12, 0, -1))
    assert await found(before=5) == [4, 3, 2, 1]
    assert await found(charge_point="CP2", direction="in") == [3]
    assert await found(text="HEARTBEAT", direction="in") == [11, 9, 7, 5]
    assert await found(problems=True) == [12, 11]
    assert await found(text="100%", direction="in") == [11]
    assert await found(text="1%0") == []


@pytest.mark.parametrize(
    ("method", "parameters", "sentence"),
    [
        ("curve", {"transaction": 9}, "There is no transaction 9."),
        ("frame", {"n": 99}, "There is no frame 99 in the log."),
        ("fly", {}, "There is no control method 'fly'."),
        ("call", {"charge_point": "CP9"}, "Charge point 'CP9' is not connected; connected: none."),
        ("curve", {}, "Malformed request (KeyError: 'transaction')."),
    ],
)
async def test_a_wrong_request_is_one_sentence(page, method, parameters, sentence):
    assert (await page.ask(method, **parameters))["error"] == sentence


# -- faults ---------------------------------------------------------------------------------------


async def test_a_fault_can_be_switched_off_and_on(csms, page):
    fault = {"what": "error", "action": "Heartbeat", "code": "GenericError", "count": 1}
    assert (await page.ask("fault_add", fault=fault))["result"] == "F1"
    async with RawClient(f"{csms.url}/CP1") as client:
        assert (await client.ask("Heartbeat", {}))[2] == "GenericError"
        (shown,) = (await page.next(faults=..., frames=...))["faults"]
        assert (shown["id"], shown["on"], shown["fired"]) == ("F1", True, 1)
        await page.ask("fault_switch", id="F1", on=False)
        (shown,) = (await page.next(faults=...))["faults"]
        assert (shown["id"], shown["on"], shown["fired"]) == ("F1", False, 1)
        assert csms.faults.as_data() == []
        await page.ask("fault_switch", id="F1", on=True)  # counts anew
        assert (await client.ask("Heartbeat", {}))[2] == "GenericError"
    await page.ask("fault_switch", id="F1", on=False)
    await page.ask("fault_remove", id="F1")
    assert (await page.next(faults=...))["faults"] == []


async def test_a_fault_of_the_command_line_is_a_switch_too(csms, page):
    await page.next(type="snapshot")
    csms.faults.add({"what": "drop", "id": "lost"})
    (shown,) = (await page.next(faults=...))["faults"]
    assert (shown["id"], shown["on"]) == ("lost", True)
    await page.ask("fault_switch", id="lost", on=False)
    answer = await page.ask("fault_add", fault={"what": "drop", "id": "lost"})
    assert answer["error"] == "There is already a fault 'lost'."
    answer = await page.ask("fault_switch", id="F9", on=True)
    assert answer["error"] == "There is no fault 'F9'; there are: none."


def test_faults_are_listed_in_the_order_of_their_ids():
    switches = FaultSwitches(Faults(), lambda: None)
    for _ in range(11):
        switches.add({"what": "drop"})
    switches.switch("F2", on=False)
    assert [data["id"] for data in switches.as_data()] == [f"F{n}" for n in range(1, 12)]


def test_the_defaults_of_every_kind_of_fault_are_valid():
    """What the page sends when nothing is changed."""
    scope = {field["name"] for field in scope_form()["fields"]}
    assert {"charge_point", "action", "probability", "count", "from_s", "to_s"} <= scope
    for kind in fault_forms():
        options = {f["name"]: f["default"] for f in kind["form"]["fields"]}
        given = {name: value for name, value in options.items() if value is not None}
        for direction in kind["directions"]:
            parse_fault({"what": kind["what"], "direction": direction, **given})


# -- forms ----------------------------------------------------------------------------------------


def test_every_operation_has_a_form_and_a_help():
    forms = operation_forms(ocpp16_schemas())
    assert sorted(form["action"] for form in forms) == sorted(OPERATIONS)
    assert all(form["help"] for form in forms)


def test_a_form_says_what_its_schema_says():
    form = form_of(ocpp16_schemas().schema("RemoteStartTransaction"))
    fields = {field["name"]: field for field in form["fields"]}
    assert fields["idTag"] == {"name": "idTag", "required": True, "type": "string", "max": 20}
    assert (fields["connectorId"]["type"], fields["connectorId"]["required"]) == ("integer", False)
    profile = {field["name"]: field for field in fields["chargingProfile"]["fields"]}
    assert profile["validFrom"]["type"] == "date-time"
    assert profile["recurrencyKind"]["choices"] == ["Daily", "Weekly"]
    schedule = {field["name"]: field for field in profile["chargingSchedule"]["fields"]}
    periods = schedule["chargingSchedulePeriod"]
    assert (periods["type"], periods["required"], periods["item"]["type"]) == (
        "array",
        True,
        "object",
    )
    assert periods["item"]["fields"][1]["step"] == 0.1


def test_references_in_a_schema_are_followed():
    form = form_of(ocpp16_schemas().schema("SignedUpdateFirmware"))
    firmware = next(field for field in form["fields"] if field["name"] == "firmware")
    assert [field["name"] for field in firmware["fields"] if field["required"]] == [
        "location",
        "retrieveDateTime",
        "signingCertificate",
        "signature",
    ]


@pytest.mark.parametrize("action", sorted(OPERATIONS))
def test_a_filled_form_matches_the_schema(action):
    """What the page makes of a form, everything filled in, is a valid CALL."""
    schema = ocpp16_schemas().schema(action)
    jsonschema_rs.validate(schema, _fill(form_of(schema)))


def _fill(form: dict[str, Any]) -> Any:
    match form["type"]:
        case "object":
            return {field["name"]: _fill(field) for field in form["fields"]}
        case "array":
            return [_fill(form["item"])] * max(1, form.get("min", 1))
        case "enum":
            return form["choices"][0]
        case "date-time":
            return "2026-11-22T10:00:00.000Z"
        case "uri":
            return "ftp://127.0.0.1/folder"
        case "integer" | "number":
            return 1
        case "string":
            return "x" * min(5, form.get("max", 5))
    raise AssertionError(form)


# -- access ---------------------------------------------------------------------------------------


async def test_everything_on_the_page_comes_from_here(dashboard, http):
    async with http.get(dashboard.url) as response:
        text = await response.text()
        policy = response.headers["Content-Security-Policy"]
    assert response.status == 200
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    assert "//" not in text


@pytest.mark.parametrize("host", ["evil.example", "evil.example:9001", "localhost.evil.example"])
async def test_a_name_made_to_point_here_is_refused(dashboard, http, host):
    async with http.get(dashboard.url, headers={"Host": host}) as response:
        assert response.status == 403
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await http.ws_connect(f"{dashboard.url}feed", headers={"Host": host})
    assert caught.value.status == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
async def test_a_websocket_across_sites_is_refused(dashboard, guarded, http, origin):
    for url, headers in (
        (dashboard.url, {}),
        (guarded.url, {"Authorization": f"Bearer {TOKEN}"}),
    ):
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await http.ws_connect(f"{url}feed", headers={"Origin": origin, **headers})
        assert caught.value.status == 403


async def test_a_websocket_of_the_page_itself_is_admitted(dashboard, http):
    origin = dashboard.url.rstrip("/")
    async with http.ws_connect(f"{dashboard.url}feed", headers={"Origin": origin}) as websocket:
        await Page(websocket).next(type="snapshot")


async def test_without_the_token_there_is_only_the_page_that_asks_for_it(guarded, http):
    async with http.get(guarded.url) as response:
        assert response.url.path == "/login"
        assert 'name="token"' in await response.text()
    for path in ("static/main.js", "vendor/uPlot.iife.min.js"):
        async with http.get(guarded.url + path) as response:
            assert response.status == 401
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await http.ws_connect(f"{guarded.url}feed")


async def test_a_wrong_token_is_refused(guarded, http, monkeypatch):
    monkeypatch.setattr(guard, "_PENALTY_S", 0.01)
    async with http.post(f"{guarded.url}login", data={"token": TOKEN[:-1]}) as response:
        assert response.status == 403
        assert "This is not the token." in await response.text()
    async with http.get(f"{guarded.url}?token=wrong") as response:
        assert response.status == 403
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await http.ws_connect(f"{guarded.url}feed", headers={"Authorization": "Bearer wrong"})


@pytest.mark.parametrize("way", ["link", "form"])
async def test_the_token_opens_the_page_and_leaves_the_address(guarded, http, way):
    if way == "link":
        response = await http.get(guarded.url, params={"token": TOKEN})
    else:
        response = await http.post(f"{guarded.url}login", data={"token": TOKEN})
    assert (response.status, str(response.url)) == (200, guarded.url)
    cookie = response.history[0].headers["Set-Cookie"]
    assert cookie.endswith("; HttpOnly; Path=/; SameSite=strict")
    assert TOKEN not in cookie
    async with http.ws_connect(f"{guarded.url}feed") as websocket:
        await Page(websocket).next(type="snapshot")


async def test_with_tls_the_page_is_https_and_its_cookie_stays_there(csms, tmp_path, http):
    ca = ThrowAwayCa(tmp_path / "ca")
    tls = server_context(ca.issue_server(["127.0.0.1"]))
    trust = ssl.create_default_context(cafile=ca.certificate)
    async with Dashboard(csms, token=TOKEN, tls=tls) as dashboard:
        assert dashboard.link.startswith("https://127.0.0.1:")
        response = await http.get(dashboard.url, params={"token": TOKEN}, ssl=trust)
        assert (response.status, str(response.url)) == (200, dashboard.url)
        assert "; Secure" in response.history[0].headers["Set-Cookie"]
        headers = {"Origin": dashboard.url.rstrip("/")}
        async with http.ws_connect(f"{dashboard.url}feed", ssl=trust, headers=headers) as websocket:
            await Page(websocket).next(type="snapshot")


async def test_the_token_is_in_no_log(guarded, http, caplog):
    caplog.set_level(logging.DEBUG)
    await http.get(guarded.url, params={"token": TOKEN})
    async with http.ws_connect(f"{guarded.url}feed?token={TOKEN}") as websocket:
        await Page(websocket).next(type="snapshot")
    own = [r.getMessage() for r in caplog.records if not r.name.startswith("aiohttp")]
    assert not any(TOKEN in text or "a+token" in text or "a%20token" in text for text in own)


async def test_other_addresses_than_loopback_need_a_token(csms):
    assert Dashboard(csms).token is None
    dashboard = Dashboard(csms, host="0.0.0.0")
    assert dashboard.token is not None
    assert dashboard.link.endswith(f"?token={dashboard.token}")
    chosen = Dashboard(csms, host="0.0.0.0", token=TOKEN)
    assert TOKEN not in chosen.link
    with pytest.raises(CsmsError, match="at least 16 printable ASCII characters"):
        Dashboard(csms, token="short")


async def test_a_port_in_use_is_one_sentence(csms, dashboard):
    port = int(dashboard.url.rstrip("/").rpartition(":")[2])
    with pytest.raises(CsmsError, match=rf"cannot listen on 127.0.0.1 port {port}: the port is in"):
        await Dashboard(csms, port=port).__aenter__()
    async with Dashboard(csms, port=port, any_port=True) as other:
        assert other.url != dashboard.url


async def test_only_parts_of_the_page_are_served(dashboard, http):
    for path in ("static/../server.py", "static/%2e%2e/server.py", "vendor/uPlot.cjs.js", "x"):
        async with http.get(dashboard.url + path) as response:
            assert response.status == 404


async def test_the_command_line_prints_where_it_is(tmp_path, http):
    command = [sys.executable, "-m", "vevgw.cli", "csms", "run", "--port", "0"]
    process = await asyncio.create_subprocess_exec(
        *command,
        "--db",
        str(tmp_path / "db"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(30):
            await process.stdout.readline()
            line = (await process.stdout.readline()).decode()
        assert line.startswith("Dashboard at http://127.0.0.1:")
        async with http.ws_connect(f"{line.split()[2]}feed") as websocket:
            await Page(websocket).next(type="snapshot")
            process.terminate()
            assert await asyncio.wait_for(process.wait(), 10) == 0
            assert (await websocket.receive()).type is aiohttp.WSMsgType.CLOSE
        assert process.stderr is not None
        assert await process.stderr.read() == b""
    finally:
        if process.returncode is None:
            process.kill()
