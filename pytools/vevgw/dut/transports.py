"""Ways to reach a console: serial device, RFC 2217 server. The native process is in native.py."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import errno
import fcntl
import os
import struct
import termios
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from vevgw.dut.errors import DutError

# A DevKitC holds EN low for this long before it lets go.
_RESET_PULSE_S = 0.1
# IO0 stays low for this long after EN was let go.
_BOOT_PULSE_S = 0.2


class Boot(enum.Enum):
    """What a board does after its reset."""

    RUN = "run"
    DOWNLOAD = "download"  # the ROM loader, for flashing


class Receiver(Protocol):
    """Who gets what a transport delivers. Called in the event loop's thread."""

    def on_data(self, data: bytes) -> None:
        """Bytes from the device."""

    def on_restart(self) -> None:
        """The device has restarted: an incomplete line will not be finished."""

    def on_lost(self, sentence: str) -> None:
        """Nothing will come any more, for the stated reason."""


class Transport(Protocol):
    """A console's line. All methods belong to the event loop's thread."""

    @property
    def name(self) -> str:
        """For error texts."""

    async def open(self, receiver: Receiver) -> None:
        """Connects. Raises DutError when that is not possible."""

    async def close(self) -> None:
        """Disconnects; nothing is delivered afterwards."""

    def write(self, data: bytes) -> None:
        """Sends bytes; they may leave later. Raises DutError when there is no connection."""

    async def reset(self, boot: Boot) -> None:
        """Restarts the device. Raises DutError when the line cannot do that."""


class FdLine:
    """A file descriptor in the event loop: what serial devices and pseudo-terminals share.

    Args:
        fd: Non-blocking; the caller keeps and closes it.
        on_data: Called with what arrives.
        on_end: Called once when the other side is gone.
    """

    def __init__(
        self, fd: int, on_data: Callable[[bytes], None], on_end: Callable[[str], None]
    ) -> None:
        self._fd = fd
        self._on_data = on_data
        self._on_end = on_end
        self._unsent = b""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(fd, self._read)

    def close(self) -> None:
        """Stops; the descriptor stays open."""
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)

    def write(self, data: bytes) -> None:
        """Sends as much as fits now and the rest when there is room."""
        was_empty = not self._unsent
        self._unsent += data
        if was_empty:
            self._send()

    def drain(self) -> None:
        """Delivers what has arrived but was not read yet."""
        with contextlib.suppress(OSError):
            while data := os.read(self._fd, 65_536):
                self._on_data(data)

    def _send(self) -> None:
        try:
            self._unsent = self._unsent[os.write(self._fd, self._unsent) :]
        except BlockingIOError:
            pass
        except OSError as error:
            self._end(str(error.strerror))
            return
        if self._unsent:
            self._loop.add_writer(self._fd, self._send)
        else:
            self._loop.remove_writer(self._fd)

    def _read(self) -> None:
        try:
            data = os.read(self._fd, 65_536)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(str(error.strerror))
            return
        if data:
            self._on_data(data)
        else:
            self._end("end of file")

    def _end(self, why: str) -> None:
        self.close()
        self._on_end(why)


async def pulse_reset(set_lines: Callable[[bool, bool], Awaitable[None]], boot: Boot) -> None:
    """Resets a DevKitC through the two transistors between the USB bridge and the module.

    EN is low iff RTS and not DTR; IO0 is low iff DTR and not RTS; both outputs asserted or both
    released leave the module alone.

    Args:
        set_lines: Sets (DTR, RTS), at once where that is possible.
        boot: What the module does afterwards.
    """
    await set_lines(False, True)
    await asyncio.sleep(_RESET_PULSE_S)
    if boot is Boot.DOWNLOAD:
        await set_lines(True, False)
        await asyncio.sleep(_BOOT_PULSE_S)
    await set_lines(False, False)


class SerialTransport:
    """A serial device, such as a board's USB bridge.

    Args:
        path: Device.
        baudrate: Bits per second.
    """

    def __init__(self, path: str, baudrate: int = 115_200) -> None:
        self._path = path
        self._baudrate = baudrate
        self._port: Any = None
        self._line: FdLine | None = None

    @property
    def name(self) -> str:
        """The device."""
        return self._path

    async def open(self, receiver: Receiver) -> None:
        """Opens the device; DTR and RTS are both asserted, which leaves a board running.

        Raises:
            DutError: It does not exist, is in use, or is no serial device.
        """
        import serial

        try:
            self._port = serial.Serial(self._path, self._baudrate, timeout=0, exclusive=True)
        except (serial.SerialException, OSError, ValueError) as error:
            raise DutError(f"The port {self._path} cannot be opened: {_reason(error)}.") from error
        self._line = FdLine(
            self._port.fileno(),
            receiver.on_data,
            lambda why: receiver.on_lost(f"the port {self._path} is gone ({why})."),
        )

    async def close(self) -> None:
        """Closes the device."""
        if self._line is not None:
            self._line.close()
            self._line = None
        if self._port is not None:
            self._port.close()
            self._port = None

    def write(self, data: bytes) -> None:
        """Sends bytes."""
        if self._line is None:
            raise DutError(f"The port {self._path} is not open.")
        self._line.write(data)

    async def reset(self, boot: Boot) -> None:
        """Resets the board by DTR and RTS.

        Raises:
            DutError: The device has no such lines (a pseudo-terminal has none).
        """
        try:
            await pulse_reset(self._set_lines, boot)
        except OSError as error:
            raise DutError(
                f"The port {self._path} has no DTR and RTS, so it cannot reset a board."
            ) from error

    async def _set_lines(self, dtr: bool, rts: bool) -> None:
        # Both in one call: between two, EN could rise with IO0 at the wrong level.
        fd = self._port.fileno()
        (lines,) = struct.unpack("I", fcntl.ioctl(fd, termios.TIOCMGET, bytes(4)))
        for bit, asserted in ((termios.TIOCM_DTR, dtr), (termios.TIOCM_RTS, rts)):
            lines = lines | bit if asserted else lines & ~bit
        fcntl.ioctl(fd, termios.TIOCMSET, struct.pack("I", lines))


