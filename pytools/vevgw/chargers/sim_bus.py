"""A Modbus server on a simulated bus: framing by pymodbus, behaviour by the devices, faults."""

from __future__ import annotations

import asyncio
import enum
import logging
import termios
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pymodbus.constants import ExcCodes
from pymodbus.framer import FramerType
from pymodbus.pdu import ExceptionResponse, ModbusPDU
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from vevgw.chargers.devices.base import ChargerDevice, RefusedError, Space
from vevgw.chargers.sim_cable import Cable, DeviceCable, PtyCable, TcpCable, is_pty
from vevgw.errors import UserError

_LOG = logging.getLogger(__name__)
# What pymodbus has to say concerns its own insides; without a handler Python would print it.
logging.getLogger("pymodbus").addHandler(logging.NullHandler())

_SPACE_OF_FUNCTION = {
    1: Space.COIL,
    2: Space.DISCRETE,
    3: Space.HOLDING,
    4: Space.INPUT,
    5: Space.COIL,
    6: Space.HOLDING,
    15: Space.COIL,
    16: Space.HOLDING,
}


class Framing(enum.Enum):
    """How frames are packed; the values are the words of the command line."""

    RTU = "rtu"
    ASCII = "ascii"
    TCP = "tcp"


_FRAMERS = {
    Framing.RTU: FramerType.RTU,
    Framing.ASCII: FramerType.ASCII,
    Framing.TCP: FramerType.SOCKET,
}


@dataclass(slots=True)
class BusFaults:
    """Faults to inject; change the attributes at any time.

    Attributes:
        silent: The device does not hear requests (cable cut, supply off): nothing is carried out.
        drop_replies: The next n requests are carried out but their replies are lost.
        corrupt_replies: The next n replies arrive with a wrong CRC or LRC, or cut short (TCP).
        garbage_replies: The next n replies are replaced by bytes that are no Modbus at all.
        hang_up_replies: The next n replies break off in the middle; on TCP the connection ends.
        exceptions: The next n requests are refused with `exception_code`.
        exception_code: Modbus exception code 1..11.
        reply_delay_s: Every reply comes this much later, s.
    """

    silent: bool = False
    drop_replies: int = 0
    corrupt_replies: int = 0
    garbage_replies: int = 0
    hang_up_replies: int = 0
    exceptions: int = 0
    exception_code: int = 4
    reply_delay_s: float = 0.0


@dataclass(slots=True)
class BusStatistics:
    """What the bus has seen.

    Attributes:
        requests: Requests for a unit of this bus that it heard.
        replies: Replies without an exception, lost ones included.
        exceptions: Replies that were exceptions.
        foreign: Requests for units that do not exist here.
        shortest_gap_s: Shortest time from a reply to the next request, s; None before there is one.
    """

    requests: int = 0
    replies: int = 0
    exceptions: int = 0
    foreign: int = 0
    shortest_gap_s: float | None = None


