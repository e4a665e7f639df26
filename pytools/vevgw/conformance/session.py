"""What the CSMS of a case received and sent, in the order of the wire, and what follows from it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

from vevgw.conformance.model import Absent
from vevgw.csms.behaviour import Boot, Registration
from vevgw.csms.handshake import OpeningRequest
from vevgw.csms.history import Direction, FrameRecord, Signal, Verdict

Kind = Literal["cp-call", "cp-answer", "csms-call", "csms-answer", "stimulus", "note"]
#: The CSMS answers at once, unless it is told not to; s.
_ANSWER_S: Final = 2.0

Mark = Literal["", "expected", "background", "unexpected", "deviation"]


@dataclass(slots=True)
class Entry:
    """One line of the log of a case.

    Attributes:
        index: Its place in the log.
        at_s: Seconds since the case began.
        action: Of a message; of a stimulus what is done.
        payload: Decoded; of a CALLERROR code, description and details.
        text: Of a message its frame; else a sentence.
        is_error: A CALLERROR.
        wrong: What the schemas say against it; empty if nothing.
        place: File and line of the step that it belongs to.
    """

    index: int
    at_s: float
    kind: Kind
    action: str
    payload: Any = None
    text: str = ""
    message_id: str | None = None
    is_error: bool = False
    wrong: str = ""
    mark: Mark = ""
    place: str = ""

    def line(self) -> str:
        """Returns it as one line for people."""
        arrow = {
            "cp-call": "<",
            "cp-answer": "< ",
            "csms-call": ">",
            "csms-answer": "> ",
            "stimulus": "*",
            "note": "#",
        }[self.kind]
        return f"{self.at_s:7.2f} {arrow} {self.text}"


class Liar(Protocol):
    """Changes what the judge sees of the charge point; see mutants.py."""

    def begin(self, names: Callable[[str], Any]) -> None:
        """The case proper begins."""

    def see(self, entry: Entry) -> Iterable[Entry]:
        """Returns what is seen in place of a message."""

    def see_opening(self, request: OpeningRequest) -> OpeningRequest:
        """Returns what is seen in place of an opening handshake."""

    def watching(self, step: Absent) -> Entry | None:
        """Returns a message that is seen while none may come."""


@dataclass
class ScriptedBoot(Boot):
    """Answers BootNotifications as a case says, then Accepted."""

    script: list[str] = field(default_factory=list)

    def answer(self, count: int) -> tuple[Registration, int]:
        """See Boot."""
        status: Any = self.script.pop(0) if self.script else "Accepted"
        return status, self.interval_s if status == "Accepted" else self.retry_interval_s


class Session:
    """The log of one case, and what waits for it."""

    def __init__(self, *, liar: Liar | None = None) -> None:
        self.entries: list[Entry] = []
        self.calls: list[Entry] = []
        self.configuration: dict[str, str] = {}
        self.captured: dict[str, Any] = {}
        self.openings: list[OpeningRequest] = []
        self.openings_judged = 1
        self.changed = Signal()
        self.liar = liar
        self._begin_s = time.monotonic()
        self._answers: dict[str, asyncio.Future[Entry]] = {}
        self._answered: set[str | None] = {None}

    def now_s(self) -> float:
        """Seconds since the case began."""
        return time.monotonic() - self._begin_s

    def add(self, kind: Kind, action: str, text: str) -> Entry:
        """Logs something that is no message."""
        entry = Entry(len(self.entries), self.now_s(), kind, action, text=text)
        self.entries.append(entry)
        return entry

    def await_answer(self, message_id: str) -> asyncio.Future[Entry]:
        """Returns what will be the answer to a CALL of the CSMS."""
        future: asyncio.Future[Entry] = asyncio.get_running_loop().create_future()
        self._answers[message_id] = future
        return future

    def listen(self, record: FrameRecord) -> None:
        """Takes a frame as the recorder has it; see Csms.on_frame()."""
        entry = self._entry(record)
        if record.direction is Direction.OUT:
            self._append(entry)
            self._learn_from_csms(entry)
            self.changed.notify()
            return
        for seen in self.liar.see(entry) if self.liar else (entry,):
            self._append(seen)
            if seen.kind == "cp-call":
                self.calls.append(seen)
            elif seen.message_id in self._answers:
                self._learn_from_answer(seen)
                future = self._answers.pop(seen.message_id)
                if not future.done():
                    future.set_result(seen)
        self.changed.notify()

    def opened(self, request: OpeningRequest) -> None:
        """Takes an opening handshake."""
        self.openings.append(self.liar.see_opening(request) if self.liar else request)
        self.changed.notify()

    def inject(self, entry: Entry) -> None:
        """Takes a CALL that the charge point did not send."""
        entry.at_s = self.now_s()
        self._append(entry)
        self.calls.append(entry)
        self.changed.notify()

    def _append(self, entry: Entry) -> None:
        entry.index = len(self.entries)
        self.entries.append(entry)

    def _entry(self, record: FrameRecord) -> Entry:
        is_call = record.message_type == 2
        if record.direction is Direction.IN:
            kind: Kind = "cp-call" if is_call or record.message_type is None else "cp-answer"
        else:
            kind = "csms-call" if is_call else "csms-answer"
        is_wrong = record.direction is Direction.IN and record.verdict in (
            Verdict.INVALID,
            Verdict.DUPLICATE,
            Verdict.UNSOLICITED,
        )
        return Entry(
            0,
            self.now_s(),
            kind,
            record.action or "?",
            record.payload,
            record.raw,
            record.message_id,
            is_error=record.message_type == 4,
            wrong=record.reason if is_wrong else "",
        )

    def _learn_from_csms(self, entry: Entry) -> None:
        if entry.kind != "csms-answer":
            return
        self._answered.add(entry.message_id)
        if entry.action == "StartTransaction" and not entry.is_error:
            latest = self.captured.get("TX")
            if entry.payload["transactionId"] != latest:
                self.captured |= {"TX": entry.payload["transactionId"], "TX_BEFORE": latest}

    def _learn_from_answer(self, entry: Entry) -> None:
        if entry.action == "GetConfiguration" and isinstance(entry.payload, dict):
            for item in entry.payload.get("configurationKey", []):
                self.configuration[item["key"]] = item.get("value", "")

    async def answered(self, call: Entry) -> None:
        """Waits until the CSMS has answered a CALL: what follows may need what it said."""
        with contextlib.suppress(TimeoutError):
            await self.changed.until(lambda: call.message_id in self._answered, _ANSWER_S)

    async def call_after(self, cursor: int, timeout_s: float) -> Entry | None:
        """Returns the CALL at a position of `calls`, waiting for it; None when time is up."""
        try:
            await self.changed.until(lambda: len(self.calls) > cursor, max(timeout_s, 0))
        except TimeoutError:
            return None
        return self.calls[cursor]
