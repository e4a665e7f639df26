"""The WebSocket link of the Linux platform against a real server: frames, limits, losses, ends."""

import asyncio
import logging
import zlib

import pytest

# The first test also builds the driver.
pytestmark = [pytest.mark.native, pytest.mark.timeout(300)]


class PingCounter(logging.Handler):
    """Counts the pings that a server's log tells of."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.arrived = asyncio.Semaphore(0)

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith("< PING"):
            self.arrived.release()


def counting_logger(name: str) -> tuple[logging.Logger, PingCounter]:
    logger, counter = logging.Logger(name, logging.DEBUG), PingCounter()
    logger.addHandler(counter)
    return logger, counter


@pytest.mark.parametrize("size", [125, 126, 4095, 4096, 4097, 65535, 65536, 131072])
async def test_big_frames_arrive_whole(start_csms, start_driver, size) -> None:
    csms, driver = await start_csms(), await start_driver()
    driver.open(csms.url())
    await driver.up()
    connection = await csms.connection()
    text = "".join(chr(ord("a") + i * i % 26) for i in range(size))
    await connection.send(text)
    frame = await driver.event("frame")
    assert (frame["size"], frame["truncated"]) == (size, False)
    assert frame["crc"] == zlib.crc32(text.encode())
    driver.command("send_size", str(size))
    assert await connection.recv() == "s" * size
    await driver.quit()


# Rules: FP-7
async def test_fragments_become_one_frame(start_csms, start_driver) -> None:
    csms, driver = await start_csms(), await start_driver()
    driver.open(csms.url())
    await driver.up()
    connection = await csms.connection()
    parts = ["[2,", "", "x" * 40000, "é", '"end"]']
    await connection.send(parts)
    await connection.send("next")
    frame = await driver.event("frame")
    assert frame["crc"] == zlib.crc32("".join(parts).encode())
    assert (await driver.event("frame"))["text"] == "next"
    await driver.quit()


# Rules: FP-7
@pytest.mark.parametrize("limit", [{"max_frame_bytes": 1000}, {"buffer": 1000}])
async def test_over_long_frame_is_cut_and_flagged(start_csms, start_driver, limit) -> None:
    csms, driver = await start_csms(), await start_driver(**limit)
    driver.open(csms.url())
    await driver.up()
    connection = await csms.connection()
    text = '[2,"id","DataTransfer",' + "y" * 90000
    for message in (text, [text[:500], text[500:]], text[:1001]):
        await connection.send(message)
        frame = await driver.event("frame")
        assert (frame["size"], frame["truncated"]) == (1000, True)
        assert frame["crc"] == zlib.crc32(text[:1000].encode())
    await connection.send(text[:1000])
    frame = await driver.event("frame")
    assert (frame["size"], frame["truncated"]) == (1000, False)
    await driver.quit()


async def test_binary_frames_are_ignored(start_csms, start_driver) -> None:
    csms, driver = await start_csms(), await start_driver()
    driver.open(csms.url())
    await driver.up()
    connection = await csms.connection()
    await connection.send(b"\x00\x01binary")
    await connection.send("text")
    assert (await driver.event("frame"))["text"] == "text"
    await driver.log("a binary frame of the CSMS was ignored")
    await driver.quit()


async def test_a_loop_that_does_not_read_holds_the_server_back(start_csms, start_driver) -> None:
    """Memory stays bounded: TCP stops the sender, and nothing is lost once the loop reads on."""
    csms, driver = await start_csms(), await start_driver(receive_queue_frames=4)
    driver.open(csms.url())
    await driver.up()
    connection = await csms.connection()
    driver.command("pause")
    await driver.event("paused")
    frames, size = 400, 65536

    async def send_all() -> None:
        for number in range(frames):
            await connection.send(f"{number:08}" + "z" * (size - 8))

    sending = asyncio.create_task(send_all())
    async with asyncio.timeout(20):
        # asyncio tells of a full write buffer only to the writer itself
        while connection.transport.get_write_buffer_size() < 32768:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert not sending.done()
    driver.command("resume")
    for number in range(frames):
        frame = await driver.event("frame")
        assert (frame["text"][:8], frame["size"]) == (f"{number:08}", size)
    await sending
    await driver.quit()


async def test_send_limits(start_csms, start_driver) -> None:
    csms, driver = await start_csms(), await start_driver(send_queue_bytes=1000)
    driver.command("send", "x")
    assert (await driver.event("send"))["status"] == "closed"
    driver.open(csms.url())
    await driver.up()
    connection = await csms.connection()
    driver.command("send_size", "1001")
    assert (await driver.event("send"))["status"] == "no_space"
    driver.command("send_size", "1000")
    assert (await driver.event("send"))["status"] == "ok"
    assert await connection.recv() == "s" * 1000
    await driver.quit()


async def test_a_server_that_does_not_read_makes_send_say_again(start_csms, start_driver) -> None:
    csms, driver = await start_csms(), await start_driver()
    driver.open(csms.url())
    await driver.up()
    connection = await csms.connection()
    connection.transport.pause_reading()
    accepted = 0
    while True:
        driver.command("send_size", "100000")
        status = (await driver.event("send"))["status"]
        if status != "ok":
            break
        accepted += 1
    assert status == "again"
    connection.transport.resume_reading()
    for _ in range(accepted):
        assert len(await connection.recv()) == 100000
    driver.command("send", "more")
    assert (await driver.event("send"))["status"] == "ok"
    assert await connection.recv() == "more"
    await driver.quit()


@pytest.mark.parametrize("code", [1000, 1001, 3001, 4999])
async def test_close_by_us_carries_the_code_and_stays_closed(
    start_csms, start_driver, code
) -> None:
    csms, driver = await start_csms(), await start_driver()
    driver.open(csms.url())
    await driver.up()
    connection = await csms.connection()
    driver.command("send", "last words")
    driver.command("close", str(code))
    assert await connection.recv() == "last words"
    await connection.wait_closed()
    assert connection.close_code == code
    status = await driver.event("status", up=False)
    assert (status["error"], status["next_in_ms"]) == ("", -1)
    driver.command("send", "x")
    assert (await driver.event("send"))["status"] == "closed"
    driver.open(csms.url())
    assert (await driver.up())["connection"] == 2
    await driver.quit()


async def test_close_by_the_server_is_told_and_mended(start_csms, start_driver) -> None:
    csms, driver = await start_csms(), await start_driver()
    driver.open(csms.url())
    await driver.up()
    connection = await csms.connection()
    await connection.send("before")
    await connection.close(4001, "see you")
    assert (await driver.event("frame"))["text"] == "before"
    status = await driver.failure()
    assert status["error"] == "the CSMS closed the connection with code 4001 (see you)"
    assert (await driver.up())["connection"] == 2
    connection = await csms.connection()
    connection.transport.abort()
    status = await driver.failure()
    assert status["error"] == "the connection to the CSMS was lost"
    assert (await driver.up())["connection"] == 3
    await driver.quit()


# Rules: FP-2
async def test_server_restart_is_survived(start_csms, start_driver) -> None:
    first, driver = await start_csms(), await start_driver()
    driver.open(first.url())
    await driver.up()
    await first.stop()
    assert "code 1001" in (await driver.failure())["error"]
    refused = await driver.failure(error=lambda error: "refused" in error)
    assert refused["connection"] == 1
    second = await start_csms(port=first.port)
    assert (await driver.up())["connection"] == 2
    connection = await second.connection()
    driver.command("send", "again")
    assert await connection.recv() == "again"
    await driver.quit()


async def test_new_settings_move_the_connection(start_csms, start_driver) -> None:
    old, new, driver = await start_csms(), await start_csms(), await start_driver()
    driver.open(old.url(), "CP1")
    await driver.up()
    left = await old.connection()
    driver.open(new.url(), "CP2")
    assert (await driver.up())["connection"] == 2
    assert (await new.connection()).request.path == "/ocpp/CP2"
    await left.wait_closed()
    assert left.close_code == 1000
    await driver.quit()


# Rules: FP-1
async def test_half_open_connection_is_noticed(start_csms, start_driver) -> None:
    csms, driver = await start_csms(), await start_driver(watchdog_grace_ms=200)
    driver.open(csms.url(), ping_s=1)
    await driver.up()
    connection = await csms.connection()
    connection.transport.pause_reading()
    status = await driver.failure()
    assert status["error"] == "nothing was received from the CSMS for 2 s"
    assert (await driver.up())["connection"] == 2
    await driver.quit()


# Rules: FP-1
async def test_half_open_connection_is_noticed_without_pings(start_csms, start_driver) -> None:
    csms = await start_csms()
    driver = await start_driver(watchdog_grace_ms=500, idle_probe_ms=750)
    driver.open(csms.url(), ping_s=0)
    await driver.up()
    connection = await csms.connection()
    connection.transport.pause_reading()
    status = await driver.failure()
    assert status["error"] == "nothing was received from the CSMS for 2 s"
    await driver.quit()


@pytest.mark.parametrize(
    ("options", "ping_s"), [({"watchdog_grace_ms": 1}, 1), ({"idle_probe_ms": 300}, 0)]
)
async def test_pings_keep_an_idle_connection_alive(
    start_csms, start_driver, options, ping_s
) -> None:
    logger, counter = counting_logger("csms")
    csms, driver = await start_csms(logger=logger), await start_driver(**options)
    driver.open(csms.url(), ping_s=ping_s)
    await driver.up()
    async with asyncio.timeout(20):
        for _ in range(4):
            await counter.arrived.acquire()
    connection = await csms.connection()
    await connection.send("still here")
    assert (await driver.event("frame"))["text"] == "still here"
    ends = [event for event in driver.seen if event["event"] == "status" and event["error"]]
    assert ends == []
    await driver.quit()


# Rules: R-9.1.34-1
async def test_a_new_ping_interval_holds_at_once(start_csms, start_driver) -> None:
    logger, counter = counting_logger("csms")
    csms, driver = await start_csms(logger=logger), await start_driver(watchdog_grace_ms=200)
    driver.open(csms.url(), ping_s=0)
    await driver.up()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(counter.arrived.acquire(), 3)
    driver.command("ping_interval", "1")
    async with asyncio.timeout(10):
        for _ in range(3):
            await counter.arrived.acquire()
    # The silence before was longer than the new interval allows: it must not end the connection.
    ends = [event for event in driver.seen if event["event"] == "status" and event["error"]]
    assert ends == []
    await driver.quit()


async def test_pings_of_the_server_are_answered(start_csms, start_driver) -> None:
    csms, driver = await start_csms(), await start_driver()
    driver.open(csms.url())
    await driver.up()
    connection = await csms.connection()
    pong = await connection.ping(b"payload")
    await asyncio.wait_for(pong, 20)
    await driver.quit()


async def test_close_does_not_wait_for_ever(start_csms, start_driver) -> None:
    csms, driver = await start_csms(), await start_driver(close_timeout_ms=300)
    driver.open(csms.url())
    await driver.up()
    connection = await csms.connection()
    connection.transport.pause_reading()
    driver.command("close", "1000")
    await driver.event("status", up=False)
    await driver.quit()
    connection.transport.abort()


async def test_quit_in_every_state_is_clean(start_csms, start_driver) -> None:
    csms = await start_csms()
    for prepare in ("nothing", "resolving", "connecting", "waiting"):
        driver = await start_driver(backoff_minimum_ms=60000, backoff_first_ms=60000)
        if prepare == "resolving":
            driver.open("ws://no-such-host.invalid/")
        elif prepare == "connecting":
            driver.open(csms.url())
        elif prepare == "waiting":
            driver.open("ws://127.0.0.1:1/")
            await driver.failure()
        await driver.quit()
