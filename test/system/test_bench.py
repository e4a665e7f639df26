"""What only a bench can do to a gateway: supply, network, firmware, pins, time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from vevgw.chargers.ev import EvSpec
from vevgw.csms.files import FileServer
from vevgw.dut import Dut
from vevgw.dut.bench import Bench, flows
from vevgw.errors import UserError
from vevgw.hil.bench_file import Limits, PinPair
from vevgw.hil.rig import CRASHED, POWER_ON, Rig
from vevgw.hil.soak import soak, summary
from vevgw.hil.switches import Switch


# Rules: FP-11
@pytest.mark.timeout(180)
async def test_power_cycles_in_a_session_lose_nothing(bench: Bench, power: Switch) -> None:
    """Purpose: the supply fails twice while a vehicle charges; the second time the vehicle leaves.

    Pass criteria: the transaction goes on after the first, is stopped once after the second, with
    the energy that flowed meanwhile.
    """
    begin_wh = bench.charger.energy_wh
    transaction = await bench.start_charging()
    await power.off()
    await asyncio.sleep(1)
    mark = bench.cp.mark()
    await power.on()
    await bench.cp.expect("BootNotification", since=mark, timeout_s=60)
    await bench.cp.expect(
        "MeterValues", match={"transactionId": transaction}, since=mark, timeout_s=60
    )
    assert (await bench.dut.command("status"))["reset_cause"] in POWER_ON
    assert bench.charger.current_a > 5, "the charge was interrupted"
    assert bench.open_transaction() == transaction

    await power.off()
    await bench.draw(3)
    bench.charger.unplug()
    mark = bench.cp.mark()
    await power.on()
    stop = {"transactionId": transaction}
    await bench.cp.expect("StopTransaction", match=stop, since=mark, timeout_s=60)
    await bench.delivered()
    bench.check_books(begin_wh=begin_wh)
    assert len(bench.cp.calls("StartTransaction")) == 1
    assert len(bench.cp.calls("StopTransaction")) == 1


# Rules: FP-1
@pytest.mark.timeout(300)
async def test_wifi_that_goes_and_comes_back_is_not_noticed_by_the_vehicle(
    bench: Bench, wifi: Switch
) -> None:
    """Purpose: the network is gone without a word in a session.

    Pass criteria: the gateway notices by its pings and charges on; what it measured meanwhile
    arrives afterwards; it has not restarted.
    """
    begin_wh = bench.charger.energy_wh
    await bench.dut.command("config set WebSocketPingInterval 2")
    transaction = await bench.start_charging()
    uptime_ms = (await bench.dut.command("status"))["uptime_ms"]
    await wifi.off()
    await bench.dut.expect_event("link_down", timeout_s=60)
    values = len(bench.cp.calls("MeterValues"))
    connections = bench.cp.connections
    await bench.draw(5)
    assert flows(bench.charger)
    await wifi.on()
    await bench.cp.wait_connected(timeout_s=120, after=connections)
    await bench.delivered(timeout_s=60)
    assert len(bench.cp.calls("MeterValues")) > values
    assert (await bench.dut.command("status"))["uptime_ms"] > uptime_ms
    await bench.stop_remotely(transaction)
    await bench.delivered()
    bench.check_books(begin_wh=begin_wh)


@pytest.mark.timeout(120)
async def test_the_reason_of_each_restart_is_told(rig: Rig) -> None:
    """Pass criteria: reset line, command, crash: each by its name; a crash is counted."""
    status = await rig.dut.wait_ready(timeout_s=15)
    crashes = status["crashes"]
    await rig.dut.reset()
    status = await rig.dut.wait_ready(timeout_s=30)
    assert (status["reset_cause"] in POWER_ON, status["crashes"]) == (True, crashes)
    mark = rig.dut.mark()
    await rig.dut.command("reboot")
    await rig.dut.expect_event("ready", since=mark, timeout_s=30)
    status = await rig.dut.wait_ready(timeout_s=30)
    assert (status["reset_cause"], status["crashes"]) == ("software", crashes)
    status = await rig.crash()
    assert (status["reset_cause"] in CRASHED, status["crashes"]) == (True, crashes + 1)
    await rig.dut.command("safe-mode leave")


# Rules: R-5.19-1 R-5.19-3 R-5.19-4 R-4.5-1 R-4.2.1-1 R-8-2
@pytest.mark.settings(unsigned_fw="true")
@pytest.mark.timeout(300)
async def test_firmware_over_the_air(
    bench: Bench, server: FileServer, next_firmware: tuple[bytes, str]
) -> None:
    """Purpose: an update whose image is damaged, one that is not confirmed, and a good one over a
    connection that breaks once.

    Pass criteria: the damaged one is InstallationFailed; the unconfirmed one rolls back at the next
    restart; the good one resumes its download, and tells its version and every status once.
    """
    image, version = next_firmware
    before = (await bench.dut.command("firmware"))["version"]
    damaged = bytearray(image)
    damaged[len(image) // 2] ^= 0xFF
    (server.files / "damaged.bin").write_bytes(damaged)
    (server.files / "gateway.bin").write_bytes(image)

    async def update(name: str) -> int:
        mark = bench.cp.mark()
        request = {
            "location": f"{server.http_url}/files/{name}",
            "retrieveDate": datetime.now(UTC).isoformat(),
            "retryInterval": 1,
        }
        await bench.cp.call("UpdateFirmware", request, timeout_s=10)
        return mark

    async def told(status: str, since: int) -> None:
        await bench.cp.expect(
            "FirmwareStatusNotification", match={"status": status}, since=since, timeout_s=120
        )

    await told("InstallationFailed", await update("damaged.bin"))
    assert (await bench.dut.command("firmware"))["version"] == before

    # The CSMS is gone when the new one starts: nobody confirms it.
    mark = bench.dut.mark()
    await told("Installing", await update("gateway.bin"))
    await bench.csms.stop(hard=True)
    await bench.dut.expect_event("ready", since=mark, timeout_s=60)
    shown = await bench.dut.command("firmware")
    assert (shown["version"], shown["boot"]) == (version, "trial")
    mark = bench.dut.mark()
    await bench.dut.reset()
    await bench.dut.expect_event("ready", since=mark, timeout_s=60)
    shown = await bench.dut.command("firmware")
    assert (shown["version"], shown["boot"]) == (before, "rolled back")
    since = bench.cp.mark()
    await bench.csms.start()
    await told("InstallationFailed", since)
    await bench.status("Available", timeout_s=60)

    asked_before = len(server.requests)
    server.faults.cut_after = [len(image) // 3]
    since = await update("gateway.bin")
    await bench.cp.expect(
        "BootNotification", match={"firmwareVersion": version}, since=since, timeout_s=120
    )
    await told("Installed", since)
    statuses = bench.cp.calls("FirmwareStatusNotification", since=since)
    assert [frame.payload["status"] for frame in statuses] == [
        "Downloading",
        "Downloaded",
        "Installing",
        "Installed",
    ]
    ranges = [asked for _, path, asked in server.requests[asked_before:] if "gateway" in path]
    assert len(ranges) == 2
    assert ranges[0] is None
    assert ranges[1] is not None


async def test_pins_that_are_connected_follow_each_other(loop_back: PinPair, dut: Dut) -> None:
    for level in (1, 0, 1, 0):
        await dut.command(f"sim pin {loop_back.out} {level}")
        await wait_for_level(dut, loop_back.into, is_high=level == 1)


async def wait_for_level(dut: Dut, pin: int, *, is_high: bool, timeout_s: float = 5) -> None:
    """Reads an input until it has the level: relays and simulated wires take their time."""
    async with asyncio.timeout(timeout_s):
        while (await dut.command(f"sim pin {pin}"))["level"] is not is_high:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@pytest.mark.timeout(120)
async def test_the_contactor_closes_for_a_charger_that_answers(
    bench: Bench, relay: PinPair, rig: Rig
) -> None:
    """Purpose: `c1.contactor` with its feedback, a restart, and a charger that falls silent.

    Pass criteria: closed once the charger has answered; open while a restarted gateway has not
    heard it; the console says the same as the feedback.
    """
    await rig.configure({"c1.contactor": str(relay.out)})
    await wait_for_level(bench.dut, relay.into, is_high=True, timeout_s=20)
    shown = (await bench.dut.command("charger"))["chargers"][0]
    assert shown["contactor_closed"] == 1
    bench.charger.faults.silent = True
    mark = bench.dut.mark()
    await bench.dut.reset()
    await bench.dut.expect_event("ready", since=mark, timeout_s=30)
    await asyncio.sleep(1)
    await wait_for_level(bench.dut, relay.into, is_high=False)
    bench.charger.faults.silent = False
    await wait_for_level(bench.dut, relay.into, is_high=True, timeout_s=30)


async def test_pulses_of_a_meter_are_counted(dut: Dut, s0: PinPair, rig: Rig) -> None:
    """Pass criteria: 12 pulses of 1 Wh are 12 Wh, whatever else the box has not wired."""
    pins = f"pilot=25 pilot_in=36 contactor=27 s0={s0.into} s0_per_kwh=1000"
    await rig.configure({"c1.profile": "gpio", "c1.pins": pins})

    async def energy_wh() -> int:
        wh: int = (await dut.command("meter"))["meters"][0]["energy_wh"]
        return wh

    begin_wh = await energy_wh()
    for _ in range(12):
        for level in (1, 0):
            await dut.command(f"sim pin {s0.out} {level}")
            await asyncio.sleep(0.05)
    async with asyncio.timeout(10):
        while await energy_wh() != begin_wh + 12:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def session(bench: Bench) -> None:
    """From rest to rest."""
    begin_wh = bench.charger.energy_wh
    booked = len(bench.csms.books.transactions(bench.cp.identity))
    transaction = await bench.start_charging(EvSpec(phases=3, max_current_a=16))
    await bench.draw(2)
    await bench.stop_remotely(transaction)
    bench.charger.unplug()
    await bench.status("Available")
    await bench.delivered()
    (last,) = bench.csms.books.transactions(bench.cp.identity)[booked:]
    assert abs((last.energy_wh or 0) - (bench.charger.energy_wh - begin_wh)) <= 1


# Rules: FP-6
async def test_soak(bench: Bench, target: object, soak_hours: float) -> None:
    """Purpose: sessions one after the other for `--hours`.

    Pass criteria: energy of each in the books; no restart; the heap's figures do not trend down;
    the loop turns as regularly as docs/hil.md says.
    """
    samples = await soak(bench.dut, lambda: session(bench), target.bench.limits, hours=soak_hours)
    print(summary(samples))


@pytest.mark.parametrize(
    ("hook", "expected"),
    [("leak", "What is allocated grew from"), ("stall", "One of 100 turns of the loop took")],
)
async def test_the_soak_test_finds_what_is_planted(
    dut: Dut, target: object, hook: str, expected: str
) -> None:
    """Purpose: a gateway that loses memory, one whose loop stands still, `sim leak|stall`."""

    async def plant() -> None:
        for _ in range(3):
            await dut.command(f"sim {hook}")

    await soak(dut, lambda: asyncio.sleep(0.01), Limits(), hours=0, least_sessions=20)
    with pytest.raises(UserError, match=f"^{expected}"):
        await soak(dut, plant, Limits(), hours=0, least_sessions=30)
