"""What all gateways of this project have in common: console, simulated chargers, stimuli."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

from vevgw.chargers.ev import EvSpec
from vevgw.chargers.sim import ChargerSim
from vevgw.dut import Dut
from vevgw.errors import UserError

#: A reader ignores a tag that is shown twice in less time.
_SAME_TAG_S: Final = 1.6


class GatewayTarget:
    """A gateway whose chargers are simulated; how its power is switched is up to subclasses.

    Args:
        folder: Gets the logs.
    """

    identity = "CP-CONFORMANCE"
    connectors = 2
    is_fresh = True
    boots_at_start = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = AsyncExitStack()
        self._sims: dict[int, ChargerSim] = {}
        self._dut: Dut | None = None
        self._last_tag: tuple[str, float] = ("", 0.0)

    @property
    def dut(self) -> Dut:
        """Its console, once it is started."""
        assert self._dut is not None
        return self._dut

    async def stop(self) -> None:
        """See Target."""
        await self._stack.aclose()

    async def power_off(self) -> None:
        """Takes the power away, without warning."""
        raise UserError("The power of this gateway cannot be switched off.")

    async def power_on(self) -> None:
        """Brings it back."""
        raise UserError("The power of this gateway cannot be switched on.")

    async def power_cycle(self) -> None:
        """Does both."""
        await self.power_off()
        await self.power_on()

    async def do(self, action: str, arguments: Mapping[str, Any]) -> None:
        """See Target."""
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
                await self.power_off()
            case "power_on":
                await self.power_on()
            case "power_cycle":
                await self.power_cycle()
            case "link_down" | "link_up":
                await self.dut.command(f"sim link {action.removeprefix('link_')}")
            case "fault" | "clear_fault":
                for one in self._meant(arguments):
                    one.device.fault = "error" if action == "fault" else None
            case "data_transfer":
                vendor = arguments.get("vendor", "org.vevgw.test")
                await self.dut.command(f"ocpp data-transfer {vendor}")
            case _:
                raise UserError(f"The gateway has no stimulus '{action}'.")

    def _meant(self, arguments: Mapping[str, Any]) -> list[ChargerSim]:
        """Returns the charger of a connector; all for 0."""
        wanted = int(arguments.get("connector", 0))
        meant = [sim for number, sim in self._sims.items() if wanted in (0, number)]
        if not meant:
            raise UserError(f"There is no charger at connector {wanted}.")
        return meant

    async def _present(self, tag: str) -> None:
        loop = asyncio.get_running_loop()
        last, at_s = self._last_tag
        if tag == last:
            await asyncio.sleep(max(0.0, at_s + _SAME_TAG_S - loop.time()))
        await self.dut.command(f"sim tag {tag}")
        self._last_tag = (tag, loop.time())

    async def is_locked(self, connector: int) -> bool | None:
        """See Target: the simulated charger does not show its lock."""
        return None

    def files(self) -> list[Path]:
        """See Target."""
        return [path for path in (self._folder / "console.log",) if path.is_file()]
