"""The native gateway as a device under test: a process with its console on a pseudo-terminal."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
import termios
import tty
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from vevgw.dut.errors import DutError
from vevgw.dut.transports import Boot, FdLine, Receiver

_NAME = "vev-gateway "
_POLL_S = 0.01
# Linux only, and looked up before any fork.
_PRCTL = getattr(ctypes.CDLL(None), "prctl", None)
_PR_SET_PDEATHSIG = 1
_QUOTED = 10
# Blocks that a thread's cache keeps would count as allocated (`heap_allocated` of `status`):
# without the cache the figure is exact, and a leak of a few bytes shows.
_VARIABLES = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=0"}


def find_gateway(project: Path) -> Path:
    """Returns the native gateway that PlatformIO built in the project.

    Raises:
        DutError: It is not built, or something else is in its place.
    """
    return check_gateway(project / ".pio" / "build" / "native" / "program")


def check_gateway(program: Path) -> Path:
    """Returns the absolute path of a native gateway, of whatever environment.

    Raises:
        DutError: It is not built, or something else is in its place.
    """
    program = program.absolute()
    remedy = "run 'vevgw build firmware -e native'"
    if not os.access(program, os.X_OK):
        raise DutError(f"The native gateway is not built ({program} is missing): {remedy}.")
    try:
        shown = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=10, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        shown = ""
    if not shown.startswith(_NAME):
        # `pio test` leaves the program of its last suite in the same place.
        raise DutError(f"{program} is not the gateway but something else: {remedy}.")
    return program


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """Command line of the native gateway, as far as tests use it.

    Attributes:
        csms_url: Base URL, without the identity; None: as stored in its data folder.
        identity: Charge point identity; None: as stored.
        buses: Serial device of each bus number.
        profile: Charger profile of connector 1; None: as stored.
        readers: Serial device of each kind of tag reader.
        board: Serial device of a simulated board; None: there is none.
        password_file: First line is the HTTP Basic password.
        settings: Other device settings for this run.
    """

    # Neither is shown in reports of tests: a token, passwords.
    csms_url: str | None = field(default=None, repr=False)
    identity: str | None = None
    buses: Mapping[int, str] = field(default_factory=dict)
    profile: str | None = None
    readers: Mapping[str, str] = field(default_factory=dict)
    board: str | None = None
    password_file: Path | None = None
    settings: Mapping[str, str] = field(default_factory=dict, repr=False)

    def words(self) -> list[str]:
        """Returns the arguments."""
        words = [f"--bus={number}={device}" for number, device in sorted(self.buses.items())]
        words += [f"--reader={kind}={device}" for kind, device in sorted(self.readers.items())]
        for name, value in (
            ("csms", self.csms_url),
            ("identity", self.identity),
            ("profile", self.profile),
            ("board", self.board),
            ("password-file", self.password_file),
        ):
            if value is not None:
                words.append(f"--{name}={value}")
        words += [f"--set={name}={value}" for name, value in self.settings.items()]
        return words


class GatewayWatcher(Protocol):
    """Who wants to know when the process comes and goes."""

    async def on_start(self) -> None:
        """The console can be opened."""

    def on_end(self, sentence: str) -> None:
        """The process has ended, for the stated reason."""


class NativeGateway:
    """Starts, kills and restarts a gateway on one data folder.

    Args:
        program: Executable, or a list of words that starts it.
        folder: Gets `data/`, the link `console` and `gateway.log` (what the process printed on
            stdout and stderr). It must exist.
        options: Further command line.
    """

    def __init__(
        self, program: Path | list[str], folder: Path, options: GatewayOptions | None = None
    ) -> None:
        self._program = [str(program)] if isinstance(program, Path) else list(program)
        self.folder = folder
        self.options = options or GatewayOptions()
        self.console_link = folder / "console"
        self.log_path = folder / "gateway.log"
        self._process: asyncio.subprocess.Process | None = None
        self._watch_task: asyncio.Task[None] | None = None
        self._watchers: list[GatewayWatcher] = []

    # -- life ----------------------------------------------------------------------------------

    @property
    def command(self) -> list[str]:
        """The whole command line."""
        return [
            *self._program,
            f"--data={self.folder / 'data'}",
            f"--console=pty:{self.console_link}",
            *self.options.words(),
        ]

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """Process id.

        Raises:
            DutError: It does not run.
        """
        if self._process is None or not self.is_running:
            raise DutError("The gateway is not running.")
        return self._process.pid

    def add_watcher(self, watcher: GatewayWatcher) -> None:
        """Tells the watcher about starts and ends from now on."""
        self._watchers.append(watcher)

    def remove_watcher(self, watcher: GatewayWatcher) -> None:
        """Does so no longer; nothing happens when it was not told."""
        if watcher in self._watchers:
            self._watchers.remove(watcher)

    async def start(self, *, timeout_s: float = 10.0) -> None:
        """Starts the process and waits until its console exists.

        Raises:
            DutError: It cannot be started, it ended, or it made no console in time.
        """
        if self.is_running:
            raise DutError("The gateway is already running.")
        # A killed process leaves its link behind.
        self.console_link.unlink(missing_ok=True)
        self._process = await self._spawn()
        self._watch_task = asyncio.create_task(self._watch(self._process))
        try:
            async with asyncio.timeout(timeout_s):
                # The link appears without telling anybody.
                while self.is_running and not os.path.exists(self.console_link):  # noqa: ASYNC110, ASYNC240
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            await self.kill9()
            raise DutError(
                f"The gateway made no console within {timeout_s:g} s.\n{self.last_lines()}"
            ) from None
        if not self.is_running:
            raise DutError(self.describe_end())
        for watcher in list(self._watchers):
            await watcher.on_start()

    async def _spawn(self) -> asyncio.subprocess.Process:
        try:
            with self.log_path.open("ab") as log:
                return await asyncio.create_subprocess_exec(
                    *self.command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env={**_VARIABLES, **os.environ},
                    start_new_session=True,
                    preexec_fn=_die_with_parent,
                )
        except OSError as error:
            raise DutError(
                f"The gateway {self._program[0]} cannot be started: {error.strerror}."
            ) from error

    async def _watch(self, process: asyncio.subprocess.Process) -> None:
        await process.wait()
        sentence = self.describe_end()
        for watcher in list(self._watchers):
            watcher.on_end(sentence)

    async def wait_exit(self, *, timeout_s: float) -> int:
        """Waits until the process has ended and everybody knows it; returns its exit code.

        Raises:
            DutError: It was never started, or still runs.
        """
        if self._process is None or self._watch_task is None:
            raise DutError("The gateway was never started.")
        try:
            await asyncio.wait_for(asyncio.shield(self._watch_task), timeout_s)
        except TimeoutError:
            raise DutError(f"The gateway still runs after {timeout_s:g} s.") from None
        code = self._process.returncode
        assert code is not None
        return code

    async def kill9(self) -> None:
        """Kills the process without warning, like a power cut. Does nothing when it has ended."""
        await self._end(signal.SIGKILL, timeout_s=10.0)

    async def terminate(self, *, timeout_s: float = 10.0) -> int:
        """Asks the process to end and returns its exit code.

        Raises:
            DutError: It did not end in time; it is killed then.
        """
        try:
            return await self._end(signal.SIGTERM, timeout_s=timeout_s)
        except DutError:
            await self.kill9()
            raise

    async def _end(self, number: signal.Signals, *, timeout_s: float) -> int:
        if self._process is None:
            return 0
        if self.is_running:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)
        return await self.wait_exit(timeout_s=timeout_s)

    async def restart(self, *, timeout_s: float = 10.0) -> None:
        """Ends the process politely and starts it on the same data folder."""
        await self.terminate(timeout_s=timeout_s)
        await self.start(timeout_s=timeout_s)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.kill9()

    # -- what it said --------------------------------------------------------------------------

    def last_lines(self, count: int = _QUOTED) -> str:
        """Returns the end of what the process printed on stdout and stderr."""
        try:
            lines = self.log_path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            lines = []
        text = "\n".join(f"  | {line}" for line in lines[-count:]) or "  (it printed nothing)"
        return f"Last lines of the process:\n{text}\nFull log: {self.log_path}"

    def describe_end(self) -> str:
        """Returns a sentence about how the process ended, with its last lines."""
        code = None if self._process is None else self._process.returncode
        if code is None:
            how = "is running"
        elif code >= 0:
            how = f"ended with exit code {code}"
        else:
            how = f"was ended by {signal.Signals(-code).name}"
        return f"The gateway process {how}.\n{self.last_lines()}"


class NativeTransport:
    """The console of a native gateway; follows the process over restarts.

    Args:
        gateway: Started by open() if it does not run yet, and left running by close().
    """

    def __init__(self, gateway: NativeGateway) -> None:
        self._gateway = gateway
        self._receiver: Receiver | None = None
        self._fd = -1
        self._line: FdLine | None = None

    @property
    def name(self) -> str:
        """The console's link."""
        return str(self._gateway.console_link)

    async def open(self, receiver: Receiver) -> None:
        """Connects, and starts the gateway if it does not run.

        Raises:
            DutError: It cannot be started.
        """
        self._receiver = receiver
        self._gateway.add_watcher(self)
        try:
            if self._gateway.is_running:
                await self.on_start()
            else:
                await self._gateway.start()
        except DutError:
            self._gateway.remove_watcher(self)
            raise

    async def close(self) -> None:
        """Disconnects."""
        self._gateway.remove_watcher(self)
        self._drop_line()

    def write(self, data: bytes) -> None:
        """Sends bytes."""
        if self._line is None:
            raise DutError(f"There is no console: {self._gateway.describe_end()}")
        self._line.write(data)

    async def reset(self, boot: Boot) -> None:
        """Kills the process and starts it again, like the reset button.

        Raises:
            DutError: It does not start, or the ROM loader was asked for.
        """
        if boot is not Boot.RUN:
            raise DutError("A native gateway has no boot loader.")
        await self._gateway.kill9()
        await self._gateway.start()

    # -- GatewayWatcher ------------------------------------------------------------------------

    async def on_start(self) -> None:
        """Opens the console of the new process."""
        self._drop_line()
        assert self._receiver is not None
        self._receiver.on_restart()
        self._fd = open_console(self._gateway.console_link)
        # The process tells its own end, with better words than a hang-up.
        self._line = FdLine(self._fd, self._receiver.on_data, lambda why: None)

    def on_end(self, sentence: str) -> None:
        """Reads what is left and passes the bad news on."""
        self._drop_line()
        if self._receiver is not None:
            self._receiver.on_lost(sentence)

    def _drop_line(self) -> None:
        if self._line is not None:
            self._line.drain()
            self._line.close()
            self._line = None
            os.close(self._fd)


def _die_with_parent() -> None:
    """In the new process: ends it when this one is killed, so that no gateway is left on a bus."""
    if _PRCTL is not None:
        _PRCTL(_PR_SET_PDEATHSIG, signal.SIGKILL)


def open_console(link: Path) -> int:
    """Opens a pseudo-terminal raw and non-blocking without throwing away what waits in it.

    Raises:
        DutError: It cannot be opened.
    """
    try:
        fd = os.open(link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        # Not TCSAFLUSH: the first lines of the boot are in the buffer.
        tty.setraw(fd, when=termios.TCSANOW)
    except OSError as error:
        raise DutError(f"The console {link} cannot be opened: {error.strerror}.") from error
    return fd
