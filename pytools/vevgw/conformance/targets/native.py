"""The native gateway: a process, simulated chargers on its buses, its console for the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from vevgw.chargers.ev import EvSpec
from vevgw.chargers.sim import ChargerSim
from vevgw.chargers.sim_bus import Framing
from vevgw.dut import Dut, GatewayOptions, NativeGateway, NativeTransport
from vevgw.errors import UserError

#: Charger model of each variant: a socket whose plug is locked, and a cable that hangs on the box.
MODELS: Final = {"socket": "keba-p30", "fixed": "heidelberg-energy-control"}
_START_S: Final = 20.0
#: A reader ignores a tag that is shown twice in less time.
_SAME_TAG_S: Final = 1.6


class NativeTarget:
    """One gateway with two connectors; each case begins with an empty data folder.

    Args:
        program: The gateway.
        folder: Empty; gets data and logs.
        variant: One of MODELS.
    """

    identity = "CP-CONFORMANCE"
    connectors = 2
    is_fresh = True

    def __init__(self, program: Path, folder: Path, variant: str = "socket") -> None:
        self._program = program
        self._folder = folder
        self._model = MODELS[variant]
        self._stack = AsyncExitStack()
        self._sims: dict[int, ChargerSim] = {}
        self._gateway: NativeGateway | None = None
        self._dut: Dut | None = None
        self._last_tag: tuple[str, float] = ("", 0.0)

    async def start(self, csms_url: str) -> None:
        """See Target."""
        settings = {"connectors": str(self.connectors)}
        buses: dict[int, str] = {}
        for number in range(1, self.connectors + 1):
            settings[f"c{number}.profile"] = self._model
            if self._model == MODELS["fixed"]:
                sim = ChargerSim(self._model)
            else:
                sim = ChargerSim(self._model, tcp=("127.0.0.1", 0), framing=Framing.TCP)
            self._sims[number] = await self._stack.enter_async_context(sim)
            if self._model == MODELS["fixed"]:
                buses[number] = sim.port_path
                settings[f"c{number}.bus"] = str(number)
            else:
                settings[f"c{number}.host"] = sim.port_path
        options = GatewayOptions(
            csms_url=csms_url, identity=self.identity, buses=buses, settings=settings
        )
        self._gateway = NativeGateway(self._program, self._folder, options)
        self._stack.push_async_callback(self._gateway.kill9)
        dut = Dut(NativeTransport(self._gateway), log_path=self._folder / "console.log")
        self._dut = await self._stack.enter_async_context(dut)
        await self._dut.expect_event("ready", timeout_s=_START_S)

    async def stop(self) -> None:
        """See Target."""
        await self._stack.aclose()

    async def do(self, action: str, arguments: Mapping[str, Any]) -> None:
        """See Target."""
        assert self._gateway is not None
        assert self._dut is not None
        match action:
            case "plug_in":
                for one in self._meant(arguments):
                    one.plug(EvSpec())
            case "unplug" | "unplug_ev" | "unplug_cp":
                for one in self._meant(arguments):
                    if one.ev is not None:
                        one.unplug()
            case "present_tag":
                await self._present(str(arguments["tag"]))
            case "power_off":
                await self._gateway.kill9()
            case "power_on":
                await self._gateway.start()
            case "power_cycle":
                await self._gateway.kill9()
                await self._gateway.start()
            case "link_down" | "link_up":
                await self._dut.command(f"sim link {action.removeprefix('link_')}")
            case "fault" | "clear_fault":
                for one in self._meant(arguments):
                    one.device.fault = "error" if action == "fault" else None
            case "data_transfer":
                vendor = arguments.get("vendor", "org.vevgw.test")
                await self._dut.command(f"ocpp data-transfer {vendor}")
            case _:
                raise UserError(f"The native gateway has no stimulus '{action}'.")

    def _meant(self, arguments: Mapping[str, Any]) -> list[ChargerSim]:
        """Returns the charger of a connector; all for 0."""
        wanted = int(arguments.get("connector", 0))
        return [sim for number, sim in self._sims.items() if wanted in (0, number)]

    async def _present(self, tag: str) -> None:
        assert self._dut is not None
        loop = asyncio.get_running_loop()
        last, at_s = self._last_tag
        if tag == last:
            await asyncio.sleep(max(0.0, at_s + _SAME_TAG_S - loop.time()))
        await self._dut.command(f"sim tag {tag}")
        self._last_tag = (tag, loop.time())

    async def is_locked(self, connector: int) -> bool | None:
        """See Target: the simulated socket does not show its lock."""
        return None

    def files(self) -> list[Path]:
        """See Target."""
        return [path for path in (self._folder / "console.log",) if path.is_file()]
