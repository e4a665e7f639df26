"""OCPP-J frames: reading any text without failing, and writing CALL, CALLRESULT and CALLERROR."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

from vevgw.csms.schemas import ERROR_CODES, Violation

#: Longest message id, characters (OCPP-J 1.6 4.1.4 with errata 3.7).
MAX_MESSAGE_ID_LENGTH: Final = 36
#: Longest description of a CALLERROR, characters (OCPP-J 1.6 4.2.3).
MAX_DESCRIPTION_LENGTH: Final = 255

_SALVAGE_ID = re.compile(r'\s*\[\s*2\s*,\s*("(?:[^"\\\x00-\x1f]|\\.)*")')


class MessageType(IntEnum):
    """First element of a frame (OCPP-J 1.6 4.1.3)."""

    CALL = 2
    CALL_RESULT = 3
    CALL_ERROR = 4


@dataclass(slots=True)
class Frame:
    """What could be read of a frame.

    Attributes:
        message_type: None when it could not be read or is none of 2, 3, 4.
        message_id: As received: usually a string, but a wrong frame may hold any JSON value; None
            if absent.
        action: Of a CALL only.
        payload: Of CALL and CALLRESULT; for CALLERROR its details.
        error_code: Of a CALLERROR only.
        description: Of a CALLERROR only.
        fault: What is wrong with the framing; None if nothing. Payload schemas are not checked
            here.
    """

    message_type: MessageType | None = None
    message_id: Any = None
    action: str | None = None
    payload: Any = None
    error_code: str | None = None
    description: str = ""
    fault: Violation | None = None


@dataclass
class _DuplicateKeys:
    """Collects keys that occur twice in one JSON object: legal JSON, but never meant."""

    keys: list[str] = field(default_factory=list)

    def __call__(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            seen: set[str] = set()
            self.keys += [key for key, _ in pairs if key in seen or seen.add(key)]  # type: ignore[func-returns-value]
        return result


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def parse_frame(text: str, *, check_id: bool = True) -> Frame:
    """Reads one text frame; never raises, whatever the text is.

    Args:
        text: Content of one WebSocket text message.
        check_id: False for an answer of ours: it repeats the id of its CALL, however wrong.

    Returns:
        A frame whose ``fault`` says what is wrong with the framing. Type, id and action are filled
        as far as they could be read, so that a malformed CALL can be answered.
    """
    duplicates = _DuplicateKeys()
    try:
        data = json.loads(text, object_pairs_hook=duplicates, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, ValueError) else "nested too deeply"
        frame = Frame(fault=Violation("FormationViolation", f"not valid JSON: {reason}"[:255]))
        if salvaged := _SALVAGE_ID.match(text):
            frame.message_type = MessageType.CALL
            try:
                frame.message_id = json.loads(salvaged[1])
            except ValueError:
                frame.message_type = None
        return frame
    frame = _read_elements(data, check_id)
    if frame.fault is None and duplicates.keys:
        names = ", ".join(sorted(set(duplicates.keys)))
        frame.fault = Violation("OccurenceConstraintViolation", f"key occurs twice: {names}"[:255])
    return frame


def _read_elements(data: Any, check_id: bool) -> Frame:
    if not isinstance(data, list):
        return Frame(fault=Violation("FormationViolation", "frame is not a JSON array"))
    if not data or type(data[0]) is not int or data[0] not in (2, 3, 4):
        kind = repr(data[0])[:40] if data else "none"
        return Frame(
            fault=Violation("FormationViolation", f"message type is {kind}, not 2, 3 or 4")
        )
    frame = Frame(message_type=MessageType(data[0]), message_id=data[1] if len(data) > 1 else None)
    match frame.message_type:
        case MessageType.CALL:
            frame.fault = _read_call(frame, data)
        case MessageType.CALL_RESULT:
            frame.fault = _length_fault(data, 3, "CALLRESULT")
            frame.payload = data[2] if len(data) > 2 else None
        case _:
            frame.fault = _read_error(frame, data)
    if check_id:
        frame.fault = _id_fault(frame.message_id) or frame.fault
    return frame


def _length_fault(data: list[Any], length: int, name: str) -> Violation | None:
    if len(data) == length:
        return None
    return Violation("FormationViolation", f"{name} has {len(data)} elements instead of {length}")


def _id_fault(message_id: Any) -> Violation | None:
    if not isinstance(message_id, str):
        return Violation("FormationViolation", "message id is not a string")
    if not message_id:
        return Violation("FormationViolation", "message id is empty")
    if len(message_id) > MAX_MESSAGE_ID_LENGTH:
        return Violation(
            "FormationViolation", f"message id has {len(message_id)} characters, more than 36"
        )
    return None


def _read_call(frame: Frame, data: list[Any]) -> Violation | None:
    if len(data) > 2 and isinstance(data[2], str):
        frame.action = data[2]
    if len(data) > 3:
        frame.payload = data[3]
    if fault := _length_fault(data, 4, "CALL"):
        return fault
    if frame.action is None:
        return Violation("FormationViolation", "action is not a string")
    if not isinstance(frame.payload, dict):
        return Violation("FormationViolation", "payload is not a JSON object")
    return None


def _read_error(frame: Frame, data: list[Any]) -> Violation | None:
    if len(data) > 2 and isinstance(data[2], str):
        frame.error_code = data[2]
    if len(data) > 3 and isinstance(data[3], str):
        frame.description = data[3]
    if len(data) > 4:
        frame.payload = data[4]
    if fault := _length_fault(data, 5, "CALLERROR"):
        return fault
    if frame.error_code not in ERROR_CODES:
        return Violation("FormationViolation", f"unknown error code {data[2]!r}"[:255])
    if not isinstance(data[3], str) or len(data[3]) > MAX_DESCRIPTION_LENGTH:
        return Violation(
            "FormationViolation", "error description is not a string of at most 255 characters"
        )
    if not isinstance(frame.payload, dict):
        return Violation("FormationViolation", "error details are not a JSON object")
    return None


def encode_call(message_id: str, action: str, payload: Any) -> str:
    """Writes a CALL."""
    return _encode([int(MessageType.CALL), message_id, action, payload])


def encode_result(message_id: Any, payload: Any) -> str:
    """Writes a CALLRESULT."""
    return _encode([int(MessageType.CALL_RESULT), message_id, payload])


def encode_error(message_id: Any, code: str, description: str = "", details: Any = None) -> str:
    """Writes a CALLERROR; the description is cut to 255 characters."""
    cut = description[:MAX_DESCRIPTION_LENGTH]
    return _encode([int(MessageType.CALL_ERROR), message_id, code, cut, details or {}])


def _encode(data: list[Any]) -> str:
    return json.dumps(data, separators=(",", ":"))