class Rfc2217Transport:
    """A board behind a network serial server (RFC 2217), such as `esp_rfc2217_server`.

    pyserial's client blocks, so it lives in a thread.

    Args:
        url: rfc2217://HOST:PORT
        baudrate: Bits per second at the far end.
    """

    def __init__(self, url: str, baudrate: int = 115_200) -> None:
        self._url = url
        self._baudrate = baudrate
        self._port: Any = None
        self._reader: threading.Thread | None = None
        self._stopping = threading.Event()

    @property
    def name(self) -> str:
        """The URL."""
        return self._url

    async def open(self, receiver: Receiver) -> None:
        """Connects and negotiates.

        Raises:
            DutError: Nobody listens there, or it does not speak RFC 2217.
        """
        import serial

        try:
            self._port = await asyncio.to_thread(
                serial.serial_for_url, self._url, self._baudrate, timeout=0.2
            )
        except (serial.SerialException, OSError, ValueError) as error:
            raise DutError(f"{self._url} cannot be opened: {_reason(error)}.") from error
        self._stopping.clear()
        loop = asyncio.get_running_loop()
        self._reader = threading.Thread(
            target=self._read, args=(loop, receiver), name=f"read {self._url}", daemon=True
        )
        self._reader.start()

    def _read(self, loop: asyncio.AbstractEventLoop, receiver: Receiver) -> None:
        import serial

        try:
            while not self._stopping.is_set():
                data = self._port.read(1)
                if data:
                    data += self._port.read(self._port.in_waiting)
                    loop.call_soon_threadsafe(receiver.on_data, data)
        except (serial.SerialException, OSError, TypeError) as error:
            if not self._stopping.is_set():
                # The loop may be closed already.
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(
                        receiver.on_lost, f"the connection to {self._url} is gone ({error})."
                    )

    async def close(self) -> None:
        """Disconnects."""
        self._stopping.set()
        if self._reader is not None:
            await asyncio.to_thread(self._reader.join)
            self._reader = None
        if self._port is not None:
            await asyncio.to_thread(self._port.close)
            self._port = None

    def write(self, data: bytes) -> None:
        """Sends bytes; a console line fits into the socket's buffer."""
        if self._port is None:
            raise DutError(f"{self._url} is not open.")
        try:
            self._port.write(data)
        except OSError as error:
            raise DutError(f"{self._url} does not take data: {_reason(error)}.") from error

    async def reset(self, boot: Boot) -> None:
        """Resets the board by DTR and RTS over the network.

        Raises:
            DutError: The server did not confirm.
        """
        try:
            await pulse_reset(self._set_lines, boot)
        except (OSError, ValueError) as error:
            raise DutError(f"{self._url} did not reset the board: {_reason(error)}.") from error

    async def _set_lines(self, dtr: bool, rts: bool) -> None:
        def both() -> None:
            self._port.dtr = dtr
            self._port.rts = rts

        await asyncio.to_thread(both)


def transport_for(port: str) -> Transport:
    """Returns the way to a serial device, a console's pseudo-terminal or rfc2217://HOST:PORT."""
    return Rfc2217Transport(port) if port.startswith("rfc2217://") else SerialTransport(port)


def _reason(error: BaseException) -> str:
    """Returns the text of an exception of pyserial without its wrapping."""
    inner = error.__context__ if error.__context__ is not None else error
    if isinstance(inner, termios.error) or "Could not configure port" in str(error):
        return "it is no serial port"
    if isinstance(inner, OSError) and inner.errno in (errno.EAGAIN, errno.EBUSY):
        return "another program uses it"
    if isinstance(inner, OSError) and inner.errno == errno.EACCES:
        return "this user may not; on Linux be in the group dialout"
    if isinstance(inner, OSError) and inner.strerror:
        return inner.strerror
    return str(error).rstrip(".") or type(error).__name__
