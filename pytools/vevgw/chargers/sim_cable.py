"""The cable between a simulated charger and whoever talks to it: two pseudo-terminals, or TCP.

The gateway opens one end, the Modbus server the other; everything passes through here, so that
delays act on real bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from vevgw.errors import UserError

_LOG = logging.getLogger(__name__)

# Returns how long the next reply waits in the cable, s.
DelayHook = Callable[[], float]


class Cable(Protocol):
    """Transport below the Modbus server."""

    @property
    def port(self) -> str:
        """What the client opens: a device path, or HOST:PORT."""

    def close(self) -> None:
        """Cuts the cable and removes what it left in the file system."""


class PtyCable:
    """Two pseudo-terminals back to back, the client's end under a name that stays the same.

    Args:
        link: Symbolic link to create for the client; None: the client uses the /dev/pts path.
        reply_delay_s: Asked for each chunk of a reply.

    Raises:
        UserError: The link cannot be created.
    """

    def __init__(self, link: Path | None, *, reply_delay_s: DelayHook) -> None:
        self._loop = asyncio.get_running_loop()
        self._reply_delay_s = reply_delay_s
        self._not_before = 0.0
        self._client_master, self._client_slave = open_raw_pty()
        self._server_master, self._server_slave = open_raw_pty()
        self._client_path = os.ttyname(self._client_slave)
        self._link = link
        try:
            if link is not None:
                make_link(link, self._client_path)
        except UserError:
            self._close_files()
            raise
        self._loop.add_reader(self._client_master, self._from_client)
        self._loop.add_reader(self._server_master, self._from_server)

    @property
    def port(self) -> str:
        """Path for the client."""
        return self._client_path if self._link is None else str(self._link)

    @property
    def server_port(self) -> str:
        """Path for the Modbus server."""
        return os.ttyname(self._server_slave)

    def close(self) -> None:
        """Closes both pseudo-terminals; the link goes unless somebody else has taken its name."""
        self._loop.remove_reader(self._client_master)
        self._loop.remove_reader(self._server_master)
        if self._link is not None:
            remove_link(self._link, self._client_path)
        self._close_files()

    def _close_files(self) -> None:
        for fd in (
            self._client_master,
            self._client_slave,
            self._server_master,
            self._server_slave,
        ):
            os.close(fd)
        self._client_master = self._server_master = -1

    def _from_client(self) -> None:
        data = _read(self._client_master)
        if data:
            _write(self._server_master, data)

    def _from_server(self) -> None:
        data = _read(self._server_master)
        if not data:
            return
        now = self._loop.time()
        # Replies keep their order when the delay changes between them.
        self._not_before = max(self._not_before, now + self._reply_delay_s())
        if self._not_before <= now:
            _write(self._client_master, data)
        else:
            self._loop.call_at(self._not_before, self._deliver, data)

    def _deliver(self, data: bytes) -> None:
        if self._client_master >= 0:
            _write(self._client_master, data)


class DeviceCable:
    """A serial device that exists already: nothing to do."""

    def __init__(self, path: str) -> None:
        self._path = path

    @property
    def port(self) -> str:
        """The device."""
        return self._path

    def close(self) -> None:
        """The server closes the device."""


class TcpCable:
    """A listening socket in front of the Modbus server's own.

    Use `TcpCable.open()`.
    """

    def __init__(self, server_port: int, *, reply_delay_s: DelayHook) -> None:
        self._server_port = server_port
        self._reply_delay_s = reply_delay_s
        self._listener: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._hangs_up = False

    async def open(self, host: str, port: int) -> None:
        """Starts to listen.

        Raises:
            UserError: The address cannot be used.
        """
        try:
            self._listener = await asyncio.start_server(self._serve, host, port)
        except OSError as error:
            raise UserError(
                f"The charger simulator cannot listen on {host}:{port}: {error.strerror}."
            ) from error

    @property
    def port(self) -> str:
        """HOST:PORT for the client."""
        assert self._listener is not None
        host, port, *_ = self._listener.sockets[0].getsockname()
        return f"{host}:{port}"

    def hang_up_soon(self) -> None:
        """Ends the connection after the next chunk of a reply."""
        self._hangs_up = True

    def close(self) -> None:
        """Closes the socket and all connections."""
        if self._listener is not None:
            self._listener.close()
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        self._writers |= {writer, inner_writer}
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, inner_writer, is_request=True))
                group.create_task(self._pump(inner_reader, writer, is_request=False))
        finally:
            self._writers -= {writer, inner_writer}

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_request: bool
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1024):
                if not is_request:
                    await asyncio.sleep(self._reply_delay_s())
                writer.write(data)
                await writer.drain()
                if self._hangs_up and not is_request:
                    self._hangs_up = False
                    break
        writer.close()


def is_pty(path: str) -> bool:
    """Returns whether the path is a pseudo-terminal: it has no parity and may refuse to set one."""
    return os.path.realpath(path).startswith("/dev/pts/")


def make_link(link: Path, target: str) -> None:
    """Makes the symbolic link, or turns it round when it exists.

    Raises:
        UserError: Something else has that name, or the folder does not exist or is not writable.
    """
    if os.path.lexists(link) and not link.is_symlink():
        raise UserError(f"{link} exists and is not a symbolic link: choose another name.")
    new = link.with_name(f".{link.name}.{os.getpid()}")
    try:
        new.symlink_to(target)
        new.replace(link)
    except OSError as error:
        raise UserError(f"The link {link} cannot be created: {error.strerror}.") from error


def remove_link(link: Path, target: str) -> None:
    """Removes the link if it still points to the target."""
    with contextlib.suppress(OSError):
        if os.readlink(link) == target:
            link.unlink()


def open_raw_pty() -> tuple[int, int]:
    """Returns master and slave; the slave stays open, else the master fails without a client."""
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    return master, slave


def _read(fd: int) -> bytes:
    try:
        return os.read(fd, 4096)
    except BlockingIOError:
        return b""


def _write(fd: int, data: bytes) -> None:
    try:
        written = os.write(fd, data)
    except BlockingIOError:
        written = 0
    if written < len(data):
        _LOG.debug("%d bytes fell off the cable: nobody reads the other end", len(data) - written)
