"""A simulated charger that a gateway can talk to, with a vehicle behind it.

async with ChargerSim("heidelberg-energy-control", port=Path("/tmp/ttyWB")) as sim:
    sim.plug(EvSpec(phases=3, max_current_a=16))
    await sim.wait_for(lambda s: s.current_a > 9, timeout_s=10)
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from vevgw.chargers.devices import make_device
from vevgw.chargers.devices.base import ChargerDevice
from vevgw.chargers.ev import Ev, EvSpec
from vevgw.chargers.sim_bus import BusFaults, BusStatistics, Framing, SimBus
from vevgw.errors import UserError

_LOG = logging.getLogger(__name__)
_TICK_S = 0.05


class ChargerSim:
    """One charger on its own bus.

    Args:
        model: Name of a device model, or a device that the caller made.
        unit: Modbus unit id; None: the model's default.
        port: Symbolic link to the pseudo-terminal; None: only /dev/pts/N.
        serial: Serve on this serial device instead, e.g. an RS-485 adapter wired to a board.
        tcp: (host, port) to serve Modbus TCP instead; port 0 takes a free one.
        framing: None: the model's on a serial port, Modbus TCP on a socket. RTU there makes it a
            serial-to-Ethernet converter.
        energy_time_scale: Meter and battery run this many times faster than current x voltage x
            time, > 0; currents, ramps and timeouts keep real time.
        meters: Meters on the same bus, by unit id.
        energy_file: Keeps the total energy over restarts; written before a client can read it.

    Raises:
        UserError: The model is unknown, or the energy file is not readable.
    """

    def __init__(
        self,
        model: str | ChargerDevice,
        *,
        unit: int | None = None,
        port: Path | None = None,
        serial: str | None = None,
        tcp: tuple[str, int] | None = None,
        framing: Framing | None = None,
        energy_time_scale: float = 1.0,
        energy_file: Path | None = None,
        meters: Mapping[int, ChargerDevice] | None = None,
    ) -> None:
        if energy_time_scale <= 0:
            raise UserError("The energy time scale must be above 0.")
        self.device = make_device(model) if isinstance(model, str) else model
        self.device.energy_time_scale = energy_time_scale
        self.unit = self.device.default_unit if unit is None else unit
        if not 1 <= self.unit <= 255:
            raise UserError(f"The Modbus unit id {self.unit} is outside 1..255.")
        self._link = port
        self._serial = serial
        self._tcp = tcp
        on_a_line = Framing.ASCII if self.device.is_ascii else Framing.RTU
        self._framing = framing or (on_a_line if tcp is None else Framing.TCP)
        if tcp is None and self._framing is Framing.TCP:
            raise UserError("Modbus TCP needs a socket, not a serial port.")
        self._energy_file = energy_file
        if energy_file is not None:
            self.device.energy_total_vah = _load_energy(energy_file)
        self._saved_vah = int(self.device.energy_total_vah)
        self._meters = dict(meters or {})
        self._bus = SimBus(
            {self.unit: self.device, **self._meters},
            before_request=self._advance,
            after_request=self._changed,
        )
        self._last_s = 0.0
        self._ticker: asyncio.Task[None] | None = None
        self._waiters: set[asyncio.Event] = set()

    # -- life ----------------------------------------------------------------------------------

    async def start(self) -> None:
        """Opens the port and lets time run.

        Raises:
            UserError: The link, the serial device or the TCP address cannot be used.
        """
        self._last_s = asyncio.get_running_loop().time()
        if self._serial is not None:
            await self._bus.open_serial(self._serial, self._framing)
        elif self._tcp is not None:
            await self._bus.open_tcp(*self._tcp, self._framing)
        else:
            await self._bus.open_pty(self._link, self._framing)
        self._ticker = asyncio.create_task(self._tick())

    async def stop(self) -> None:
        """Closes the port; the energy file holds the last value."""
        if self._ticker is not None:
            self._ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticker
            self._ticker = None
        await self._bus.close()
        if self._energy_file is not None:
            _save_energy(self._energy_file, self.device.energy_total_vah)

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

    # -- what a user does ----------------------------------------------------------------------

    def plug(self, ev: Ev | EvSpec | None = None) -> Ev:
        """Connects a vehicle (a default one when none is given) and returns it."""
        self._advance()
        vehicle = ev if isinstance(ev, Ev) else Ev(ev)
        self.device.plug(vehicle)
        self._changed()
        return vehicle

    def unplug(self) -> None:
        """Removes the vehicle."""
        self._advance()
        self.device.unplug()
        self._changed()

    def reboot(self) -> None:
        """Switches the charger's supply off and on."""
        self._advance()
        self.device.reboot()
        self._changed()

    # -- what a user sees ----------------------------------------------------------------------

    @property
    def port_path(self) -> str:
        """What a client opens: a device path, or HOST:PORT."""
        return self._bus.port

    @property
    def faults(self) -> BusFaults:
        """Faults of the bus, to be changed at will."""
        return self._bus.faults

    @property
    def statistics(self) -> BusStatistics:
        """What the bus has seen."""
        return self._bus.statistics

    @property
    def ev(self) -> Ev | None:
        """The vehicle that is plugged in."""
        return self.device.ev

    @property
    def state(self) -> str:
        """What the charger reports: `A1`..`F`, `boot`, `derating` or `error`."""
        return self.device.state

    @property
    def limit_a(self) -> float:
        """Current that the charger offers the vehicle, A per phase; 0 = none."""
        return self.device.limit_a

    @property
    def currents_a(self) -> tuple[float, float, float]:
        """Current of each phase, A."""
        return self.device.currents_a

    @property
    def current_a(self) -> float:
        """Largest current of the phases, A."""
        return max(self.device.currents_a)

    @property
    def power_va(self) -> float:
        """Apparent power, VA."""
        return self.device.power_va

    @property
    def energy_wh(self) -> float:
        """Total energy with fractions, Wh (power factor 1); the register counts whole ones."""
        return self.device.energy_total_vah

    def snapshot(self) -> dict[str, object]:
        """Returns the visible state as JSON values."""
        ev = self.device.ev
        return {
            "state": self.state,
            "limit_a": round(self.limit_a, 3),
            "currents_a": [round(current, 3) for current in self.currents_a],
            "power_va": round(self.power_va, 1),
            "energy_wh": round(self.energy_wh, 3),
            "plugged": ev is not None,
            "soc_percent": None if ev is None else round(ev.soc_percent, 2),
            "requests": self.statistics.requests,
        }

    async def wait_for(
        self, condition: Callable[[Self], bool], timeout_s: float, what: str = "the condition"
    ) -> None:
        """Waits until the condition holds; it is looked at after each change and each 50 ms.

        Raises:
            UserError: It did not hold in time; the sentence says what the charger shows instead.
        """
        event = asyncio.Event()
        self._waiters.add(event)
        try:
            async with asyncio.timeout(timeout_s):
                while not condition(self):
                    event.clear()
                    await event.wait()
        except TimeoutError:
            raise UserError(
                f"The charger did not reach {what} in {timeout_s:g} s; it shows "
                f"{json.dumps(self.snapshot())}."
            ) from None
        finally:
            self._waiters.discard(event)

    # -- time ----------------------------------------------------------------------------------

    async def _tick(self) -> None:
        while True:
            self._advance()
            self._changed()
            await asyncio.sleep(_TICK_S)

    def _advance(self) -> None:
        now = asyncio.get_running_loop().time()
        self.device.advance(now - self._last_s)
        for meter in self._meters.values():
            meter.advance(now - self._last_s)
        self._last_s = now
        whole = int(self.device.energy_total_vah)
        if self._energy_file is not None and whole != self._saved_vah:
            self._saved_vah = whole
            _save_energy(self._energy_file, self.device.energy_total_vah)

    def _changed(self) -> None:
        for event in self._waiters:
            event.set()


def _load_energy(path: Path) -> float:
    if not path.exists():
        return 0.0
    try:
        return float(json.loads(path.read_text(encoding="utf-8"))["energy_vah"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"The energy file {path} is not one of ours: {error!r}.") from error


def _save_energy(path: Path, energy_vah: float) -> None:
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.write_text(json.dumps({"energy_vah": energy_vah}) + "\n", encoding="utf-8")
    new.replace(path)
