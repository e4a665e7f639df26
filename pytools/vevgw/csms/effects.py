"""What the CSMS can do wrong on purpose, one class each; faults.py says when.

A received frame, in the order of arrival, may get one of `OnReceived`; a frame to send one of
`OnSent`; an opening handshake one of `OnConnect`; and a connected charge point at any time one of
`AtOnce`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, get_args

from vevgw.csms.history import FrameRecord

Form = Literal[
    "truncated",
    "not-json",
    "empty",
    "object",
    "wrong-type",
    "short",
    "extra-element",
    "payload-array",
    "unknown-field",
    "deep",
    "long",
    "binary",
    "bad-utf8",
]
#: Ways in which a frame can be malformed.
FORMS: tuple[Form, ...] = get_args(Form)


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer as usual, if asked late or with another payload.

    Attributes:
        delay_s: Seconds to hold the answer back; frames that arrive meanwhile are handled.
        payload: Instead of the usual one; recorded with its own verdict.
        patch: Laid over the payload; the value None removes a field.
    """

    delay_s: float = 0.0
    payload: dict[str, Any] | None = None
    patch: dict[str, Any] | None = None

    def apply(self, usual: dict[str, Any]) -> dict[str, Any]:
        """Returns the payload to answer with."""
        payload = usual if self.payload is None else self.payload
        if not self.patch:
            return payload
        merged = payload | self.patch
        return {key: value for key, value in merged.items() if value is not None}


@dataclass(frozen=True, slots=True)
class NeverAnswer:
    """Book the CALL, but never answer: as if the answer were lost."""


@dataclass(frozen=True, slots=True)
class Drop:
    """A received frame is treated as if it had never arrived (it is recorded): neither booked nor
    answered. A frame to send is recorded as unsent."""


@dataclass(frozen=True, slots=True)
class RefuseWith:
    """Answer with a CALLERROR and book nothing; the code may be any text."""

    code: str = "InternalError"
    description: str = "on purpose"
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection instead of answering or sending; nothing is booked.

    Attributes:
        code: WebSocket close code; None tears the TCP connection down (RST) without a close frame.
    """

    code: int | None = 1000
    reason: str = "on purpose"


@dataclass(frozen=True, slots=True)
class Freeze:
    """Read and send nothing from now on, with TCP alive; ``ChargePoint.thaw()`` ends it.

    On a handshake: accept the TCP connection and never answer the request.

    Attributes:
        for_s: Ends it by itself after so many seconds; None = never.
    """

    for_s: float | None = None


@dataclass(frozen=True, slots=True)
class Thaw:
    """End Freeze."""


@dataclass(frozen=True, slots=True)
class Delay:
    """Hold a frame to send, or the answer to a handshake, back; others may overtake it."""

    delay_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Malformed:
    """Send a frame that cannot be understood.

    Attributes:
        form: What is wrong.
        text: The whole frame instead; ``{id}`` in it becomes the message id.
    """

    form: Form = "truncated"
    text: str | None = None


@dataclass(frozen=True, slots=True)
class WrongId:
    """Send a frame with another message id; any JSON value."""

    message_id: Any = "wrong-id"


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Send a frame again.

    Attributes:
        copies: How often beyond the first.
        pause_s: Seconds before each copy.
    """

    copies: int = 1
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Fragments:
    """Send a frame as WebSocket fragments of `size` bytes, `pause_s` seconds apart."""

    size: int = 16
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Trickle:
    """Send a frame in TCP segments of `size` bytes, `pause_s` seconds apart: byte by byte."""

    size: int = 1
    pause_s: float = 0.001


@dataclass(frozen=True, slots=True)
class Burst:
    """Send many CALLs without waiting for answers (against OCPP-J 4.1.1).

    Attributes:
        calls: Pairs of action and payload.
        times: How often to send them all.
    """

    calls: tuple[tuple[str, dict[str, Any]], ...] = (("GetConfiguration", {}),)
    times: int = 1


@dataclass(frozen=True, slots=True)
class SendText:
    """Send any text as a frame besides the usual."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class HttpStatus:
    """Refuse the handshake.

    Attributes:
        retry_after_s: Value of the header Retry-After; None = no such header.
    """

    status: int = 503
    retry_after_s: int | None = None


@dataclass(frozen=True, slots=True)
class EchoSubprotocol:
    """Complete the handshake with this subprotocol in the response, None = with none."""

    name: str | None = None


OnReceived = (
    Answer | NeverAnswer | Drop | RefuseWith | Delay | Close | Freeze | Thaw | Burst | SendText
)
OnSent = Drop | Delay | Malformed | WrongId | Duplicate | Fragments | Trickle | Close | Freeze
OnConnect = HttpStatus | EchoSubprotocol | Delay | Close | Freeze
AtOnce = Close | Freeze | Thaw | Burst | SendText
Effect = OnReceived | OnSent | OnConnect | AtOnce


class FaultPolicy(Protocol):
    """Decides per received frame what happens to it; asked before the faults of faults.py."""

    def decide(self, frame: FrameRecord) -> OnReceived | None:
        """Returns what to do with a received frame, None = the usual; called once, in order."""


class FaultOn:
    """The common policy: do one thing to certain frames a number of times."""

    def __init__(
        self, action: str | None, effect: OnReceived, *, times: int | None = None, skip: int = 0
    ) -> None:
        """Describes the fault.

        Args:
            action: CALLs of this action; None = every CALL.
            effect: What to do.
            times: How often; None = always.
            skip: Number of matching frames to let pass first.
        """
        self._action = action
        self._effect = effect
        self._left = times
        self._skip = skip

    def decide(self, frame: FrameRecord) -> OnReceived | None:
        """See FaultPolicy."""
        if frame.message_type != 2 or self._action not in (None, frame.action) or self._left == 0:
            return None
        if self._skip > 0:
            self._skip -= 1
            return None
        if self._left is not None:
            self._left -= 1
        return self._effect
