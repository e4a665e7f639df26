"""Remote control of a charger simulator: JSON lines in, JSON lines out.

A request is an object with `cmd` and the fields of that command; the answer has `ok` and either
what was asked for or `error`, one sentence.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from vevgw.chargers.devices.heidelberg import HeidelbergEnergyControl
from vevgw.chargers.devices.profile_device import ProfileDevice
from vevgw.chargers.ev import EvSpec
from vevgw.chargers.sim import ChargerSim
from vevgw.chargers.sim_bus import BusFaults
from vevgw.errors import UserError

_LOG = logging.getLogger(__name__)
Json = dict[str, Any]

_COUNTED_FAULTS = (
    "drop_replies",
    "corrupt_replies",
    "garbage_replies",
    "hang_up_replies",
    "exceptions",
)


class SimControl:
    """Carries out requests on one simulator.

    Args:
        sim: The simulator.

    Attributes:
        quit_asked: Set by the command `quit`.
    """

    def __init__(self, sim: ChargerSim) -> None:
        self.sim = sim
        self.quit_asked = asyncio.Event()
        self._commands: dict[str, tuple[Callable[[Json], Awaitable[Json]], set[str]]] = {
            "status": (self._status, set()),
            "plug": (self._plug, set(EvSpec.__dataclass_fields__)),
            "unplug": (self._unplug, set()),
            "suspend": (self._suspend, {"on"}),
            "reboot": (self._reboot, set()),
            "fault": (self._fault, {"kind"}),
            "register": (self._register, {"name", "raw"}),
            "derate": (self._derate, {"on"}),
            "external_lock": (self._external_lock, {"locked"}),
            "bus": (self._bus, set(BusFaults.__dataclass_fields__)),
            "wait": (self._wait, {"field", "equals", "min", "max", "timeout_s"}),
            "quit": (self._quit, set()),
        }

    async def handle_line(self, line: str) -> Json:
        """Carries out one line of JSON; whatever is wrong with it becomes an answer."""
        try:
            request = json.loads(line)
            if not isinstance(request, dict) or not isinstance(request.get("cmd"), str):
                raise UserError('A request is a JSON object with "cmd".')
            name = request.pop("cmd")
            command = self._commands.get(name)
            if command is None:
                known = ", ".join(sorted(self._commands))
                raise UserError(f"There is no command '{name}'; the commands are: {known}.")
            carry_out, fields = command
            unknown = sorted(set(request) - fields)
            if unknown:
                raise UserError(f"The command '{name}' has no field '{unknown[0]}'.")
            return {"ok": True, **await carry_out(request)}
        except ValueError as error:
            return {"ok": False, "error": f"The line is not JSON: {error}."}
        except UserError as error:
            return {"ok": False, "error": str(error)}

    async def _status(self, request: Json) -> Json:
        return self.sim.snapshot()

    async def _plug(self, request: Json) -> Json:
        self.sim.plug(EvSpec.from_json(request))
        return {}

    async def _unplug(self, request: Json) -> Json:
        self.sim.unplug()
        return {}

    async def _suspend(self, request: Json) -> Json:
        on = _take(request, "on", bool, True)
        if self.sim.ev is None:
            raise UserError("No vehicle is plugged in.")
        self.sim.ev.suspended = on
        return {}

    async def _reboot(self, request: Json) -> Json:
        self.sim.reboot()
        return {}

    async def _fault(self, request: Json) -> Json:
        kind = _take(request, "kind", str, "none")
        if kind not in ("none", "E", "error"):
            raise UserError("The kinds of fault are: none, E, error.")
        self.sim.device.fault = None if kind == "none" else kind
        return {}

    async def _register(self, request: Json) -> Json:
        device = self.sim.device
        if not isinstance(device, ProfileDevice):
            raise UserError(f"The model '{device.model}' cannot do that.")
        name = _take(request, "name", str, "")
        if name not in device.fields:
            known = ", ".join(device.fields)
            raise UserError(f"There is no register '{name}'; the registers are: {known}.")
        device.forced.pop(name, None)
        if request.get("raw") is not None:
            device.forced[name] = _take(request, "raw", int, 0)
        return {}

    async def _derate(self, request: Json) -> Json:
        self._heidelberg().is_derating = _take(request, "on", bool, True)
        return {}

    async def _external_lock(self, request: Json) -> Json:
        self._heidelberg().external_unlocked = not _take(request, "locked", bool, True)
        return {}

    async def _bus(self, request: Json) -> Json:
        faults = self.sim.faults
        silent = _take(request, "silent", bool, faults.silent)
        counts = {
            name: _take(request, name, int, getattr(faults, name)) for name in _COUNTED_FAULTS
        }
        code = _take(request, "exception_code", int, faults.exception_code)
        delay = _take(request, "reply_delay_s", float, faults.reply_delay_s)
        if code not in (1, 2, 3, 4, 5, 6, 7, 8, 10, 11):
            raise UserError("The exception code must be 1..8, 10 or 11.")
        if not 0 <= delay <= 60:
            raise UserError("The reply delay must be 0..60 s.")
        faults.silent, faults.exception_code, faults.reply_delay_s = silent, code, delay
        for name, count in counts.items():
            setattr(faults, name, count)
        return {}

    async def _wait(self, request: Json) -> Json:
        field = _take(request, "field", str, "state")
        timeout_s = _take(request, "timeout_s", float, 10.0)
        if field not in self.sim.snapshot():
            known = ", ".join(self.sim.snapshot())
            raise UserError(f"There is no field '{field}'; the fields are: {known}.")
        if "equals" in request:
            wanted = request["equals"]
            await self.sim.wait_for(
                lambda sim: sim.snapshot()[field] == wanted, timeout_s, f"{field} = {wanted}"
            )
        else:
            low = _take(request, "min", float, float("-inf"))
            high = _take(request, "max", float, float("inf"))
            await self.sim.wait_for(
                lambda sim: low <= _largest(sim.snapshot()[field]) <= high,
                timeout_s,
                f"{low:g} <= {field} <= {high:g}",
            )
        return self.sim.snapshot()

    async def _quit(self, request: Json) -> Json:
        self.quit_asked.set()
        return {}

    def _heidelberg(self) -> HeidelbergEnergyControl:
        device = self.sim.device
        if not isinstance(device, HeidelbergEnergyControl):
            raise UserError(f"The model '{device.model}' cannot do that.")
        return device


def _take(request: Json, name: str, kind: type, default: Any) -> Any:
    """Returns one field of the request; a bool is no number here, an integer is a float too."""
    value = request.get(name, default)
    good = isinstance(value, (int, float)) if kind is float else isinstance(value, kind)
    if not good or (kind is not bool and isinstance(value, bool)):
        raise UserError(f"The field '{name}' must be of type {kind.__name__}.")
    return value


def _largest(value: Any) -> float:
    values = value if isinstance(value, list) else [value]
    numbers = [float(one) for one in values if isinstance(one, (int, float))]
    return max(numbers, default=float("nan"))


async def serve_stdin(control: SimControl, say: Callable[[Json], None]) -> None:
    """Reads requests from stdin until it ends; the end asks the simulator to quit."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        if line.strip():
            say(await control.handle_line(line.decode("utf-8", "replace")))
    control.quit_asked.set()


