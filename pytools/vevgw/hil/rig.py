"""What the bench does to the gateway: supply, Wi-Fi, crashes, settings; on a board and natively."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from vevgw.dut import Dut, DutError, NativeGateway
from vevgw.hil.switches import Switch

_READY_S = 30.0
#: What `status` calls the restart after a crash.
CRASHED: Final = ("watchdog", "panic", "task watchdog", "interrupt watchdog")
#: What it calls one after the supply, or the reset line, came back.
POWER_ON: Final = ("power on", "reset pin")


@dataclass(slots=True)
class Rig:
    """The means of one test.

    Attributes:
        dut: The gateway's console.
        native: Its process; None = it is a board.
        power: Its supply; None = the bench has no wire `power_switch`.
        wifi: Its network; None = the bench has no wire `wifi`.
    """

    dut: Dut
    native: NativeGateway | None
    power: Switch | None
    wifi: Switch | None
    _changed: set[str] = field(default_factory=set)

    async def crash(self) -> dict[str, Any]:
        """Lets the gateway crash as a bug would; it starts again by itself or by a supervisor.

        Returns:
            What it answers to `status` then.

        Raises:
            DutError: It did not end, or did not come back.
        """
        mark = self.dut.mark()
        with contextlib.suppress(DutError):  # the answer leaves, or it does not
            await self.dut.command("sim crash")
        if self.native is not None:
            await self.native.wait_exit(timeout_s=5)
            await self.native.start()
        else:
            await self.dut.expect(r"^rst:0x|Guru Meditation|abort\(\)", since=mark, timeout_s=10)
        return await self.dut.wait_ready(timeout_s=_READY_S)

    async def configure(self, settings: Mapping[str, str]) -> None:
        """Restarts the gateway with other settings; restore() takes them back.

        Raises:
            DutError: A setting was refused, or the gateway did not come back.
        """
        mark = self.dut.mark()
        if self.native is not None:
            options = self.native.options
            profile = settings.get("c1.profile", options.profile)
            rest = {name: value for name, value in settings.items() if name != "c1.profile"}
            self.native.options = replace(
                options, profile=profile, settings={**options.settings, **rest}
            )
        else:
            for name, value in settings.items():
                await self.dut.command(f"setting set {name} {value}")
                self._changed.add(name)
        await self.dut.reset()
        await self.dut.expect_event("ready", since=mark, timeout_s=_READY_S)

    async def restore(self) -> None:
        """Gives a board the defaults of what configure() changed; they hold from the next start."""
        for name in sorted(self._changed):
            await self.dut.command(f"setting set {name}")
        self._changed.clear()
