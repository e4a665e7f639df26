"""The judge itself, with a charge point that does exactly what a test says."""

from __future__ import annotations

import asyncio
import contextlib
import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from vevgw.conformance import loader
from vevgw.conformance.model import Case
from vevgw.conformance.mutants import Mutant, derive
from vevgw.conformance.pics import Pics
from vevgw.conformance.report.chart import chart
from vevgw.conformance.report.html import step_lines, write_html
from vevgw.conformance.report.junit import write_junit
from vevgw.conformance.session import Entry
from vevgw.conformance.suite import Plan, run_cases, run_mutants
from vevgw.conformance.verdict import Outcome, Verdict
from vevgw.errors import UserError

BOOT = ("BootNotification", {"chargePointVendor": "VEV", "chargePointModel": "fake"})
START = (
    "StartTransaction",
    {"connectorId": 1, "idTag": "OCTTTAG1", "meterStart": 0, "timestamp": "2026-11-23T03:00:00Z"},
)
PICS = Pics(Path("pics"), {"lock": False}, {"lock": "a lock"}, {"": {}})
OVERRIDES = {"MSG_TIMEOUT": 0.6, "OPTIONAL": 0.2, "QUIET": 0.2, "DEV": 0.1, "SETTLE": 0.05}

Message = tuple[str, dict[str, Any]]


def status(status: str, connector: int = 1) -> Message:
    payload = {"connectorId": connector, "errorCode": "NoError", "status": status}
    return "StatusNotification", payload


class FakeChargePoint:
    """Answers stimuli and CALLs with messages that the test lists.

    Args:
        on: Messages by the stimulus (`plug_in`) or the CALL (`Reset`) that they follow.
        answers: Answers to CALLs; a text is the code of a CALLERROR.
    """

    identity = "FAKE"
    connectors = 1
    is_fresh = True
    boots_at_start = True

    def __init__(
        self,
        on: Mapping[str, list[Message]],
        answers: Mapping[str, dict[str, Any] | str],
        broken: str | None = None,
    ) -> None:
        self._on = on
        self._answers = answers
        self._broken = broken
        self._pending: dict[str, asyncio.Future[Any]] = {}
        self._websocket: ClientConnection | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._count = 0

    async def start(self, csms_url: str, tls_url: str | None = None) -> None:
        self._websocket = await connect(
            f"{csms_url}/{self.identity}",
            subprotocols=[Subprotocol("ocpp1.6")],
            compression=None,
            proxy=None,
        )
        self._spawn(self._receive())
        self._spawn(self._send([BOOT, status("Available", 0), status("Available")]))

    async def stop(self) -> None:
        if self._websocket is not None:
            await self._websocket.close()

    async def do(self, action: str, arguments: Mapping[str, Any]) -> None:
        if action == self._broken:
            raise UserError("The cable is gone.")
        self._spawn(self._send(self._on.get(action, [])))

    async def is_locked(self, connector: int) -> bool | None:
        return None

    def files(self) -> list[Path]:
        return []

    def _spawn(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, messages: list[Message]) -> None:
        assert self._websocket is not None
        for action, payload in messages:
            self._count += 1
            number = str(self._count)
            self._pending[number] = asyncio.get_running_loop().create_future()
            with contextlib.suppress(ConnectionClosed):
                await self._websocket.send(json.dumps([2, number, action, payload]))
                await self._pending[number]

    async def _receive(self) -> None:
        assert self._websocket is not None
        with contextlib.suppress(ConnectionClosed):
            async for text in self._websocket:
                frame = json.loads(text)
                if frame[0] != 2:
                    self._pending[frame[1]].set_result(frame)
                    continue
                answer = self._answers.get(frame[2], {"status": "Accepted"})
                if isinstance(answer, str):
                    reply: list[Any] = [4, frame[1], answer, "", {}]
                else:
                    reply = [3, frame[1], answer]
                await self._websocket.send(json.dumps(reply))
                self._spawn(self._send(self._on.get(frame[2], [])))


def write(tmp_path: Path, steps: str, **more: Any) -> Case:
    """Makes a case of steps in YAML."""
    case = {
        "id": "TC_900_CP",
        "title": "Made by a test",
        "rules": [],
        "steps": yaml.safe_load(steps),
        **more,
    }
    folder = tmp_path / "cases"
    (folder / "Core").mkdir(parents=True, exist_ok=True)
    (folder / "Core" / "case.yaml").write_text(yaml.safe_dump({"cases": [case]}))
    return loader.load_all(folder)[0]


