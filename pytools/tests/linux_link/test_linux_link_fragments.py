"""Frames of every size in every fragmentation, from a real server to the link of the gateway."""

import itertools
import random
import zlib
from collections.abc import AsyncIterator, Iterable

import pytest

# The first test also builds the driver.
pytestmark = [pytest.mark.native, pytest.mark.timeout(300)]

# What the gateway keeps of a frame.
LIMIT = 4096


def text_of(size: int) -> str:
    return "".join(chr(ord("a") + i * i % 26) for i in range(size))


def split(text: str, at: Iterable[int]) -> list[str]:
    places = [0, *sorted(at), len(text)]
    return [text[a:b] for a, b in itertools.pairwise(places)]


async def arrives(driver, text: str) -> None:
    frame = await driver.event("frame")
    kept = text.encode()[:LIMIT]
    assert (frame["size"], frame["truncated"]) == (len(kept), len(text) > LIMIT)
    assert frame["crc"] == zlib.crc32(kept)


# Rules: FP-7
async def test_every_split_arrives_whole_with_a_ping_in_between(start_csms, start_driver) -> None:
    csms, driver = await start_csms(), await start_driver(max_frame_bytes=LIMIT, buffer=LIMIT)
    driver.open(csms.url())
    await driver.up()
    connection = await csms.connection()
    text = '[2,"1","Reset",{"type":"Soft"}]'
    for at in range(len(text) + 1):

        async def parts(at: int = at) -> AsyncIterator[str]:
            yield text[:at]
            pong = await connection.ping()
            await pong
            yield text[at:]

        await connection.send(parts())
        await arrives(driver, text)
    await connection.send(list(text))
    await arrives(driver, text)
    await driver.quit()


# Rules: FP-7
async def test_frames_of_1_byte_to_64_kb_arrive_in_any_number_of_fragments(
    start_csms, start_driver
) -> None:
    dice = random.Random(16)
    csms, driver = await start_csms(), await start_driver(max_frame_bytes=LIMIT, buffer=LIMIT)
    driver.open(csms.url())
    await driver.up()
    connection = await csms.connection()
    sizes = [1, 2, 3, 124, 125, 126, 127, LIMIT - 1, LIMIT, LIMIT + 1, 65534, 65535, 65536]
    sizes += [dice.randrange(1, 65537) for _ in range(30)]
    for size in sizes:
        text = text_of(size)
        for count in (0, 1, dice.randrange(2, 40)):
            await connection.send(split(text, (dice.randrange(size + 1) for _ in range(count))))
            await arrives(driver, text)
    await driver.quit()


# Rules: FP-7
async def test_frames_in_packets_of_one_byte_arrive_whole(start_csms, start_driver) -> None:
    csms, driver = await start_csms(), await start_driver(max_frame_bytes=LIMIT, buffer=LIMIT)
    driver.open(csms.url())
    await driver.up()
    connection = await csms.connection()
    write = connection.transport.write

    def write_bytes(data: bytes) -> None:
        for byte in data:
            write(bytes([byte]))

    connection.transport.write = write_bytes
    for size in (1, 125, 126, 300, LIMIT + 1):
        text = text_of(size)
        await connection.send(split(text, (size // 2,)))
        await arrives(driver, text)
    await driver.quit()
