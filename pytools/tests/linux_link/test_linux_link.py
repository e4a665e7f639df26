"""The WebSocket link of the Linux platform against a real server: connecting, refusals, TLS."""

import asyncio
import base64
import http
import socket

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

# The first test also builds the driver.
pytestmark = [pytest.mark.native, pytest.mark.timeout(300)]


def refuse(status: int, **headers: str):
    """A server hook that answers every handshake with an HTTP status."""

    def process_request(connection, request: Request) -> Response:
        response = connection.respond(http.HTTPStatus(status), "no\n")
        for name, value in headers.items():
            response.headers[name.replace("_", "-")] = value
        return response

    return process_request


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# Rules: J-2-1 J-3.1.1-1 J-3.1.2-1 J-5.1-1
async def test_connects_and_carries_frames_both_ways(start_csms, start_driver) -> None:
    csms, driver = await start_csms(), await start_driver()
    driver.open(csms.url(), "CP 1/2".replace("/", "é"))
    status = await driver.up()
    assert status["connection"] == 1
    connection = await csms.connection()
    assert connection.request.path == "/ocpp/CP%201%C3%A92"
    assert connection.subprotocol == "ocpp1.6"
    headers: Headers = connection.request.headers
    assert headers["Host"] == f"127.0.0.1:{csms.port}"
    assert headers["User-Agent"] == "VEV-Gateway"
    assert "Authorization" not in headers
    assert "Sec-WebSocket-Extensions" not in headers
    for text in ("hello", "", "é€😀"):
        await connection.send(text)
        assert (await driver.event("frame"))["size"] == len(text.encode())
        driver.command("send", text)
        assert await connection.recv() == text
    end = await driver.quit()
    assert end["longest_step_ms"] < 1000
    await connection.wait_closed()
    assert connection.close_code == 1001


# Rules: J-6.2.2-1 WP-A00.FR.202 WP-A00.FR.203 WP-A00.FR.204 FP-21
async def test_basic_authorization_is_raw_identity_and_password_bytes(
    start_csms, start_driver
) -> None:
    password = bytes([0, 1, 0x3A, 0x80, 0xFF])
    wanted = "Basic " + base64.b64encode(b"CP 1:" + password).decode()

    def check(connection, request: Request) -> Response | None:
        if request.headers.get("Authorization") == wanted:
            return None
        return connection.respond(http.HTTPStatus.UNAUTHORIZED, "no\n")

    csms, driver = await start_csms(process_request=check), await start_driver()
    driver.open(csms.url(), "CP 1", password_hex=b"wrong".hex())
    status = await driver.failure()
    assert status["http"] == 401
    assert status["error"] == (
        "the CSMS refused the connection with HTTP 401 (identity or password not accepted)"
    )
    driver.open(csms.url(), "CP 1", password_hex=password.hex())
    assert (await driver.up())["http"] == 0
    await driver.quit()


# Rules: FP-22
@pytest.mark.parametrize(
    ("status", "words"),
    [
        (403, "HTTP 403 (identity or password not accepted)"),
        (404, "HTTP 404 (path or identity not known)"),
        (429, "HTTP 429 (too many requests)"),
        (503, "HTTP 503 (trouble at the server)"),
        (400, "HTTP 400"),
        (200, "HTTP 200"),
    ],
)
async def test_refusal_tells_the_http_status(start_csms, start_driver, status, words) -> None:
    csms, driver = await start_csms(process_request=refuse(status)), await start_driver()
    driver.open(csms.url())
    told = await driver.failure()
    assert told["http"] == status
    assert told["error"] == f"the CSMS refused the connection with {words}"
    assert 0 < told["next_in_ms"] <= 40
    await driver.quit()


# Rules: J-3.2-1 FP-2
async def test_refusals_are_retried_until_the_server_agrees(start_csms, start_driver) -> None:
    answers = [refuse(404), refuse(503), refuse(401)]

    def process_request(connection, request: Request) -> Response | None:
        return answers.pop(0)(connection, request) if answers else None

    csms, driver = await start_csms(process_request=process_request), await start_driver()
    driver.open(csms.url())
    assert [(await driver.failure())["http"] for _ in range(3)] == [404, 503, 401]
    status = await driver.up()
    assert (status["http"], status["error"], status["connection"]) == (0, "", 1)
    await driver.quit()