async def judge(
    tmp_path: Path,
    steps: str,
    on: Mapping[str, list[Message]] | None = None,
    answers: Mapping[str, dict[str, Any] | str] | None = None,
    *,
    broken: str | None = None,
    **more: Any,
) -> Outcome:
    """Runs a case against a charge point."""
    case = write(tmp_path, steps, **more)
    plan = Plan(
        lambda folder, variant: FakeChargePoint(on or {}, answers or {}, broken),
        PICS,
        tmp_path / "run",
        overrides=OVERRIDES,
    )
    (outcome,) = await run_cases([case], plan)
    return outcome


SESSION = """
- {do: plug_in, connector: $CONN}
- {expect: StatusNotification, with: {connectorId: $CONN, status: Preparing}}
- expect: StartTransaction
  with: {idTag: $TAG1}
- {expect: StatusNotification, with: {connectorId: $CONN, status: Charging}}
"""


async def test_what_is_expected_passes(tmp_path: Path) -> None:
    on = {"plug_in": [status("Preparing"), START, status("Charging")]}
    outcome = await judge(tmp_path, SESSION, on)
    assert outcome.verdict is Verdict.PASS, outcome.reason
    expected = [entry.action for entry in outcome.log if entry.mark == "expected"]
    assert expected[-3:] == ["StatusNotification", "StartTransaction", "StatusNotification"]


async def test_status_and_transaction_may_be_swapped(tmp_path: Path) -> None:
    on = {"plug_in": [status("Preparing"), status("Charging"), START]}
    outcome = await judge(tmp_path, SESSION, on)
    assert outcome.verdict is Verdict.PASS, outcome.reason


async def test_background_and_other_statuses_are_not_in_the_way(tmp_path: Path) -> None:
    on = {
        "plug_in": [
            ("Heartbeat", {}),
            status("Preparing"),
            START,
            status("SuspendedEV"),
            status("Available", 0),
            status("Charging"),
        ]
    }
    outcome = await judge(tmp_path, SESSION, on)
    assert outcome.verdict is Verdict.PASS, outcome.reason
    assert "unexpected" in [entry.mark for entry in outcome.log]


async def test_wrong_field_fails_with_its_place_in_the_log(tmp_path: Path) -> None:
    wrong = ("StartTransaction", {**START[1], "idTag": "OTHER"})
    outcome = await judge(tmp_path, SESSION, {"plug_in": [status("Preparing"), wrong]})
    assert outcome.verdict is Verdict.FAIL
    assert "idTag is 'OTHER', not 'OCTTTAG1'" in outcome.reason
    assert outcome.entry is not None
    assert outcome.log[outcome.entry].payload["idTag"] == "OTHER"
    assert outcome.log[outcome.entry].mark == "deviation"
    assert "StartTransaction" in outcome.step
    assert "case.yaml" in outcome.step


async def test_missing_message_fails(tmp_path: Path) -> None:
    outcome = await judge(tmp_path, SESSION, {"plug_in": [status("Preparing"), START]})
    assert outcome.verdict is Verdict.FAIL
    assert "status Charging) did not come within 0.6 s" in outcome.reason


async def test_message_out_of_place_fails_at_once(tmp_path: Path) -> None:
    authorize = ("Authorize", {"idTag": "OCTTTAG1"})
    on = {"plug_in": [status("Preparing"), authorize, START, status("Charging")]}
    outcome = await judge(tmp_path, SESSION, on)
    assert outcome.verdict is Verdict.FAIL
    assert "Authorize came where StartTransaction" in outcome.reason


async def test_invalid_message_fails_whatever_it_is(tmp_path: Path) -> None:
    beat = ("Heartbeat", {"extra": 1})
    on = {"plug_in": [status("Preparing"), START, beat, status("Charging")]}
    outcome = await judge(tmp_path, SESSION, on)
    assert outcome.verdict is Verdict.FAIL
    assert "Heartbeat is not valid" in outcome.reason


# Rules: R-4.9-15 R-4.9-2
@pytest.mark.parametrize(
    ("after", "sentence"),
    [
        (status("Reserved"), "connector 1: Preparing cannot be followed by Reserved"),
        (status("Preparing", 0), "connector 0 cannot be Preparing"),
    ],
)
async def test_impossible_status_fails(tmp_path: Path, after: Message, sentence: str) -> None:
    on = {"plug_in": [status("Preparing"), after, START, status("Charging")]}
    outcome = await judge(tmp_path, SESSION, on)
    assert outcome.verdict is Verdict.FAIL
    assert outcome.reason == sentence


async def test_stimulus_that_fails_is_inconclusive(tmp_path: Path) -> None:
    outcome = await judge(tmp_path, SESSION, broken="plug_in")
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert outcome.reason == "The cable is gone."


