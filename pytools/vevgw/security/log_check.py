"""Checks a security log that a gateway has uploaded; docs/security-log.md describes the file.

What is checked: that each entry fits to the one before it (SHA-256 over its content, its number and
the hash of the one before), that the first fits to the head of the file and the last to its end,
that nothing else in a line contradicts what its hash covers; that it goes on where an earlier file
of the same gateway has ended; that it holds what the CSMS was told at the gateway's starts.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from vevgw.errors import UserError

VERSION: Final = 2
# By number, as lib/ocpp/security/security_log.hpp has them.
EVENTS: Final = (
    "FirmwareUpdated",
    "FailedToAuthenticateAtCentralSystem",
    "CentralSystemFailedToAuthenticate",
    "SettingSystemTime",
    "StartupOfTheDevice",
    "ResetOrReboot",
    "SecurityLogWasCleared",
    "ReconfigurationOfSecurityParameters",
    "MemoryExhaustion",
    "InvalidMessages",
    "AttemptedReplayAttacks",
    "TamperDetectionActivated",
    "InvalidFirmwareSignature",
    "InvalidFirmwareSigningCertificate",
    "InvalidCentralSystemCertificate",
    "InvalidChargePointCertificate",
    "InvalidTLSVersion",
    "InvalidTLSCipherSuite",
    "ClockSynchronised",
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MEMBERS: Final = frozenset(
    ("n", "after", "time", "event", "info", "code", "told", "uptime_ms", "utc_ms", "hash")
)
_NOTHING: Final = bytes(32)
_ANCHOR: Final = re.compile(r"(\d{1,10}):([0-9a-fA-F]{16,64})")


class BrokenLogError(UserError):
    """The file is not what a gateway has written; the sentence names the first place."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry."""

    number: int
    after: int
    time: str
    event: str
    info: str
    code: int
    is_told: bool
    uptime_ms: int
    utc_ms: int
    hash: bytes

    def expected_hash(self, before: bytes) -> bytes:
        """Returns what its hash must be where the hash of the entry before it is `before`."""
        info = self.info.encode()
        content = struct.pack("<BBqq", self.code, self.is_told, self.uptime_ms, self.utc_ms)
        content += before + bytes([len(info)]) + info + struct.pack("<I", self.number)
        return hashlib.sha256(content).digest()


@dataclass(frozen=True, slots=True)
class Log:
    """A file whose chain holds.

    Attributes:
        anchor: Hash that the first entry is chained to; zeros where it is the first one ever.
        last: Number of the entry that the log ended with, 0 where there was none.
        head: Its hash.
        links: Hash of every entry that the file tells of, left out or not, by number.
        is_part: A period was asked for.
    """

    entries: Sequence[Entry]
    anchor: bytes
    last: int
    head: bytes
    links: Mapping[int, bytes]
    is_part: bool


def read(text: str) -> Log:
    """Reads a file and checks its chain.

    Raises:
        BrokenLogError: Something was changed, taken out, put in, put in another order or cut off.
        UserError: Not a security log, or of another version.
    """
    *lines, rest = text.split("\n")
    head = _parse(lines[0], 1) if lines else {}
    if head.get("log") != "security":
        raise UserError("This is not a security log: its first line is not the head of one.")
    if head.get("version") != VERSION:
        raise UserError(f"A security log of version {head.get('version')}; known is {VERSION}.")
    bodies = [_parse(line, number) for number, line in enumerate(lines[1:], 2)]
    if rest or not bodies or "end" not in bodies[-1]:
        raise BrokenLogError("The file is cut off: its last line is not the end of a log.")
    end = bodies.pop()
    return _follow(head, bodies, end)


