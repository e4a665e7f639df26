"""Sets the Wi-Fi of a board by Improv, as a browser does; whatever firmware it has."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

from vevgw.board.improv import Command, Frame, FrameType, Splitter, State, command, result
from vevgw.board.provision import Result
from vevgw.dut.errors import DutError
from vevgw.dut.transports import transport_for
from vevgw.errors import UserError

# A board that was just plugged in takes some seconds to start.
_ANSWER_S: Final = 10.0
_RETRY_S: Final = 1.0
# A gateway gives up after 20 s.
_JOIN_S: Final = 30.0
_SCAN_S: Final = 20.0
_MAX_SSID_BYTES: Final = 32
_PASSWORD_BYTES: Final = range(8, 64)
_SHOWN_NETWORKS: Final = 8

_INVALID: Final = 1
_UNKNOWN: Final = 2
_NOT_JOINED: Final = 3


def require_network(ssid: str, password: str) -> None:
    """Checks what Wi-Fi itself demands.

    Raises:
        UserError: It cannot be a network; the password is not quoted.
    """
    if not 1 <= len(ssid.encode()) <= _MAX_SSID_BYTES:
        raise UserError(f"The name of a network has 1 to {_MAX_SSID_BYTES} bytes.")
    if password and len(password.encode()) not in _PASSWORD_BYTES:
        raise UserError("The password of a network has 8 to 63 bytes; an open one has none.")


async def provision_wifi(
    port: str, ssid: str, password: str, *, answer_s: float = _ANSWER_S
) -> Result:
    """Has the board at this port store the network and join it.

    Args:
        port: Serial device, console link of a native gateway, or rfc2217://HOST:PORT.
        ssid: Name of the network.
        password: Empty = an open network.
        answer_s: How long the board may take to answer at all, s.

    Returns:
        What became of it; `error` is one sentence.
    """
    outcome = Result(port)
    try:
        require_network(ssid, password)
        async with contextlib.AsyncExitStack() as stack:
            line = _Line(port)
            await line.open()
            stack.push_async_callback(line.close)
            await line.wait_for_board(answer_s)
            _, texts = await line.ask(Command.DEVICE_INFORMATION, timeout_s=answer_s)
            # Firmware, version, chip, name.
            outcome.version = texts[1] if len(texts) > 1 else ""
            outcome.identity = texts[3] if len(texts) > 3 else ""
            await line.join(ssid, password)
            outcome.changed = ["wifi_ssid", "wifi_password"]
    except UserError as error:
        outcome.error = str(error).splitlines()[0]
    return outcome


class _Line:
    """Frames from and to one board."""

    def __init__(self, port: str) -> None:
        self._port = port
        self._transport = transport_for(port)
        self._splitter = Splitter()
        self._frames: asyncio.Queue[Frame | str] = asyncio.Queue()

    async def open(self) -> None:
        await self._transport.open(self)

    async def close(self) -> None:
        await self._transport.close()

    async def wait_for_board(self, timeout_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while True:
                    self._send(Command.CURRENT_STATE)
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(_RETRY_S):
                            while (await self._next()).kind != FrameType.STATE:
                                pass
                            return
        raise DutError(
            f"The board at {self._port} does not answer to Improv within {timeout_s:g} s: it may "
            "be off, at another port, locked by a password, or without Wi-Fi."
        )

    async def ask(self, number: Command, *, timeout_s: float) -> tuple[int, list[str]]:
        """Returns the first result of a command."""
        self._send(number)
        async with self._limit(timeout_s, f"{number.name.lower()} was not answered"):
            while True:
                frame = await self._next()
                if frame.kind == FrameType.RESULT and frame.data[:1] == bytes([number]):
                    return self._result(frame)

    async def join(self, ssid: str, password: str) -> None:
        self._send(Command.WIFI_SETTINGS, ssid, password)
        async with self._limit(_JOIN_S, f"nothing was heard of joining '{ssid}'"):
            while True:
                frame = await self._next()
                code = frame.data[0] if frame.data else 0
                if frame.kind == FrameType.ERROR and code:
                    break
                if frame.kind == FrameType.STATE and code == State.PROVISIONED:
                    return
        raise DutError(await self._explain(code, ssid))

    async def _explain(self, code: int, ssid: str) -> str:
        if code == _INVALID:
            return f"The board at {self._port} takes no such name or password, or has no room left."
        if code == _UNKNOWN:
            return f"The firmware of the board at {self._port} cannot be given a network by Improv."
        if code != _NOT_JOINED:
            return f"The board at {self._port} reports error {code} of Improv."
        heard = await self._networks()
        text = f"The board at {self._port} did not join '{ssid}'"
        if ssid in heard:
            return f"{text}: it hears this network, so the password may be wrong."
        names = ", ".join(f"'{name}'" for name in heard[:_SHOWN_NETWORKS])
        return f"{text}: it hears {names or 'no network'}; only 2.4 GHz can be heard."

    async def _networks(self) -> list[str]:
        """The names that the board hears; what was not told in time is missing."""
        self._send(Command.SCAN)
        names: dict[str, None] = {}
        with contextlib.suppress(TimeoutError, ValueError):
            async with asyncio.timeout(_SCAN_S):
                while True:
                    frame = await self._next()
                    if frame.kind != FrameType.RESULT or frame.data[:1] != bytes([Command.SCAN]):
                        continue
                    _, texts = result(frame)
                    if not texts:
                        break
                    names[texts[0]] = None
        return list(names)

    def _send(self, number: Command, *texts: str) -> None:
        self._transport.write(command(number, texts).encode())

    def _result(self, frame: Frame) -> tuple[int, list[str]]:
        try:
            return result(frame)
        except ValueError as error:
            raise DutError(f"The board at {self._port} sends what is no Improv: {error}.") from None

    @contextlib.asynccontextmanager
    async def _limit(self, timeout_s: float, what: str) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(timeout_s):
                yield
        except TimeoutError:
            raise DutError(
                f"The board at {self._port} was silent for {timeout_s:g} s: {what}."
            ) from None

    async def _next(self) -> Frame:
        got = await self._frames.get()
        if isinstance(got, str):
            raise DutError(got[0].upper() + got[1:])
        return got

    # -- Receiver ------------------------------------------------------------------------------

    def on_data(self, data: bytes) -> None:
        """Bytes from the board; the console's lines between the frames are of no interest."""
        frames, _ = self._splitter.feed(data)
        for frame in frames:
            self._frames.put_nowait(frame)

    def on_restart(self) -> None:
        """The board has restarted: half a frame will not be finished."""
        self._splitter = Splitter()

    def on_lost(self, sentence: str) -> None:
        """The board is gone."""
        self._frames.put_nowait(sentence)
