"""A gateway with its chargers: starts them, and carries out what is typed."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from vevgw.chargers.sim_control import SimControl
from vevgw.dut.device import Dut
from vevgw.dut.errors import DutError
from vevgw.dut.native import GatewayOptions, NativeGateway, NativeTransport
from vevgw.errors import UserError
from vevgw.gateway.wiring import Charger, Wiring, make_simulation

Json = dict[str, Any]
_READY_S: Final = 20.0
_COMMAND_S: Final = 10.0

HELP: Final = """\
plug [CONNECTOR] [JSON]   connect a simulated vehicle: plug 1 {"max_current_a": 10, "phases": 1}
unplug [CONNECTOR]        take it away
tag ID [CONNECTOR]        hold an id tag to the reader
charger N COMMAND [JSON]  the simulated charger N: status, bus, fault, reboot, suspend, ...
quit                      leave the shell; the charge point goes on
Everything else goes to the gateway's console: status, ocpp, tx, config get, help ..."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to start.

    Attributes:
        program: The native gateway.
        folder: Its data and logs; kept, so that the next start is the same charge point.
        csms_url: Without the identity.
        chargers: In the order of the connectors.
        settings: Further device settings.
    """

    program: Path
    folder: Path
    csms_url: str = field(repr=False)
    identity: str
    chargers: Sequence[Charger]
    password_file: Path | None = None
    settings: dict[str, str] = field(default_factory=dict, repr=False)


class Station:
    """A charge point that runs; use it with `async with`.

    Raises:
        UserError: A charger or the gateway cannot be started.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._stack = AsyncExitStack()
        self._controls: dict[int, SimControl] = {}
        self.gateway: NativeGateway
        self.dut: Dut

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            plan = self._plan
            wiring = Wiring({"connectors": str(len(plan.chargers))})
            for number, charger in enumerate(plan.chargers, 1):
                place = charger.place
                if place is None:
                    sim = make_simulation(charger)
                    self._controls[number] = SimControl(await stack.enter_async_context(sim))
                    place = sim.port_path
                wiring.add(number, charger, place)
            options = GatewayOptions(
                csms_url=plan.csms_url,
                identity=plan.identity,
                buses=wiring.buses,
                password_file=plan.password_file,
                settings={**wiring.settings, **plan.settings},
            )
            self.gateway = NativeGateway(plan.program, plan.folder, options)
            stack.push_async_callback(self._end)
            dut = Dut(NativeTransport(self.gateway), log_path=plan.folder / "console.log")
            self.dut = await stack.enter_async_context(dut)
            await self.dut.expect_event("ready", timeout_s=_READY_S)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def _end(self) -> None:
        with contextlib.suppress(DutError):
            await self.gateway.terminate()

    async def events(self) -> AsyncIterator[Json]:
        """Yields what the gateway tells, from the start on, until it ends.

        Raises:
            UserError: It ended; the text says how.
        """
        position = 0
        while True:
            position, line = await self.dut.history.wait_for(
                lambda line: bool(line.event),
                since=position,
                timeout_s=float("inf"),
                expected="an event",
            )
            position += 1
            yield line.data

    async def carry_out(self, line: str) -> Json:
        """Carries out one line of the shell; whatever is wrong with it becomes an answer."""
        name, _, rest = line.strip().partition(" ")
        try:
            match name:
                case "plug" | "unplug":
                    number, fields = self._number(rest)
                    return await self._simulate(number, name, fields)
                case "charger":
                    number, rest = self._number(rest)
                    command, _, fields = rest.partition(" ")
                    return await self._simulate(number, command or "status", fields)
                case "tag":
                    return await self.dut.command(f"sim tag {rest}", timeout_s=_COMMAND_S)
                case "help" if not rest:
                    return {"ok": True, "help": HELP}
                case _:
                    return await self.dut.command(line.strip(), timeout_s=_COMMAND_S)
        except UserError as error:
            return {"ok": False, "error": str(error)}

    def _number(self, text: str) -> tuple[int, str]:
        """Splits `[CONNECTOR] REST`; without a number it is the first simulated charger."""
        word, _, rest = text.strip().partition(" ")
        if word.isdecimal():
            number = int(word)
        else:
            number, rest = next(iter(self._controls), 1), text.strip()
        if number not in self._controls:
            known = ", ".join(map(str, self._controls)) or "none"
            raise UserError(f"Connector {number} has no simulated charger (simulated: {known}).")
        return number, rest.strip()

    async def _simulate(self, number: int, command: str, fields: str) -> Json:
        try:
            request = json.loads(fields) if fields else {}
        except ValueError as error:
            raise UserError(f"{fields!r} is not JSON: {error}.") from None
        if not isinstance(request, dict):
            raise UserError(f"{fields!r} is no JSON object.")
        control = self._controls[number]
        return await control.handle_line(json.dumps({**request, "cmd": command}))


async def tell(station: Station, say: Callable[[Json], None], stop: asyncio.Event) -> None:
    """Passes the gateway's events on until it is stopped or ends.

    Raises:
        UserError: The gateway ended by itself.
    """

    async def listen() -> None:
        async for event in station.events():
            say(event)

    listener = asyncio.create_task(listen())
    stopper = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((listener, stopper), return_when=asyncio.FIRST_COMPLETED)
        if listener.done():
            listener.result()
    finally:
        for task in (listener, stopper):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, UserError):
                await task