def _follow(
    head: Mapping[str, Any], bodies: Sequence[Mapping[str, Any]], end: Mapping[str, Any]
) -> Log:
    anchor = _hash(head, "anchor", "the head")
    is_part = "from" in head or "to" in head
    rest = [_entry(body) for body in bodies if "left_out" not in body]
    numbers = {entry.number for entry in rest}
    number, before = 0, anchor
    links: dict[int, bytes] = {}
    entries: list[Entry] = []
    for body in bodies:
        if "left_out" in body:
            why = body["left_out"]
            if why not in ("period", "ring") or (why == "period" and not is_part):
                raise BrokenLogError(
                    f"Entries behind entry {number} are left out, and nobody asked."
                )
            left = _integer(body, "n", "a line for what is left out")
            if left < number:
                raise BrokenLogError(
                    f"A line for what is left out up to {left} stands behind {number}."
                )
            number, before = left, _hash(body, "hash", "a line for what is left out")
            links[number] = before
            continue
        entry = rest[len(entries)]
        following = rest[len(entries) + 1] if len(entries) + 1 < len(rest) else None
        _check_place(entry, number, following, numbers)
        if entry.hash != entry.expected_hash(before):
            raise BrokenLogError(f"Entry {entry.number} was changed: {_seen(entry)}.")
        _check_words(entry)
        number, before = entry.number, entry.hash
        links[number] = before
        entries.append(entry)
    last, final = _integer(end, "n", "the end"), _hash(end, "hash", "the end")
    if last > number:
        raise BrokenLogError(f"Entries behind entry {number} are gone: the log ended with {last}.")
    if (last, final, end.get("entries")) != (number, before, len(entries)):
        raise BrokenLogError(f"The end of the log does not fit to its last entry, {number}.")
    return Log(entries, anchor, number, before, links, is_part)


def _check_place(entry: Entry, number: int, following: Entry | None, numbers: set[int]) -> None:
    """Checks the order that entries tell of themselves; hashes then tell whether it is true."""
    if entry.number <= number:
        raise BrokenLogError(
            f"Entry {entry.number} stands behind entry {number}: the order was changed."
        )
    if entry.after == number:
        if following is not None and following.after == number:
            raise BrokenLogError(f"Entry {entry.number} was put in: {_seen(entry)}.")
        return
    if entry.after > number:
        if entry.after in numbers:
            raise BrokenLogError(
                f"Entry {entry.number} stands before entry {entry.after}: the order was changed."
            )
        place = (
            f"between entries {number} and {entry.number}" if number else f"before {entry.number}"
        )
        raise BrokenLogError(
            f"Entries {place} were taken out, the last of them entry {entry.after}."
        )
    raise BrokenLogError(
        f"Entry {number} was put in behind entry {entry.after}, or that was changed."
    )


def _check_words(entry: Entry) -> None:
    """Checks what the hash covers only in another form."""
    if entry.code < len(EVENTS) and entry.event != EVENTS[entry.code]:
        raise BrokenLogError(
            f"Entry {entry.number} was changed: {entry.code} is {EVENTS[entry.code]}."
        )
    if entry.utc_ms > 0 and entry.time != _text(entry.utc_ms):
        raise BrokenLogError(
            f"Entry {entry.number} was changed: its time is {_text(entry.utc_ms)}."
        )


def check_after(log: Log, earlier: Log) -> str:
    """Checks that a log goes on where an earlier one of the same gateway has ended.

    Returns:
        What was found, a sentence.

    Raises:
        BrokenLogError: It does not, or that cannot be shown.
    """
    common = sorted(log.links.keys() & earlier.links.keys())
    for number in common:
        if log.links[number] != earlier.links[number]:
            raise BrokenLogError(f"Entry {number} is another one than in the earlier log.")
    if log.last < earlier.last:
        raise BrokenLogError(
            f"The log ends with entry {log.last}, the earlier one with {earlier.last}."
        )
    if earlier.last in log.links or log.anchor == earlier.head:
        return f"continues the earlier log, which ended with entry {earlier.last}"
    first = log.entries[0].number if log.entries else log.last
    raise BrokenLogError(
        "Whether the log continues the earlier one cannot be shown: that ended with entry "
        f"{earlier.last}, this one begins with entry {first}; nothing tells what was between."
    )


