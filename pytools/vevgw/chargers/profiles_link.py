"""A Modbus connection from this computer to a real device, with the manners of its profile."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.framer import FramerType

from vevgw.chargers.sim_cable import is_pty
from vevgw.errors import UserError

logging.getLogger("pymodbus").addHandler(logging.NullHandler())

_CONNECT_S = 3.0
_BITS_PER_BYTE = 11


class Framer(enum.Enum):
    """How frames are packed; the values are the words of the command line."""

    RTU = "rtu"
    ASCII = "ascii"
    TCP = "tcp"
    RTU_OVER_TCP = "rtu-over-tcp"


_FRAMERS = {
    Framer.RTU: FramerType.RTU,
    Framer.ASCII: FramerType.ASCII,
    Framer.TCP: FramerType.SOCKET,
    Framer.RTU_OVER_TCP: FramerType.RTU,
}


class SilentError(Exception):
    """Nobody answered in time, or not with a frame that can be used."""


class DeclinedError(Exception):
    """The device answered with an exception code of Modbus."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exception {code}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Target:
    """Where a device is.

    Attributes:
        port: Serial device, or None.
        host: Name or address, or None.
        tcp_port: With host.
        unit: Modbus unit id.
        baud, parity, stop_bits: Of the serial line; parity is none, even or odd.
    """

    framer: Framer
    unit: int
    port: str | None = None
    host: str | None = None
    tcp_port: int = 502
    baud: int = 9600
    parity: str = "none"
    stop_bits: int = 1

    def __str__(self) -> str:
        if self.port is None:
            return f"{self.host}:{self.tcp_port}"
        return f"{self.port} ({self.baud} bit/s, parity {self.parity})"


class Link:
    """One connection; requests follow each other with the gaps that the device needs.

    Args:
        target: Where the device is.
        transport: `transport` of its profile.
    """

    def __init__(self, target: Target, transport: Mapping[str, Any]) -> None:
        self.target = target
        self._gap_s = transport["gap_ms"] / 1000
        self._write_gap_s = transport.get("write_gap_ms", transport["gap_ms"]) / 1000
        self._lost_after_s = transport.get("first_request_lost_after_ms", 0) / 1000
        self._answer_s = transport["timeout_ms"] / 1000
        if target.port is not None:
            wire_bytes = 2 * (2 * transport["max_registers"] + 16)
            self._answer_s += wire_bytes * _BITS_PER_BYTE / target.baud
        # A client belongs to the event loop in which it is made.
        self._client: AsyncModbusSerialClient | AsyncModbusTcpClient
        self._free_at = 0.0
        self._quiet_since = 0.0

    async def __aenter__(self) -> Self:
        self._client = self._make_client()
        if not await self._connect():
            raise await self._why_not()
        return self

    async def __aexit__(self, *unused: object) -> None:
        self._client.close()

    async def read(self, space: str, address: int, count: int) -> list[int]:
        """Returns words, or bits.

        Raises:
            SilentError: Nobody answered.
            DeclinedError: The device answered with an exception.
        """
        client = self._client
        calls: dict[str, Any] = {
            "coil": client.read_coils,
            "discrete": client.read_discrete_inputs,
            "holding": client.read_holding_registers,
            "input": client.read_input_registers,
        }
        answer = await self._ask(calls[space], address, count=count)
        if space in ("coil", "discrete"):
            got = [int(bit) for bit in answer.bits[:count]]
        else:
            got = list(answer.registers)
        if len(got) != count:
            raise SilentError
        return got

    async def write(self, space: str, address: int, words: list[int], *, multiple: bool) -> None:
        """Writes holding registers, or one coil.

        Raises:
            SilentError: Nobody answered.
            DeclinedError: The device answered with an exception.
        """
        try:
            if space == "coil":
                await self._ask(self._client.write_coil, address, bool(words[0]))
            elif multiple or len(words) > 1:
                await self._ask(self._client.write_registers, address, words)
            else:
                await self._ask(self._client.write_register, address, words[0])
        finally:
            self._free_at = time.monotonic() + self._write_gap_s

    def _make_client(self) -> AsyncModbusSerialClient | AsyncModbusTcpClient:
        target, framer = self.target, _FRAMERS[self.target.framer]
        if target.port is not None:
            return AsyncModbusSerialClient(
                target.port,
                framer=framer,
                baudrate=target.baud,
                # A pseudo-terminal knows no parity.
                parity="N" if is_pty(target.port) else target.parity[0].upper(),
                stopbits=target.stop_bits,
                timeout=_CONNECT_S,
                retries=0,
                reconnect_delay=0,
            )
        assert target.host is not None
        return AsyncModbusTcpClient(
            target.host,
            port=target.tcp_port,
            framer=framer,
            timeout=_CONNECT_S,
            retries=0,
            reconnect_delay=0,
        )

    async def _connect(self) -> bool:
        self._client.ctx.comm_params.timeout_connect = _CONNECT_S
        try:
            is_open = await self._client.connect()
        except (ModbusException, OSError, ValueError):
            return False
        # pymodbus waits as long for an answer as for a connection.
        self._client.ctx.comm_params.timeout_connect = self._answer_s
        return bool(is_open)

    async def _ask(self, call: Any, *arguments: Any, **named: Any) -> Any:
        is_lost = 0 < self._lost_after_s <= time.monotonic() - self._quiet_since
        try:
            return await self._ask_once(call, *arguments, **named)
        except SilentError:
            if not is_lost:
                raise
        return await self._ask_once(call, *arguments, **named)

    async def _ask_once(self, call: Any, *arguments: Any, **named: Any) -> Any:
        await asyncio.sleep(max(0.0, self._free_at - time.monotonic()))
        if not self._client.connected and not await self._connect():
            raise SilentError
        try:
            answer = await call(*arguments, device_id=self.target.unit, **named)
        except (ModbusException, OSError):
            if self.target.port is None:
                # The answer may still come, and would be taken for that of the next request.
                self._client.close()
            raise SilentError from None
        finally:
            self._quiet_since = time.monotonic()
            self._free_at = self._quiet_since + self._gap_s
        if answer.isError():
            raise DeclinedError(int(answer.exception_code))
        return answer

    async def _why_not(self) -> UserError:
        """Tries again without pymodbus, which keeps the reason to itself."""
        target = self.target
        if target.port is not None:
            if not os.path.exists(target.port):  # noqa: ASYNC240
                return UserError(
                    f"There is no port {target.port}; is the adapter plugged in (ls /dev/tty*)?"
                )
            try:
                os.close(os.open(target.port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK))
            except OSError as error:
                return UserError(f"The port {target.port} cannot be opened: {error.strerror}.")
            return UserError(f"{target.port} is no serial port, or does not take these settings.")
        try:
            async with asyncio.timeout(_CONNECT_S):
                _, writer = await asyncio.open_connection(target.host, target.tcp_port)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        except ConnectionRefusedError:
            return UserError(
                f"{target} refuses the connection: is Modbus TCP switched on, is this its port, and"
                " is no other client connected?"
            )
        except TimeoutError:
            return UserError(f"{target} does not answer: is the address right and the device on?")
        except OSError as error:
            return UserError(f"{target} cannot be reached: {error.strerror or error}.")
        return UserError(f"{target} closed the connection; try again.")
