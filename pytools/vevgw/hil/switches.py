"""What can be switched off and on: the supply of the board, and its Wi-Fi."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import Final, Protocol
from urllib.parse import urlsplit, urlunsplit

from vevgw.dut import DutError, NativeGateway
from vevgw.dut.device import Dut
from vevgw.dut.transports import Transport
from vevgw.errors import UserError
from vevgw.hil.bench_file import Commands

# A USB bridge that was without supply is found anew.
_PORT_BACK_S: Final = 20.0
_PORT_POLL_S: Final = 0.2
_QUOTED: Final = 200


class Switch(Protocol):
    """Something that can be taken away from the gateway."""

    async def off(self) -> None:
        """Takes it away. Raises UserError when that fails."""

    async def on(self) -> None:
        """Gives it back. Raises UserError when that fails."""


class ShellSwitch:
    """Runs the commands of the bench file.

    Args:
        wire: Its name there, for error texts.
        commands: What is run.
    """

    def __init__(self, wire: str, commands: Commands) -> None:
        self._wire = wire
        self._commands = commands

    async def off(self) -> None:
        """Runs the command `off`.

        Raises:
            UserError: It failed, or was not done in time (it is killed then).
        """
        await self._run("off", self._commands.off)

    async def on(self) -> None:
        """Runs the command `on`.

        Raises:
            UserError: It failed, or was not done in time (it is killed then).
        """
        await self._run("on", self._commands.on)

    async def _run(self, name: str, command: str) -> None:
        process = await asyncio.create_subprocess_shell(
            command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        what = f"The command '{name}' of the wire `{self._wire}` ({command})"
        try:
            output, _ = await asyncio.wait_for(process.communicate(), self._commands.timeout_s)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            raise UserError(f"{what} did not end within {self._commands.timeout_s:g} s.") from None
        if process.returncode != 0:
            said = " ".join(output.decode(errors="replace").split())[-_QUOTED:] or "it said nothing"
            raise UserError(f"{what} failed with exit code {process.returncode}: {said}")


class BoardPower:
    """The supply of a board; its console comes back with it.

    Args:
        switch: Of the supply.
        dut: The board's console.
    """

    def __init__(self, switch: Switch, dut: Dut) -> None:
        self._switch = switch
        self._dut = dut

    async def off(self) -> None:
        """Lets go of the port, which may vanish, and switches off."""
        await self._dut.transport.close()
        await self._switch.off()

    async def on(self) -> None:
        """Switches on and opens the port as soon as it is there.

        Raises:
            UserError: It did not come back.
        """
        await self._switch.on()
        await reopen(self._dut.transport, self._dut)


async def reopen(transport: Transport, dut: Dut) -> None:
    """Opens the port of a board that was switched on.

    Raises:
        DutError: It cannot be opened for 20 s.
    """
    end_s = asyncio.get_running_loop().time() + _PORT_BACK_S
    while True:
        try:
            dut.on_restart()
            await transport.open(dut)
            return
        except DutError:
            if asyncio.get_running_loop().time() > end_s:
                raise
        await asyncio.sleep(_PORT_POLL_S)


class NativePower:
    """kill -9, and a start on the same files."""

    def __init__(self, gateway: NativeGateway) -> None:
        self._gateway = gateway

    async def off(self) -> None:
        """Kills the process."""
        await self._gateway.kill9()

    async def on(self) -> None:
        """Starts it again."""
        await self._gateway.start()


class Radio:
    """Stands between a native gateway and its CSMS: what is off loses everything without a word.

    Nothing can be connected while it is off; connections that exist hear nothing, not even that
    they ended, and go on when it is on again.

    Args:
        url: Of the CSMS.
    """

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._server: asyncio.Server | None = None
        self._port = 0
        self._air = asyncio.Event()
        self._pumps: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """What the gateway is told."""
        return urlunsplit(self._parts._replace(netloc=f"127.0.0.1:{self._port}"))

    async def start(self) -> None:
        """Listens."""
        await self.on()

    async def stop(self) -> None:
        """Ends everything."""
        await self.off()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    async def off(self) -> None:
        """The network is gone."""
        self._air.clear()
        if self._server is not None:
            self._server.close()
            self._server = None

    async def on(self) -> None:
        """The network is there."""
        self._air.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
            self._port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far = await asyncio.open_connection(self._parts.hostname, self._parts.port)
        except OSError:
            writer.close()
            return
        for source, sink in ((reader, far[1]), (far[0], writer)):
            task = asyncio.create_task(self._pump(source, sink))
            self._pumps.add(task)
            task.add_done_callback(self._pumps.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                await self._air.wait()
                sink.write(data)
                await sink.drain()
            await self._air.wait()
        except ConnectionError:
            pass
        finally:
            sink.close()
