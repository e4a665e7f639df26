"""A charge point that sends exactly what it is told, right or wrong: for tests of a CSMS."""

from __future__ import annotations

import asyncio
import json
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

#: Payload of a BootNotification with nothing optional.
BOOT = {"chargePointVendor": "VEV", "chargePointModel": "raw client"}


class RawClient:
    """One WebSocket to a CSMS; an async context manager.

    Attributes:
        websocket: For everything that has no method here.
    """

    websocket: ClientConnection

    def __init__(
        self, url: str, *, boot: bool = True, headers: dict[str, str] | None = None
    ) -> None:
        """Prepares a connection.

        Args:
            url: Of the CSMS, with the identity.
            boot: Send a BootNotification first and drop its answer.
            headers: Further headers of the opening handshake.
        """
        self._url = url
        self._boot = boot
        self._headers = headers
        self._count = 0

    async def __aenter__(self) -> Self:
        self.websocket = await connect(
            self._url,
            subprotocols=[Subprotocol("ocpp1.6")],
            additional_headers=self._headers,
            compression=None,
            proxy=None,
        )
        if self._boot:
            await self.ask("BootNotification", BOOT)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self.websocket.close()

    async def ask(
        self, action: str, payload: Any, message_id: str | None = None, *, timeout_s: float = 10.0
    ) -> Any:
        """Sends a CALL and returns the next frame, decoded."""
        self._count += 1
        frame = [2, message_id or f"m{self._count}", action, payload]
        return await self.ask_text(json.dumps(frame), timeout_s=timeout_s)

    async def ask_text(self, text: str, *, timeout_s: float = 10.0) -> Any:
        """Sends any text and returns the next frame, decoded."""
        await self.websocket.send(text)
        return await self.receive(timeout_s=timeout_s)

    async def receive(self, *, timeout_s: float = 10.0) -> Any:
        """Returns the next frame, decoded.

        Raises:
            TimeoutError: None came in time.
        """
        async with asyncio.timeout(timeout_s):
            return json.loads(await self.websocket.recv())

    async def answer(self, payload: Any, *, timeout_s: float = 10.0) -> Any:
        """Answers the next CALL with a CALLRESULT and returns that CALL, decoded."""
        call = await self.receive(timeout_s=timeout_s)
        await self.websocket.send(json.dumps([3, call[1], payload]))
        return call

    async def refuse(self, code: str, *, timeout_s: float = 10.0) -> Any:
        """Answers the next CALL with a CALLERROR and returns that CALL, decoded."""
        call = await self.receive(timeout_s=timeout_s)
        await self.websocket.send(json.dumps([4, call[1], code, "refused", {"a": 1}]))
        return call
