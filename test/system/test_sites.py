"""Several chargers on one gateway: what they share, and chargers with two outlets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from vevgw.chargers.devices import make_device
from vevgw.chargers.devices.base import ChargerDevice, Space
from vevgw.chargers.ev import Ev, EvSpec
from vevgw.chargers.profiles import check_file, find_file, read
from vevgw.chargers.profiles_image import image
from vevgw.chargers.sim import ChargerSim
from vevgw.csms import ChargePoint, Csms
from vevgw.dut import Dut, GatewayOptions, NativeGateway, NativeTransport
from vevgw.dut.bench import IDENTITY
from vevgw.dut.payloads import limit_request

pytestmark = [pytest.mark.native, pytest.mark.timeout(120)]

HEIDELBERG = "heidelberg-energy-control"
FOLLOW_S = 5.0  # IEC 61851-1: an EV obeys within.
SLACK_S = 0.5
METER_A = 0.1  # What a limit in steps of 0.1 A and its reading differ by.


@dataclass(slots=True)
class Watch:
    """Sums what the wallboxes really deliver, and for how long that is above the limit."""

    devices: Sequence[ChargerDevice]
    limit_a: float
    highest_a: float = 0.0
    longest_over_s: float = 0.0
    _over_since: float | None = field(default=None, repr=False)

    @property
    def sum_a(self) -> float:
        """Highest phase of all together."""
        return max(map(sum, zip(*(device.currents_a for device in self.devices), strict=True)))

    async def run(self) -> None:
        """Looks all the time."""
        clock = asyncio.get_running_loop().time
        while True:
            self.highest_a = max(self.highest_a, self.sum_a)
            if self.sum_a <= self.limit_a + METER_A:
                self._over_since = None
            else:
                self._over_since = self._over_since or clock()
                self.longest_over_s = max(self.longest_over_s, clock() - self._over_since)
            await asyncio.sleep(0.02)


@asynccontextmanager
async def run_gateway(
    csms: Csms, program: Path, folder: Path, buses: dict[int, str], settings: dict[str, str]
) -> AsyncIterator[Dut]:
    """A gateway whose connectors are all Available."""
    options = GatewayOptions(csms_url=csms.url, identity=IDENTITY, buses=buses, settings=settings)
    gateway = NativeGateway(program, folder, options)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(gateway.kill9)
        dut = await stack.enter_async_context(
            Dut(NativeTransport(gateway), log_path=folder / "console.log")
        )
        for number in range(1, int(settings["connectors"]) + 1):
            await status(csms.charge_point(IDENTITY), number, "Available", 0)
        yield dut


async def status(cp: ChargePoint, connector: int, said: str, since: int) -> None:
    match = {"connectorId": connector, "status": said}
    await cp.expect("StatusNotification", match=match, since=since, timeout_s=30)


async def until(condition: Callable[[], bool], timeout_s: float, what: str) -> None:
    deadline_s = asyncio.get_running_loop().time() + timeout_s
    while not condition():
        assert asyncio.get_running_loop().time() < deadline_s, f"not {what} in {timeout_s:g} s"
        await asyncio.sleep(0.05)


async def charge(cp: ChargePoint, dut: Dut, connector: int, device: ChargerDevice) -> None:
    """Plugs and authorizes."""
    mark = cp.mark()
    device.plug(Ev(EvSpec(phases=3, max_current_a=32, battery_wh=1e6)))
    await status(cp, connector, "Preparing", mark)
    await dut.command(f"sim tag 04A1B2C3{connector:02X} {connector}")
    await cp.expect("StartTransaction", match={"connectorId": connector}, since=mark, timeout_s=20)


async def set_limit(cp: ChargePoint, purpose: str, connector: int, limit_a: float) -> None:
    """Installs a charging profile."""
    profile = limit_request(connector, limit_a, purpose=purpose, profile_id=connector + 1)
    answer = await cp.call("SetChargingProfile", profile, timeout_s=10)
    assert answer["status"] == "Accepted"


# Rules: R-3.13.3-2
async def test_three_wallboxes_share_the_site(csms: Csms, program: Path, tmp_path: Path) -> None:
    """Purpose: two wallboxes on one line and one on the network charge at once; one falls silent.

    Pass criteria: what all of them deliver is never above the site's limit, nor above that of the
    CSMS, for longer than an EV may take to follow; who has to wait is SuspendedEVSE and has its
    current when another leaves; a silent one counts with its failsafe current.
    """
    first, second = make_device(HEIDELBERG), make_device(HEIDELBERG)
    first.write(Space.HOLDING, 257, [4000])  # The gateway keeps the watchdog that it finds.
    line = ChargerSim(first, unit=1, meters={2: second})
    third_sim = ChargerSim("alfen-eve", tcp=("127.0.0.1", 0))
    third = third_sim.device
    devices = (first, second, third)
    settings = {
        "connectors": "3",
        "site_ma": "24000",
        # Who waits for current gets it at once, not after the least time of a pause.
        "t.pause_least": "0",
        "t.pause_end": "0",
        "c1.profile": HEIDELBERG,
        "c1.unit": "1",
        "c1.failsafe_ma": "6000",
        "c2.profile": HEIDELBERG,
        "c2.unit": "2",
        "c3.profile": "alfen-eve",
        "c3.host": "",
    }
    async with line, third_sim:
        settings["c3.host"] = third_sim.port_path
        buses = {1: line.port_path}
        async with run_gateway(csms, program, tmp_path, buses, settings) as dut:
            cp = csms.charge_point(IDENTITY)
            watch = Watch(devices, limit_a=24)
            watcher = asyncio.create_task(watch.run())
            for number, device in enumerate(devices, 1):
                await charge(cp, dut, number, device)
            await until(lambda: 23 <= watch.sum_a <= 24.1, 30, "24 A in use")
            assert [round(device.limit_a) for device in devices] == [8, 8, 8]

            # 13 A are too little for three: the one that came last waits.
            mark = cp.mark()
            await set_limit(cp, "ChargePointMaxProfile", 0, 13)
            watch.limit_a = 13
            await status(cp, 3, "SuspendedEVSE", mark)
            await until(lambda: watch.sum_a <= 13.1, 10, "at most 13 A")
            assert third.limit_a == 0
            mark = cp.mark()
            second.unplug()
            await status(cp, 3, "Charging", mark)
            assert third.limit_a == pytest.approx(6.5)

            # Nobody hears the first one any more: 6 A of the 13 A are its own.
            first.hears_request = lambda: False  # type: ignore[method-assign]
            await until(lambda: first.limit_a == 6, 6, "the failsafe current")
            await until(lambda: third.limit_a == 7, 20, "7 A for the third")
            watcher.cancel()
    assert watch.longest_over_s <= FOLLOW_S + SLACK_S
    # The watcher did look: it may have missed the instant at which 24 A were in use.
    assert watch.highest_a >= 22.5


def free_ports() -> int:
    """The first of two free TCP ports, one after the other."""
    for _ in range(100):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = int(server.getsockname()[1])
            with contextlib.suppress(OSError, OverflowError):
                socket.create_server(("127.0.0.1", port + 1)).close()
                return port
    raise AssertionError("no two ports in a row are free")


def write_profile(folder: Path, name: str, changes: dict[str, str]) -> str:
    """Puts a built-in profile with other text in it where the gateway loads it from."""
    text = read(find_file(name))
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    source = folder / f"{name}.yaml"
    source.write_text(text, encoding="utf-8")
    profile, findings = check_file(source)
    assert profile is not None, findings
    target = folder / "data" / "records" / f"{name}.vevp"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(image(profile))
    return f"file:{target.name}"


def add_registers(device: ChargerDevice, further: ChargerDevice, offset: int) -> None:
    """Makes another wallbox the second outlet of this one."""
    for space, rows in further.registers.items():
        device.registers[space].update({address + offset: row for address, row in rows.items()})
    fed = device.on_transaction

    def feed_both() -> None:
        fed()
        further.on_transaction()

    device.on_transaction = feed_both  # type: ignore[method-assign]


async def test_second_outlets(csms: Csms, program: Path, tmp_path: Path) -> None:
    """Purpose: chargers with two outlets, told apart by unit id, TCP port or register addresses.

    Pass criteria: each outlet is one connector; limits and energy of one are not those of the
    other.
    """
    port = free_ports()
    by_unit = [make_device("alfen-eve") for _ in range(2)]
    by_port = [make_device("bender-cc612") for _ in range(2)]
    by_address = [make_device(HEIDELBERG) for _ in range(2)]
    add_registers(by_address[0], by_address[1], 1000)
    devices = [*by_unit, *by_port, *by_address]
    bender = write_profile(tmp_path, "bender-cc612", {"tcp: {}": f"tcp: {{port: {port}}}"})
    heidelberg = write_profile(
        tmp_path,
        HEIDELBERG,
        {"\nregisters:": "\nconnectors: {count: 2, address_offset: 1000}\n\nregisters:"},
    )
    async with AsyncExitStack() as stack:
        alfen = ChargerSim(by_unit[0], tcp=("127.0.0.1", 0), meters={2: by_unit[1]})
        line = ChargerSim(by_address[0], meters={99: by_address[1]})
        for sim in (
            alfen,
            line,
            *(ChargerSim(d, tcp=("127.0.0.1", port + i)) for i, d in enumerate(by_port)),
        ):
            await stack.enter_async_context(sim)
        settings = {"connectors": "6"}
        for number, (profile, host) in enumerate(
            (("alfen-eve", alfen.port_path), (bender, "127.0.0.1"), (heidelberg, "")), 1
        ):
            for outlet in (1, 2):
                connector = f"c{2 * number - 2 + outlet}"
                settings[f"{connector}.profile"] = profile
                settings[f"{connector}.host"] = host
                settings[f"{connector}.outlet"] = str(outlet)
        dut = await stack.enter_async_context(
            run_gateway(csms, program, tmp_path, {1: line.port_path}, settings)
        )
        cp = csms.charge_point(IDENTITY)
        await asyncio.gather(*(charge(cp, dut, n, d) for n, d in enumerate(devices, 1)))
        for number in range(1, 7):
            await set_limit(cp, "TxDefaultProfile", number, number + 6)
        limits_a = [7, 8, 9, 10, 11, 12]
        await until(lambda: [round(d.limit_a) for d in devices] == limits_a, 30, str(limits_a))
        mark = cp.mark()
        for device in devices[::2]:
            device.unplug()
        for number in (1, 3, 5):
            await status(cp, number, "Available", mark)
        assert [round(d.limit_a) for d in devices] == [0, 8, 0, 10, 0, 12]
        assert all(max(d.currents_a) > 7 for d in devices[1::2])
