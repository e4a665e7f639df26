"""Simulated chargers without Modbus: OpenEVSE (serial), KEBA (UDP), a box on a board's pins.

async with DirectSim(OpenEvse()) as sim:
    sim.plug(EvSpec(phases=1))
    await sim.wait_for(lambda s: s.current_a > 9, timeout_s=10)
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from vevgw.chargers.devices.direct import LineDevice
from vevgw.chargers.devices.gpio_box import GpioBox
from vevgw.chargers.devices.keba import Keba
from vevgw.chargers.devices.openevse import OpenEvse
from vevgw.chargers.ev import Ev, EvSpec
from vevgw.chargers.sim_cable import open_raw_pty
from vevgw.errors import UserError

_TICK_S = 0.02
_MODELS: dict[str, Callable[[], LineDevice]] = {
    model.model: model for model in (GpioBox, Keba, OpenEvse)
}


def direct_models() -> list[str]:
    """Returns the names of the models."""
    return sorted(_MODELS)


class DirectSim:
    """One charger and its vehicle, on a pseudo-terminal or on UDP.

    Args:
        device: The charger, or the name of its model.
        link: Symbolic link to make to the pseudo-terminal.
        udp: (address, port) to serve UDP on instead; port 0 takes a free one.
        reply_port: Port that UDP answers go to, whatever port the gateway asked from.
    """

    def __init__(
        self,
        device: LineDevice | str,
        *,
        link: Path | None = None,
        udp: tuple[str, int] | None = None,
        reply_port: int = 7090,
    ) -> None:
        if isinstance(device, str):
            factory = _MODELS.get(device)
            if factory is None:
                known = ", ".join(direct_models())
                raise UserError(f"There is no charger model '{device}'; there are: {known}.")
            device = factory()
        self.device = device
        self._link = link
        self._udp = udp
        self._reply_port = reply_port
        self._gateway: str | None = None
        self._socket: asyncio.DatagramTransport | None = None
        self._master = self._slave = -1
        self._last_s = 0.0
        self._ticker: asyncio.Task[None] | None = None
        self._event = asyncio.Event()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._last_s = loop.time()
        if self._udp is not None:
            self._socket, _ = await loop.create_datagram_endpoint(
                lambda: _Protocol(self._on_datagram), local_addr=self._udp
            )
        else:
            self._master, self._slave = open_raw_pty()
            loop.add_reader(self._master, self._on_readable)
            if self._link is not None:
                self._link.unlink(missing_ok=True)
                self._link.symlink_to(os.ttyname(self._slave))
        self._ticker = asyncio.create_task(self._tick())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._ticker is not None:
            self._ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticker
        if self._socket is not None:
            self._socket.close()
        if self._master >= 0:
            asyncio.get_running_loop().remove_reader(self._master)
            os.close(self._master)
            os.close(self._slave)
            if self._link is not None:
                self._link.unlink(missing_ok=True)

    # -- what a user does and sees ---------------------------------------------------------------

    @property
    def port_path(self) -> str:
        """What the gateway opens: a device, or HOST:PORT."""
        if self._socket is not None:
            host, port = self._socket.get_extra_info("sockname")[:2]
            return f"{host}:{port}"
        return os.ttyname(self._slave)

    def plug(self, ev: Ev | EvSpec | None = None) -> Ev:
        """Connects a vehicle (a default one when none is given) and returns it."""
        vehicle = ev if isinstance(ev, Ev) else Ev(ev)
        self.device.plug(vehicle)
        self._advance()
        return vehicle

    def unplug(self) -> None:
        """Removes the vehicle."""
        self.device.unplug()
        self._advance()

    @property
    def state(self) -> str:
        """Pilot state with the station's part, such as `B2`."""
        return self.device.state

    @property
    def limit_a(self) -> float:
        """Current that is offered, A per phase; 0 = none."""
        return self.device.limit_a

    @property
    def current_a(self) -> float:
        """Largest current of the phases, A."""
        return max(self.device.currents_a)

    @property
    def energy_wh(self) -> float:
        """Total energy, Wh."""
        return self.device.energy_total_vah

    def snapshot(self) -> dict[str, object]:
        """Returns the visible state as JSON values."""
        return {
            "state": self.state,
            "limit_a": round(self.limit_a, 3),
            "current_a": round(self.current_a, 3),
            "energy_wh": round(self.energy_wh, 3),
            "plugged": self.device.ev is not None,
        }

    async def wait_for(
        self, condition: Callable[[Self], bool], timeout_s: float, what: str = "the condition"
    ) -> None:
        """Waits until the condition holds; it is looked at after each tick.

        Raises:
            UserError: It did not hold in time; the sentence says what the charger shows instead.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while not condition(self):
                    self._event.clear()
                    await self._event.wait()
        except TimeoutError:
            raise UserError(
                f"The charger did not reach {what} in {timeout_s:g} s; it shows {self.snapshot()}."
            ) from None

    # -- the line ----------------------------------------------------------------------------------

    async def _tick(self) -> None:
        while True:
            self._advance()
            await asyncio.sleep(_TICK_S)

    def _advance(self) -> None:
        now = asyncio.get_running_loop().time()
        self.device.advance(now - self._last_s)
        self._last_s = now
        self._send(self.device.take_output())
        self._event.set()

    def _on_readable(self) -> None:
        with contextlib.suppress(BlockingIOError):
            data = os.read(self._master, 4096)
            self._advance()
            self._send(self.device.receive(data))

    def _on_datagram(self, data: bytes, sender: str) -> None:
        self._gateway = sender
        self._advance()
        self._send(self.device.receive(data))

    def _send(self, data: bytes) -> None:
        if not data:
            return
        if self._socket is not None:
            if self._gateway is not None:
                self._socket.sendto(data, (self._gateway, self._reply_port))
            return
        with contextlib.suppress(BlockingIOError):
            os.write(self._master, data)


class _Protocol(asyncio.DatagramProtocol):
    """Hands datagrams over."""

    def __init__(self, on_datagram: Callable[[bytes, str], None]) -> None:
        self._on_datagram = on_datagram

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self._on_datagram(data, address[0])
