"""Replay: acts as a recorded charge point towards any CSMS.

What the charge point sent is sent again, connection by connection, at its recorded times (scaled),
each CALL after the answer to the one before. What the CSMS gives anew is put in its place:

    message ids     fresh ones; an answer carries the id of the CALL that it answers
    transaction ids those that the CSMS gives now, wherever the recorded ones stood
    timestamps      moved and scaled like the replay, unless they are to be kept

A CALL of the CSMS is answered as the charge point answered the recorded CALLs of this action, in
their order, the last answer again and again; one that was never recorded gets NotSupported. Broken
frames are sent as they were recorded.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.typing import Subprotocol

from vevgw.csms.errors import CsmsError
from vevgw.csms.frames import MessageType, encode_call, encode_error, parse_frame
from vevgw.csms.history import iso_utc
from vevgw.csms.queries import LoggedFrame, LogReader

#: Fields of payloads that hold a time.
_TIMES: Final = frozenset({"timestamp"})


@dataclass(slots=True)
class ReplayReport:
    """What came of a replay.

    Attributes:
        sent: Frames of the recording that were sent.
        answered: CALLs that the CSMS answered.
        calls: CALLs of the CSMS that were answered.
        differences: Answers of another kind or status than the recorded ones, a line each.
    """

    sent: int = 0
    answered: int = 0
    calls: int = 0
    differences: list[str] = field(default_factory=list)


def read_recording(file: Path, charge_point: str) -> list[LoggedFrame]:
    """Reads the frames of a charge point from a database or an export in JSON lines.

    Raises:
        CsmsError: The file cannot be read, or has no frame of this charge point.
    """
    try:
        with file.open("rb") as stream:
            is_database = stream.read(15) == b"SQLite format 3"
    except OSError as error:
        raise CsmsError(f"The recording {file} cannot be read: {error.strerror}.") from None
    if is_database:
        with LogReader(file) as log:
            frames = log.frames(charge_point=charge_point)
    else:
        frames = [f for f in _read_json_lines(file) if f.charge_point == charge_point]
    if not any(frame.direction == "in" for frame in frames):
        raise CsmsError(f"The recording {file} has no frame of charge point {charge_point!r}.")
    return frames


def _read_json_lines(file: Path) -> list[LoggedFrame]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise CsmsError(f"The recording {file} is neither a database nor text.") from None
    frames = []
    for number, line in enumerate(lines, start=1):
        try:
            data = json.loads(line)
            frames.append(LoggedFrame(**{name: data[name] for name in LoggedFrame.__slots__}))
        except (ValueError, KeyError, TypeError):
            raise CsmsError(
                f"Line {number} of the recording {file} is no exported frame."
            ) from None
    return frames


class Replay:
    """Replays one charge point."""

    def __init__(
        self,
        frames: Sequence[LoggedFrame],
        url: str,
        *,
        speed: float = 1.0,
        identity: str | None = None,
        keep_times: bool = False,
        headers: dict[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        answer_timeout_s: float = 30.0,
        on_frame: Callable[[str, str], None] | None = None,
    ) -> None:
        """Prepares a replay.

        Args:
            frames: Of one charge point, in order, both directions.
            url: Of the CSMS; the identity is appended.
            speed: 2 = twice as fast.
            identity: Instead of the recorded one.
            keep_times: Send timestamps as recorded.
            headers: Further headers of the handshake, such as Authorization.
            tls: For wss.
            answer_timeout_s: Longest wait for an answer before the next CALL.
            on_frame: Told of each frame: direction as seen from the CSMS, text.
        """
        self.report = ReplayReport()
        self._frames = frames
        self._url = f"{url.rstrip('/')}/{quote(identity or frames[0].charge_point, safe='')}"
        self._speed = speed
        self._keep_times = keep_times
        self._headers = headers
        self._tls = tls
        self._answer_timeout_s = answer_timeout_s
        self._on_frame = on_frame or (lambda direction, text: None)
        self._recorded_start = _time_of(next(f for f in frames if f.direction == "in"))
        self._start_s = 0.0
        self._start_utc = self._recorded_start
        self._transaction_ids: dict[int, int] = {}
        self._answers = _recorded_answers(frames)
        self._expected = _expected_answers(frames)
        self._waiting: dict[str, asyncio.Future[Any]] = {}

    async def run(self) -> ReplayReport:
        """Replays everything.

        Raises:
            CsmsError: The CSMS cannot be reached or ends the connection.
        """
        self._start_s, self._start_utc = time.monotonic(), datetime.now(UTC)
        connections: dict[int, list[LoggedFrame]] = defaultdict(list)
        for frame in self._frames:
            connections[frame.connection].append(frame)
        for frames in connections.values():
            await self._replay_connection([f for f in frames if f.direction == "in"])
        return self.report

    async def _replay_connection(self, frames: Sequence[LoggedFrame]) -> None:
        if not frames:
            return
        await self._wait_until(frames[0])
        try:
            async with connect(
                self._url,
                subprotocols=[Subprotocol("ocpp1.6")],
                additional_headers=self._headers,
                ssl=self._tls,
                proxy=None,
                compression=None,
            ) as websocket:
                receiving = asyncio.create_task(self._receive(websocket))
                try:
                    for frame in frames:
                        await self._replay_frame(websocket, frame)
                finally:
                    receiving.cancel()
        except (OSError, InvalidHandshake, InvalidURI, TimeoutError) as error:
            raise CsmsError(f"The CSMS at {self._url} cannot be reached: {error}.") from None
        except ConnectionClosed as error:
            raise CsmsError(
                f"The CSMS ended the connection after {self.report.sent} frames: {error}."
            ) from None

    async def _wait_until(self, frame: LoggedFrame) -> None:
        recorded_s = (_time_of(frame) - self._recorded_start).total_seconds()
        due_s = self._start_s + recorded_s / self._speed
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))

    async def _replay_frame(self, websocket: ClientConnection, recorded: LoggedFrame) -> None:
        await self._wait_until(recorded)
        frame = parse_frame(recorded.raw, check_id=False)
        if frame.message_type in (MessageType.CALL_RESULT, MessageType.CALL_ERROR):
            return  # sent when the CSMS asks
        if frame.message_type is None or frame.fault is not None or frame.action is None:
            await self._send(websocket, recorded.raw)
            return
        message_id = str(uuid.uuid4())
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[message_id] = answer
        payload = self._renew(frame.payload)
        await self._send(websocket, encode_call(message_id, frame.action, payload))
        try:
            got = await asyncio.wait_for(answer, self._answer_timeout_s)
        except TimeoutError:
            self.report.differences.append(f"{frame.action}: no answer")
            return
        finally:
            del self._waiting[message_id]
        self.report.answered += 1
        self._compare(recorded, frame.action, got)

    def _compare(self, recorded: LoggedFrame, action: str, got: Any) -> None:
        expected = self._expected.get((recorded.connection, recorded.message_id))
        if expected is None:
            return
        if action == "StartTransaction" and got.message_type is MessageType.CALL_RESULT:
            old, new = _member(expected, "transactionId"), _member(got, "transactionId")
            if isinstance(old, int) and isinstance(new, int):
                self._transaction_ids[old] = new
        was, is_now = _outcome(expected), _outcome(got)
        if was != is_now:
            self.report.differences.append(f"{action}: {is_now} instead of {was}")

    async def _receive(self, websocket: ClientConnection) -> None:
        try:
            async for message in websocket:
                await self._take(websocket, message)
        except ConnectionClosed:
            pass
        finally:
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(
                        CsmsError("The CSMS ended the connection before it answered.")
                    )

    async def _take(self, websocket: ClientConnection, message: str | bytes) -> None:
        text = message if isinstance(message, str) else message.decode("utf-8", "replace")
        self._on_frame("out", text)
        frame = parse_frame(text, check_id=False)
        if frame.message_type is MessageType.CALL:
            await self._answer(websocket, frame.message_id, frame.action or "")
        elif isinstance(frame.message_id, str):
            waiting = self._waiting.get(frame.message_id)
            if waiting is not None and not waiting.done():
                waiting.set_result(frame)

    async def _answer(self, websocket: ClientConnection, message_id: Any, action: str) -> None:
        recorded = self._answers.get(action)
        if not recorded:
            await self._send(websocket, encode_error(message_id, "NotSupported"), is_recorded=False)
        else:
            data = recorded.popleft() if len(recorded) > 1 else recorded[0]
            text = json.dumps([data[0], message_id, *data[2:]], separators=(",", ":"))
            await self._send(websocket, text)
        self.report.calls += 1

    async def _send(
        self, websocket: ClientConnection, text: str, *, is_recorded: bool = True
    ) -> None:
        self._on_frame("in", text)
        self.report.sent += is_recorded
        await websocket.send(text)

    def _renew(self, value: Any, key: str = "") -> Any:
        """Puts the new transaction ids and times in the place of the recorded ones."""
        if isinstance(value, dict):
            return {name: self._renew(part, name) for name, part in value.items()}
        if isinstance(value, list):
            return [self._renew(part, key) for part in value]
        if key == "transactionId" and isinstance(value, int):
            return self._transaction_ids.get(value, value)
        if key in _TIMES and isinstance(value, str) and not self._keep_times:
            try:
                moment = datetime.fromisoformat(value)
            except ValueError:
                return value
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            return iso_utc(self._start_utc + (moment - self._recorded_start) / self._speed)
        return value


def _time_of(frame: LoggedFrame) -> datetime:
    return datetime.fromisoformat(frame.utc)


def _recorded_answers(frames: Sequence[LoggedFrame]) -> dict[str, deque[list[Any]]]:
    """Returns what the charge point answered, by action, in order."""
    answers: dict[str, deque[list[Any]]] = defaultdict(deque)
    for frame in frames:
        if frame.direction == "in" and frame.message_type in (3, 4) and frame.action:
            data = json.loads(frame.raw)
            answers[frame.action].append(data)
    return answers


def _expected_answers(frames: Sequence[LoggedFrame]) -> dict[tuple[int, str | None], Any]:
    """Returns what the recorded CSMS answered, by connection and message id."""
    return {
        (frame.connection, frame.message_id): parse_frame(frame.raw, check_id=False)
        for frame in frames
        if frame.direction == "out" and frame.message_type in (3, 4) and frame.verdict != "unsent"
    }


def _member(frame: Any, name: str) -> Any:
    return frame.payload.get(name) if isinstance(frame.payload, dict) else None


def _outcome(frame: Any) -> str:
    if frame.message_type is MessageType.CALL_ERROR:
        return f"CALLERROR {frame.error_code}"
    info = _member(frame, "idTagInfo")
    status = info.get("status") if isinstance(info, dict) else _member(frame, "status")
    return f"CALLRESULT {status}" if isinstance(status, str) else "CALLRESULT"
