"""Any charge point: its stimuli are commands of a file, or a person is asked."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from vevgw.errors import UserError

_COMMAND_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class CommandFile:
    """What the file says.

    Attributes:
        identity: With which the charge point connects.
        connectors: How many it has.
        boots_at_start: `start` makes it boot; else it only reconnects.
        commands: Shell command of each stimulus, and of `start`, `stop` and `locked`. They find
            the arguments in the environment: CONNECTOR, TAG, VENDOR; `start` finds CSMS_URL.
            `locked` says so by its exit code.
    """

    identity: str
    connectors: int = 1
    boots_at_start: bool = False
    commands: Mapping[str, str] = field(default_factory=dict)


def read_commands(path: Path) -> CommandFile:
    """Reads the file.

    Raises:
        UserError: It cannot be read, or is none.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        file = CommandFile(**data)
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}.") from None
    except (yaml.YAMLError, TypeError) as error:
        raise UserError(f"{path} describes no target: {str(error).splitlines()[0]}.") from None
    commands = file.commands
    wrong = {
        "identity is no text": not isinstance(file.identity, str),
        "connectors is no number": not isinstance(file.connectors, int),
        "boots_at_start is neither true nor false": not isinstance(file.boots_at_start, bool),
        "commands are no names with texts": not isinstance(commands, dict)
        or not all(isinstance(one, str) for one in commands.values()),
    }
    for what, is_so in wrong.items():
        if is_so:
            raise UserError(f"{path} describes no target: {what}.")
    return file


class CommandTarget:
    """A charge point that others made.

    Args:
        file: Its commands.
        folder: Gets what they print.
        ask: Asks a person to do something and returns when it is done; None: nobody is there.
    """

    is_fresh = False

    def __init__(self, file: CommandFile, folder: Path, *, is_attended: bool) -> None:
        self.identity = file.identity
        self.connectors = file.connectors
        self.boots_at_start = file.boots_at_start
        self._file = file
        self._log = folder / "commands.log"
        self._is_attended = is_attended

    async def start(self, csms_url: str, tls_url: str | None = None) -> None:
        """See Target."""
        if "start" in self._file.commands:
            await self._run("start", {"CSMS_URL": csms_url, "CSMS_URL_TLS": tls_url or csms_url})
        elif self._is_attended:
            await self._ask(f"Have the charge point connect to {csms_url}/{self.identity}")

    async def stop(self) -> None:
        """See Target."""
        if "stop" in self._file.commands:
            with contextlib.suppress(UserError):
                await self._run("stop", {})

    async def do(self, action: str, arguments: Mapping[str, Any]) -> None:
        """See Target."""
        known = set(self._file.commands)
        if action == "power_cycle" and action not in known and {"power_off", "power_on"} <= known:
            await self.do("power_off", arguments)
            await self.do("power_on", arguments)
            return
        if action in known:
            await self._run(action, {key.upper(): str(one) for key, one in arguments.items()})
            return
        words = ", ".join(f"{name} {value}" for name, value in arguments.items())
        if not self._is_attended:
            raise UserError(f"There is no command for '{action}', and nobody to ask.")
        await self._ask(f"{action.replace('_', ' ')} {f'({words})' if words else ''}".strip())

    async def is_locked(self, connector: int) -> bool | None:
        """See Target."""
        if "locked" not in self._file.commands:
            return None
        return await self._exit_code("locked", {"CONNECTOR": str(connector)}) == 0

    def files(self) -> list[Path]:
        """See Target."""
        return [self._log] if self._log.is_file() else []

    async def _run(self, name: str, environment: Mapping[str, str]) -> None:
        code = await self._exit_code(name, environment)
        if code != 0:
            raise UserError(f"The command for '{name}' ended with exit code {code}: {self._log}.")

    async def _exit_code(self, name: str, environment: Mapping[str, str]) -> int:
        with self._log.open("ab") as log:
            log.write(f">>> {name} {dict(environment)}\n".encode())
            log.flush()
            process = await asyncio.create_subprocess_shell(
                self._file.commands[name],
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **environment},
                start_new_session=True,
            )
            try:
                return await asyncio.wait_for(process.wait(), _COMMAND_S)
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                raise UserError(
                    f"The command for '{name}' did not end within {_COMMAND_S:g} s."
                ) from None

    @staticmethod
    async def _ask(what: str) -> None:
        """Asks the person at the terminal. Time goes on: intervals must be long enough for this."""
        text = f"\n>>> {what[0].upper()}{what[1:]}. Then press Enter (or type why it cannot be): "
        sys.stderr.write(text)
        sys.stderr.flush()
        answer = await asyncio.to_thread(sys.stdin.readline)
        if not answer:
            raise UserError(f"Nobody answered: {what}.")
        if answer.strip():
            raise UserError(f"{what}: {answer.strip()}.")
