"""A prompt for a charge point that runs in another process: one line to it, one JSON line back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, TextIO

from vevgw.errors import UserError
from vevgw.gateway.station import Station

SOCKET: Final = "shell.sock"
_ANSWER_S: Final = 70.0


async def serve(station: Station, path: Path) -> asyncio.Server:
    """Answers shells on a local socket that only this user can open.

    Raises:
        UserError: The path cannot be used.
    """

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, ValueError):
            while line := await reader.readline():
                answer = await station.carry_out(line.decode("utf-8", "replace"))
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        writer.close()

    try:
        await asyncio.to_thread(path.unlink, missing_ok=True)
        server = await asyncio.start_unix_server(talk, path)
        await asyncio.to_thread(path.chmod, 0o600)
    except OSError as error:
        raise UserError(f"The socket {path} cannot be made: {error.strerror or error}.") from error
    return server


class Shell:
    """The other end; use it with `with`.

    Args:
        path: The socket.

    Raises:
        UserError: No charge point runs there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(_ANSWER_S)
        try:
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise UserError(
                f"No charge point runs in {path.parent}: start one with 'vevgw gateway run'."
            ) from None
        self._lines = self._socket.makefile("r", encoding="utf-8")

    def __enter__(self) -> Shell:
        return self

    def __exit__(self, *exc: object) -> None:
        self._lines.close()
        self._socket.close()

    def ask(self, line: str) -> dict[str, Any]:
        """Has one line carried out and returns the answer.

        Raises:
            UserError: There was none.
        """
        try:
            self._socket.sendall(line.replace("\n", " ").encode() + b"\n")
            text = self._lines.readline()
        except TimeoutError:
            raise UserError(f"'{line}' was not answered in {_ANSWER_S:g} s.") from None
        except OSError:
            text = ""
        if not text:
            raise UserError("The charge point has ended.")
        answer: dict[str, Any] = json.loads(text)
        return answer


def converse(shell: Shell, lines: Iterable[str], out: TextIO) -> bool:
    """Has lines carried out and prints the answers; returns whether all went well."""
    is_well = True
    for line in lines:
        text = line.strip()
        if text in ("quit", "exit"):
            break
        if not text or text.startswith("#"):
            continue
        answer = shell.ask(text)
        is_ok = bool(answer.pop("ok", False))
        answer.pop("id", None)
        if not is_ok:
            is_well = False
            print(f"error: {answer.get('error', 'no reason given')}", file=out)
        elif "help" in answer and len(answer) == 1:
            print(answer["help"], file=out)
        else:
            print(json.dumps(answer) if answer else "ok", file=out)
        out.flush()
    return is_well
