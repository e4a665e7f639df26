"""The sending side of one connection: records each frame and sends it, or harms it on purpose."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Final

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from vevgw.csms.effects import (
    Close,
    Delay,
    Drop,
    Duplicate,
    Form,
    Fragments,
    Freeze,
    Malformed,
    Trickle,
    WrongId,
)
from vevgw.csms.faults import Fault, Faults
from vevgw.csms.frames import Frame, parse_frame
from vevgw.csms.history import Direction, FrameRecord, History, Verdict
from vevgw.csms.recorder import Recorder

_DEEP: Final = 2_000
_LONG_BYTES: Final = 300_000


class Sender:
    """Sends frames on one WebSocket.

    Attributes:
        thawed: Cleared while the connection is frozen.
    """

    def __init__(
        self,
        identity: str,
        number: int,
        websocket: ServerConnection,
        history: History,
        recorder: Recorder,
        faults: Faults,
        judge: Callable[[Frame, str | None], None],
    ) -> None:
        """Binds the sender to a connection; see Connection.

        Args:
            judge: Says in a frame what is wrong with its payload; the action is that of its CALL.
        """
        self.thawed = asyncio.Event()
        self.thawed.set()
        self._identity = identity
        self._number = number
        self._websocket = websocket
        self._history = history
        self._recorder = recorder
        self._faults = faults
        self._judge = judge
        self._trickling = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs something beside the connection, until the connection ends at most."""
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def end(self) -> None:
        """Ends what spawn() started."""
        for task in self._tasks:
            task.cancel()

    def freeze(self, for_s: float | None = None) -> None:
        """Reads and sends nothing from now on; TCP stays alive."""
        self.thawed.clear()
        self._websocket.transport.pause_reading()
        if self._websocket.keepalive_task is not None:
            self._websocket.keepalive_task.cancel()
        if for_s is not None:
            self.spawn(self._thaw_later(for_s))

    def thaw(self) -> None:
        """Ends freeze()."""
        if not self.thawed.is_set():
            self._websocket.transport.resume_reading()
            self._websocket.start_keepalive()
            self.thawed.set()

    async def close(self, code: int | None = 1000, reason: str = "") -> None:
        """Closes the connection; with code None by tearing TCP down."""
        if code is None or not self.thawed.is_set():
            self._websocket.transport.abort()
            self.thawed.set()
        else:
            await self._websocket.close(code, reason)

    async def send(
        self,
        text: str,
        frame: Frame,
        action: str | None,
        latency_ms: float | None = None,
        mark: str = "",
    ) -> FrameRecord:
        """Records and sends a frame, in this order, so that the answer to it always comes later.

        Args:
            text: The frame.
            frame: As parsed, with what is wrong with it.
            action: Of an answer that of its CALL.
            latency_ms: Of an answer the time since its CALL.
            mark: The fault that already acted on it.
        """
        await self.thawed.wait()
        record = self.new_record(Direction.OUT, text, frame, action, latency_ms)
        record.fault = mark
        fault = self._faults.on_frame(record)
        if fault is not None:
            await self._harm(fault, record, text)
            return record
        self.record(record)
        await self._put(record, text)
        return record

    def new_record(
        self,
        direction: Direction,
        text: str,
        frame: Frame,
        action: str | None,
        latency_ms: float | None = None,
    ) -> FrameRecord:
        """Numbers a frame of this connection; record() must follow."""
        return self._recorder.new_record(
            self._identity,
            self._number,
            direction,
            text,
            frame,
            action=action,
            latency_ms=latency_ms,
        )

    def record(self, record: FrameRecord) -> None:
        """Writes a frame to the log and shows it to whoever waits."""
        self._recorder.record(record)
        self._history.add(record)

    async def _put(
        self,
        record: FrameRecord,
        data: str | bytes | AsyncIterator[bytes],
        text: bool | None = None,
    ) -> None:
        try:
            await self._websocket.send(data, text=text)
        except ConnectionClosed:
            self._recorder.amend(record, Verdict.UNSENT, "the connection was closed")

    async def _thaw_later(self, delay_s: float) -> None:
        await asyncio.sleep(delay_s)
        self.thaw()

    # -- on purpose -------------------------------------------------------------------------------

    async def _harm(self, fault: Fault, record: FrameRecord, text: str) -> None:
        record.fault = fault.mark
        match fault.effect:
            case Drop():
                self._keep_back(record, "dropped on purpose")
            case Close(code, reason):
                self._keep_back(record, "the connection was closed on purpose")
                self.spawn(self.close(code, reason))
            case Freeze(for_s):
                self._keep_back(record, "frozen on purpose")
                self.freeze(for_s)
            case Delay(delay_s):
                self.spawn(self._send_later(delay_s, record, text))
            case Duplicate(copies, pause_s):
                self.record(record)
                await self._put(record, text)
                self.spawn(self._repeat(copies, pause_s, record, text))
            case WrongId(wrong_id):
                await self._send_changed(record, _with_id(text, wrong_id))
            case Malformed(form, other):
                if other is not None:
                    await self._send_changed(record, other.replace("{id}", record.message_id or ""))
                else:
                    await self._send_malformed(record, form, text)
            case Fragments(size, pause_s):
                self.record(record)
                await self._put(record, _pieces(text.encode(), size, pause_s), text=True)
            case Trickle(size, pause_s):
                self.record(record)
                await self._trickle(record, text, size, pause_s)
            case other_effect:
                raise AssertionError(f"{other_effect} does not act on frames to send")

    def _keep_back(self, record: FrameRecord, reason: str) -> None:
        record.verdict, record.reason = Verdict.UNSENT, reason
        self.record(record)

    async def _send_later(self, delay_s: float, record: FrameRecord, text: str) -> None:
        await asyncio.sleep(delay_s)
        await self.thawed.wait()
        later = self._again(record, text)
        self.record(later)
        await self._put(later, text)

    async def _repeat(self, copies: int, pause_s: float, record: FrameRecord, text: str) -> None:
        for _ in range(copies):
            await asyncio.sleep(pause_s)
            copy = self._again(record, text)
            self.record(copy)
            await self._put(copy, text)

    def _again(self, record: FrameRecord, text: str) -> FrameRecord:
        """Returns a new record of the same frame, sent now."""
        again = self.new_record(
            Direction.OUT,
            text,
            parse_frame(text, check_id=False),
            record.action,
            record.latency_ms,
        )
        again.verdict, again.reason, again.fault = record.verdict, record.reason, record.fault
        return again

    async def _send_changed(self, record: FrameRecord, text: str) -> None:
        frame = parse_frame(text, check_id=False)
        self._judge(frame, record.action)
        changed = self.new_record(Direction.OUT, text, frame, record.action, record.latency_ms)
        changed.fault = record.fault
        self.record(changed)
        await self._put(changed, text)

    async def _send_malformed(self, record: FrameRecord, form: Form, text: str) -> None:
        if form == "binary":
            record.verdict, record.reason = Verdict.INVALID, "binary frame instead of text"
            self.record(record)
            await self._put(record, text.encode())
        elif form == "bad-utf8":
            record.verdict, record.reason = Verdict.INVALID, "not UTF-8"
            self.record(record)
            await self._put(record, text.encode()[:-1] + b"\xff\xfe]", text=True)
        else:
            await self._send_changed(record, _SPOIL[form](text))

    async def _trickle(self, record: FrameRecord, text: str, size: int, pause_s: float) -> None:
        """Sends a frame in small TCP segments; what else is sent meanwhile queues behind it."""
        async with self._trickling:
            real = self._websocket.transport
            slow = _Gather(real)
            # The library writes to this attribute only; no pong may tear the frame apart.
            self._websocket.transport = slow  # type: ignore[assignment]
            try:
                await self._put(record, text)
                while slow.gathered and not real.is_closing():
                    piece = bytes(slow.gathered[:size])
                    del slow.gathered[:size]
                    real.write(piece)
                    await asyncio.sleep(pause_s)
            finally:
                self._websocket.transport = real
                if slow.gathered:
                    real.write(bytes(slow.gathered))