async def test_case_that_does_not_apply_says_why(tmp_path: Path) -> None:
    outcome = await judge(tmp_path, SESSION, needs="lock")
    assert outcome.verdict is Verdict.NOT_APPLICABLE
    assert outcome.reason == "a lock: no"


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ({"status": "Accepted"}, Verdict.PASS),
        ({"status": "Rejected"}, Verdict.FAIL),
        ({"status": "Perhaps"}, Verdict.FAIL),
        ("NotSupported", Verdict.PASS),
        ("InternalError", Verdict.FAIL),
    ],
)
async def test_answers_are_judged(
    tmp_path: Path, answer: dict[str, Any] | str, verdict: Verdict
) -> None:
    steps = """
    - send: Reset
      payload: {type: Soft}
      answer: {status: Accepted}
      or_error: [NotSupported]
    """
    outcome = await judge(tmp_path, steps, answers={"Reset": answer})
    assert outcome.verdict is verdict, outcome.reason


async def test_optional_message_may_come_late_or_never(tmp_path: Path) -> None:
    steps = """
    - {do: plug_in}
    - {expect: Authorize, optional: true}
    - {do: fault}
    - {expect: StatusNotification, with: {connectorId: 1, status: Faulted}}
    """
    never = await judge(tmp_path, steps, {"fault": [status("Faulted")]})
    assert never.verdict is Verdict.PASS, never.reason
    authorize = ("Authorize", {"idTag": "OCTTTAG1"})
    late = await judge(tmp_path, steps, {"fault": [authorize, status("Faulted")]})
    assert late.verdict is Verdict.PASS, late.reason


async def test_absent_message_must_not_come(tmp_path: Path) -> None:
    steps = """
    - {do: plug_in}
    - {absent: [StartTransaction], for: $QUIET}
    - {expect: StatusNotification, with: {connectorId: 1, status: Preparing}}
    """
    good = await judge(tmp_path, steps, {"plug_in": [status("Preparing")]})
    assert good.verdict is Verdict.PASS, good.reason
    bad = await judge(tmp_path, steps, {"plug_in": [status("Preparing"), START]})
    assert bad.verdict is Verdict.FAIL
    assert "must not come" in bad.reason


async def test_conditions_look_at_what_came(tmp_path: Path) -> None:
    steps = """
    - {do: plug_in}
    - any_order:
        - sequence:
            - expect: StatusNotification
              with: {connectorId: 1, status: {oneof: [Preparing, Charging]}}
              label: shown
            - {do: unplug, when: shown.status == 'Charging'}
            - expect: StatusNotification
              with: {connectorId: 1, status: Finishing}
              when: shown.status == 'Charging'
    """
    waiting = await judge(tmp_path, steps, {"plug_in": [status("Preparing")]})
    assert waiting.verdict is Verdict.PASS, waiting.reason
    on = {"plug_in": [status("Charging")], "unplug": [status("Finishing")]}
    charging = await judge(tmp_path, steps, on)
    assert charging.verdict is Verdict.PASS, charging.reason
    on = {"plug_in": [status("Charging")]}
    stuck = await judge(tmp_path, steps, on)
    assert stuck.verdict is Verdict.FAIL


async def test_registration_is_scripted(tmp_path: Path) -> None:
    steps = """
    - policy: {boot: [Rejected]}
    - {do: power_cycle}
    - {expect: BootNotification, label: refused}
    - {expect: BootNotification, since: refused, latest: 0.5}
    - {expect: StatusNotification, with: {status: Available}, connectors: all}
    """
    on = {"power_cycle": [BOOT, BOOT, status("Available"), status("Available", 0)]}
    outcome = await judge(tmp_path, steps, on)
    assert outcome.verdict is Verdict.PASS, outcome.reason
    answers = [
        entry.payload["status"]
        for entry in outcome.log
        if entry.kind == "csms-answer" and entry.action == "BootNotification"
    ]
    assert answers == ["Accepted", "Rejected", "Accepted"]


async def test_message_that_is_too_early_fails(tmp_path: Path) -> None:
    steps = """
    - {do: power_cycle}
    - {expect: BootNotification, label: first}
    - {expect: BootNotification, since: first, earliest: $BOOT_RETRY - $DEV}
    """
    outcome = await judge(tmp_path, steps, {"power_cycle": [BOOT, BOOT]})
    assert outcome.verdict is Verdict.FAIL
    assert "too early" in outcome.reason


async def test_configuration_that_exists_is_set_before(tmp_path: Path) -> None:
    steps = "[{absent: [Authorize], for: 0.05}]"
    refused: dict[str, dict[str, Any] | str] = {"ChangeConfiguration": {"status": "NotSupported"}}
    outcome = await judge(tmp_path, steps, answers=refused, config={"Key?": "true"})
    assert outcome.verdict is Verdict.PASS, outcome.reason
    outcome = await judge(tmp_path, steps, answers=refused, config={"Key": "true"})
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert outcome.reason == "Key = true was answered NotSupported."


