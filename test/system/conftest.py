"""What the system tests share: a CSMS, a charger with a vehicle, and the gateway under test.

    pytest test/system                              the native gateway (build it first)
    pytest test/system --port /dev/ttyUSB0 \\
        --charger-port /dev/ttyUSB1                 a board; the charger plays on an RS-485 adapter
    pytest test/system --port rfc2217://lab:4000 --charger-port ... --csms-host 192.0.2.7

The same tests run on both; those marked `native` need to start processes of their own. A board
keeps its undelivered transactions: after a failed test the next one may fail for them, too.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from vevgw.build import pio
from vevgw.chargers.sim import ChargerSim
from vevgw.chargers.tag_reader import TagReaderSim
from vevgw.csms import Csms, Direction, Verdict
from vevgw.dut import (
    Dut,
    DutError,
    GatewayOptions,
    NativeGateway,
    NativeTransport,
    Rfc2217Transport,
    SerialTransport,
    find_gateway,
)
from vevgw.dut.bench import IDENTITY, PROFILE, Bench
from vevgw.errors import UserError


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("gateway under test")
    group.addoption(
        "--port", default="native", help="native, a serial device, or rfc2217://HOST:PORT"
    )
    group.addoption("--flash", action="store_true", help="build and flash the board first")
    group.addoption("--gateway", type=Path, help="native gateway; default: the one of this project")
    group.addoption("--charger-port", help="with a board: RS-485 adapter that plays the charger")
    group.addoption("--csms-host", help="with a board: address of this computer as it sees it")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--port") == "native":
        return
    skip = pytest.mark.skip(reason="needs the native gateway")
    for item in items:
        if item.get_closest_marker("native"):
            item.add_marker(skip)


@dataclass(frozen=True, slots=True)
class Target:
    """What is tested and how it is reached."""

    port: str
    program: Path | None
    charger_port: str | None
    csms_host: str

    @property
    def is_native(self) -> bool:
        return self.program is not None


@pytest.fixture(scope="session")
def target(pytestconfig: pytest.Config) -> Target:
    port: str = pytestconfig.getoption("--port")
    charger_port: str | None = pytestconfig.getoption("--charger-port")
    if port == "native":
        program = pytestconfig.getoption("--gateway") or find_gateway(pytestconfig.rootpath)
        return Target(port, program, None, "127.0.0.1")
    if charger_port is None:
        raise UserError("A board needs --charger-port, the RS-485 adapter wired to it.")
    if pytestconfig.getoption("--flash"):
        flash(pytestconfig.rootpath, port)
    return Target(port, None, charger_port, pytestconfig.getoption("--csms-host") or own_address())


def flash(project: Path, port: str) -> None:
    arguments = ["run", "-e", "esp32dev", "-t", "upload", "--upload-port", port]
    if pio.run(project, arguments, native=False) != 0:
        raise UserError(f"The board at {port} could not be flashed; PlatformIO has printed why.")


def own_address() -> str:
    """The address of the interface with the default route; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])


@pytest.fixture
def program(target: Target) -> Path:
    """The native gateway's program, for tests that start it with options of their own."""
    assert target.program is not None
    return target.program


@pytest_asyncio.fixture
async def csms(target: Target, tmp_path: Path) -> AsyncIterator[Csms]:
    """A CSMS; after the test, every frame of the gateway must have followed the protocol."""
    async with Csms(host=target.csms_host, db=tmp_path / "csms.sqlite3") as central_system:
        yield central_system
        bad = (Verdict.INVALID, Verdict.SUSPECT, Verdict.DUPLICATE, Verdict.UNSOLICITED)
        lines = [
            f"{record.line()} ({record.reason})"
            for charge_point in central_system.charge_points()
            for _, record in charge_point.history.since()
            if record.verdict in bad and record.direction is Direction.IN
        ]
        assert not lines, "The gateway broke the protocol:\n" + "\n".join(lines)


@pytest_asyncio.fixture
async def charger(
    target: Target, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ChargerSim]:
    """A wallbox without a vehicle."""
    if target.is_native:
        sim = ChargerSim(PROFILE, port=tmp_path / "wallbox")
    else:
        # A board remembers the meter of its wallbox: it must be the same one in all tests.
        meter = tmp_path_factory.getbasetemp() / "wallbox-energy"
        sim = ChargerSim(PROFILE, serial=target.charger_port, energy_file=meter)
    async with sim:
        yield sim


@pytest.fixture
def reader() -> Iterator[TagReaderSim]:
    """The tag reader of a native gateway."""
    with TagReaderSim() as sim:
        yield sim


@pytest_asyncio.fixture
async def gateway(
    target: Target, csms: Csms, charger: ChargerSim, reader: TagReaderSim, tmp_path: Path
) -> AsyncIterator[NativeGateway | None]:
    """The process, not started yet; None when a board is tested."""
    if target.program is None:
        yield None
        return
    options = GatewayOptions(
        csms_url=csms.url,
        identity=IDENTITY,
        profile=PROFILE,
        buses={1: charger.port_path},
        readers={"rdm6300": reader.port_path},
        settings={"t.pause_least": "3000", "t.pause_end": "2000"},
    )
    native = NativeGateway(target.program, tmp_path, options)
    yield native
    await native.kill9()


@pytest_asyncio.fixture
async def dut(
    target: Target, csms: Csms, gateway: NativeGateway | None, tmp_path: Path
) -> AsyncIterator[Dut]:
    """The gateway, running with the settings of this test."""
    if gateway is not None:
        transport = NativeTransport(gateway)
    elif target.port.startswith("rfc2217://"):
        transport = Rfc2217Transport(target.port)
    else:
        transport = SerialTransport(target.port)
    async with Dut(transport, log_path=tmp_path / "console.log") as device:
        if gateway is None:
            await device.wait_ready(timeout_s=30)
            for name, value in (
                ("csms_url", csms.url),
                ("identity", IDENTITY),
                ("password", ""),
                ("c1.profile", PROFILE),
            ):
                await device.command(f"setting set {name} {value}")
            await device.reset()
        await device.expect_event("ready", timeout_s=30)
        yield device


@pytest_asyncio.fixture
async def bench(
    target: Target, csms: Csms, charger: ChargerSim, reader: TagReaderSim, dut: Dut
) -> AsyncIterator[Bench]:
    """A gateway that is registered, idle, and samples its meter often."""
    ready = Bench(csms, charger, dut, reader if target.is_native else None)
    await ready.wait_registered()
    yield ready


@pytest_asyncio.fixture
async def refused(
    target: Target, tmp_path: Path
) -> AsyncIterator[Callable[[GatewayOptions], object]]:
    """Starts a gateway that must not start: returns its exit code and what it printed."""
    assert target.program is not None
    program = target.program
    started: list[NativeGateway] = []

    async def start(options: GatewayOptions) -> tuple[int, str]:
        native = NativeGateway(program, tmp_path, options)
        started.append(native)
        # Whether it ends before or after its console exists is not the point here.
        with contextlib.suppress(DutError):
            await native.start()
        code = await native.wait_exit(timeout_s=10)
        return code, native.log_path.read_text(encoding="utf-8")

    yield start
    for native in started:
        await native.kill9()
