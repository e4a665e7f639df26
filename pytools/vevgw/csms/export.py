"""Exports of the message log: JSON lines, and text like that of a packet capture."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from vevgw.csms.frames import Frame, MessageType, parse_frame
from vevgw.csms.queries import LoggedFrame

FORMATS: Final = ("jsonl", "text")

_TYPES: Final = {2: "CALL", 3: "CALLRESULT", 4: "CALLERROR"}
_BYTES_PER_LINE: Final = 16


def json_lines(frames: Iterable[LoggedFrame]) -> Iterator[str]:
    """Yields one JSON object per frame: ``raw`` verbatim, and what can be derived from it.

    Derived are ``type``, ``payload`` (CALL, CALLRESULT), ``error`` (CALLERROR); the action of an
    answer is that of its CALL.
    """
    for frame in frames:
        yield json.dumps(as_data(frame), ensure_ascii=False)


def as_data(frame: LoggedFrame) -> dict[str, Any]:
    """Returns a frame as JSON; see json_lines()."""
    data: dict[str, Any] = {name: getattr(frame, name) for name in LoggedFrame.__slots__}
    raw = data.pop("raw")
    parsed = parse_frame(raw, check_id=False)
    data["type"] = None if frame.message_type is None else _TYPES[frame.message_type]
    data |= _contents(parsed)
    data["raw"] = raw
    return data


def _contents(frame: Frame) -> dict[str, Any]:
    if frame.message_type is MessageType.CALL_ERROR:
        error = {
            "code": frame.error_code,
            "description": frame.description,
            "details": frame.payload,
        }
        return {"error": error}
    return {} if frame.message_type is None else {"payload": frame.payload}


def capture_text(frames: Iterable[LoggedFrame]) -> Iterator[str]:
    """Yields the lines of a hex dump with a head for each frame.

    A head is ``I`` (received by the CSMS) or ``O`` (sent), the time, charge point, connection, and
    what the frame is. `text2pcap` of Wireshark reads it.
    """
    for frame in frames:
        arrow = "O" if frame.direction == "out" else "I"
        kind = "unreadable" if frame.message_type is None else _TYPES[frame.message_type]
        latency = "" if frame.latency_ms is None else f" {frame.latency_ms:.1f} ms"
        notes = "" if frame.verdict == "ok" else f" [{frame.verdict}: {frame.reason}]"
        notes += f" [fault {frame.fault}]" if frame.fault else ""
        data = frame.raw.encode()
        yield (
            f"{arrow} {frame.utc} {frame.charge_point} connection {frame.connection} {kind} "
            f"{frame.action or '?'} id {frame.message_id} {len(data)} bytes{latency}{notes}"
        )
        for at in range(0, max(1, len(data)), _BYTES_PER_LINE):
            part = data[at : at + _BYTES_PER_LINE]
            text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
            yield f"{at:06x}  {part.hex(' '):<47}  {text}".rstrip()
        yield ""
