"""Sets boards up over their consoles: writes what differs, restarts, reads back and compares."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from vevgw.board.authority import Issued
from vevgw.board.certificates import give
from vevgw.board.fleet import BoardPlan, said
from vevgw.dut.device import Dut
from vevgw.dut.errors import DutError, NoAnswer
from vevgw.dut.transports import transport_for
from vevgw.errors import UserError

_ANSWER_S: Final = 5.0
_READY_S: Final = 30.0
_RETRY_S: Final = 0.2
# A gateway takes at least this long between its last answer and its next start.
_RESTART_S: Final = 0.3
# What a gateway shows of a secret.
_SET: Final = "(set)"


@dataclass(slots=True)
class Result:
    """What became of one board.

    Attributes:
        port: Its console.
        serial_number: As the board says it.
        identity: Of the charge point, as it runs now.
        version: Of the firmware.
        changed: Names of settings and keys that have another value now.
        same: How many had the right one already.
        registration: At the CSMS, when it was waited for.
        certificate: The client certificate from the authority of the bench, as in its record.
        error: One sentence; empty = all is as planned.
    """

    port: str
    serial_number: str = ""
    identity: str = ""
    version: str = ""
    changed: list[str] = field(default_factory=list)
    same: int = 0
    registration: str = ""
    certificate: Issued | None = None
    error: str = ""


async def provision(
    plan: BoardPlan, port: str, *, log_path: Path, restart: bool = True, csms_s: float = 0.0
) -> Result:
    """Sets one board up. Called again with the same plan it changes nothing.

    Args:
        plan: What it gets.
        port: Its console.
        log_path: Raw log of the console; secrets are not in it.
        restart: Whether the board restarts when something has changed; settings apply only then.
        csms_s: How long to wait for a CSMS to accept the board, s; 0 = not at all.
    """
    result = Result(port)
    try:
        plan.require_sayable()
        async with _Board(port, log_path) as board:
            await _set_up(board, plan, result, restart=restart, csms_s=csms_s)
    except UserError as error:
        # The first line: what follows are the last lines of the console.
        result.error = str(error).splitlines()[0]
    return result


async def _set_up(
    board: _Board, plan: BoardPlan, result: Result, *, restart: bool, csms_s: float
) -> None:
    status = await _open(board, plan)
    _note(result, status)
    if plan.serial_number is not None and plan.serial_number != result.serial_number:
        raise UserError(
            f"The board at {result.port} has serial number {result.serial_number}, not "
            f"{plan.serial_number}: nothing was changed."
        )
    for name, value in plan.settings.items():
        await _write_setting(board, name, value, result)
    if plan.console_password is not None:
        await _lock(board, plan.console_password, result)
    if result.changed and restart:
        await board.restart()
        status = await _open(board, plan)
        _note(result, status)
    await _compare_settings(board, plan)
    if status.get("not_started"):
        raise UserError(f"The board is set up but does not work: {status['not_started']}.")
    # The keys belong to the engine, which may work only with the settings above.
    for name, value in plan.ocpp.items():
        await _write_key(board, name, value, result)
    await _compare_keys(board, plan)
    if plan.certificates is not None:
        given = await give(board.say, plan.certificates, result.serial_number, result.identity)
        result.changed += given.changed
        result.same += given.same
        result.certificate = given.client
    if csms_s > 0:
        result.registration = await _wait_accepted(board, csms_s)


async def _open(board: _Board, plan: BoardPlan) -> dict[str, Any]:
    """Returns the status of an open console."""
    status = await board.ready()
    if not status.get("locked"):
        return status
    if plan.console_password is None:
        raise UserError("The console is locked: give its password (console_password).")
    await board.command(f"login {plan.console_password}", secret=True)
    return await board.ready()


async def _lock(board: _Board, password: str, result: Result) -> None:
    """A console that was open gets the password; one that it has opened has it already."""
    if (await board.command("password")).get("password"):
        result.same += 1
        return
    await board.command(f"password set {password}", secret=True)
    result.changed.append("console_password")


def _note(result: Result, status: dict[str, Any]) -> None:
    result.serial_number = str(status.get("serial_number", ""))
    result.identity = str(status.get("identity", ""))
    result.version = str(status.get("version", ""))


async def _write_setting(board: _Board, name: str, value: str, result: Result) -> None:
    shown = str((await board.command(f"setting get {name}")).get(name, ""))
    if shown == value and shown != _SET:
        result.same += 1
        return
    # A secret is not shown: whether it differs is known after it was written.
    reply = await board.command(f"setting set {name} {said(value)}", secret=True)
    if reply.get("changed", True):
        result.changed.append(name)
    else:
        result.same += 1


async def _write_key(board: _Board, name: str, value: str, result: Result) -> None:
    reply = await board.command(f"config get {name}")
    if _key_value(reply) == value:
        result.same += 1
        return
    await board.command(f"config set {name} {said(value)}", secret=True)
    result.changed.append(name)


async def _compare_settings(board: _Board, plan: BoardPlan) -> None:
    for name, value in plan.settings.items():
        shown = str((await board.command(f"setting get {name}")).get(name, ""))
        # An empty value restores the default, whatever that is. Of a URL the query is not shown.
        if value and shown not in (value, _SET, f"{value.partition('?')[0]}?***"):
            raise UserError(f"The board did not keep {name}: it says '{shown}'.")


async def _compare_keys(board: _Board, plan: BoardPlan) -> None:
    for name, value in plan.ocpp.items():
        kept = _key_value(await board.command(f"config get {name}"))
        if kept not in (value, None):
            raise UserError(f"The board did not keep {name}: it says '{kept}'.")


def _key_value(reply: dict[str, Any]) -> str | None:
    """The value in an answer to `config get`; None for a key that can only be written."""
    value = reply.get("value")
    return None if value is None else str(value)


async def _wait_accepted(board: _Board, timeout_s: float) -> str:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            while (await board.command("status")).get("registration") != "accepted":  # noqa: ASYNC110
                await asyncio.sleep(_RETRY_S)
            return "accepted"
    ocpp = await board.command("ocpp")
    reason = str(
        _wifi_trouble(await board.command("status"))
        or ocpp.get("last_error")
        or ocpp.get("registration")
        or "no connection"
    )
    raise UserError(f"No CSMS accepted the board within {timeout_s:g} s ({reason.rstrip('.')}).")


def _wifi_trouble(status: dict[str, Any]) -> str:
    """Why a board without a network has none; empty for one that has."""
    wifi = status.get("wifi")
    if not isinstance(wifi, dict) or wifi.get("state") == "joined":
        return ""
    networks = wifi.get("networks") or []
    failures = [f"{network['ssid']}: {network['failure']}" for network in networks]
    return "no Wi-Fi, " + ("; ".join(failures) or "none is set")


class _Board:
    """A console that may go and come back with a restart."""

    def __init__(self, port: str, log_path: Path) -> None:
        self._port = port
        self._log_path = log_path
        self._device: Dut | None = None

    async def __aenter__(self) -> _Board:
        await self._connect()
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._device is not None:
            await self._device.close()
            self._device = None

    async def command(self, line: str, *, secret: bool = False) -> dict[str, Any]:
        return await self.say(line, None, _ANSWER_S, secret=secret)

    async def say(
        self, line: str, text: str | None, timeout_s: float, *, secret: bool = False
    ) -> dict[str, Any]:
        assert self._device is not None
        for attempt in (1, 2):
            try:
                return await self._device.command(
                    line, timeout_s=timeout_s, secret=secret, text=text
                )
            except NoAnswer:
                # Every command here may be repeated; the line may have been damaged.
                if attempt == 2:
                    raise
        raise AssertionError

    async def ready(self) -> dict[str, Any]:
        """Returns the status, when the gateway answers."""
        assert self._device is not None
        return await self._device.wait_ready(timeout_s=_READY_S)

    async def restart(self) -> None:
        """Restarts the gateway and waits until the new one answers."""
        clock = asyncio.get_running_loop().time
        started = clock() - await self._uptime_s()
        await self.command("reboot")
        try:
            async with asyncio.timeout(_READY_S):
                while True:
                    await asyncio.sleep(_RETRY_S)
                    try:
                        if clock() - await self._uptime_s() > started + _RESTART_S:
                            return
                    except DutError:
                        # The console went with the process, or with its USB bridge.
                        await self.__aexit__()
                        with contextlib.suppress(DutError):
                            await self._connect()
        except TimeoutError:
            raise DutError(
                f"The board at {self._port} did not restart within {_READY_S:g} s."
            ) from None

    async def _uptime_s(self) -> float:
        if self._device is None:
            raise DutError("The console is closed.")
        status = await self._device.command("status", timeout_s=1.0)
        return float(status["uptime_ms"]) / 1000

    async def _connect(self) -> None:
        device = Dut(transport_for(self._port), log_path=self._log_path)
        try:
            await device.open()
        except DutError:
            await device.close()
            raise
        self._device = device
