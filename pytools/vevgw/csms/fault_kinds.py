"""The kinds of faults: name, where each can act, and the JSON schema of its options.

The names and options are those of the classes in effects.py; the schemas check what comes from the
command line, from files and from the control channel, and let a user interface make its forms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import jsonschema_rs

from vevgw.csms import effects
from vevgw.csms.errors import CsmsError

#: Where a fault acts: on the handshake, on a received frame, on a frame to send, or at once.
DIRECTIONS: Final = ("connect", "in", "out", "now")

_SECONDS: Final = {"type": "number", "minimum": 0, "maximum": 86_400}
_OPTIONAL_SECONDS: Final = {"type": ["number", "null"], "minimum": 0, "maximum": 86_400}
_OBJECT: Final = {"type": "object"}


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One kind of fault.

    Attributes:
        name: As given to the command line.
        directions: Where it can act; the first is the default.
        effect: Class in effects.py.
        help: One line.
        options: JSON schema of each option.
    """

    name: str
    directions: tuple[str, ...]
    effect: type[Any]
    help: str
    options: Mapping[str, dict[str, Any]]

    def describe(self) -> dict[str, Any]:
        """Returns everything as JSON, with the default of each option."""
        options = {
            f.name: self.options[f.name] | {"default": _plain(_default(f))}
            for f in fields(self.effect)
        }
        return {
            "what": self.name,
            "directions": list(self.directions),
            "help": self.help,
            "options": options,
        }

    def make(self, options: Mapping[str, Any]) -> Any:
        """Returns the effect with these options.

        Raises:
            CsmsError: An option is unknown or has a wrong value.
        """
        schema = {
            "type": "object",
            "properties": dict(self.options),
            "additionalProperties": False,
        }
        for error in jsonschema_rs.Draft7Validator(schema).iter_errors(dict(options)):
            where = ".".join(str(part) for part in error.instance_path)
            raise CsmsError(
                f"Fault {self.name}: {f'{where}: ' if where else ''}{error.message}; "
                f"its options are: {', '.join(self.options) or 'none'}.",
                exit_code=2,
            )
        values = dict(options)
        if "calls" in values:
            values["calls"] = tuple((action, payload) for action, payload in values["calls"])
        return self.effect(**values)


def _default(field: Any) -> Any:
    return field.default_factory() if callable(field.default_factory) else field.default


def _plain(value: Any) -> Any:
    return [list(part) for part in value] if isinstance(value, tuple) else value


def _kind(
    name: str, directions: str, effect: type[Any], text: str, /, **options: dict[str, Any]
) -> FaultKind:
    return FaultKind(name, tuple(directions.split()), effect, text, options)


_ALL: Final = (
    _kind(
        "delay",
        "in out connect",
        effects.Delay,
        "hold the answer (in), a frame (out) or the handshake (connect) back",
        delay_s=_SECONDS,
    ),
    _kind("drop", "in out", effects.Drop, "as if the frame had been lost on its way"),
    _kind("never-answer", "in", effects.NeverAnswer, "book the CALL, but never answer it"),
    _kind(
        "error",
        "in",
        effects.RefuseWith,
        "answer with a CALLERROR of any code and book nothing",
        code={"type": "string"},
        description={"type": "string"},
        details=_OBJECT,
    ),
    _kind(
        "answer",
        "in",
        effects.Answer,
        "answer with another payload, or with parts of it changed (null removes a field)",
        delay_s=_SECONDS,
        payload={"type": ["object", "null"]},
        patch={"type": ["object", "null"]},
    ),
    _kind(
        "malformed",
        "out",
        effects.Malformed,
        "send the frame broken, or any text instead ({id} becomes the message id)",
        form={"enum": list(effects.FORMS)},
        text={"type": ["string", "null"]},
    ),
    _kind(
        "wrong-id", "out", effects.WrongId, "send the frame with another message id", message_id={}
    ),
    _kind(
        "duplicate",
        "out",
        effects.Duplicate,
        "send the frame several times",
        copies={"type": "integer", "minimum": 1, "maximum": 1000},
        pause_s=_SECONDS,
    ),
    _kind(
        "fragments",
        "out",
        effects.Fragments,
        "send the frame as WebSocket fragments",
        size={"type": "integer", "minimum": 1},
        pause_s=_SECONDS,
    ),
    _kind(
        "trickle",
        "out",
        effects.Trickle,
        "send the frame byte by byte",
        size={"type": "integer", "minimum": 1},
        pause_s=_SECONDS,
    ),
    _kind(
        "close",
        "in out connect now",
        effects.Close,
        "close the connection; without a code by tearing TCP down",
        code={"type": ["integer", "null"], "minimum": 1000, "maximum": 4999},
        reason={"type": "string", "maxLength": 40},
    ),
    _kind(
        "freeze",
        "in out connect now",
        effects.Freeze,
        "keep TCP alive, but read and send nothing (connect: never answer the handshake)",
        for_s=_OPTIONAL_SECONDS,
    ),
    _kind("thaw", "now in", effects.Thaw, "end freeze"),
    _kind(
        "burst",
        "now in",
        effects.Burst,
        "send many CALLs at once",
        calls={
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "array",
                "minItems": 2,
                "maxItems": 2,
                "items": [{"type": "string"}, _OBJECT],
            },
        },
        times={"type": "integer", "minimum": 1, "maximum": 1000},
    ),
    _kind("send", "now in", effects.SendText, "send any text", text={"type": "string"}),
    _kind(
        "http",
        "connect",
        effects.HttpStatus,
        "refuse the handshake with an HTTP status",
        status={"type": "integer", "minimum": 200, "maximum": 599},
        retry_after_s={"type": ["integer", "null"], "minimum": 0},
    ),
    _kind(
        "subprotocol",
        "connect",
        effects.EchoSubprotocol,
        "complete the handshake with this subprotocol, or with none",
        name={"type": ["string", "null"]},
    ),
)
FAULT_KINDS: Final[Mapping[str, FaultKind]] = {kind.name: kind for kind in _ALL}
