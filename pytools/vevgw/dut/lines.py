"""The console protocol: what one line of a gateway's console is.

A request is `#17 status`; its reply is one line `{"id":17,"ok":true,...}` or
`{"id":17,"ok":false,"error":"one sentence"}`. Events are lines `EVT {json}`; logs have the format
of ESP-IDF, `I (12345) ocpp.tx: text`. Anything else (boot loader, panic) is kept as text.
"""

from __future__ import annotations

import enum
import json
import re
from dataclasses import dataclass, field
from typing import Any

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_LOG = re.compile(r"([EWIDV]) \((\d+)\) ([^:]+): (.*)")
_EVENT_PREFIX = "EVT "


class LineKind(enum.Enum):
    """What a line is."""

    REPLY = "reply"
    EVENT = "event"
    LOG = "log"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class ConsoleLine:
    """One line from a console.

    Attributes:
        text: Without line end and colours; bytes that are no UTF-8 are replaced.
        kind: What it is.
        data: The JSON object of a reply or an event, else empty.
        level: `E W I D V` of a log line, else empty.
        module: Module of a log line, such as `ocpp.tx`, else empty.
        device_ms: Device time of a log line, ms since its start, else None.
    """

    text: str
    kind: LineKind = LineKind.OTHER
    data: dict[str, Any] = field(default_factory=dict)
    level: str = ""
    module: str = ""
    device_ms: int | None = None

    @property
    def event(self) -> str:
        """Name of an event, else empty."""
        return str(self.data.get("event", "")) if self.kind is LineKind.EVENT else ""


def parse_line(raw: bytes) -> ConsoleLine:
    """Returns what the line (without its line feed) is; never fails."""
    text = _ANSI.sub("", raw.decode("utf-8", "replace")).rstrip("\r")
    if text.startswith("{"):
        data = _json_object(text)
        if data is not None and _is_reply(data):
            return ConsoleLine(text, LineKind.REPLY, data)
    if text.startswith(_EVENT_PREFIX):
        data = _json_object(text[len(_EVENT_PREFIX) :])
        if data is not None:
            return ConsoleLine(text, LineKind.EVENT, data)
    match = _LOG.fullmatch(text)
    if match:
        level, time, module, _ = match.groups()
        return ConsoleLine(text, LineKind.LOG, level=level, module=module, device_ms=int(time))
    return ConsoleLine(text)


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _is_reply(data: dict[str, Any]) -> bool:
    return type(data.get("id")) is int and type(data.get("ok")) is bool


class LineSplitter:
    """Cuts a byte stream into lines; a line without end is cut at `LIMIT` bytes."""

    LIMIT = 64 * 1024

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[ConsoleLine]:
        """Returns the lines that are complete now."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > self.LIMIT:
            whole.append(self._rest)
            self._rest = b""
        return [parse_line(line) for line in whole]

    def reset(self) -> None:
        """Forgets an incomplete line: the device has restarted."""
        self._rest = b""
