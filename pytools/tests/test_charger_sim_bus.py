"""The charger simulator on a real bus: pymodbus as client over a pseudo-terminal or a socket."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ModbusIOException
from pymodbus.framer import FramerType

from vevgw.chargers.ev import EvSpec
from vevgw.chargers.sim import ChargerSim
from vevgw.chargers.sim_bus import Framing
from vevgw.errors import UserError

MODEL = "heidelberg-energy-control"
QUICK = EvSpec(start_delay_s=0.05, ramp_up_a_per_s=100)


@pytest_asyncio.fixture
async def sim(tmp_path: Path) -> AsyncIterator[ChargerSim]:
    async with ChargerSim(MODEL, port=tmp_path / "ttyWB") as charger:
        yield charger


@pytest_asyncio.fixture
async def client(sim: ChargerSim) -> AsyncIterator[AsyncModbusSerialClient]:
    bus = AsyncModbusSerialClient(sim.port_path, baudrate=19200, timeout=0.4, retries=0)
    assert await bus.connect()
    yield bus
    bus.close()


async def test_reads_input_registers_as_one_block(
    sim: ChargerSim, client: AsyncModbusSerialClient
) -> None:
    reply = await client.read_input_registers(4, count=15)
    assert reply.registers[:11] == [0x0108, 2, 0, 0, 0, 250, 230, 230, 230, 1, 0]
    assert sim.statistics.requests == 1


async def test_session_over_the_bus(sim: ChargerSim, client: AsyncModbusSerialClient) -> None:
    sim.plug(QUICK)
    assert (await client.read_input_registers(5)).registers == [4]
    assert (await client.write_register(261, 100)).registers == [100]
    await sim.wait_for(lambda s: s.current_a > 9.9, timeout_s=5)
    assert (await client.read_input_registers(5, count=4)).registers == [7, 100, 100, 100]
    assert not (await client.write_registers(261, [60, 60])).isError()
    await sim.wait_for(lambda s: s.current_a < 6.1, timeout_s=5)
    sim.unplug()
    assert (await client.read_input_registers(5, count=2)).registers == [3, 0]


async def test_energy_register_equals_the_meter_behind_it(tmp_path: Path) -> None:
    async with ChargerSim(MODEL, energy_time_scale=3600) as sim:
        bus = AsyncModbusSerialClient(sim.port_path, timeout=0.4, retries=0)
        assert await bus.connect()
        sim.plug(QUICK)
        await bus.write_register(261, 160)
        await sim.wait_for(lambda s: s.energy_wh > 5000, timeout_s=10)
        sim.unplug()
        high, low = (await bus.read_input_registers(17, count=2)).registers
        assert high << 16 | low == int(sim.energy_wh)
        bus.close()


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (lambda c: c.read_input_registers(3), 2),
        (lambda c: c.read_input_registers(18, count=2), 2),
        (lambda c: c.read_holding_registers(260), 2),
        (lambda c: c.write_register(260, 0), 2),
        (lambda c: c.write_register(261, 59), 3),
        (lambda c: c.write_registers(261, [161]), 3),
        (lambda c: c.read_coils(0), 1),
        (lambda c: c.mask_write_register(address=261, and_mask=0, or_mask=60), 1),
        (lambda c: c.write_coil(1, True), 1),
    ],
)
async def test_illegal_requests_get_exceptions(
    sim: ChargerSim, client: AsyncModbusSerialClient, request_: object, code: int
) -> None:
    reply = await request_(client)  # type: ignore[operator]
    assert reply.isError()
    assert reply.exception_code == code
    assert (await client.read_holding_registers(261)).registers == [0]


async def test_unknown_unit_is_met_with_silence(
    sim: ChargerSim, client: AsyncModbusSerialClient
) -> None:
    with pytest.raises(ModbusIOException):
        await client.read_input_registers(5, device_id=2)
    assert sim.statistics.foreign == 1
    assert (await client.read_input_registers(5)).registers == [2]


async def test_unit_id_is_an_option() -> None:
    async with ChargerSim(MODEL, unit=7) as sim:
        bus = AsyncModbusSerialClient(sim.port_path, timeout=0.4, retries=0)
        assert await bus.connect()
        assert (await bus.read_input_registers(5, device_id=7)).registers == [2]
        bus.close()


async def test_watchdog_expires_to_the_failsafe_current(
    sim: ChargerSim, client: AsyncModbusSerialClient
) -> None:
    sim.plug(QUICK)
    for address, raw in ((262, 60), (261, 160), (257, 400)):
        assert not (await client.write_register(address, raw)).isError()
    await sim.wait_for(lambda s: s.current_a > 15, timeout_s=5)
    await sim.wait_for(lambda s: s.limit_a == 6, timeout_s=5)
    assert (await client.read_holding_registers(261)).registers == [60]
    assert sim.state == "C2"


async def test_refused_requests_do_not_feed_the_watchdog(
    sim: ChargerSim, client: AsyncModbusSerialClient
) -> None:
    await client.write_register(261, 160)
    await client.write_register(257, 400)
    async with asyncio.timeout(5):
        while sim.state != "F":
            assert (await client.read_holding_registers(260)).isError()


async def test_standby_is_silent_until_a_vehicle_comes(
    sim: ChargerSim, client: AsyncModbusSerialClient
) -> None:
    sim.device.timing.standby_after_s = 0.3
    await sim.wait_for(lambda s: not s.device.is_listening, timeout_s=5)
    with pytest.raises(ModbusIOException):
        await client.read_input_registers(5)
    sim.plug()
    assert (await client.read_input_registers(5)).registers == [4]


async def test_standby_disabled_by_register_258(
    sim: ChargerSim, client: AsyncModbusSerialClient
) -> None:
    sim.device.timing.standby_after_s = 0.2
    await client.write_register(258, 4)
    await sim.wait_for(lambda s: s.device._idle_s > 0.4, timeout_s=5)
    assert (await client.read_holding_registers(258)).registers == [4]


async def test_silence_carries_nothing_out(
    sim: ChargerSim, client: AsyncModbusSerialClient
) -> None:
    sim.faults.silent = True
    with pytest.raises(ModbusIOException):
        await client.write_register(261, 100)
    sim.faults.silent = False
    assert (await client.read_holding_registers(261)).registers == [0]


async def test_lost_reply_was_carried_out(sim: ChargerSim, client: AsyncModbusSerialClient) -> None:
    sim.faults.drop_replies = 1
    with pytest.raises(ModbusIOException):
        await client.write_register(261, 100)
    assert (await client.read_holding_registers(261)).registers == [100]


async def test_crc_error_is_seen_by_the_client_once(
    sim: ChargerSim, client: AsyncModbusSerialClient
) -> None:
    sim.faults.corrupt_replies = 1
    with pytest.raises(ModbusIOException):
        await client.read_input_registers(5)
    assert (await client.read_input_registers(5)).registers == [2]


async def test_crc_error_damages_the_real_frame(sim: ChargerSim) -> None:
    fd = os.open(sim.port_path, os.O_RDWR | os.O_NOCTTY)
    frames: asyncio.Queue[bytes] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    loop.add_reader(fd, lambda: frames.put_nowait(os.read(fd, 64)))
    try:
        good = bytes.fromhex("01 04 02 00 02 38 f1")  # state A1
        for faults, want in ((0, good), (1, good[:-1] + b"\x0e")):
            sim.faults.corrupt_replies = faults
            os.write(fd, bytes.fromhex("01 04 00 05 00 01 21 cb"))
            seen = b""
            while len(seen) < len(want):
                seen += await asyncio.wait_for(frames.get(), 2)
            assert seen == want
    finally:
        loop.remove_reader(fd)
        os.close(fd)


async def test_exceptions_on_request(sim: ChargerSim, client: AsyncModbusSerialClient) -> None:
    sim.faults.exceptions, sim.faults.exception_code = 2, 6
    assert (await client.write_register(261, 100)).exception_code == 6
    assert (await client.read_holding_registers(261)).exception_code == 6
    assert (await client.read_holding_registers(261)).registers == [0]


async def test_slow_reply_arrives_late_but_whole(
    sim: ChargerSim, client: AsyncModbusSerialClient
) -> None:
    loop = asyncio.get_running_loop()
    sim.faults.reply_delay_s = 0.2
    begin = loop.time()
    assert (await client.read_input_registers(4)).registers == [0x0108]
    assert loop.time() - begin >= 0.2


async def test_reboot_is_silence_then_defaults(
    sim: ChargerSim, client: AsyncModbusSerialClient
) -> None:
    sim.device.timing.boot_silence_s = 0.2
    sim.device.timing.boot_state_s = 0.2
    await client.write_register(261, 100)
    sim.reboot()
    assert not sim.device.is_listening
    await sim.wait_for(lambda s: s.device.is_listening, timeout_s=5)
    assert (await client.read_input_registers(5)).registers == [1]
    await sim.wait_for(lambda s: s.state == "A1", timeout_s=5)
    assert (await client.read_holding_registers(261)).registers == [0]


async def test_client_may_come_and_go(sim: ChargerSim) -> None:
    for _ in range(3):
        bus = AsyncModbusSerialClient(sim.port_path, timeout=0.4, retries=0)
        assert await bus.connect()
        assert (await bus.read_input_registers(5)).registers == [2]
        bus.close()


async def test_shortest_gap_is_measured(sim: ChargerSim, client: AsyncModbusSerialClient) -> None:
    await client.read_input_registers(5)
    assert sim.statistics.shortest_gap_s is None
    await client.read_input_registers(5)
    assert sim.statistics.shortest_gap_s is not None
    assert 0 <= sim.statistics.shortest_gap_s < 0.1


async def test_serial_device_of_the_user_is_served() -> None:
    master, slave = os.openpty()
    loop = asyncio.get_running_loop()
    arrived: asyncio.Queue[bytes] = asyncio.Queue()
    loop.add_reader(master, lambda: arrived.put_nowait(os.read(master, 64)))
    try:
        async with ChargerSim(MODEL, serial=os.ttyname(slave)) as sim:
            assert sim.port_path == os.ttyname(slave)
            os.write(master, bytes.fromhex("01 04 00 05 00 01 21 cb"))
            assert await asyncio.wait_for(arrived.get(), 2) == bytes.fromhex("01040200 0238f1")
    finally:
        loop.remove_reader(master)
        os.close(master)
        os.close(slave)


async def test_modbus_tcp_serves_the_same_device() -> None:
    async with ChargerSim(MODEL, tcp=("127.0.0.1", 0)) as sim:
        host, port = sim.port_path.split(":")
        bus = AsyncModbusTcpClient(host, port=int(port), timeout=0.4, retries=0)
        assert await bus.connect()
        sim.plug(QUICK)
        assert (await bus.write_register(261, 100)).registers == [100]
        await sim.wait_for(lambda s: s.current_a > 9.9, timeout_s=5)
        assert (await bus.read_input_registers(5, count=2)).registers == [7, 100]
        sim.faults.reply_delay_s = 0.1
        assert (await bus.read_holding_registers(261)).registers == [100]
        sim.faults.silent = True
        with pytest.raises(ModbusIOException):
            await bus.read_holding_registers(261)
        bus.close()


@pytest.mark.parametrize("framing", [Framing.ASCII, Framing.RTU])
async def test_frames_of_a_line_are_served_on_a_port_and_on_a_socket(framing: Framing) -> None:
    framer = FramerType(framing.value)
    async with (
        ChargerSim(MODEL, framing=framing) as line,
        ChargerSim(MODEL, tcp=("127.0.0.1", 0), framing=framing) as converter,
    ):
        host, port = converter.port_path.split(":")
        clients = (
            AsyncModbusSerialClient(line.port_path, framer=framer, timeout=0.4, retries=0),
            AsyncModbusTcpClient(host, port=int(port), framer=framer, timeout=0.4, retries=0),
        )
        for sim, bus in zip((line, converter), clients, strict=True):
            assert await bus.connect()
            assert (await bus.write_register(261, 100)).registers == [100]
            sim.faults.corrupt_replies = 1
            with pytest.raises(ModbusIOException):
                await bus.read_holding_registers(261)
            assert (await bus.read_holding_registers(261)).registers == [100]
            bus.close()


async def test_a_socket_answers_garbage_and_hangs_up() -> None:
    async with ChargerSim(MODEL, tcp=("127.0.0.1", 0)) as sim:
        reader, writer = await asyncio.open_connection(*sim.port_path.split(":"))
        sim.faults.garbage_replies = 1
        writer.write(bytes.fromhex("0001 0000 0006 01 04 0005 0001"))
        assert (await asyncio.wait_for(reader.readline(), 2)).startswith(b"HTTP")
        await reader.readline()
        sim.faults.hang_up_replies = 1
        writer.write(bytes.fromhex("0002 0000 0006 01 04 0005 0001"))
        assert await asyncio.wait_for(reader.read(), 2) == bytes.fromhex("00020000 00")
        writer.close()


def test_modbus_tcp_on_a_serial_port_is_refused() -> None:
    with pytest.raises(UserError, match="needs a socket"):
        ChargerSim(MODEL, framing=Framing.TCP)


async def test_tcp_port_in_use_is_one_sentence() -> None:
    async with ChargerSim(MODEL, tcp=("127.0.0.1", 0)) as sim:
        port = int(sim.port_path.split(":")[1])
        with pytest.raises(UserError, match=rf"cannot listen on 127.0.0.1:{port}"):
            await ChargerSim(MODEL, tcp=("127.0.0.1", port)).start()


async def test_link_goes_with_the_simulator_and_a_stale_one_is_replaced(tmp_path: Path) -> None:
    link = tmp_path / "ttyWB"
    link.symlink_to("/dev/pts/nowhere")
    async with ChargerSim(MODEL, port=link) as sim:
        assert sim.port_path == str(link)
        assert os.readlink(link) != "/dev/pts/nowhere"
        assert link.exists()
    assert not link.is_symlink()


async def test_link_over_a_file_is_refused(tmp_path: Path) -> None:
    link = tmp_path / "precious"
    link.write_text("data")
    with pytest.raises(UserError, match="is not a symbolic link"):
        await ChargerSim(MODEL, port=link).start()
    assert link.read_text() == "data"


async def test_energy_survives_a_kill(tmp_path: Path) -> None:
    keep = tmp_path / "energy.json"
    first = ChargerSim(MODEL, energy_time_scale=3600, energy_file=keep)
    async with first:
        bus = AsyncModbusSerialClient(first.port_path, timeout=0.4, retries=0)
        assert await bus.connect()
        first.plug(QUICK)
        await bus.write_register(261, 160)
        await first.wait_for(lambda s: s.energy_wh > 1000, timeout_s=10)
        # What the file says now is what a killed simulator leaves behind.
        high, low = (await bus.read_input_registers(17, count=2)).registers
        left_behind = keep.read_text()
        bus.close()
    keep.write_text(left_behind)
    second = ChargerSim(MODEL, energy_file=keep)
    assert int(second.energy_wh) >= high << 16 | low


def test_broken_energy_file_is_one_sentence(tmp_path: Path) -> None:
    keep = tmp_path / "energy.json"
    keep.write_text("[]")
    with pytest.raises(UserError, match=r"energy\.json is not one of ours"):
        ChargerSim(MODEL, energy_file=keep)


def test_unknown_model_is_one_sentence() -> None:
    with pytest.raises(UserError, match=r"no charger model 'toaster'.*heidelberg-energy-control"):
        ChargerSim("toaster")


async def test_wait_for_says_what_the_charger_shows() -> None:
    async with ChargerSim(MODEL) as sim:
        with pytest.raises(UserError, match=r'did not reach a current in 0.1 s.*"state": "A1"'):
            await sim.wait_for(lambda s: s.current_a > 1, timeout_s=0.1, what="a current")
