"""The CALLs of ours on one connection: who waits for which answer, and which come too late."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

from vevgw.csms.errors import CallRefused, InvalidAnswer, NotConnected
from vevgw.csms.frames import Frame, MessageType
from vevgw.csms.history import Verdict

#: Ids of answered or given up CALLs that are remembered.
REMEMBERED_IDS: Final = 1_000

REASONS: Final = {
    Verdict.LATE: "its CALL had timed out",
    Verdict.DUPLICATE: "its CALL was already answered",
    Verdict.UNSOLICITED: "no CALL of this connection has this id",
}


@dataclass(slots=True)
class OpenCall:
    """A CALL of ours.

    Attributes:
        action: Its action.
        sent_s: Monotonic time.
        validate: Whoever waits wants no invalid answer.
        answer: For whoever waits; done once nobody does any more.
        verdict: On an answer that comes now.
    """

    action: str
    sent_s: float
    validate: bool
    answer: asyncio.Future[Any]
    verdict: Verdict = Verdict.OK


class OpenCalls:
    """The CALLs of ours on one connection, by message id."""

    def __init__(self, identity: str) -> None:
        """Starts with none.

        Args:
            identity: Of the charge point, for messages.
        """
        self._identity = identity
        self._open: dict[str, OpenCall] = {}
        self._over: OrderedDict[str, OpenCall] = OrderedDict()

    def open(self, message_id: str, action: str, *, validate: bool) -> OpenCall:
        """Notes a CALL that is about to be sent."""
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        call = self._open[message_id] = OpenCall(action, time.monotonic(), validate, answer)
        return call

    def give_up(self, message_id: str) -> None:
        """Notes that nobody waits for the answer any more; without effect once it has come."""
        call = self._open.pop(message_id, None)
        if call is not None:
            call.answer.cancel()
            self._remember(message_id, call, Verdict.LATE)

    def find(self, message_id: str) -> OpenCall | None:
        """Returns the CALL that an answer belongs to; None if there is none."""
        return self._open.get(message_id) or self._over.get(message_id)

    def settle(self, message_id: str, frame: Frame) -> None:
        """Gives an answer to whoever waits for it."""
        call = self._open.pop(message_id, None) or self._over.get(message_id)
        if call is None:
            return
        self._remember(message_id, call, Verdict.DUPLICATE)
        if call.answer.done():
            return
        if frame.message_type is MessageType.CALL_ERROR:
            code, details = frame.error_code or "", frame.payload
            call.answer.set_exception(CallRefused(call.action, code, frame.description, details))
        elif frame.fault is not None and call.validate:
            text = f"{self._identity} answered {call.action} wrongly: {frame.fault.reason}"
            call.answer.set_exception(InvalidAnswer(text))
        else:
            call.answer.set_result(frame.payload)

    def lose(self) -> None:
        """Tells all who wait that the connection has ended."""
        for call in self._open.values():
            if not call.answer.done():
                text = f"{self._identity} lost its connection before it answered {call.action}."
                call.answer.set_exception(NotConnected(text))

    def _remember(self, message_id: str, call: OpenCall, verdict: Verdict) -> None:
        call.verdict = verdict
        self._over[message_id] = call
        if len(self._over) > REMEMBERED_IDS:
            self._over.popitem(last=False)
