"""The lines that a console has printed, and waiting for more of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator

from vevgw.dut.errors import DutError
from vevgw.dut.lines import ConsoleLine

_KEPT = 50_000
_QUOTED = 20
Wanted = Callable[[ConsoleLine], bool]


class History:
    """Lines by position; the newest 50,000 stay in memory, all are in the raw log.

    Args:
        log_place: Says where the full log is, for error texts.
    """

    def __init__(self, log_place: str) -> None:
        self._lines: deque[ConsoleLine] = deque(maxlen=_KEPT)
        self._first = 0
        self._log_place = log_place
        self._waiters: set[asyncio.Event] = set()
        self._lost: str | None = None

    @property
    def end(self) -> int:
        """Position of the next line."""
        return self._first + len(self._lines)

    def add(self, line: ConsoleLine) -> None:
        """Appends a line."""
        if len(self._lines) == _KEPT:
            self._first += 1
        self._lines.append(line)
        self._wake()

    def set_lost(self, sentence: str | None) -> None:
        """The device is gone, for the stated reason: whoever waits fails now. None: it is back."""
        self._lost = sentence
        self._wake()

    def since(self, position: int = 0) -> Iterator[tuple[int, ConsoleLine]]:
        """Yields lines and their positions."""
        start = max(position, self._first)
        for at in range(start, self.end):
            yield at, self._lines[at - self._first]

    def tail(self, count: int = _QUOTED) -> str:
        """Returns the last lines as indented text."""
        lines = [f"  | {line.text}" for _, line in self.since(self.end - count)]
        return "\n".join(lines) if lines else "  (nothing was printed)"

    async def wait_for(
        self,
        wanted: Wanted,
        *,
        since: int,
        timeout_s: float,
        expected: str,
        unwanted: Wanted = lambda line: False,
    ) -> tuple[int, ConsoleLine]:
        """Waits for a line and returns it with its position.

        Args:
            wanted: The condition.
            since: Position to start from.
            timeout_s: Seconds to wait.
            expected: What is awaited, for the error text.
            unwanted: A line that must not come before.

        Raises:
            DutError: It did not come in time, something unwanted came, or the device was lost.
        """
        event = asyncio.Event()
        self._waiters.add(event)
        position = since
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    event.clear()
                    for at, line in self.since(position):
                        if unwanted(line):
                            raise DutError(
                                self.failure(f"Expected {expected}, but first came: {line.text}")
                            )
                        if wanted(line):
                            return at, line
                    position = self.end
                    if self._lost is not None:
                        raise DutError(self.failure(f"Expected {expected}, but {self._lost}"))
                    await event.wait()
        except TimeoutError:
            raise DutError(
                self.failure(f"Expected {expected} within {timeout_s:g} s; it did not come.")
            ) from None
        finally:
            self._waiters.discard(event)

    def failure(self, sentence: str) -> str:
        """Returns the sentence with the last lines and the place of the log."""
        return f"{sentence}\nLast lines:\n{self.tail()}\nFull log: {self._log_place}"

    def _wake(self) -> None:
        for event in self._waiters:
            event.set()
