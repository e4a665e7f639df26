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
from vevgw.csms.errors import CallRefused, CsmsError, InvalidAnswer, NotConnected
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
from vevgw.csms.recorder import Recorder
from vevgw.csms.schemas import CHARGE_POINT_ACTIONS, SchemaSet, Violation
from vevgw.csms.sender import Sender
from vevgw.csms.store import Store

_LOG = logging.getLogger(__name__)

#: Message ids remembered per connection and purpose.
_REMEMBERED_IDS: Final = 1_000
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
class _Pending:
    """A CALL of ours; ``answer`` is done once nobody waits any more."""

    action: str
    sent_s: float
    answer: asyncio.Future[Any]
    validate: bool


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
        self._pending: dict[str, _Pending] = {}
        self._over: OrderedDict[str, tuple[Verdict, str, float]] = OrderedDict()
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
            for pending in self._pending.values():
                if not pending.answer.done():
                    text = f"{self._identity} lost its connection before it answered"
                    pending.answer.set_exception(NotConnected(f"{text} {pending.action}."))
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
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        pending = _Pending(action, time.monotonic(), answer, validate)
        self._pending[message_id] = pending
        if action in ("TriggerMessage", "ExtendedTriggerMessage") and isinstance(payload, dict):
            self._triggered.add(str(payload.get("requestedMessage")))
        try:
            record = await self._sender.send(text, frame, action)
            # What was kept back on purpose looks to us as if it were lost on the way.
            if record.verdict is Verdict.UNSENT and not record.fault:
                raise NotConnected(f"{self._identity} lost its connection; {action} was not sent.")
            return await answer
        finally:
            if self._pending.pop(message_id, None) is not None:
                self._remember(message_id, Verdict.LATE, pending)

    def _remember(self, message_id: str, verdict: Verdict, pending: _Pending) -> None:
        self._over[message_id] = (verdict, pending.action, pending.sent_s)
        if len(self._over) > _REMEMBERED_IDS:
            self._over.popitem(last=False)

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
        if error is not None:
            details = fault.details if isinstance(fault, RefuseWith) else None
            text = encode_error(frame.message_id, error.code, error.reason, details)
        else:
            assert reply is not None
            text = encode_result(frame.message_id, answer.apply(reply.payload))
        booked = reply is not None and reply.booked
        if answer.delay_s > 0:
            work = self._answer_later(answer.delay_s, text, frame.action, received_s, booked)
            self._sender.spawn(work)
        else:
            await self._answer(text, frame.action, received_s, booked)
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
        if len(self._received_ids) > _REMEMBERED_IDS:
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
        pending = self._pending.get(message_id)
        over = self._over.get(message_id)
        action = pending.action if pending else over[1] if over else None
        sent_s = pending.sent_s if pending else over[2] if over else None
        latency_ms = None if sent_s is None else (received_s - sent_s) * 1000
        if frame.fault is None and frame.message_type is MessageType.CALL_RESULT and action:
            frame.fault = self._context.schemas.result_violation(action, frame.payload)
        record = self._sender.new_record(Direction.IN, text, frame, action, latency_ms)
        if pending is None and record.verdict is Verdict.OK:
            verdict = over[0] if over else Verdict.UNSOLICITED
            record.verdict, record.reason = verdict, _ANSWER_REASONS[verdict]
        fault = self._decide(record)
        self._sender.record(record)
        if await self._misbehave(fault) and not isinstance(fault, _BESIDE):
            return
        if isinstance(fault, Drop):
            return
        if pending is not None:
            del self._pending[message_id]
            self._settle(pending, frame)
            self._remember(message_id, Verdict.DUPLICATE, pending)
        elif over is not None:
            self._over[message_id] = (Verdict.DUPLICATE, over[1], over[2])

    def _settle(self, pending: _Pending, frame: Frame) -> None:
        """Gives an answer to whoever waits for it."""
        if pending.answer.done():
            return
        if frame.message_type is MessageType.CALL_ERROR:
            refused = CallRefused(
                pending.action, frame.error_code or "", frame.description, frame.payload
            )
            pending.answer.set_exception(refused)
        elif frame.fault is not None and pending.validate:
            text = f"{self._identity} answered {pending.action} wrongly: {frame.fault.reason}"
            pending.answer.set_exception(InvalidAnswer(text))
        else:
            pending.answer.set_result(frame.payload)

    # -- sending ----------------------------------------------------------------------------------

    async def _answer_later(
        self, delay_s: float, text: str, action: str | None, received_s: float, booked: bool
    ) -> None:
        await asyncio.sleep(delay_s)
        await self._answer(text, action, received_s, booked)

    async def _answer(self, text: str, action: str | None, received_s: float, booked: bool) -> None:
        """Sends an answer; one that promises something only once it is in the database."""
        if booked:
            await self._context.store.committed(_COMMIT_TIMEOUT_S)
        frame = parse_frame(text, check_id=False)
        self._judge(frame, action)
        await self._sender.send(text, frame, action, (time.monotonic() - received_s) * 1000)

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

_ANSWER_REASONS: Final = {
    Verdict.LATE: "its CALL had timed out",
    Verdict.DUPLICATE: "its CALL was already answered",
    Verdict.UNSOLICITED: "no CALL of this connection has this id",
}
