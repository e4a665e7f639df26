"""What the system tests share: a CSMS, a charger with a vehicle, and the gateway under test.

    pytest test/system                          the native gateway (build it first)
    pytest test/system --bench bench.toml       a board, with what the file says is wired to it
    pytest test/system --port /dev/ttyUSB0 \\
        --charger-port /dev/ttyUSB1             a board, in short

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

from vevgw.chargers.devices.jumpers import Jumpers
from vevgw.chargers.direct_sim import DirectSim
from vevgw.chargers.sim import ChargerSim
from vevgw.chargers.tag_reader import TagReaderSim
from vevgw.csms import Csms, Direction, Verdict
from vevgw.csms.files import FileServer
from vevgw.csms.firmware_image import make_firmware_image
from vevgw.dut import Dut, DutError, GatewayOptions, NativeGateway, NativeTransport
from vevgw.dut.bench import IDENTITY, PROFILE, Bench
from vevgw.dut.transports import transport_for
from vevgw.hil import plugin
from vevgw.hil.bench_file import BenchFile, PinPair
from vevgw.hil.rig import Rig
from vevgw.hil.switches import BoardPower, NativePower, Radio, ShellSwitch, Switch

# Pins of the jumpers that a native gateway has.
RELAY, LOOP_BACK, S0 = PinPair(27, 34), PinPair(32, 36), PinPair(33, 35)
NEXT_VERSION = "9.8.7-test"


def pytest_addoption(parser: pytest.Parser) -> None:
    plugin.add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    plugin.configure(config)


def pytest_sessionstart(session: pytest.Session) -> None:
    plugin.on_start(session)


def pytest_report_header(config: pytest.Config) -> list[str]:
    return plugin.header(config)


@pytest.hookimpl(optionalhook=True)
def pytest_html_report_title(report: object) -> None:
    report.title = "Gateway on a bench"


@pytest.hookimpl(tryfirst=True)  # before -m
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    plugin.select(config, items)


@dataclass(frozen=True, slots=True)
class Target:
    """What is tested and how it is reached."""

    bench: BenchFile
    program: Path | None
    csms_host: str

    @property
    def is_native(self) -> bool:
        return self.program is not None


@pytest.fixture(scope="session")
def target(pytestconfig: pytest.Config) -> Target:
    bench = plugin.bench_of(pytestconfig)
    if bench.is_native:
        return Target(bench, plugin.program_of(pytestconfig), "127.0.0.1")
    return Target(bench, None, bench.csms_host or own_address())


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
    target: Target, tmp_path: Path, pytestconfig: pytest.Config
) -> AsyncIterator[ChargerSim]:
    """A wallbox without a vehicle."""
    if target.is_native:
        sim = ChargerSim(PROFILE, port=tmp_path / "wallbox")
    else:
        # A board remembers the meter of its wallbox: it must be the same one in all tests and runs.
        meter = pytestconfig.rootpath / ".cache" / "hil-wallbox-energy"
        meter.parent.mkdir(exist_ok=True)
        sim = ChargerSim(PROFILE, serial=target.bench.rs485, energy_file=meter)
    async with sim:
        yield sim


@pytest.fixture
def reader() -> Iterator[TagReaderSim]:
    """The tag reader of a native gateway."""
    with TagReaderSim() as sim:
        yield sim


@pytest_asyncio.fixture
async def radio(
    target: Target, csms: Csms, request: pytest.FixtureRequest
) -> AsyncIterator[Radio | None]:
    """What a native gateway has for Wi-Fi; None where no test takes it away."""
    if not target.is_native or "wifi" not in request.fixturenames:
        yield None
        return
    air = Radio(csms.url)
    await air.start()
    yield air
    await air.stop()


@pytest_asyncio.fixture
async def jumpers(
    target: Target, request: pytest.FixtureRequest
) -> AsyncIterator[DirectSim | None]:
    """The pins of a native gateway, wired to each other; None where no test needs them."""
    if not target.is_native or not {"relay", "loop_back", "s0"} & set(request.fixturenames):
        yield None
        return
    pairs = {pair.out: pair.into for pair in (RELAY, LOOP_BACK, S0)}
    async with DirectSim(Jumpers(pairs, pulses=(S0.into,))) as sim:
        yield sim


@pytest.fixture
def own_settings(request: pytest.FixtureRequest) -> dict[str, str]:
    """What a test sets by @pytest.mark.settings(name="value")."""
    marker = request.node.get_closest_marker("settings")
    return {"unsigned_fw": "false", **(marker.kwargs if marker is not None else {})}


@pytest_asyncio.fixture
async def gateway(
    target: Target,
    csms: Csms,
    charger: ChargerSim,
    reader: TagReaderSim,
    radio: Radio | None,
    jumpers: DirectSim | None,
    own_settings: dict[str, str],
    tmp_path: Path,
) -> AsyncIterator[NativeGateway | None]:
    """The process, not started yet; None when a board is tested."""
    if target.program is None:
        yield None
        return
    options = GatewayOptions(
        csms_url=csms.url if radio is None else radio.url,
        identity=IDENTITY,
        profile=PROFILE,
        buses={1: charger.port_path},
        readers={"rdm6300": reader.port_path},
        board=None if jumpers is None else jumpers.port_path,
        settings={"t.pause_least": "3000", "t.pause_end": "2000", **own_settings},
    )
    native = NativeGateway(target.program, tmp_path, options)
    yield native
    await native.kill9()


@pytest_asyncio.fixture
async def dut(
    target: Target,
    csms: Csms,
    gateway: NativeGateway | None,
    own_settings: dict[str, str],
    tmp_path: Path,
) -> AsyncIterator[Dut]:
    """The gateway, running with the settings of this test."""
    bench = target.bench
    transport = transport_for(bench.port) if gateway is None else NativeTransport(gateway)
    async with Dut(transport, log_path=tmp_path / "console.log") as device:
        if gateway is None:
            await device.wait_ready(timeout_s=30)
            wifi = [("wifi_ssid", bench.wifi_ssid), ("wifi_password", bench.wifi_password)]
            for name, value in (
                ("csms_url", csms.url),
                ("identity", IDENTITY),
                ("password", ""),
                ("c1.profile", PROFILE),
                *own_settings.items(),
                *(wifi if bench.wifi_ssid is not None else []),
            ):
                await device.command(f"setting set {name} {value}", secret="password" in name)
            await device.command("safe-mode leave")
            await device.reset()
        await device.expect_event("ready", timeout_s=30)
        yield device


@pytest_asyncio.fixture
async def rig(
    target: Target, dut: Dut, gateway: NativeGateway | None, radio: Radio | None
) -> AsyncIterator[Rig]:
    """What the bench can do to the gateway."""
    power: Switch | None = None
    wifi: Switch | None = radio
    if gateway is not None:
        power = NativePower(gateway)
    elif target.bench.power_switch is not None:
        power = BoardPower(ShellSwitch("power_switch", target.bench.power_switch), dut)
    if gateway is None and target.bench.wifi is not None:
        wifi = ShellSwitch("wifi", target.bench.wifi)
    means = Rig(dut, gateway, power, wifi)
    yield means
    await means.restore()


@pytest.fixture
def power(rig: Rig) -> Switch:
    """The supply of the gateway."""
    assert rig.power is not None
    return rig.power


@pytest_asyncio.fixture
async def wifi(rig: Rig) -> AsyncIterator[Switch]:
    """The network of the gateway; it is on after the test."""
    assert rig.wifi is not None
    yield rig.wifi
    await rig.wifi.on()


@pytest.fixture
def relay(target: Target, rig: Rig) -> PinPair:
    """Output to a contactor, input from its auxiliary contact."""
    return target.bench.relay or RELAY


@pytest.fixture
def loop_back(target: Target, rig: Rig) -> PinPair:
    """Two pins that are connected."""
    return target.bench.loop_back or LOOP_BACK


@pytest.fixture
def s0(target: Target, rig: Rig) -> PinPair:
    """Output that plays a meter's pulses, input that counts them."""
    return target.bench.s0 or S0


@pytest.fixture
def next_firmware(target: Target) -> tuple[bytes, str]:
    """An image for the second slot, and the version that it reports."""
    wired = target.bench.firmware
    if wired is None:
        return make_firmware_image(NEXT_VERSION, size=400_000), NEXT_VERSION
    return wired.image.read_bytes(), wired.version


@pytest_asyncio.fixture
async def server(target: Target, tmp_path: Path) -> AsyncIterator[FileServer]:
    """A file server that the gateway reaches and that demands a login."""
    async with FileServer(
        tmp_path / "files", host=target.csms_host, user="cp", password="p/w"
    ) as files:
        yield files


@pytest.fixture
def soak_hours(pytestconfig: pytest.Config) -> float:
    """How long the soak test lasts."""
    hours: float = pytestconfig.getoption("--hours")
    return hours


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
