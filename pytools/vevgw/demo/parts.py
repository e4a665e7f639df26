"""The parts of the demonstration: CSMS, wallbox with EV, tag reader, gateway."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from vevgw.chargers.sim import ChargerSim
from vevgw.chargers.tag_reader import TagReaderSim
from vevgw.csms import Csms
from vevgw.csms.behaviour import Behaviour, IdTag, IdTags
from vevgw.dut import Dut, GatewayOptions, NativeGateway, NativeTransport

IDENTITY = "DEMO-1"
TAG = "04A1B2C3D4"


@dataclass(slots=True)
class Parts:
    """Everything that runs."""

    csms: Csms
    charger: ChargerSim
    reader: TagReaderSim
    gateway: NativeGateway
    dut: Dut


@contextlib.asynccontextmanager
async def start_parts(program: Path, folder: Path) -> AsyncIterator[Parts]:
    """Starts the CSMS, the wallbox and the reader, and connects a gateway that does not run yet.

    Args:
        program: The native gateway.
        folder: Gets the database, logs and the gateway's data.

    Raises:
        UserError: A part cannot be started.
    """
    # Only the demonstration's tag is known, so that Authorize means something.
    behaviour = Behaviour(id_tags=IdTags(unknown="Invalid"))
    behaviour.id_tags[TAG] = IdTag()
    async with contextlib.AsyncExitStack() as stack:
        csms = await stack.enter_async_context(
            Csms(db=folder / "csms.sqlite3", behaviour=behaviour)
        )
        charger = await stack.enter_async_context(
            ChargerSim("heidelberg-energy-control", port=folder / "wallbox")
        )
        reader = stack.enter_context(TagReaderSim())
        options = GatewayOptions(
            csms_url=csms.url,
            identity=IDENTITY,
            profile="heidelberg-energy-control",
            buses={1: charger.port_path},
            readers={"rdm6300": reader.port_path},
        )
        gateway = NativeGateway(program, folder, options)
        dut = Dut(NativeTransport(gateway), log_path=folder / "console.log")
        try:
            yield Parts(csms, charger, reader, gateway, dut)
        finally:
            await dut.close()
            await gateway.kill9()
