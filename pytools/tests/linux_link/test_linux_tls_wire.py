"""TLS, byte by byte: what is offered, servers that stop or lie in the middle, too little memory."""

import os
import random
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tls_cases import NAMED, TLS, Case, client
from tls_certificates import intermediate, leaf, root
from tls_servers import listening, relay, s_server, serving

# The first test also builds the drivers.
pytestmark = [pytest.mark.native, pytest.mark.timeout(300)]

RIGHT = Case(lambda: leaf(issuer=intermediate()).chain(), client=client(), client_root=root)
CUT_OFF = "the server closed the connection in the TLS handshake"


@pytest.fixture
def right(tmp_path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Port of a server that wants a client certificate, and the options to connect to it."""
    files, options = RIGHT.write(tmp_path)
    with serving(RIGHT, files) as port:
        yield port, options


def client_hello(run_alone: Any, host: str) -> bytes:
    """The body of the ClientHello."""
    seen = []

    def serve(connection: socket.socket) -> None:
        seen.append(connection.recv(4096))

    with listening(serve) as port:
        assert run_alone(port, host, ca="none")["text"] == CUT_OFF
    kind, _, size = struct.unpack(">BHH", seen[0][:5])
    assert (kind, seen[0][5]) == (22, 1)
    assert len(seen[0]) == 5 + size
    return seen[0][9:]


def parse(hello: bytes) -> tuple[list[int], bytes, dict[int, bytes]]:
    """Suites, compression methods, extensions."""
    assert hello[:2] == b"\3\3"
    at = 35 + hello[34]
    size = int.from_bytes(hello[at : at + 2])
    suites = [x for (x,) in struct.iter_unpack(">H", hello[at + 2 : at + 2 + size])]
    at += 2 + size
    compressions = hello[at + 1 : at + 1 + hello[at]]
    at += 3 + hello[at]
    extensions = {}
    while at < len(hello):
        kind, size = struct.unpack(">HH", hello[at : at + 4])
        extensions[kind] = hello[at + 4 : at + 4 + size]
        at += 4 + size
    return suites, compressions, extensions


# Rules: WP-A00.FR.312 WP-A00.FR.318 WP-A00.FR.319 WP-A00.FR.320
def test_only_what_is_strong_is_offered(run_alone: Any) -> None:
    suites, compressions, extensions = parse(client_hello(run_alone, NAMED))
    assert suites == [0xC02B, 0xC02F, 0xC02C, 0xC030, 0x9C, 0x9D, 0xFF]
    assert compressions == b"\0"
    assert extensions[0].endswith(NAMED.encode()), "server_name"
    assert extensions[13][2:] == bytes.fromhex("040304010503050106030601"), "SHA-256 and better"
    assert 35 not in extensions, "no session ticket"
    _, _, extensions = parse(client_hello(run_alone, "127.0.0.1"))
    assert 0 not in extensions, "an address is no server_name"


def bytes_of_server(run_alone: Any, right: tuple[int, dict[str, str]]) -> int:
    """Bytes that it sends in a handshake at least: signatures differ by a few."""
    port, options = right
    total = 0

    def count(at: int, data: bytes) -> bytes:
        nonlocal total
        total = at + len(data)
        return data

    with relay(port, count) as between:
        assert run_alone(between, "localhost", **options)["up"]
    answer = 5 + 8 + 5 + 16  # "hello" in a record
    return total - answer - 8


def test_server_that_hangs_up_anywhere_is_a_failed_attempt(
    run_alone: Any, right: tuple[int, dict[str, str]]
) -> None:
    port, options = right
    count = bytes_of_server(run_alone, right)
    for end in (0, 1, 5, 6, *random.Random(5).sample(range(7, count), 10)):
        with relay(port, end=end) as between:
            result = run_alone(between, "localhost", **options)
        assert (result["up"], result["failure"], result["text"]) == (False, TLS, CUT_OFF), end


def test_no_byte_of_a_handshake_can_be_changed(
    run_alone: Any, right: tuple[int, dict[str, str]]
) -> None:
    port, options = right
    drawn, count = random.Random(7), bytes_of_server(run_alone, right)
    for position in [0, 1, 3, 4, 5, 9, 10, 12, *drawn.sample(range(13, count), 16)]:
        bit = 1 << drawn.randrange(8)

        def flip(at: int, data: bytes, position: int = position, bit: int = bit) -> bytes:
            changed = bytearray(data)
            if 0 <= position - at < len(data):
                changed[position - at] ^= bit
            return bytes(changed)

        with relay(port, flip) as between:
            result = run_alone(between, "localhost", **options, patience=50)
        assert not result["up"], position


def test_garbage_instead_of_tls_is_a_failed_attempt(run_alone: Any) -> None:
    for seed in range(8):
        garbage = random.Random(seed).randbytes(3000)
        # Half of them begin as a record of a handshake does.
        start = b"" if seed % 2 else b"\x16\x03\x03\x0b\x00\x02\x00\x0a\xfc\x03\x03"

        def serve(connection: socket.socket, data: bytes = start + garbage) -> None:
            connection.recv(4096)
            connection.sendall(data)
            connection.recv(4096)

        with listening(serve) as port:
            result = run_alone(port, "localhost", ca="none")
        assert not result["up"]
        assert result["failure"] == TLS


# Rules: FP-2
@pytest.mark.parametrize("after", [0, 200, 1000])
async def test_server_that_stops_talking_is_given_up(
    start_driver: Any, right: tuple[int, dict[str, str]], after: int
) -> None:
    port, options = right

    def stall(at: int, data: bytes) -> bytes:
        return data[: max(0, after - at)]

    driver = await start_driver(handshake_timeout_ms=400)
    with relay(port, stall) as between:
        begun = time.monotonic()
        driver.open(f"wss://localhost:{between}/", **options, profile=3)
        status = await driver.failure()
        assert time.monotonic() - begun < 5
    assert status["error"].endswith("did not answer in time")
    assert 0 < status["next_in_ms"] <= 40
    await driver.quit()


def test_request_to_renegotiate_is_refused(run_alone: Any, tmp_path: Path) -> None:
    case = Case(lambda: leaf().chain(), s_server=("-tls1_2",))
    files, options = case.write(tmp_path)
    with s_server(case.command(files), first=b"r\n") as port:
        begun = time.monotonic()
        result = run_alone(port, "localhost", **options)
    # The handshake was right; s_server hangs up on who does not want another, and would wait else.
    assert (result["failure"], result["up"]) == (0, False)
    assert time.monotonic() - begun < 8


def test_memory_that_ends_anywhere_is_a_failed_attempt(
    run_alone: Any, right: tuple[int, dict[str, str]]
) -> None:
    """VEVGW_ALLOCATIONS=1000 tries as many of them: two minutes."""
    port, options = right
    whole = run_alone(port, "localhost", **options)
    assert whole["up"]
    count = whole["allocations"]
    wanted = min(int(os.environ.get("VEVGW_ALLOCATIONS", "16")), count - 30)
    numbers = [*range(1, 20), *random.Random(3).sample(range(20, count + 1), wanted)]
    results = {
        number: run_alone(port, "localhost", **options, fail_at=number) for number in numbers
    }
    # What is not needed may be missing. Else it is nobody's fault, and no security event.
    wrong = {
        n: (found["failure"], found["text"])
        for n, found in results.items()
        if not found["up"] and found["failure"] != TLS
    }
    assert wrong == {}, f"of {count}"