class SimBus:
    """Devices by unit id behind one serial port or TCP socket.

    Args:
        devices: Device of each unit id.
        before_request: Called before a request is carried out: moves the devices to the present.
        after_request: Called after it was carried out.
    """

    def __init__(
        self,
        devices: dict[int, ChargerDevice],
        *,
        before_request: Callable[[], None] = lambda: None,
        after_request: Callable[[], None] = lambda: None,
    ) -> None:
        self.devices = devices
        self.faults = BusFaults()
        self.statistics = BusStatistics()
        self._before_request = before_request
        self._after_request = after_request
        self._server: ModbusSerialServer | ModbusTcpServer | None = None
        self._cable: Cable | None = None
        self._framing = Framing.RTU
        self._reply_at: float | None = None

    @property
    def port(self) -> str:
        """What a client opens: a device path, or HOST:PORT."""
        assert self._cable is not None, "the bus is not open"
        return self._cable.port

    async def open_pty(self, link: Path | None, framing: Framing = Framing.RTU) -> None:
        """Serves Modbus RTU or ASCII on a new pseudo-terminal.

        Raises:
            UserError: The link cannot be created.
        """
        cable = PtyCable(link, reply_delay_s=self._delay_s)
        self._cable = cable
        self._framing = framing
        self._server = ModbusSerialServer(
            self._sim_devices(),
            framer=_FRAMERS[framing],
            port=cable.server_port,
            trace_packet=self._trace_packet,
            trace_pdu=self._trace_pdu,
        )
        await self._server.serve_forever(background=True)

    async def open_serial(self, path: str, framing: Framing = Framing.RTU) -> None:
        """Serves RTU or ASCII on a serial device, with the line settings of the first device.

        `BusFaults.reply_delay_s` has no effect here: there is no cable of ours in between.

        Raises:
            UserError: It cannot be opened.
        """
        first = next(iter(self.devices.values()))
        self._cable = DeviceCable(path)
        self._framing = framing
        self._server = ModbusSerialServer(
            self._sim_devices(),
            framer=_FRAMERS[framing],
            port=path,
            baudrate=first.baudrate,
            parity="N" if is_pty(path) else first.parity,
            trace_packet=self._trace_packet,
            trace_pdu=self._trace_pdu,
        )
        try:
            await self._server.serve_forever(background=True)
        except (RuntimeError, OSError, termios.error) as error:
            await self.close()
            raise UserError(f"The serial device {path} cannot be opened.") from error

    async def open_tcp(self, host: str, port: int, framing: Framing = Framing.TCP) -> None:
        """Serves Modbus TCP, or as a converter the frames of a line; port 0 takes a free one.

        Raises:
            UserError: The address cannot be used.
        """
        self._framing = framing
        self._server = ModbusTcpServer(
            self._sim_devices(),
            framer=_FRAMERS[framing],
            address=("127.0.0.1", 0),
            trace_packet=self._trace_packet,
            trace_pdu=self._trace_pdu,
        )
        await self._server.serve_forever(background=True)
        listener = cast(Any, self._server.transport)
        inner_port = int(listener.sockets[0].getsockname()[1])
        cable = TcpCable(inner_port, reply_delay_s=self._delay_s)
        self._cable = cable
        try:
            await cable.open(host, port)
        except UserError:
            await self.close()
            raise

    async def close(self) -> None:
        """Stops serving."""
        if self._server is not None:
            await cast(Any, self._server).shutdown()
            self._server = None
        if self._cable is not None:
            self._cable.close()
            self._cable = None

    # -- hooks of pymodbus ---------------------------------------------------------------------

    def _sim_devices(self) -> list[SimDevice]:
        return [self._sim_device(unit, device) for unit, device in self.devices.items()]

    def _sim_device(self, unit: int, device: ChargerDevice) -> SimDevice:
        async def action(
            function: int,
            start: int,
            address: int,
            count: int,
            registers: list[int],
            values: list[int] | list[bool] | None,
        ) -> ExcCodes | None:
            return self._carry_out(device, function, start, address, count, registers, values)

        # pymodbus wants all four blocks; a space that the device lacks gets the address 65535.
        blocks = []
        for space in (Space.COIL, Space.DISCRETE, Space.HOLDING, Space.INPUT):
            kind = DataType.BITS if space in (Space.COIL, Space.DISCRETE) else DataType.REGISTERS
            addresses = sorted(device.registers.get(space, {})) or [65_535]
            if kind is DataType.BITS:
                # Bits come in words: those between are refused by the device itself.
                addresses = sorted({address & ~15 for address in addresses})
            blocks.append([SimData(address, values=[0], datatype=kind) for address in addresses])
        return SimDevice(
            unit, simdata=(blocks[0], blocks[1], blocks[2], blocks[3]), action=cast(Any, action)
        )

    def _carry_out(
        self,
        device: ChargerDevice,
        function: int,
        start: int,
        address: int,
        count: int,
        registers: list[int],
        values: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        """Reads or writes; `registers` is pymodbus's own copy and is brought up to date."""
        space = _SPACE_OF_FUNCTION.get(function)
        if space is None or function not in device.function_codes:
            return ExcCodes.ILLEGAL_FUNCTION
        if self.faults.exceptions > 0:
            # Single writes are read back by pymodbus for their echo: count the request once.
            if values is not None or function in (1, 2, 3, 4):
                self.faults.exceptions -= 1
            return ExcCodes(self.faults.exception_code)
        try:
            if values is not None:
                device.write(space, address, [int(value) for value in values])
            elif function in (1, 2, 3, 4):
                offset = address - start
                registers[offset : offset + count] = device.read(space, address, count)
        except RefusedError as error:
            return ExcCodes(error.code)
        return None

    def _trace_pdu(self, sending: bool, pdu: ModbusPDU) -> ModbusPDU:
        device = self.devices.get(pdu.dev_id)
        if sending:
            return self._on_reply(device, pdu)
        self._before_request()
        if device is None:
            self.statistics.foreign += 1
        if device is None or self.faults.silent or not device.hears_request():
            # Without a request pymodbus stays quiet, as a bus does; left alone, it would answer for
            # an unknown unit with an exception.
            return cast(ModbusPDU, None)
        self.statistics.requests += 1
        return pdu

    def _on_reply(self, device: ChargerDevice | None, pdu: ModbusPDU) -> ModbusPDU:
        function = pdu.function_code & 0x7F
        if device is not None and function not in device.function_codes:
            unit, transaction = pdu.dev_id, pdu.transaction_id
            pdu = ExceptionResponse(function, ExcCodes.ILLEGAL_FUNCTION)
            pdu.dev_id, pdu.transaction_id = unit, transaction
        if pdu.function_code & 0x80:
            self.statistics.exceptions += 1
        else:
            self.statistics.replies += 1
            if device is not None:
                device.on_transaction()
        self._after_request()
        return pdu

    def _trace_packet(self, sending: bool, data: bytes) -> bytes:
        if not sending:
            self._on_bytes()
            return data
        if self.faults.drop_replies > 0:
            self.faults.drop_replies -= 1
            return b""
        self._reply_at = asyncio.get_running_loop().time() + self.faults.reply_delay_s
        if self.faults.corrupt_replies > 0:
            self.faults.corrupt_replies -= 1
            return _corrupted(data, self._framing)
        if self.faults.garbage_replies > 0:
            self.faults.garbage_replies -= 1
            return b"HTTP/1.0 400 Bad Request\r\n\r\n"
        if self.faults.hang_up_replies > 0:
            self.faults.hang_up_replies -= 1
            if isinstance(self._cable, TcpCable):
                self._cable.hang_up_soon()
            return data[: len(data) // 2]
        return data

    def _on_bytes(self) -> None:
        if self._reply_at is None:
            return
        gap = asyncio.get_running_loop().time() - self._reply_at
        self._reply_at = None
        if gap < 0:
            return  # the client did not wait for the reply
        shortest = self.statistics.shortest_gap_s
        self.statistics.shortest_gap_s = gap if shortest is None else min(shortest, gap)

    def _delay_s(self) -> float:
        return self.faults.reply_delay_s


def _corrupted(data: bytes, framing: Framing) -> bytes:
    """The frame with a wrong check; Modbus TCP has none: there the last byte is missing."""
    match framing:
        case Framing.RTU:
            return data[:-1] + bytes([data[-1] ^ 0xFF])
        case Framing.ASCII:
            # The last digit of the LRC, before CR and LF.
            return data[:-3] + (b"1" if data[-3:-2] == b"0" else b"0") + data[-2:]
        case Framing.TCP:
            return data[:-1]
