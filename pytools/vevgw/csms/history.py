"""One record per frame, and the history of a charge point that waits read from."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from vevgw.csms.errors import WaitTimeout

#: Frames that a history keeps in memory at least; the database keeps all.
KEPT_FRAMES: Final = 2_000
#: Frames quoted by a failed wait.
QUOTED_FRAMES: Final = 8

_KEY = r'"key"\s*:\s*"AuthorizationKey"'
_STRING = r'(?:[^"\\]|\\.)*'
_LOGIN: Final = re.compile(r"(:(?:\\?/){2}[^/\s\"@:\\]*:)[^/\s\"@\\]*@")
_SECRETS: Final = (
    re.compile(rf'({_KEY}[^{{}}]*?"value"\s*:\s*"){_STRING}', re.IGNORECASE),
    re.compile(rf'("value"\s*:\s*"){_STRING}(?="[^{{}}]*?{_KEY})', re.IGNORECASE),
)


class Direction(StrEnum):
    """Seen from the CSMS."""

    IN = "in"
    OUT = "out"


class Verdict(StrEnum):
    """What the recorder thinks of a frame; all but OK come with a reason."""

    OK = "ok"
    REPEAT = "repeat"  # a retry of something already booked
    SUSPECT = "suspect"  # well-formed, but it does not fit what happened before
    LATE = "late"  # an answer after its CALL had timed out
    DUPLICATE = "duplicate"  # a second answer to one CALL
    UNSOLICITED = "unsolicited"  # an answer to no CALL of this connection
    UNSENT = "unsent"  # ours; the connection broke before it left
    INVALID = "invalid"  # violates the framing or the schema


@dataclass(slots=True, eq=False)
class FrameRecord:
    """One frame as recorded.

    Attributes:
        sequence: Unique in the database, rises with time.
        charge_point: Identity.
        connection: Number of the connection, unique in the database.
        direction: Seen from the CSMS.
        utc: When it was received, or handed to the connection.
        latency_ms: Of an answer: time since its CALL, monotonic; None for a CALL.
        message_type: 2, 3 or 4; None when unreadable.
        action: Of an answer: that of its CALL; None when unknown.
        message_id: None when unreadable.
        raw: Text of the frame, verbatim, but for AuthorizationKey and passwords in URLs: ``***``.
        payload: Decoded payload (for CALLERROR: code, description, details); not masked.
        verdict: See Verdict.
        reason: Why the verdict is not OK; else empty.
        fault: The fault on purpose that acted on it, its id first; else empty.
    """

    sequence: int
    charge_point: str
    connection: int
    direction: Direction
    utc: datetime
    latency_ms: float | None
    message_type: int | None
    action: str | None
    message_id: str | None
    raw: str
    payload: Any
    verdict: Verdict = Verdict.OK
    reason: str = ""
    fault: str = ""

    def line(self) -> str:
        """Returns one line for people: time, charge point, direction, text, verdict."""
        return format_frame(
            iso_utc(self.utc),
            self.charge_point,
            self.direction,
            self.message_type,
            self.action,
            self.raw,
            self.verdict,
            self.reason,
            self.fault,
        )


def format_frame(
    utc: str,
    charge_point: str,
    direction: str,
    message_type: int | None,
    action: str | None,
    raw: str,
    verdict: str,
    reason: str,
    fault: str,
) -> str:
    """Writes one frame as a line; the same form everywhere frames are shown."""
    arrow = ">" if direction == Direction.OUT else "<"
    what = "" if message_type == 2 else f" ({action or 'no known CALL'})"
    note = "" if verdict == Verdict.OK else f"  [{verdict}: {reason}]"
    if fault:
        note += f"  [fault {fault}]"
    return f"{utc} {charge_point} {arrow}{what} {raw}{note}"


def iso_utc(moment: datetime) -> str:
    """Writes a time as OCPP wants it: UTC, milliseconds, ``Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def mask_secrets(raw: str) -> str:
    """Replaces in JSON every value of an AuthorizationKey and password in a URL by ``***``."""
    raw = _LOGIN.sub(r"\1***@", raw)
    if "authorizationkey" in raw.lower():
        for pattern in _SECRETS:
            raw = pattern.sub(r"\1***", raw)
    return raw


