"""A device under test, seen through its console."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vevgw.dut.errors import DutError, NoAnswer
from vevgw.dut.history import History
from vevgw.dut.lines import ConsoleLine, LineKind, LineSplitter
from vevgw.dut.transports import Boot, Transport

# A text is a regular expression, searched for in the whole line.
Pattern = str | re.Pattern[str] | Callable[[ConsoleLine], bool]
_ATTEMPT_S = 0.5
# Text goes out in blocks: a board keeps no more than 1 KiB that it has not read yet.
_TEXT_BLOCK = 512
_TEXT_BLOCK_S = 0.05
_TEXT_BEGIN_S = 5.0


class Dut:
    """Drives one gateway: commands, events, log lines, reset.

    Waiting goes through the console's output in order: each `expect` starts behind the line that
    the one before found, so that nothing is missed and nothing is found twice.

    Args:
        transport: The way to its console.
        log_path: Raw log; received bytes as they came, commands as lines `>>> #17 status`.
    """

    def __init__(self, transport: Transport, *, log_path: Path) -> None:
        self.transport = transport
        self.log_path = log_path
        self.history = History(str(log_path))
        self._splitter = LineSplitter()
        self._log = log_path.open("ab", buffering=0)
        self._cursor = 0
        self._last_id = 0
        self._replies: dict[int, asyncio.Future[dict[str, Any]]] = {}

    # -- life ----------------------------------------------------------------------------------

    async def open(self) -> None:
        """Connects.

        Raises:
            DutError: The console is not reachable.
        """
        self.history.set_lost(None)
        await self.transport.open(self)

    async def close(self) -> None:
        """Disconnects; the history and the log stay."""
        await self.transport.close()
        self._fail_commands(DutError("The console was closed before the device answered."))
        self._log.close()

    async def __aenter__(self) -> Self:
        try:
            await self.open()
        except BaseException:
            self._log.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def reset(self, boot: Boot = Boot.RUN) -> None:
        """Restarts the device; waiting starts behind everything printed so far.

        Raises:
            DutError: The transport cannot do that.
        """
        self._cursor = self.history.end
        await self.transport.reset(boot)

    # -- talking -------------------------------------------------------------------------------

    async def command(
        self, line: str, *, timeout_s: float = 2.0, secret: bool = False, text: str | None = None
    ) -> dict[str, Any]:
        """Sends a command and returns its reply.

        Args:
            line: Command and arguments, without id and line end.
            timeout_s: Seconds until the reply.
            secret: The arguments are kept out of the log and of error texts.
            text: Lines that the command takes, sent when it asks for them.

        Raises:
            NoAnswer: The device did not answer in time, or restarted.
            DutError: It answered with an error (the text is its sentence), or is gone.
        """
        if "\n" in line or "\r" in line:
            raise DutError("A command is one line.")
        self._last_id += 1
        number = self._last_id
        shown = f"{line.split()[0]} (hidden)" if secret and line.split() else line
        reply: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._replies[number] = reply
        try:
            self._log.write(f">>> #{number} {shown}\n".encode())
            start = self.mark()
            self.transport.write(f"#{number} {line}\n".encode())
            if text is not None:
                await self._send_text(number, text, start)
            data = await asyncio.wait_for(reply, timeout_s)
        except NoAnswer:
            raise
        except TimeoutError:
            raise NoAnswer(
                self.history.failure(f"'{shown}' was not answered within {timeout_s:g} s.")
            ) from None
        finally:
            self._replies.pop(number, None)
        if not data["ok"]:
            raise DutError(str(data.get("error", f"'{shown}' failed without a reason.")))
        return data

    async def _send_text(self, number: int, text: str, start: int) -> None:
        """Sends the lines of a command when the device asks for them; not when it has refused."""

        def is_it(line: ConsoleLine) -> bool:
            answered = line.kind is LineKind.REPLY and line.data["id"] == number
            return answered or line.event == "input"

        try:
            _, line = await self.history.wait_for(
                is_it, since=start, timeout_s=_TEXT_BEGIN_S, expected="the event input"
            )
        except DutError as error:
            raise NoAnswer(str(error)) from None
        if line.kind is LineKind.REPLY:
            return
        data = f"{text.rstrip()}\nend\n".encode()
        self._log.write(f">>> ({data.count(10)} lines of text)\n".encode())
        for at in range(0, len(data), _TEXT_BLOCK):
            self.transport.write(data[at : at + _TEXT_BLOCK])
            await asyncio.sleep(_TEXT_BLOCK_S)

    async def wait_ready(self, *, timeout_s: float) -> dict[str, Any]:
        """Waits until the device answers `status`, and returns the answer.

        Raises:
            DutError: It did not in time, or it is gone.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    with contextlib.suppress(NoAnswer):
                        return await self.command("status", timeout_s=_ATTEMPT_S)
        except TimeoutError:
            raise DutError(
                self.history.failure(f"The device was not ready within {timeout_s:g} s.")
            ) from None

    # -- waiting -------------------------------------------------------------------------------

    def mark(self) -> int:
        """Returns the present end of the history, for `since`."""
        return self.history.end

    async def expect(
        self,
        pattern: Pattern,
        *,
        timeout_s: float,
        absent: Iterable[Pattern] = (),
        since: int | None = None,
    ) -> ConsoleLine:
        """Waits for a line.

        Args:
            pattern: Regular expression or predicate.
            timeout_s: Seconds to wait.
            absent: None of these may come before.
            since: Position from mark() to start from instead; the order above is then left alone.

        Raises:
            DutError: It did not come in time, something of `absent` came, or the device is gone.
        """
        unwanted = [_predicate(one) for one in absent]
        position, line = await self.history.wait_for(
            _predicate(pattern),
            since=self._cursor if since is None else since,
            timeout_s=timeout_s,
            expected=_describe(pattern),
            unwanted=lambda line: any(one(line) for one in unwanted),
        )
        if since is None:
            self._cursor = position + 1
        return line

    async def expect_event(
        self,
        name: str,
        *,
        timeout_s: float,
        match: Mapping[str, Any] | None = None,
        absent: Iterable[Pattern] = (),
        since: int | None = None,
    ) -> dict[str, Any]:
        """Waits for an event and returns its members.

        Args:
            name: Its name.
            timeout_s: Seconds to wait.
            match: Members that it must have, with these values.
            absent: None of these may come before.
            since: Position from mark() to start from instead.

        Raises:
            DutError: As for expect().
        """
        wanted = dict(match or {})

        def is_it(line: ConsoleLine) -> bool:
            return line.event == name and all(
                key in line.data and line.data[key] == value for key, value in wanted.items()
            )

        is_it.__doc__ = f"event {name}" + (f" with {wanted}" if wanted else "")
        line = await self.expect(is_it, timeout_s=timeout_s, absent=absent, since=since)
        return line.data

    def events(self, name: str, *, since: int = 0) -> list[dict[str, Any]]:
        """Returns the events of that name so far, oldest first."""
        return [line.data for _, line in self.history.since(since) if line.event == name]

    # -- Receiver ------------------------------------------------------------------------------

    def on_data(self, data: bytes) -> None:
        """Bytes from the transport."""
        self._log.write(data)
        for line in self._splitter.feed(data):
            self.history.add(line)
            if line.kind is LineKind.REPLY:
                reply = self._replies.get(line.data["id"])
                if reply is not None and not reply.done():
                    reply.set_result(line.data)

    def on_restart(self) -> None:
        """The device has restarted."""
        self._splitter.reset()
        self.history.set_lost(None)
        self._fail_commands(NoAnswer("The device restarted before it answered."))

    def on_lost(self, sentence: str) -> None:
        """The device is gone."""
        self.history.set_lost(sentence)
        self._fail_commands(
            DutError(self.history.failure(f"The command was not answered: {sentence}"))
        )

    def _fail_commands(self, error: DutError) -> None:
        for reply in self._replies.values():
            if not reply.done():
                reply.set_exception(error)


def _predicate(pattern: Pattern) -> Callable[[ConsoleLine], bool]:
    if callable(pattern):
        return pattern
    compiled = re.compile(pattern)
    return lambda line: compiled.search(line.text) is not None


def _describe(pattern: Pattern) -> str:
    if isinstance(pattern, str):
        return f"a line like '{pattern}'"
    if isinstance(pattern, re.Pattern):
        return f"a line like '{pattern.pattern}'"
    return pattern.__doc__ or "a certain line"
