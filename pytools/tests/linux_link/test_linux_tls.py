"""TLS towards servers that are wrong in one way each: by the Linux link, by lib/security alone."""

import socket
from pathlib import Path
from typing import Any

import pytest
from tls_cases import TLS, Case
from tls_certificates import issue, leaf, root
from tls_more_cases import ALL
from tls_servers import listening, serving

# The first test also builds the drivers.
pytestmark = [pytest.mark.native, pytest.mark.timeout(300)]


# Rules: WP-A00.FR.307 WP-A00.FR.308 WP-A00.FR.310 WP-A00.FR.312 WP-A00.FR.313 WP-A00.FR.315
# Rules: WP-A00.FR.318 WP-A00.FR.319 WP-A00.FR.322 WP-A00.FR.401 PD-17
@pytest.mark.parametrize("name", ALL)
def test_session_connects_or_names_the_reason(run_alone: Any, tmp_path: Path, name: str) -> None:
    case = ALL[name]
    files, options = case.write(tmp_path)
    with serving(case, files) as port:
        result = run_alone(port, case.host, **options)
    assert [result["failure"], result["fault"]] == [case.failure, case.fault], str(result)
    assert result["text"].startswith(case.text)
    assert result["up"] is (case.failure == 0)
    assert result["echo"] == ("hello" if case.failure == 0 else "")
    if case.suite:
        assert result["suite"] == case.suite


# Rules: WP-A00.FR.309 WP-A00.FR.310 WP-A00.FR.313 WP-A00.FR.315 WP-A00.FR.322 PD-17
@pytest.mark.parametrize("name", [name for name, case in ALL.items() if not case.is_alone])
async def test_link_connects_or_names_the_reason_and_waits(
    start_csms: Any, start_driver: Any, names_of_hosts: dict[str, str], tmp_path: Path, name: str
) -> None:
    case = ALL[name]
    files, options = case.write(tmp_path)
    driver = await start_driver(env=names_of_hosts)
    profile = 2 if case.client is None else 3
    options |= {"profile": str(profile), "password_hex": "00"}
    if case.failure != 0:
        with serving(case, files) as port:
            driver.open(f"wss://{case.host}:{port}/", **options)
            for longest_ms in (40, 80):
                status = await driver.failure()
                assert [status["failure"], status["fault"]] == [case.failure, case.fault]
                assert case.text in status["error"]
                assert 0 < status["next_in_ms"] <= longest_ms
        await driver.quit()
        return
    if case.s_server is not None:
        with serving(case, files, speaks_web_socket=True) as port:
            driver.open(f"wss://{case.host}:{port}/", **options)
            await driver.up()
            driver.command("send", "hello")
            assert (await driver.event("frame"))["text"] == "hello"
            await driver.quit()
        return
    csms = await start_csms(ssl=case.context(files))
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


# Rules: FP-16 FP-20
async def test_time_that_counts_is_not_before_the_build(
    start_csms: Any, start_driver: Any, tmp_path: Path
) -> None:
    certificate = leaf(days=(-1, 5))
    case = Case(lambda: certificate.chain())
    files, options = case.write(tmp_path)
    csms, driver = await start_csms(ssl=case.context(files)), await start_driver()
    earliest = certificate.certificate.not_valid_after_utc.timestamp() * 1000 + 1000
    driver.open(csms.url("localhost"), **options, earliest_ms=int(earliest))
    assert (await driver.failure())["fault"] == "expired"
    driver.open(csms.url("localhost"), **options, earliest_ms=1000)
    await driver.up()
    await driver.quit()


# Rules: FP-20
def test_one_of_several_roots_is_enough(run_alone: Any, tmp_path: Path) -> None:
    case = Case(lambda: leaf().chain())
    files, options = case.write(tmp_path)
    others = b"".join(issue(f"root {i}", is_ca=True).pem() for i in range(20))
    (tmp_path / "many.pem").write_bytes(b"A comment\n" + others + root().pem() + others)
    with serving(case, files) as port:
        result = run_alone(port, "localhost", **{**options, "ca": tmp_path / "many.pem"})
    assert result["up"]


def test_server_that_speaks_no_tls_is_told(run_alone: Any) -> None:
    def http(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        connection.recv(1000)

    with listening(http) as port:
        result = run_alone(port, "localhost", ca="none")
    assert result["failure"] == TLS
    assert result["text"] == "the server answers with something that is not TLS"


async def test_large_frames_go_both_ways_over_tls(
    start_csms: Any, start_driver: Any, tmp_path: Path
) -> None:
    case = Case(lambda: leaf().chain())
    files, options = case.write(tmp_path)
    csms, driver = await start_csms(ssl=case.context(files)), await start_driver()
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
