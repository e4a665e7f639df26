"""A small charge point built on the class of the package `ocpp`, as others would: URL IDENTITY."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import Any

from ocpp.routing import on
from ocpp.v16 import ChargePoint as OcppChargePoint
from ocpp.v16 import call, call_result
from websockets.asyncio.client import connect


class SmallChargePoint(OcppChargePoint):
    """One connector with a fixed cable; starts nothing from afar and has no settings."""

    @on("RemoteStartTransaction")
    def on_remote_start(self, **_: Any) -> Any:
        return call_result.RemoteStartTransaction("Rejected")

    @on("UnlockConnector")
    def on_unlock(self, **_: Any) -> Any:
        return call_result.UnlockConnector("NotSupported")

    @on("ChangeConfiguration")
    def on_change_configuration(self, **_: Any) -> Any:
        return call_result.ChangeConfiguration("NotSupported")

    @on("DataTransfer")
    def on_data_transfer(self, **_: Any) -> Any:
        return call_result.DataTransfer("UnknownVendorId")

    async def live(self) -> None:
        """Registers, tells its statuses, and beats."""
        boot = await self.call(call.BootNotification("model", "vendor"))
        while boot.status != "Accepted":
            await asyncio.sleep(boot.interval)
            boot = await self.call(call.BootNotification("model", "vendor"))
        for connector in (0, 1):
            await self.call(call.StatusNotification(connector, "NoError", "Available"))
        while True:
            await asyncio.sleep(boot.interval)
            await self.call(call.Heartbeat())


async def main(url: str, identity: str) -> None:
    """Lives until the connection ends."""
    async with connect(f"{url}/{identity}", subprotocols=["ocpp1.6"], proxy=None) as websocket:
        charge_point = SmallChargePoint(identity, websocket)
        life = asyncio.create_task(charge_point.live())
        with contextlib.suppress(Exception):
            await charge_point.start()
        life.cancel()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
