"""The messages of a case as a sequence chart: an SVG picture to put into a page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final

from vevgw.conformance.session import Entry
from vevgw.csms.history import mask_secrets

_ROW: Final = 26
_TOP: Final = 44
_X: Final = {"stimulus": 90, "charge point": 290, "csms": 760}
_WIDTH: Final = 850
_MOST_TEXT: Final = 44
#: Fields that say most about a message, in this order.
_TELLING: Final = (
    "status",
    "connectorId",
    "idTag",
    "transactionId",
    "reservationId",
    "reason",
    "type",
    "key",
    "requestedMessage",
    "idTagInfo",
    "interval",
    "code",
    "listVersion",
    "value",
    "location",
)


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of the chart; several background messages share one."""

    entries: tuple[Entry, ...]

    @property
    def is_folded(self) -> bool:
        return len(self.entries) > 1


def chart(log: Sequence[Entry]) -> str:
    """Returns the picture: stimuli on the left, charge point in the middle, CSMS on the right."""
    rows = list(_rows(log))
    height = _TOP + _ROW * (len(rows) + 1)
    parts = [
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="message sequence chart">'
    ]
    for name, x in _X.items():
        parts.append(f'<text class="head" x="{x}" y="20">{name}</text>')
        parts.append(f'<line class="life" x1="{x}" x2="{x}" y1="30" y2="{height - 8}"/>')
    for at, row in enumerate(rows):
        parts.append(_draw(row, _TOP + _ROW * at + 14))
    parts.append("</svg>")
    return "".join(parts)


def brief(payload: Any) -> str:
    """Returns the telling fields of a payload in one line."""
    if not isinstance(payload, dict):
        return ""
    names = [name for name in _TELLING if name in payload]
    if payload.get("errorCode", "NoError") != "NoError":
        names.append("errorCode")
    names = names or list(payload)[:2]
    shown = json.loads(mask_secrets(json.dumps(payload)))
    text = ", ".join(f"{name} {_word(shown[name])}" for name in names)
    return text if len(text) <= _MOST_TEXT else f"{text[: _MOST_TEXT - 1]}…"


def _word(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("status", "{…}"))
    if isinstance(value, list):
        return ", ".join(str(one) for one in value) if value and not _deep(value) else "[…]"
    return str(value)


def _deep(values: Iterable[Any]) -> bool:
    return any(isinstance(value, dict | list) for value in values)


def _rows(log: Sequence[Entry]) -> Iterable[_Row]:
    answers = {
        entry.message_id
        for entry in log
        if entry.kind == "cp-call" and entry.mark == "background" and entry.message_id
    }
    folded: list[Entry] = []
    for entry in log:
        is_answer_aside = entry.kind == "csms-answer" and entry.message_id in answers
        if entry.mark == "background" or is_answer_aside:
            folded.append(entry)
            continue
        # An empty answer says only that there was one.
        if entry.kind == "csms-answer" and not entry.payload:
            continue
        if folded:
            yield _Row(tuple(folded))
            folded = []
        yield _Row((entry,))
    if folded:
        yield _Row(tuple(folded))


def _draw(row: _Row, y: int) -> str:
    entry = row.entries[0]
    time = f'<text class="time" x="4" y="{y + 4}">{entry.at_s:.2f}</text>'
    if row.is_folded:
        number = sum(one.kind == "cp-call" for one in row.entries)
        names = ", ".join(dict.fromkeys(e.action for e in row.entries if e.kind == "cp-call"))
        text = f"{number} in the background: {names}"
        middle = (_X["charge point"] + _X["csms"]) // 2
        return f'{time}<text class="aside" x="{middle}" y="{y + 4}">{escape(text)}</text>'
    tip = f"<title>{escape(_tip(entry))}</title>"
    if entry.kind == "note":
        return (
            f'<g>{tip}<line class="rule" x1="52" x2="{_WIDTH - 6}" y1="{y}" y2="{y}"/>'
            f'<text class="note" x="{_X["charge point"]}" y="{y - 3}">{escape(entry.text)}</text>'
            f"{time}</g>"
        )
    if entry.kind == "stimulus":
        left, right, text = _X["stimulus"], _X["charge point"], entry.text
    else:
        left, right, text = _X["charge point"], _X["csms"], f"{entry.action} {brief(entry.payload)}"
        if entry.is_error:
            text = f"CALLERROR {brief(entry.payload)}"
    to_csms = entry.kind in ("cp-call", "cp-answer")
    begin, end = (left, right) if to_csms or entry.kind == "stimulus" else (right, left)
    is_answer = entry.kind in ("cp-answer", "csms-answer")
    classes = " ".join(filter(None, ("msg", "answer" if is_answer else "", entry.mark)))
    tail = end - 7 if end > begin else end + 7
    middle = (left + right) // 2
    return (
        f'<g class="{classes}">{tip}'
        f'<line x1="{begin}" x2="{tail}" y1="{y}" y2="{y}"/>'
        f'<path d="M{end} {y} L{tail} {y - 4} L{tail} {y + 4} Z"/>'
        f'<text x="{middle}" y="{y - 4}">{escape(text)}</text>{time}</g>'
    )


def _tip(entry: Entry) -> str:
    if entry.payload is None:
        return entry.text
    shown = mask_secrets(json.dumps(entry.payload, indent=1))
    return f"{entry.action} ({entry.mark or entry.kind})\n{shown[:1500]}"