def check_anchor(log: Log, anchor: str) -> str:
    """Checks that a log holds an entry that the CSMS was told of.

    Args:
        anchor: `NUMBER:HASH`, as techInfo of StartupOfTheDevice ends; 16 digits of the hash do.

    Returns:
        What was found, a sentence.

    Raises:
        BrokenLogError: It does not hold it.
        UserError: Not an anchor.
    """
    parts = _ANCHOR.fullmatch(anchor.strip())
    if parts is None:
        raise UserError(
            f"'{anchor}' is no anchor; it looks like 12:0123456789abcdef0123456789abcdef."
        )
    number, digits = int(parts[1]), parts[2].lower()
    if number > log.last:
        raise BrokenLogError(
            f"The log ends with entry {log.last}; the CSMS was told of entry {number}."
        )
    if number in log.links:
        if not log.links[number].hex().startswith(digits):
            raise BrokenLogError(f"Entry {number} is another one than the CSMS was told of.")
        return f"entry {number} is the one that the CSMS was told of"
    first = min(log.links, default=0)
    if number < first:
        return f"entry {number} is not kept any more: nothing to check"
    raise BrokenLogError(f"Entry {number}, of which the CSMS was told, is not there.")


def describe(log: Log) -> str:
    """Returns what a log holds, a sentence."""
    if not log.entries:
        return "no entries, chain unbroken"
    first, last = log.entries[0], log.entries[-1]
    words = f"{len(log.entries)} entries, from {_place(first)} to {_place(last)}, chain unbroken"
    if log.is_part:
        return words + "; of a period, not the whole log"
    begins = (
        "begins with the gateway's first" if log.anchor == _NOTHING else "older ones are not kept"
    )
    return f"{words}; {begins}"


def _place(entry: Entry) -> str:
    return f"{entry.number} ({entry.time or 'time unknown'})"


def _seen(entry: Entry) -> str:
    return f"{entry.event} {entry.info!r}" if entry.info else entry.event


def _text(utc_ms: int) -> str:
    try:
        time = _EPOCH + timedelta(milliseconds=utc_ms)
    except OverflowError:
        return "not a time"
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _parse(line: str, number: int) -> Mapping[str, Any]:
    try:
        value = json.loads(line)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise BrokenLogError(f"Line {number} was changed: it is no JSON object.")
    return value


def _entry(body: Mapping[str, Any]) -> Entry:
    number = _integer(body, "n", "an entry")
    name = f"entry {number}"
    texts = [body.get(key, "") for key in ("time", "event", "info")]
    info = texts[2]
    is_complete = body.keys() | {"time"} == _MEMBERS and isinstance(body["told"], bool)
    if not is_complete or not all(isinstance(text, str) for text in texts):
        raise BrokenLogError(f"Entry {number} was changed: it has not the members of an entry.")
    if not info.isascii() or len(info) > 255:
        raise BrokenLogError(
            f"Entry {number} was changed: the gateway does not write such an info."
        )
    return Entry(
        number=number,
        after=_integer(body, "after", name),
        time=texts[0],
        event=texts[1],
        info=info,
        code=_integer(body, "code", name, high=255),
        is_told=body["told"],
        uptime_ms=_integer(body, "uptime_ms", name, low=-(2**63), high=2**63 - 1),
        utc_ms=_integer(body, "utc_ms", name, low=-(2**63), high=2**63 - 1),
        hash=_hash(body, "hash", name),
    )


def _integer(
    body: Mapping[str, Any], key: str, name: str, *, low: int = 0, high: int = 2**32 - 1
) -> int:
    value = body.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise BrokenLogError(f"The file was changed: {name} has no '{key}'.")
    return value


def _hash(body: Mapping[str, Any], key: str, name: str) -> bytes:
    value = body.get(key)
    if not isinstance(value, str) or re.fullmatch(r"[0-9a-f]{64}", value) is None:
        raise BrokenLogError(f"The file was changed: {name} has no '{key}'.")
    return bytes.fromhex(value)
