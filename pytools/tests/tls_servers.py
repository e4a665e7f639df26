"""TLS servers for tests: Python's and `openssl s_server`, and ways to disturb them."""

import base64
import contextlib
import hashlib
import os
import re
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tls_cases import Case, Files

from vevgw.build import system

Serve = Callable[[socket.socket], None]
#: Names of this machine, besides localhost.
NAMES = ("cp.csms.test", "a.cp.csms.test")


def own_names(folder: Path) -> dict[str, str]:
    """Writes a file of hosts. Returns the environment in which a program resolves NAMES."""
    file = folder / "hosts"
    file.write_text("".join(f"127.0.0.1 {name}\n" for name in ("localhost", *NAMES)))
    library = system.find_library("libnss_wrapper.so")
    assert library is not None, "libnss-wrapper is not installed"
    return {"LD_PRELOAD": str(library), "NSS_WRAPPER_HOSTS": str(file)}


@contextmanager
def listening(serve: Serve) -> Iterator[int]:
    """Calls `serve` in a thread with each connection. Gives the port.

    In threads: asyncio drops the alert that says why a handshake failed.
    """

    def run(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            serve(connection)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connection.settimeout(20)
                threading.Thread(target=run, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


@contextmanager
def serving(case: Case, files: Files, *, speaks_web_socket: bool = False) -> Iterator[int]:
    """The server of a case. Gives its port.

    Args:
        speaks_web_socket: Accept a WebSocket and send every frame back; else send back, or send,
            "hello".
    """
    if case.s_server is not None:
        with s_server(case.command(files), speaks_web_socket=speaks_web_socket) as port:
            yield port
        return
    context = case.context(files)

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            if speaks_web_socket:
                talk_web_socket(tls.recv, tls.sendall)
            else:
                tls.sendall(tls.recv(100))
                tls.recv(100)

    with listening(serve) as port:
        yield port


@contextmanager
def s_server(
    command: list[str], *, speaks_web_socket: bool = False, first: bytes = b""
) -> Iterator[int]:
    """`openssl s_server`: what its client sends is on its output, its input is for the client.

    Args:
        command: With -accept on port 0.
        speaks_web_socket: Accept a WebSocket and send every frame back; else send "hello".
        first: Commands of s_server, once its client has said something, instead of both.
    """
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdin is not None
    assert process.stdout is not None
    seen = b""
    try:
        while (found := re.search(rb"ACCEPT \S+:(\d+)\n", seen)) is None:
            line = process.stdout.readline()
            assert line, f"s_server ended: {seen.decode(errors='replace')}"
            seen += line
        threading.Thread(target=talk, args=(process, speaks_web_socket, first), daemon=True).start()
        yield int(found[1])
    finally:
        process.kill()
        process.wait()


def talk(process: "subprocess.Popen[bytes]", speaks_web_socket: bool, first: bytes) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    output, taken = process.stdin, process.stdout.fileno()

    def send(data: bytes) -> None:
        output.write(data)
        output.flush()

    with contextlib.suppress(OSError, ValueError):
        if speaks_web_socket:
            talk_web_socket(lambda size: os.read(taken, size), send)
        if first:
            os.read(taken, 4096)
        send(first or b"hello")
        # A full pipe would hold it up.
        while os.read(taken, 4096):
            pass


def talk_web_socket(receive: Callable[[int], bytes], send: Callable[[bytes], object]) -> None:
    """Accepts a WebSocket and sends every short frame back, until nothing comes any more."""
    request = re.compile(rb"(?s)GET .*Sec-WebSocket-Key: (\S+)\r\n.*\r\n\r\n", re.IGNORECASE)
    seen = b""
    while (found := request.search(seen)) is None:
        if not (part := receive(4096)):
            return
        seen += part
    guid = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    accept = base64.b64encode(hashlib.sha1(found[1] + guid).digest())
    send(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Protocol: ocpp1.6\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )
    seen = seen[found.end() :]
    while True:
        # Kind, length, mask, bytes.
        while len(seen) < 6 or len(seen) < 6 + (seen[1] & 127):
            if not (part := receive(4096)):
                return
            seen += part
        size = seen[1] & 127
        if size > 125:
            while receive(4096):
                pass
            return
        plain = bytes(seen[6 + i] ^ seen[2 + i % 4] for i in range(size))
        send(bytes([seen[0], size]) + plain)
        seen = seen[6 + size :]


@contextmanager
def relay(
    port: int,
    change: Callable[[int, bytes], bytes] = lambda _, data: data,
    end: int | None = None,
) -> Iterator[int]:
    """Stands before a server. Gives its own port.

    Args:
        change: What becomes of bytes that the server sends, given where they begin in all that it
            has sent.
        end: Hang up after so many of them; None = never.
    """

    def serve(client: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as server:
            threading.Thread(target=forward, args=(client, server), daemon=True).start()
            at = 0
            while (end is None or at < end) and (data := server.recv(16384)):
                kept = data if end is None else data[: end - at]
                client.sendall(change(at, kept))
                at += len(data)
            # The other thread holds the socket open.
            client.shutdown(socket.SHUT_RDWR)

    def forward(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(16384):
                target.sendall(data)

    with listening(serve) as own:
        yield own