# Rules: FP-21
async def test_other_form_of_the_key_is_tried_once_after_401(start_csms, start_driver) -> None:
    digits, secret = b"4F43415F4F4354545F61646D696E5F74657374", b"OCA_OCTT_admin_test"
    keys: list[bytes] = []
    accepted = secret

    def check(connection, request: Request) -> Response | None:
        keys.append(base64.b64decode(request.headers["Authorization"][6:])[4:])
        if keys[-1] == accepted:
            return None
        return connection.respond(http.HTTPStatus.UNAUTHORIZED, "no\n")

    csms, driver = await start_csms(process_request=check), await start_driver()
    driver.open(csms.url(), password_hex=digits.hex(), other_hex=secret.hex())
    status = await driver.up()
    assert (status["http"], status["other"], status["failure"]) == (0, True, 0)
    assert keys == [digits, secret]
    connection = await csms.connection()
    await connection.close()
    await driver.up()
    assert keys[2:] == [secret], "what was accepted is used from then on"
    accepted = b"something else"
    driver.open(csms.url(), password_hex=digits.hex(), other_hex=secret.hex())
    status = await driver.failure(http=401)
    assert status["failure"] == 2
    assert keys[3:5] == [digits, secret], "one round, then the back-off"
    await driver.quit()


async def test_profile_without_a_password_sends_none(start_csms, start_driver) -> None:
    csms, driver = await start_csms(), await start_driver()
    driver.open(csms.url(), profile=0, password_hex="00")
    await driver.up()
    assert "Authorization" not in (await csms.connection()).request.headers
    driver.open(csms.url(), profile=2, password_hex="00")
    assert (await driver.event("open"))["status"] == "invalid_argument"
    await driver.quit()


# Rules: FP-22
@pytest.mark.parametrize("form", ["http://127.0.0.1:{port}/x?a=b", "ws://127.0.0.1:{port}/x?a=b"])
async def test_one_redirect_is_followed(start_csms, start_driver, form) -> None:
    target = await start_csms()
    moved = refuse(302, Location=form.format(port=target.port))
    csms, driver = await start_csms(process_request=moved), await start_driver()
    driver.open(csms.url(), password_hex="00")
    await driver.up()
    request = (await target.connection()).request
    assert request.path == "/x?a=b"
    assert request.headers["Host"] == f"127.0.0.1:{target.port}"
    assert request.headers["Authorization"]
    await driver.quit()


async def test_second_redirect_is_not_followed_but_told(start_csms, start_driver) -> None:
    seen: list[str] = []

    def round_and_round(connection, request: Request) -> Response:
        seen.append(request.path)
        return refuse(307, Location="/again")(connection, request)

    csms, driver = await start_csms(process_request=round_and_round), await start_driver()
    driver.open(csms.url())
    status = await driver.failure()
    assert seen[:2] == ["/ocpp/CP1", "/again"]
    assert status["http"] == 307
    assert status["error"] == "the CSMS refused the connection with HTTP 307 (moved to /again)"
    await driver.quit()


# Rules: WP-A00.FR.003
async def test_redirect_from_tls_to_plain_is_not_followed(
    start_csms, start_driver, authority
) -> None:
    target = await start_csms()
    moved = refuse(302, Location=f"ws://127.0.0.1:{target.port}/x")
    csms = await start_csms(process_request=moved, ssl=authority.server("localhost"))
    driver = await start_driver()
    driver.open(csms.url("localhost"), ca=authority.file, password_hex="00")
    status = await driver.failure()
    assert status["error"] == "the CSMS redirects from wss to ws, which is not followed"
    assert target.connections.empty()
    await driver.quit()


# Rules: FP-2
async def test_retry_after_is_honoured(start_csms, start_driver) -> None:
    csms = await start_csms(process_request=refuse(503, Retry_After="50"))
    driver = await start_driver(backoff_maximum_ms=100000)
    driver.open(csms.url())
    status = await driver.failure()
    assert 49000 < status["next_in_ms"] <= 50000
    await driver.quit()


# Rules: J-3.2-1 FP-2
async def test_back_off_grows_while_nothing_answers(start_driver) -> None:
    driver = await start_driver(backoff_minimum_ms=100, backoff_first_ms=100)
    driver.open(f"ws://127.0.0.1:{unused_port()}")
    status = await driver.failure()
    assert 0 < status["next_in_ms"] <= 100
    assert status["connection"] == 0
    await driver.quit()


async def test_closed_port_is_told(start_driver) -> None:
    port = unused_port()
    driver = await start_driver()
    driver.open(f"ws://127.0.0.1:{port}")
    status = await driver.failure()
    assert status["error"] == f"cannot connect to 127.0.0.1 port {port}: Connection refused"
    assert status["http"] == 0
    await driver.quit()


# Rules: FP-22
async def test_unknown_host_is_told(start_driver) -> None:
    driver = await start_driver()
    driver.open("ws://no-such-host.invalid/")
    status = await driver.failure()
    assert status["error"].startswith("cannot resolve the host name no-such-host.invalid: ")
    assert (await driver.quit())["longest_step_ms"] < 1000


async def test_host_name_with_several_addresses(start_csms, start_driver) -> None:
    csms, driver = await start_csms(), await start_driver()  # on 127.0.0.1; ::1 refuses
    driver.open(csms.url("localhost"))
    await driver.up()
    connection = await csms.connection()
    assert connection.request.headers["Host"] == f"localhost:{csms.port}"
    await driver.quit()


