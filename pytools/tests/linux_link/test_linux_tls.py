"""TLS towards servers that are wrong in one way each: by the Linux link, by lib/security alone."""

import contextlib
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tls_cases import CASES, MORE_OF_THE_SAME, TLS, Case, issue, leaf, root

# The first test also builds the drivers.
pytestmark = [pytest.mark.native, pytest.mark.timeout(300)]

Run = Callable[..., dict[str, Any]]


@contextmanager
def echo_server(context: ssl.SSLContext) -> Iterator[int]:
    """A TLS server that sends back what it gets. Gives its port.

    In threads: asyncio drops the alert that says why a handshake failed.
    """

    def serve(connection: socket.socket) -> None:
        try:
            with context.wrap_socket(connection, server_side=True) as tls:
                tls.sendall(tls.recv(100))
                tls.recv(100)
        except OSError:
            connection.close()

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connection.settimeout(20)
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def run_alone(tls_program: Path) -> Iterator[Run]:
    """A function that makes one handshake by lib/security alone."""
    process = subprocess.Popen(
        [tls_program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )

    def run(port: int, host: str, **options: object) -> dict[str, Any]:
        assert process.stdin is not None
        assert process.stdout is not None
        words = [str(port), host, *(f"{name}={value}" for name, value in options.items())]
        process.stdin.write("\t".join(words) + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    yield run
    process.communicate(timeout=20)
    assert process.returncode == 0


# Rules: WP-A00.FR.307 WP-A00.FR.308 WP-A00.FR.310 WP-A00.FR.312 WP-A00.FR.313 WP-A00.FR.315
# Rules: WP-A00.FR.318 WP-A00.FR.319 WP-A00.FR.322 WP-A00.FR.401 PD-17
@pytest.mark.parametrize("name", CASES)
def test_session_connects_or_names_the_reason(run_alone: Run, tmp_path: Path, name: str) -> None:
    case = CASES[name]
    context, options = case.write(tmp_path)
    with echo_server(context) as port:
        result = run_alone(port, case.host, **options)
    assert [result["failure"], result["fault"]] == [case.failure, case.fault], str(result)
    assert result["text"].startswith(case.text)
    assert result["up"] is (case.failure == 0)
    assert result["echo"] == ("hello" if case.failure == 0 else "")
    if case.suite:
        assert result["suite"] == case.suite


# Rules: WP-A00.FR.309 WP-A00.FR.310 WP-A00.FR.313 WP-A00.FR.315 WP-A00.FR.322 PD-17
@pytest.mark.parametrize("name", [name for name in CASES if name not in MORE_OF_THE_SAME])
async def test_link_connects_or_names_the_reason(
    start_csms: Any, start_driver: Any, tmp_path: Path, name: str
) -> None:
    case = CASES[name]
    context, options = case.write(tmp_path)
    driver = await start_driver()
    profile = 2 if case.client is None else 3
    options |= {"profile": str(profile), "password_hex": "00"}
    if case.failure != 0:
        with echo_server(context) as port:
            driver.open(f"wss://{case.host}:{port}/", **options)
            status = await driver.failure()
        assert [status["failure"], status["fault"]] == [case.failure, case.fault], str(status)
        assert case.text in status["error"]
        assert 0 < status["next_in_ms"] <= 40
        await driver.quit()
        return
    csms = await start_csms(ssl=context)
    driver.open(csms.url(case.host), **options)
    status = await driver.up()
    assert (status["failure"], status["fault"], status["tls"]) == (0, "none", True)
    assert status["unverified"] is (options.get("verify") == "0")
    assert status["client"] == (0 if case.client is None else 7)
    connection = await csms.connection()
    assert ("Authorization" in connection.request.headers) is (profile == 2)
    driver.command("send", "hello")
    assert await connection.recv() == "hello"
    await driver.quit()


@pytest.mark.parametrize(
    ("names", "host", "wildcard", "fault"),
    [
        (["*.csms.example"], "a.csms.example", "1", "none"),
        (["*.csms.example"], "A.CSMS.example", "1", "none"),
        (["*.csms.example"], "a.csms.example", "0", "wrong_host"),
        (["*.csms.example"], "a.b.csms.example", "1", "wrong_host"),
        (["*.csms.example"], "csms.example", "1", "wrong_host"),
        (["a.csms.example"], "a.csms.example", "0", "none"),
    ],
)
def test_wildcard_stands_for_one_label_where_it_is_allowed(
    run_alone: Run, tmp_path: Path, names: list[str], host: str, wildcard: str, fault: str
) -> None:
    context, options = Case(lambda: leaf(names=names).chain()).write(tmp_path)
    with echo_server(context) as port:
        result = run_alone(port, host, **options, wildcard=wildcard)
    assert result["fault"] == fault


# Rules: FP-16 FP-20
async def test_time_that_counts_is_not_before_the_build(
    start_csms: Any, start_driver: Any, tmp_path: Path
) -> None:
    certificate = leaf(days=(-1, 5))
    context, options = Case(lambda: certificate.chain()).write(tmp_path)
    csms, driver = await start_csms(ssl=context), await start_driver()
    earliest = certificate.certificate.not_valid_after_utc.timestamp() * 1000 + 1000
    driver.open(csms.url("localhost"), **options, earliest_ms=int(earliest))
    assert (await driver.failure())["fault"] == "expired"
    driver.open(csms.url("localhost"), **options, earliest_ms=1000)
    await driver.up()
    await driver.quit()


# Rules: FP-20
def test_one_of_several_roots_is_enough(run_alone: Run, tmp_path: Path) -> None:
    context, options = Case(lambda: leaf().chain()).write(tmp_path)
    others = b"".join(issue(f"root {i}", is_ca=True).pem() for i in range(20))
    (tmp_path / "many.pem").write_bytes(b"A comment\n" + others + root().pem() + others)
    with echo_server(context) as port:
        result = run_alone(port, "localhost", **{**options, "ca": tmp_path / "many.pem"})
    assert result["up"]


def test_server_that_speaks_no_tls_is_told(run_alone: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def http() -> None:
            connection, _ = listener.accept()
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.recv(1000)
            connection.close()

        threading.Thread(target=http, daemon=True).start()
        result = run_alone(listener.getsockname()[1], "localhost", ca="none")
    assert result["failure"] == TLS
    assert result["text"] == "the server answers with something that is not TLS"


async def test_large_frames_go_both_ways_over_tls(
    start_csms: Any, start_driver: Any, tmp_path: Path
) -> None:
    context, options = Case(lambda: leaf().chain()).write(tmp_path)
    csms, driver = await start_csms(ssl=context), await start_driver()
    driver.open(csms.url("localhost"), **options)
    await driver.up()
    connection = await csms.connection()
    for size in (1, 16384, 100_000):
        driver.command("send_size", str(size))
        assert await connection.recv() == "s" * size
        await connection.send("r" * size)
        assert (await driver.event("frame"))["size"] == size
    driver.command("pause")
    await driver.event("paused")
    for _ in range(40):
        await connection.send("x" * 60_000)
    driver.command("resume")
    for _ in range(40):
        assert (await driver.event("frame"))["size"] == 60_000
    driver.command("close", "1000")
    await connection.wait_closed()
    assert connection.close_code == 1000
    await driver.quit()