class Signal:
    """Wakes every coroutine that waits for a condition, to look again."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def notify(self) -> None:
        """Lets all waits look again."""
        self._event.set()
        self._event = asyncio.Event()

    async def until(self, condition: Callable[[], bool], timeout_s: float) -> None:
        """Waits until a condition holds; it is looked at now and after each notify().

        Raises:
            TimeoutError: It did not hold in time.
        """
        async with asyncio.timeout(timeout_s):
            while True:
                event = self._event
                if condition():
                    return
                await event.wait()


class History:
    """The latest frames of one charge point, over all its connections, in order.

    A position counts all frames ever added, so it stays valid when old frames are forgotten.
    """

    def __init__(
        self, charge_point: str, log_place: Callable[[], str], kept_frames: int = KEPT_FRAMES
    ) -> None:
        """Creates an empty history.

        Args:
            charge_point: Identity, for messages.
            log_place: Says where the full log is, for messages.
            kept_frames: Frames to keep at least; at most twice as many are kept.
        """
        self._kept_frames = kept_frames
        self._charge_point = charge_point
        self._log_place = log_place
        self._records: list[FrameRecord] = []
        self._forgotten = 0
        self._signal = Signal()

    @property
    def end(self) -> int:
        """Position behind the latest frame."""
        return self._forgotten + len(self._records)

    def add(self, record: FrameRecord) -> None:
        """Appends a frame and wakes all waits."""
        self._records.append(record)
        if len(self._records) > 2 * self._kept_frames:
            del self._records[: -self._kept_frames]
            self._forgotten += self._kept_frames + 1
        self._signal.notify()

    def since(self, position: int = 0) -> Iterator[tuple[int, FrameRecord]]:
        """Yields (position, frame) from a position on, as far as still in memory."""
        for index in range(max(0, position - self._forgotten), len(self._records)):
            yield self._forgotten + index, self._records[index]

    def tail(self, count: int = QUOTED_FRAMES) -> str:
        """Returns the last frames as indented lines, for error texts."""
        lines = [f"  {_shorten(record.line())}" for record in self._records[-count:]]
        return "\n".join(lines) if lines else "  (none)"

    async def wait_for(
        self, wanted: Callable[[FrameRecord], bool], *, since: int, timeout_s: float, expected: str
    ) -> tuple[int, FrameRecord]:
        """Waits for the first frame from a position on that satisfies a condition.

        Args:
            wanted: The condition. What it raises goes to the caller.
            since: Position to start from; frames already there count.
            timeout_s: Seconds to wait.
            expected: What is awaited, for the error text.

        Returns:
            The frame and its position.

        Raises:
            WaitTimeout: No such frame in time.
        """
        position = since
        found: list[tuple[int, FrameRecord]] = []

        def look() -> bool:
            nonlocal position
            for at, record in self.since(position):
                position = at + 1
                if wanted(record):
                    found.append((at, record))
                    return True
            return False

        try:
            await self._signal.until(look, timeout_s)
        except TimeoutError:
            raise WaitTimeout(self.failure(expected, timeout_s)) from None
        return found[0]

    def failure(self, expected: str, timeout_s: float) -> str:
        """Returns the text of a failed wait: what was expected, what was seen, where the log is."""
        return (
            f"{self._charge_point}: {expected} did not come within {timeout_s:g} s.\n"
            f"Last frames:\n{self.tail()}\nFull log: {self._log_place()}"
        )


def _shorten(line: str, limit: int = 400) -> str:
    return line if len(line) <= limit else f"{line[: limit - 3]}..."
