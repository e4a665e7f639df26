"""A charge point as tests and tools see it: call it, expect its messages, treat it badly."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import Any

from vevgw.csms.connection import Connection
from vevgw.csms.effects import AtOnce, FaultPolicy
from vevgw.csms.errors import InvalidCall, NotConnected, UnexpectedMessage, WaitTimeout
from vevgw.csms.history import KEPT_FRAMES, Direction, FrameRecord, History, Signal
from vevgw.csms.schemas import CHARGE_POINT_ACTIONS, SchemaSet

#: A subset of the payload that must be equal (nested objects too), or a condition on the payload.
Match = Mapping[str, Any] | Callable[[Any], bool]


class ChargePoint:
    """One charge point over all its connections.

    Attributes:
        identity: As decoded from the URL.
        history: Its frames, over all connections.
    """

    def __init__(
        self,
        identity: str,
        schemas: SchemaSet,
        log_place: Callable[[], str],
        kept_frames: int = KEPT_FRAMES,
    ) -> None:
        """Creates the handle of a charge point that need not have connected yet.

        Args:
            identity: As decoded from the URL.
            schemas: To check CALLs with.
            log_place: Says where the full log is, for error texts.
            kept_frames: See History.
        """
        self.identity = identity
        self.history = History(identity, log_place, kept_frames)
        self._schemas = schemas
        self._connection: Connection | None = None
        self._connections = 0
        self._changed = Signal()
        self._fault_policy: FaultPolicy | None = None
        self._cursor = 0

    @property
    def is_connected(self) -> bool:
        """Whether it has a connection now."""
        return self._connection is not None

    @property
    def is_frozen(self) -> bool:
        """Whether its connection is frozen on purpose."""
        return self._connection is not None and self._connection.is_frozen

    @property
    def connections(self) -> int:
        """How many connections it has had since this handle exists, the present one included."""
        return self._connections

    @property
    def fault_policy(self) -> FaultPolicy | None:
        """Decides about each received frame; stays over reconnects. None = behave."""
        return self._fault_policy

    @fault_policy.setter
    def fault_policy(self, policy: FaultPolicy | None) -> None:
        self._fault_policy = policy
        if self._connection is not None:
            self._connection.fault_policy = policy

    # -- waiting ----------------------------------------------------------------------------------

    async def wait_connected(self, *, timeout_s: float, after: int = 0) -> None:
        """Waits until it is connected.

        Args:
            timeout_s: Seconds to wait.
            after: Wait for a connection beyond this number of ``connections`` (a reconnect).

        Raises:
            WaitTimeout: It did not connect in time.
        """
        try:
            await self._changed.until(
                lambda: self.is_connected and self._connections > after, timeout_s
            )
        except TimeoutError:
            what = "a new connection" if after else "a connection"
            raise WaitTimeout(self.history.failure(what, timeout_s)) from None

    async def wait_disconnected(self, *, timeout_s: float) -> None:
        """Waits until it has no connection.

        Raises:
            WaitTimeout: It is still connected.
        """
        try:
            await self._changed.until(lambda: not self.is_connected, timeout_s)
        except TimeoutError:
            raise WaitTimeout(
                self.history.failure("the end of its connection", timeout_s)
            ) from None

    def mark(self) -> int:
        """Returns the present end of the history, for ``expect(since=...)``."""
        return self.history.end

    async def expect(
        self,
        action: str,
        *,
        timeout_s: float,
        match: Match | None = None,
        since: int | None = None,
        forbidden: Collection[str] = (),
    ) -> FrameRecord:
        """Waits for a CALL of the charge point.

        Successive calls go through the history in order: each starts behind the frame that the one
        before found, so nothing that arrived in between is missed, and nothing is found twice.

        Args:
            action: Its action.
            timeout_s: Seconds to wait.
            match: What its payload must be like.
            since: Position from mark() to start from instead; the order above is then left alone.
            forbidden: CALLs of these actions must not come before.

        Returns:
            The frame; its ``payload`` is decoded, its ``verdict`` may be anything.

        Raises:
            WaitTimeout: It did not come in time, or a forbidden one came before. The text says
                what was seen.
        """
        expected = action if match is None else f"{action} matching {_describe(match)}"

        def wanted(record: FrameRecord) -> bool:
            if record.direction is not Direction.IN or record.message_type != 2:
                return False
            if record.action == action and matches(record.payload, match):
                return True
            if record.action in forbidden:
                raise UnexpectedMessage(
                    f"{self.identity} sent {record.action} before {expected}:\n  {record.line()}\n"
                    f"Last frames:\n{self.history.tail()}"
                )
            return False

        start = self._cursor if since is None else since
        position, record = await self.history.wait_for(
            wanted, since=start, timeout_s=timeout_s, expected=expected
        )
        if since is None:
            self._cursor = position + 1
        return record

    async def expect_frame(
        self,
        wanted: Callable[[FrameRecord], bool],
        *,
        timeout_s: float,
        since: int = 0,
        expected: str = "the frame awaited",
    ) -> FrameRecord:
        """Waits for any frame, in either direction, that satisfies a condition.

        Args:
            wanted: The condition.
            timeout_s: Seconds to wait.
            since: Position from mark() to start from.
            expected: What is awaited, for the error text.

        Raises:
            WaitTimeout: It did not come in time.
        """
        _, record = await self.history.wait_for(
            wanted, since=since, timeout_s=timeout_s, expected=expected
        )
        return record

    def calls(self, action: str | None = None, *, since: int = 0) -> list[FrameRecord]:
        """Returns the CALLs that it sent, oldest first, as far as in memory."""
        return [
            record
            for _, record in self.history.since(since)
            if record.direction is Direction.IN
            and record.message_type == 2
            and action in (None, record.action)
        ]

    # -- acting -----------------------------------------------------------------------------------

    async def call(
        self,
        action: str,
        payload: Mapping[str, Any] | None = None,
        *,
        timeout_s: float,
        validate: bool = True,
        concurrent: bool = False,
        message_id: str | None = None,
    ) -> Any:
        """Sends a CALL and returns the payload of its CALLRESULT.

        Args:
            action: Any CALL of the CSMS.
            payload: Its payload; None = empty.
            timeout_s: Seconds until the answer, waiting for an earlier CALL included.
            validate: Check both payloads. False sends anything and returns whatever comes.
            concurrent: Do not wait until an earlier CALL is answered (against OCPP-J 4.1.1).
            message_id: Instead of a fresh UUID.

        Raises:
            InvalidCall: The CALL does not match its schema; nothing was sent.
            InvalidAnswer: The answer does not match its schema.
            CallRefused: It answered with a CALLERROR.
            NotConnected: No connection, or lost before the answer.
            WaitTimeout: No answer in time.
        """
        body: Mapping[str, Any] = {} if payload is None else payload
        if validate:
            self._check_call(action, body)
        connection = self._require_connection(action)
        try:
            async with asyncio.timeout(timeout_s):
                return await connection.call(
                    action, body, validate=validate, concurrent=concurrent, message_id=message_id
                )
        except TimeoutError:
            raise WaitTimeout(self.history.failure(f"the answer to {action}", timeout_s)) from None

    async def send_text(self, text: str) -> FrameRecord:
        """Sends any text as a frame, however wrong, and waits for nothing.

        Raises:
            NotConnected: It has no connection.
        """
        return await self._require_connection("a frame").send_text(text)

    async def close(self, code: int | None = 1000, reason: str = "closed by the CSMS") -> None:
        """Closes its connection, if any; with code None by tearing TCP down."""
        if self._connection is not None:
            await self._connection.close(code, reason)

    def freeze(self) -> None:
        """Reads and sends nothing from now on, with TCP alive.

        Raises:
            NotConnected: It has no connection.
        """
        self._require_connection("freeze").freeze()

    def thaw(self) -> None:
        """Ends freeze()."""
        if self._connection is not None:
            self._connection.thaw()

    async def act(self, effect: AtOnce) -> None:
        """Does something wrong now.

        Raises:
            NotConnected: It has no connection.
        """
        await self._require_connection("a fault").act(effect)

    # -- for the server ---------------------------------------------------------------------------

    def attach(self, connection: Connection) -> Connection | None:
        """Makes a connection the present one; returns the one it replaces."""
        replaced, self._connection = self._connection, connection
        connection.fault_policy = self._fault_policy
        self._connections += 1
        self._changed.notify()
        return replaced

    def detach(self, connection: Connection) -> None:
        """Forgets a connection that has ended, unless another has replaced it."""
        if self._connection is connection:
            self._connection = None
            self._changed.notify()

    def _require_connection(self, purpose: str) -> Connection:
        if self._connection is None:
            raise NotConnected(f"{self.identity} is not connected ({purpose}).")
        return self._connection

    def _check_call(self, action: str, payload: Mapping[str, Any]) -> None:
        if action in CHARGE_POINT_ACTIONS and action != "DataTransfer":
            raise InvalidCall(f"{action} is sent by charge points, not by the CSMS.")
        violation = self._schemas.call_violation(action, payload)
        if violation is not None:
            raise InvalidCall(f"{action} was not sent: {violation.reason}")


def matches(payload: Any, match: Match | None) -> bool:
    """Whether a payload is as described; objects may hold more, lists must have equal length."""
    if match is None:
        return True
    if callable(match):
        return bool(match(payload))
    return _contains(payload, match)


def _contains(value: Any, wanted: Any) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(value, Mapping) and all(
            key in value and _contains(value[key], part) for key, part in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(value, list)
            and len(value) == len(wanted)
            and all(_contains(v, w) for v, w in zip(value, wanted, strict=True))
        )
    return bool(value == wanted)


def _describe(match: Match) -> str:
    return getattr(match, "__name__", "a condition") if callable(match) else repr(dict(match))