class _Gather:
    """A transport that keeps what is written."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.gathered = bytearray()

    def write(self, data: bytes) -> None:
        """Keeps data."""
        self.gathered += data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


async def _pieces(data: bytes, size: int, pause_s: float) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        if at and pause_s:
            await asyncio.sleep(pause_s)
        yield data[at : at + size]


def _with_id(text: str, message_id: Any) -> str:
    data = json.loads(text)
    data[1] = message_id
    return _encode(data)


def _changed(change: Callable[[list[Any]], Any]) -> Callable[[str], str]:
    def spoil(text: str) -> str:
        data = json.loads(text)
        return _encode(change(data))

    return spoil


def _payload_at(data: list[Any]) -> int:
    return 3 if data[0] == 2 else len(data) - 1


def _replace_payload(data: list[Any], payload: Any) -> list[Any]:
    data[_payload_at(data)] = payload
    return data


def _encode(data: Any) -> str:
    return json.dumps(data, separators=(",", ":"))


_SPOIL: Final[dict[str, Callable[[str], str]]] = {
    "truncated": lambda text: text[: max(1, len(text) // 2)],
    "not-json": lambda _: "this is not JSON",
    "empty": lambda _: "",
    "object": _changed(lambda data: {"message": data}),
    "wrong-type": _changed(lambda data: [9, *data[1:]]),
    "short": _changed(lambda data: data[:-1]),
    "extra-element": _changed(lambda data: [*data, "extra"]),
    "payload-array": _changed(lambda data: _replace_payload(data, [])),
    "unknown-field": _changed(
        lambda data: _replace_payload(data, {**data[_payload_at(data)], "unknownField": 1})
    ),
    "deep": lambda text: text[:-1] + "," + "[" * _DEEP + "]" * _DEEP + "]",
    "long": lambda text: text[:-1] + " " * _LONG_BYTES + "]",
}
