"""One connection of a charge point: receives, judges, records, answers, and sends CALLs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from vevgw.csms.answers import Answers, Reply
from vevgw.csms.books import Books
from vevgw.csms.effects import (
    Answer,
    AtOnce,
    Burst,
    Close,
    Delay,
    Drop,
    Effect,
    FaultPolicy,
    Freeze,
    NeverAnswer,
    RefuseWith,
    SendText,
    Thaw,
)
from vevgw.csms.errors import CsmsError, NotConnected
from vevgw.csms.faults import Faults
from vevgw.csms.frames import (
    Frame,
    MessageType,
    encode_call,
    encode_error,
    encode_result,
    parse_frame,
)
from vevgw.csms.history import Direction, FrameRecord, History, Verdict
from vevgw.csms.open_calls import REASONS, REMEMBERED_IDS, OpenCalls
from vevgw.csms.recorder import Recorder
from vevgw.csms.schemas import CHARGE_POINT_ACTIONS, SchemaSet, Violation
from vevgw.csms.sender import Sender
from vevgw.csms.store import Store

_LOG = logging.getLogger(__name__)

#: Longest wait for the database before an answer that promises something is sent, s.
_COMMIT_TIMEOUT_S: Final = 1.0
#: Longest wait for the answer to a CALL that nobody waits for, s.
_BURST_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Context:
    """What all connections of a CSMS share."""

    schemas: SchemaSet
    recorder: Recorder
    store: Store
    books: Books
    answers: Answers
    faults: Faults


@dataclass(slots=True)
class _Received:
    """A CALL of the charge point: its action, when it came, and the fault that acted on it."""

    action: str | None
    received_s: float
    mark: str = ""


class Connection:
    """Serves one charge point on one WebSocket."""

    def __init__(
        self,
        identity: str,
        number: int,
        websocket: ServerConnection,
        history: History,
        context: Context,
    ) -> None:
        """Takes over an open WebSocket.

        Args:
            identity: Of the charge point.
            number: From Recorder.connection_opened().
            websocket: Open, subprotocol agreed.
            history: Of the charge point.
            context: Shared parts.
        """
        self.number = number
        self.fault_policy: FaultPolicy | None = None
        self._identity = identity
        self._websocket = websocket
        self._context = context
        self._calls = OpenCalls(identity)
        self._received_ids: OrderedDict[str, None] = OrderedDict()
        self._triggered: set[str] = set()
        self._call_lock = asyncio.Lock()
        self._sender = Sender(
            identity, number, websocket, history, context.recorder, context.faults, self._judge
        )

    async def run(self) -> None:
        """Receives until the connection ends."""
        try:
            async for message in self._websocket:
                await self._sender.thawed.wait()
                await self._receive(message)
        except ConnectionClosed:
            pass
        finally:
            self._sender.end()
            self._calls.lose()
            self._context.recorder.connection_closed(
                self.number, self._websocket.close_code, self._websocket.close_reason or ""
            )

    async def close(self, code: int | None = 1000, reason: str = "") -> None:
        """Closes the connection; with code None by tearing TCP down."""
        await self._sender.close(code, reason)

    def freeze(self) -> None:
        """Reads and sends nothing from now on; TCP stays alive."""
        self._sender.freeze()

    def thaw(self) -> None:
        """Ends freeze()."""
        self._sender.thaw()

    @property
    def is_frozen(self) -> bool:
        """Whether freeze() is in force."""
        return not self._sender.thawed.is_set()

    async def act(self, effect: AtOnce) -> None:
        """Does something wrong now."""
        if not await self._misbehave(effect):
            raise AssertionError(f"{effect} needs a frame")

    async def call(
        self, action: str, payload: Any, *, validate: bool, concurrent: bool, message_id: str | None
    ) -> Any:
        """Sends a CALL and waits for its answer, without limit of time; see ChargePoint.call()."""
        if concurrent:
            return await self._call(action, payload, validate, message_id)
        async with self._call_lock:
            return await self._call(action, payload, validate, message_id)

    async def send_text(self, text: str) -> FrameRecord:
        """Sends any text as a frame and records it with its verdict."""
        frame = parse_frame(text)
        self._judge(frame, frame.action)
        return await self._sender.send(text, frame, frame.action)

    def _judge(self, frame: Frame, action: str | None) -> None:
        """Checks the payload of a frame of ours."""
        if frame.fault is not None:
            return
        schemas = self._context.schemas
        if frame.message_type is MessageType.CALL:
            frame.fault = schemas.call_violation(frame.action or "", frame.payload)
        elif frame.message_type is MessageType.CALL_RESULT and action is not None:
            frame.fault = schemas.result_violation(action, frame.payload)

    # -- CALLs of ours ----------------------------------------------------------------------------

    async def _call(self, action: str, payload: Any, validate: bool, message_id: str | None) -> Any:
        message_id = message_id or str(uuid.uuid4())
        text = encode_call(message_id, action, payload)
        frame = parse_frame(text)
        self._judge(frame, action)
        call = self._calls.open(message_id, action, validate=validate)
        if action in ("TriggerMessage", "ExtendedTriggerMessage") and isinstance(payload, dict):
            self._triggered.add(str(payload.get("requestedMessage")))
        try:
            record = await self._sender.send(text, frame, action)
            # What was kept back on purpose looks to us as if it were lost on the way.
            if record.verdict is Verdict.UNSENT and not record.fault:
                raise NotConnected(f"{self._identity} lost its connection; {action} was not sent.")
            return await call.answer
        finally:
            self._calls.give_up(message_id)

    # -- receiving --------------------------------------------------------------------------------

    async def _receive(self, message: str | bytes) -> None:
        received_s = time.monotonic()
        if isinstance(message, bytes):
            text = message.decode("utf-8", "backslashreplace")
            frame = Frame(fault=Violation("FormationViolation", "binary frame instead of text"))
        else:
            text = message
            frame = parse_frame(text)
        if frame.message_type in (MessageType.CALL_RESULT, MessageType.CALL_ERROR):
            await self._on_answer(text, frame, received_s)
        else:
            await self._on_call(text, frame, received_s)

    async def _on_call(self, text: str, frame: Frame, received_s: float) -> None:
        """Handles a CALL, and whatever cannot be told from one."""
        record = self._sender.new_record(Direction.IN, text, frame, frame.action)
        call = _Received(frame.action, received_s)
        if frame.message_type is MessageType.CALL:
            frame.fault = frame.fault or self._call_fault(frame)
            if frame.fault is not None:
                record.verdict, record.reason = Verdict.INVALID, frame.fault.reason
            self._check_id(frame, record)
        fault = self._decide(record)
        reply: Reply | None = None
        error = frame.fault
        if isinstance(fault, RefuseWith):
            error = Violation(fault.code, fault.description)
        elif not isinstance(fault, Drop | Close | Freeze) and error is None:
            error = self._registration_fault(frame, record)
            if error is None:
                reply, error = self._book(frame, record)
        self._sender.record(record)
        if await self._misbehave(fault) and not isinstance(fault, _BESIDE):
            return
        if isinstance(fault, Drop | NeverAnswer):
            return
        # An unreadable frame, or one of a type that OCPP-J says to ignore, gets no answer.
        if frame.message_type is not MessageType.CALL or not isinstance(
            frame.message_id, str | int
        ):
            return
        answer = fault if isinstance(fault, Answer) else Answer()
        if isinstance(fault, Delay):
            answer = Answer(delay_s=fault.delay_s)
        sent: Frame | None = None
        if error is not None:
            details = fault.details if isinstance(fault, RefuseWith) else None
            text = encode_error(frame.message_id, error.code, error.reason, details)
        else:
            assert reply is not None
            payload = answer.apply(reply.payload)
            text = encode_result(frame.message_id, payload)
            if fault is None:
                sent = Frame(MessageType.CALL_RESULT, frame.message_id, payload=payload)
        call.mark = record.fault
        # What was meddled with is judged from its text, as a charge point would.
        sent = sent or parse_frame(text, check_id=False)
        booked = reply is not None and reply.booked
        if answer.delay_s > 0:
            self._sender.spawn(self._answer_later(answer.delay_s, text, sent, call, booked))
        else:
            await self._answer(text, sent, call, booked)
        if reply is not None and reply.then:
            self._sender.spawn(self._call_in_turn(reply.then))

    def _call_fault(self, frame: Frame) -> Violation | None:
        schemas, action = self._context.schemas, frame.action or ""
        if action in schemas.actions and action not in CHARGE_POINT_ACTIONS:
            return Violation("NotSupported", f"{action} is a CALL of the CSMS")
        return schemas.call_violation(action, frame.payload)

    def _check_id(self, frame: Frame, record: FrameRecord) -> None:
        if not isinstance(frame.message_id, str):
            return
        if frame.message_id in self._received_ids and record.verdict is Verdict.OK:
            record.verdict, record.reason = Verdict.SUSPECT, "message id was used before"
        self._received_ids[frame.message_id] = None
        if len(self._received_ids) > REMEMBERED_IDS:
            self._received_ids.popitem(last=False)

    def _registration_fault(self, frame: Frame, record: FrameRecord) -> Violation | None:
        """Refuses what may not be sent before registration (OCPP 1.6 4.2; J-errata 3.10)."""
        registration = self._context.books.charge_point(self._identity).registration
        if frame.action == "BootNotification" or registration == "Accepted":
            return None
        if registration is None:
            record.verdict, record.reason = Verdict.SUSPECT, "sent before any BootNotification"
            return None
        if registration == "Pending" and frame.action in self._triggered:
            return None
        record.verdict, record.reason = (
            Verdict.SUSPECT,
            f"sent although registration is {registration}",
        )
        return Violation("SecurityError", f"registration is {registration}")

    def _book(self, frame: Frame, record: FrameRecord) -> tuple[Reply | None, Violation | None]:
        try:
            reply = self._context.answers.reply(self._identity, frame.action or "", frame.payload)
        except Exception:
            _LOG.exception("The answer to %s of %s failed.", frame.action, self._identity)
            return None, Violation("InternalError", "the answer could not be made")
        if reply.verdict is not Verdict.OK:
            record.verdict, record.reason = reply.verdict, reply.reason
        return reply, None

    async def _on_answer(self, text: str, frame: Frame, received_s: float) -> None:
        message_id = frame.message_id if isinstance(frame.message_id, str) else ""
        call = self._calls.find(message_id)
        action = None if call is None else call.action
        latency_ms = None if call is None else (received_s - call.sent_s) * 1000
        if frame.fault is None and frame.message_type is MessageType.CALL_RESULT and action:
            frame.fault = self._context.schemas.result_violation(action, frame.payload)
        record = self._sender.new_record(Direction.IN, text, frame, action, latency_ms)
        verdict = Verdict.UNSOLICITED if call is None else call.verdict
        if verdict is not Verdict.OK and record.verdict is Verdict.OK:
            record.verdict, record.reason = verdict, REASONS[verdict]
        fault = self._decide(record)
        self._sender.record(record)
        if await self._misbehave(fault) and not isinstance(fault, _BESIDE):
            return
        if isinstance(fault, Drop):
            return
        self._calls.settle(message_id, frame)

    # -- sending ----------------------------------------------------------------------------------

    async def _answer_later(
        self, delay_s: float, text: str, frame: Frame, call: _Received, booked: bool
    ) -> None:
        await asyncio.sleep(delay_s)
        await self._answer(text, frame, call, booked)

    async def _answer(self, text: str, frame: Frame, call: _Received, booked: bool) -> None:
        """Sends an answer; one that promises something only once it is in the database."""
        if booked:
            await self._context.store.committed(_COMMIT_TIMEOUT_S)
        self._judge(frame, call.action)
        latency_ms = (time.monotonic() - call.received_s) * 1000
        await self._sender.send(text, frame, call.action, latency_ms, call.mark)

    # -- on purpose -------------------------------------------------------------------------------

    def _decide(self, record: FrameRecord) -> Effect | None:
        """Asks what to do with a received frame, and marks it."""
        effect = self.fault_policy.decide(record) if self.fault_policy else None
        if effect is not None:
            record.fault = type(effect).__name__
            return effect
        fault = self._context.faults.on_frame(record)
        if fault is None:
            return None
        record.fault = fault.mark
        return fault.effect

    async def _misbehave(self, effect: Effect | None) -> bool:
        """Carries out what concerns the connection; returns whether it did."""
        match effect:
            case Close(code, reason):
                self._sender.spawn(self.close(code, reason))
            case Freeze(for_s):
                self._sender.freeze(for_s)
            case Thaw():
                self._sender.thaw()
            case Burst(calls, times):
                for action, payload in calls * times:
                    self._sender.spawn(self._call_and_forget(action, payload))
            case SendText(text):
                await self.send_text(text)
            case _:
                return False
        return True

    async def _call_in_turn(self, calls: tuple[tuple[str, Any], ...]) -> None:
        for action, payload in calls:
            async with self._call_lock:
                await self._call_and_forget(action, payload)

    async def _call_and_forget(self, action: str, payload: Any) -> None:
        with contextlib.suppress(CsmsError, TimeoutError):
            async with asyncio.timeout(_BURST_TIMEOUT_S):
                await self._call(action, payload, validate=False, message_id=None)


#: What happens besides the usual answer, not instead of it.
_BESIDE: Final = Thaw | Burst | SendText
