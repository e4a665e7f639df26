"""A virtual DevKitC: the native gateway behind an RFC 2217 server with working reset lines.

A pseudo-terminal carries no DTR and RTS, so what tests or flashing tools do with them cannot be
tried on one. Here they act as on the board: two transistors make EN low iff RTS and not DTR, and
IO0 low iff DTR and not RTS. EN low stops the process; when EN rises it starts anew, or, with IO0
low, the ROM loader waits for a download.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from types import TracebackType
from typing import Any, Self

from vevgw.dut.errors import DutError
from vevgw.dut.native import NativeGateway, open_console
from vevgw.dut.transports import FdLine

_LOG = logging.getLogger(__name__)

# EN rises slowly (its capacitor), and IO0 is sampled when it is up. Slower than on a board: clients
# of RFC 2217 change the two lines one after the other, pyserial 50 ms apart.
_EN_RISE_S = 0.1
_RUN_BANNER = b"\r\nrst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n"
_DOWNLOAD_BANNER = (
    b"\r\nrst:0x1 (POWERON_RESET),boot:0x3 (DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))\r\n"
    b"waiting for download\r\n"
)


class _Lines:
    """What `serial.rfc2217.PortManager` takes for a serial port: settings and modem lines."""

    def __init__(self, board: VirtualBoard) -> None:
        self._board = board
        self._dtr = False
        self._rts = False
        self.baudrate = 115_200
        self.bytesize = 8
        self.parity = "N"
        self.stopbits = 1
        self.xonxoff = False
        self.rtscts = False
        self.break_condition = False
        self.cts = self.dsr = self.cd = True
        self.ri = False

    def reset_input_buffer(self) -> None:
        """Nothing is buffered here."""

    def reset_output_buffer(self) -> None:
        """Nothing is buffered here."""

    @property
    def dtr(self) -> bool:
        """Asserted or not."""
        return self._dtr

    @dtr.setter
    def dtr(self, value: bool) -> None:
        self._dtr = value
        self._board.on_lines(dtr=self._dtr, rts=self._rts)

    @property
    def rts(self) -> bool:
        """Asserted or not."""
        return self._rts

    @rts.setter
    def rts(self, value: bool) -> None:
        self._rts = value
        self._board.on_lines(dtr=self._dtr, rts=self._rts)


class VirtualBoard:
    """The board. Its URL works with `Dut`, pyserial and esptool.

    Args:
        gateway: Belongs to the board from now on.
        host: Address to listen on.
        port: TCP port; 0 = any free one.

    Attributes:
        resets: How often EN went low.
    """

    def __init__(self, gateway: NativeGateway, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.gateway = gateway
        self.resets = 0
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None
        self._lines = _Lines(self)
        self._client: asyncio.StreamWriter | None = None
        self._manager: Any = None
        self._console_fd = -1
        self._console: FdLine | None = None
        self._en_low = False
        self._io0_low = False
        self._is_resetting = False
        self._power: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """What a client opens."""
        return f"rfc2217://{self._host}:{self._port}"

    async def start(self) -> None:
        """Switches the board on and listens.

        Raises:
            DutError: The address cannot be used, or the gateway does not start.
        """
        self.gateway.add_watcher(self)
        try:
            await self.gateway.start()
            self._server = await asyncio.start_server(self._serve, self._host, self._port)
        except OSError as error:
            await self.stop()
            raise DutError(
                f"The virtual board cannot listen on {self._host}:{self._port}: {error.strerror}."
            ) from error
        except DutError:
            await self.stop()
            raise
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Switches the board off."""
        if self._server is not None:
            self._server.close()
        if self._client is not None:
            self._client.close()
        if self._power is not None:
            self._power.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._power
        await self.gateway.kill9()
        self.gateway.remove_watcher(self)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    # -- the circuit ---------------------------------------------------------------------------

    def on_lines(self, *, dtr: bool, rts: bool) -> None:
        """DTR or RTS changed."""
        self._io0_low = dtr and not rts
        en_low = rts and not dtr
        if en_low == self._en_low:
            return
        self._en_low = en_low
        self.resets += en_low
        previous = self._power
        self._power = asyncio.create_task(self._follow_en(previous))

    async def _follow_en(self, previous: asyncio.Task[None] | None) -> None:
        if previous is not None:
            await previous
        if self._en_low:
            self._is_resetting = True
            await self.gateway.kill9()
            self._is_resetting = False
            return
        await asyncio.sleep(_EN_RISE_S)
        if self._en_low or self.gateway.is_running:
            return
        if self._io0_low:
            self._to_client(_DOWNLOAD_BANNER)
            return
        self._to_client(_RUN_BANNER)
        try:
            await self.gateway.start()
        except DutError as error:
            self._to_client(f"{error}\r\n".encode())

    # -- GatewayWatcher ------------------------------------------------------------------------

    async def on_start(self) -> None:
        """Connects the UART of the new process."""
        self._drop_console()
        self._console_fd = open_console(self.gateway.console_link)
        self._console = FdLine(self._console_fd, self._to_client, lambda why: None)

    def on_end(self, sentence: str) -> None:
        """The process ended: by the reset line, or it crashed, which is shown and not hidden."""
        self._drop_console()
        if not self._is_resetting:
            self._to_client(f"{sentence}\r\n".encode())

    def _drop_console(self) -> None:
        if self._console is not None:
            self._console.drain()
            self._console.close()
            self._console = None
            os.close(self._console_fd)

    # -- RFC 2217 ------------------------------------------------------------------------------

    def _to_client(self, data: bytes) -> None:
        if self._client is not None and self._manager is not None:
            self._client.write(b"".join(self._manager.escape(data)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        import serial.rfc2217

        if self._client is not None:
            writer.close()  # a serial port has one user
            return
        self._client = writer
        self._manager = serial.rfc2217.PortManager(self._lines, writer)
        try:
            while data := await reader.read(4096):
                plain = b"".join(self._manager.filter(data))
                if plain and self._console is not None:
                    self._console.write(plain)
        except ConnectionError as error:
            _LOG.debug("the client left: %s", error)
        finally:
            self._client = self._manager = None
            writer.close()