async def serve_socket(control: SimControl, path: Path) -> asyncio.Server:
    """Listens for requests on a local socket; each client gets the answers to its own.

    Raises:
        UserError: The path cannot be used.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                answer = await control.handle_line(line.decode("utf-8", "replace"))
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        writer.close()

    try:
        _remove_socket(path)
        return await asyncio.start_unix_server(serve, path)
    except OSError as error:
        raise UserError(f"The control socket {path} cannot be made: {error.strerror}.") from error


def _remove_socket(path: Path) -> None:
    if path.is_socket():
        path.unlink()


def ask(path: Path, request: Json, timeout_s: float = 70.0) -> Json:
    """Sends one request to a control socket and returns the answer.

    Raises:
        UserError: No simulator listens there, or it did not answer in time.
    """
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(timeout_s)
            client.connect(str(path))
            client.sendall(json.dumps(request).encode() + b"\n")
            with client.makefile() as lines:
                answer = json.loads(lines.readline())
    except TimeoutError:
        raise UserError(f"The simulator at {path} did not answer in {timeout_s:g} s.") from None
    except (OSError, ValueError) as error:
        raise UserError(f"No charger simulator answers at {path}: {error}.") from error
    if not isinstance(answer, dict):
        raise UserError(f"The simulator at {path} answered {answer!r}.")
    return answer