@pytest.mark.parametrize("kind", ["change", "drop", "swap", "inject"])
async def test_lie_about_the_charge_point_is_found(tmp_path: Path, kind: str) -> None:
    steps = (
        SESSION
        + """
- {absent: [StopTransaction], for: 0.1}
"""
    )
    on = {"plug_in": [status("Preparing"), START, status("Charging")]}
    named = {"kind": kind, "action": "StartTransaction", "fields": {"idTag": "LIE"}}
    if kind == "swap":
        named = {"kind": "swap", "action": "StatusNotification"}
    if kind == "inject":
        named = {"kind": "inject", "action": "StopTransaction"}
    case = write(tmp_path, steps, mutant=named)
    plan = Plan(
        lambda folder, variant: FakeChargePoint(on, {}),
        PICS,
        tmp_path / "run",
        overrides=OVERRIDES,
    )
    mutant = derive(case)
    assert mutant is not None
    (trial,) = await run_mutants([mutant], plan)
    assert trial.is_killed, trial.outcome
    # Without the lie nothing is wrong.
    (outcome,) = await run_cases([case], plan)
    assert outcome.verdict is Verdict.PASS, outcome.reason


async def test_case_that_proves_nothing_is_told(tmp_path: Path) -> None:
    steps = "[{do: plug_in}, {expect: StatusNotification}]"
    case = write(tmp_path, steps, mutant={"kind": "change", "action": "Authorize"})
    plan = Plan(
        lambda folder, variant: FakeChargePoint({"plug_in": [status("Preparing")]}, {}),
        PICS,
        tmp_path / "run",
        overrides=OVERRIDES,
    )
    (trial,) = await run_mutants([Mutant(case, case.mutant)], plan)  # type: ignore[arg-type]
    assert not trial.is_killed


async def test_charge_point_that_goes_on_is_cleaned_up(tmp_path: Path) -> None:
    class Lasting(FakeChargePoint):
        is_fresh = False
        boots_at_start = False

    keys: dict[str, dict[str, Any] | str] = {
        "GetConfiguration": {"configurationKey": [{"key": "Key", "readonly": False, "value": "7"}]}
    }
    case = write(tmp_path, "[{do: plug_in}]", config={"Key": "8"})
    plan = Plan(
        lambda folder, variant: Lasting({}, keys), PICS, tmp_path / "run", overrides=OVERRIDES
    )
    (outcome,) = await run_cases([case], plan)
    assert outcome.verdict is Verdict.PASS, outcome.reason
    sent = [(entry.action, entry.payload) for entry in outcome.log if entry.kind == "csms-call"]
    assert ("ChangeConfiguration", {"key": "Key", "value": "8"}) in sent
    assert sent[-1] == ("ChangeConfiguration", {"key": "Key", "value": "7"})
    actions = {action for action, _ in sent}
    assert {"ClearChargingProfile", "ChangeAvailability", "ClearCache", "SendLocalList"} <= actions


async def test_junit_names_failures_and_what_does_not_apply(tmp_path: Path) -> None:
    bad = await judge(tmp_path, SESSION, {"plug_in": [status("Preparing"), START]})
    skipped = await judge(tmp_path, SESSION, needs="lock")
    path = tmp_path / "reports" / "junit.xml"
    write_junit([bad, skipped], path)
    suite = ET.parse(path).getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("2", "1", "1")
    failure = suite[0].find("failure")
    assert failure is not None
    assert "did not come" in str(failure.get("message"))
    log = suite[0].findtext("system-out")
    assert log is not None
    assert "StartTransaction" in log


async def test_page_shows_steps_and_messages(tmp_path: Path) -> None:
    wrong = ("StartTransaction", {**START[1], "idTag": "<b>"})
    bad = await judge(tmp_path, SESSION, {"plug_in": [status("Preparing"), wrong]})
    skipped = await judge(tmp_path, SESSION, needs="lock")
    path = tmp_path / "report.html"
    write_html([bad, skipped], PICS, path, target="fake", took_s=1.0)
    page = path.read_text(encoding="utf-8")
    lines = {line.text: line.state for line in step_lines(bad)}
    assert lines["StatusNotification connectorId=$CONN status=Preparing"] == "met"
    assert lines["StartTransaction idTag=$TAG1"] == "failed"
    assert lines["StatusNotification connectorId=$CONN status=Charging"] == "open"
    assert '<g class="msg deviation">' in page
    assert "idTag &lt;b&gt;" in page
    assert "<b>" not in page
    assert "a lock: no" in page
    assert "http" not in page


def test_the_chart_of_a_case_shows_no_key_and_no_password() -> None:
    payloads = (
        {"key": "AuthorizationKey", "value": "secret"},
        {"location": "ftp://cp:secret@host/x", "retries": 1},
    )
    log = [Entry(i, 0.0, "csms-call", "Any", payload) for i, payload in enumerate(payloads)]
    shown = chart(log)
    assert shown.count("***") == 4
    assert "secret" not in shown
