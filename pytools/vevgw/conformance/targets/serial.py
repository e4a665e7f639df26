"""A gateway on a board, driven through its console; a simulated charger plays on an adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from vevgw.chargers.sim import ChargerSim
from vevgw.conformance.targets.gateway import GatewayTarget
from vevgw.dut import Dut, Rfc2217Transport, SerialTransport, Transport

_MODEL: Final = "heidelberg-energy-control"
_START_S: Final = 60.0


class SerialTarget(GatewayTarget):
    """One board; it is told where the CSMS is and reset before each case, and cleaned up after it.

    Tags, link and vendor messages need a firmware with GATEWAY_TEST_HOOKS.

    Args:
        port: Serial device, or rfc2217://HOST:PORT.
        charger_port: RS-485 adapter that is wired to the board.
        folder: Gets the logs.
        energy_file: Keeps the meter of the charger from case to case: a board remembers it.
        variant: fixed, or unsigned: firmware without a signature is allowed.
    """

    connectors = 1
    is_fresh = False

    def __init__(
        self,
        port: str,
        charger_port: str,
        folder: Path,
        energy_file: Path,
        variant: str = "fixed",
    ) -> None:
        super().__init__(folder)
        self._port = port
        self._charger_port = charger_port
        self._energy_file = energy_file
        self._takes_unsigned = variant == "unsigned"

    async def start(self, csms_url: str, tls_url: str | None = None) -> None:
        """See Target."""
        sim = ChargerSim(_MODEL, serial=self._charger_port, energy_file=self._energy_file)
        self._sims[1] = await self._stack.enter_async_context(sim)
        transport: Transport
        if self._port.startswith("rfc2217://"):
            transport = Rfc2217Transport(self._port)
        else:
            transport = SerialTransport(self._port)
        dut = Dut(transport, log_path=self._folder / "console.log")
        self._dut = await self._stack.enter_async_context(dut)
        await self._dut.wait_ready(timeout_s=_START_S)
        for name, value in (
            ("csms_url", csms_url),
            ("identity", self.identity),
            ("password", ""),
            ("connectors", "1"),
            ("c1.profile", _MODEL),
            ("unsigned_fw", "true" if self._takes_unsigned else "false"),
        ):
            await self._dut.command(f"setting set {name} {value}".strip())
        await self.power_cycle()

    async def power_cycle(self) -> None:
        """See GatewayTarget: the reset line, which no program can resist either."""
        await self.dut.reset()
        await self.dut.expect_event("ready", timeout_s=_START_S)