async def test_unusable_url_is_refused_at_once(start_driver) -> None:
    driver = await start_driver()
    driver.open("http://127.0.0.1/")
    assert (await driver.event("open"))["status"] == "invalid_argument"
    assert (await driver.failure())["error"] == "the CSMS URL must begin with ws:// or wss://"
    await driver.quit()


# Rules: FP-3
async def test_server_that_never_answers_does_not_stall_the_loop(start_driver) -> None:
    release = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await release.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    driver = await start_driver(handshake_timeout_ms=1500)
    driver.open(f"ws://127.0.0.1:{port}")
    status = await driver.failure()
    assert status["error"] == f"127.0.0.1 port {port} did not answer in time"
    driver.open(f"wss://127.0.0.1:{port}")
    status = await driver.failure(error=f"127.0.0.1 port {port} did not answer in time")
    assert (await driver.quit())["longest_step_ms"] < 1000
    release.set()
    server.close()


async def test_server_that_talks_something_else_is_told(start_driver) -> None:
    async def ssh(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        await reader.read(100)
        writer.close()

    server = await asyncio.start_server(ssh, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    driver = await start_driver()
    driver.open(f"ws://127.0.0.1:{port}")
    status = await driver.failure()
    assert status["error"] == f"127.0.0.1 port {port} did not complete the WebSocket handshake"
    driver.open(f"wss://127.0.0.1:{port}")
    status = await driver.failure(error=lambda error: "TLS" in error)
    assert status["error"].startswith(f"no TLS connection to 127.0.0.1 port {port}")
    await driver.quit()
    server.close()


async def test_missing_subprotocol_is_a_warning_by_default(start_csms, start_driver) -> None:
    csms, driver = await start_csms(subprotocols=None), await start_driver()
    driver.open(csms.url())
    await driver.up()
    await driver.log("did not name the subprotocol ocpp1.6")
    await driver.quit()


# Rules: J-3.2-2 PD-8
async def test_missing_subprotocol_is_refused_when_required(start_csms, start_driver) -> None:
    csms, driver = await start_csms(subprotocols=None), await start_driver()
    driver.open(csms.url(), require_subprotocol=1)
    status = await driver.failure()
    assert status["error"] == "the CSMS did not agree to the subprotocol ocpp1.6"
    await driver.quit()


# Rules: J-3.2-2 PD-8
async def test_other_subprotocol_is_refused(start_csms, start_driver) -> None:
    def other(connection, request: Request, response: Response) -> None:
        del response.headers["Sec-WebSocket-Protocol"]
        response.headers["Sec-WebSocket-Protocol"] = "ocpp2.0.1"

    csms, driver = await start_csms(process_response=other), await start_driver()
    driver.open(csms.url())
    status = await driver.failure()
    assert status["error"] == "the CSMS answered with another subprotocol than ocpp1.6"
    await driver.quit()


async def test_proxy_of_the_environment_is_ignored(start_csms, start_driver) -> None:
    csms = await start_csms()
    driver = await start_driver(env={"http_proxy": "http://127.0.0.1:1"})
    driver.open(csms.url())
    await driver.up()
    await driver.quit()


# Rules: WP-A00.FR.301 WP-A00.FR.320
async def test_tls_with_the_authority_of_the_ca_file(start_csms, start_driver, authority) -> None:
    csms = await start_csms(ssl=authority.server("localhost", "127.0.0.1"))
    driver = await start_driver()
    for host in ("localhost", "127.0.0.1"):
        driver.open(csms.url(host), ca=authority.file)
        await driver.up()
        connection = await csms.connection()
        await connection.send("secret")
        assert (await driver.event("frame"))["text"] == "secret"
        tls = connection.transport.get_extra_info("ssl_object")
        assert tls.version() == "TLSv1.2"
        assert tls.compression() is None
    await driver.quit()


async def test_tls_without_ca_file_trusts_the_system_alone(
    start_csms, start_driver, authority
) -> None:
    csms = await start_csms(ssl=authority.server("localhost"))
    driver = await start_driver()
    driver.open(csms.url("localhost"))
    status = await driver.failure()
    assert status["error"].startswith("the certificate of localhost is not accepted: ")
    await driver.quit()


async def test_ca_file_that_cannot_be_used_is_named(start_csms, start_driver, tmp_path) -> None:
    driver = await start_driver()
    missing, empty = tmp_path / "no.pem", tmp_path / "e.pem"
    empty.write_text("nothing here")
    for file in (missing, empty):
        driver.open("wss://localhost:1/", ca=file)
        status = await driver.failure(error=lambda error, name=file.name: name in error)
        assert status["error"].startswith("cannot read certificates from the CA file ")
    await driver.quit()
