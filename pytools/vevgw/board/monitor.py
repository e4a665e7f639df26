"""A console as a person reads it: log lines, events, replies; follows a board over restarts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Final

from vevgw.board.backtrace import Decoder
from vevgw.dut.errors import DutError
from vevgw.dut.lines import ConsoleLine, LineKind, LineSplitter
from vevgw.dut.transports import transport_for

_RETRY_S: Final = 0.5
_COLOURS: Final = {"E": "31", "W": "33", "D": "2", "V": "2"}
_EVENT_COLOUR: Final = "36"
_PANIC: Final = ("Guru Meditation Error", "abort() was called", "Backtrace:", "rst:0x")


def readable(line: ConsoleLine, *, colour: bool = False) -> str:
    """Returns a line of the console for people."""
    if line.kind is LineKind.LOG:
        return _paint(line.text, _COLOURS.get(line.level, ""), colour=colour)
    if line.kind is LineKind.EVENT:
        members = [f"{key}={_short(v)}" for key, v in line.data.items() if key != "event"]
        return _paint(" ".join([f"* {line.event}", *members]), _EVENT_COLOUR, colour=colour)
    if line.kind is LineKind.REPLY:
        return _reply(line)
    is_panic = any(word in line.text for word in _PANIC)
    return _paint(line.text, "31;1" if is_panic else "", colour=colour)


class Monitor:
    """Shows a console until it is cancelled.

    Args:
        port: Serial device, pseudo-terminal or rfc2217://HOST:PORT.
        show: Takes each line to print.
        decoder: For back-traces.
        colour: Whether the output understands ANSI colours.
    """

    def __init__(
        self, port: str, show: Callable[[str], None], decoder: Decoder, *, colour: bool = False
    ) -> None:
        self._port = port
        self._show = show
        self._decoder = decoder
        self._colour = colour
        self._splitter = LineSplitter()
        self._lost = asyncio.Event()
        self._transport = transport_for(port)
        self._is_open = False

    async def run(self) -> None:
        """Shows lines, and opens the port again whenever it goes.

        Raises:
            DutError: The port cannot be opened the first time.
        """
        await self._open()
        self._show(f"-- {self._port}: what is typed here are commands; Ctrl-C ends")
        try:
            while True:
                await self._lost.wait()
                await self._reopen()
        finally:
            await self._transport.close()

    def send(self, line: str) -> None:
        """Sends a command; says so when there is no connection."""
        if not self._is_open:
            self._show("-- not sent: the port is closed")
            return
        self._transport.write(line.rstrip("\r\n").encode() + b"\n")

    async def _open(self) -> None:
        self._lost.clear()
        await self._transport.open(self)
        self._is_open = True

    async def _reopen(self) -> None:
        self._is_open = False
        await self._transport.close()
        while True:
            await asyncio.sleep(_RETRY_S)
            self._transport = transport_for(self._port)
            try:
                await self._open()
            except DutError:
                continue
            self._show(f"-- {self._port} is back")
            return

    # -- Receiver ------------------------------------------------------------------------------

    def on_data(self, data: bytes) -> None:
        """Bytes from the device."""
        for line in self._splitter.feed(data):
            self._show(readable(line, colour=self._colour))
            for name in self._decoder.decode(line.text):
                self._show(f"   {name}")

    def on_restart(self) -> None:
        """The device has restarted."""
        self._splitter.reset()

    def on_lost(self, sentence: str) -> None:
        """The device is gone; run() looks for it."""
        self._splitter.reset()
        self._is_open = False
        self._show(f"-- {sentence} Waiting for it.")
        self._lost.set()


def _reply(line: ConsoleLine) -> str:
    data = {key: value for key, value in line.data.items() if key not in ("id", "ok")}
    number = f"#{line.data['id']} " if line.data["id"] else ""
    if not line.data["ok"]:
        return f"< {number}error: {data.get('error', 'no reason given')}"
    return f"< {number}{json.dumps(data, ensure_ascii=False) if data else 'ok'}"


def _short(value: object) -> str:
    is_word = isinstance(value, str) and value and not any(c.isspace() for c in value)
    return str(value) if is_word else json.dumps(value, ensure_ascii=False)


def _paint(text: str, code: str, *, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour and code else text
