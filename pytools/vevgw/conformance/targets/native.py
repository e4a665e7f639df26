"""The native gateway: a process with simulated chargers on its buses."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from vevgw.chargers.sim import ChargerSim
from vevgw.chargers.sim_bus import Framing
from vevgw.conformance.targets.gateway import GatewayTarget
from vevgw.conformance.tls_side import PASSWORD, root_file
from vevgw.dut import Dut, GatewayOptions, NativeGateway, NativeTransport

#: Charger model of each variant: a cable that hangs on the box, a socket whose plug is locked, and
#: a cable again, with unsigned firmware allowed, with a CSMS that offers TLS besides, and with one
#: that has nothing else.
MODELS: Final = {
    "fixed": "heidelberg-energy-control",
    "socket": "keba-p30",
    "unsigned": "heidelberg-energy-control",
    "raise": "heidelberg-energy-control",
    "tls": "heidelberg-energy-control",
}
_START_S: Final = 20.0


class NativeTarget(GatewayTarget):
    """One gateway with two connectors; each case begins with an empty data folder.

    Args:
        program: The gateway.
        folder: Empty; gets data and logs.
        variant: One of MODELS.
    """

    def __init__(self, program: Path, folder: Path, variant: str = "fixed") -> None:
        super().__init__(folder)
        self._program = program
        self._model = MODELS[variant]
        self._has_tls = variant == "tls"
        self._takes_unsigned = variant == "unsigned"
        self._gateway: NativeGateway | None = None

    async def start(self, csms_url: str, tls_url: str | None = None) -> None:
        """See Target."""
        # Some CSMSs agree to no subprotocol: by default the gateway warns and goes on.
        settings = {"connectors": str(self.connectors), "subprotocol": "true"}
        if self._takes_unsigned:
            settings["unsigned_fw"] = "true"
        if self._has_tls:
            settings |= {"ca_file": str(root_file(self._folder)), "password": PASSWORD}
        if tls_url is not None:
            # What it trusts comes by OCPP.
            settings |= {"ca_file": "none", "password": PASSWORD, "csms_url_tls": tls_url}
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

    async def power_off(self) -> None:
        """See GatewayTarget."""
        assert self._gateway is not None
        await self._gateway.kill9()

    async def power_on(self) -> None:
        """See GatewayTarget."""
        assert self._gateway is not None
        await self._gateway.start(timeout_s=_START_S)
