"""Whatever a user can get wrong gives one clear sentence."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from vevgw.chargers.sim import ChargerSim
from vevgw.csms import Csms
from vevgw.dut import Dut, DutError, GatewayOptions, NativeGateway, NativeTransport
from vevgw.dut.bench import IDENTITY, PROFILE

pytestmark = pytest.mark.native
Refused = Callable[[GatewayOptions], Awaitable[tuple[int, str]]]


def options(charger: ChargerSim, csms_url: str, **changes: object) -> GatewayOptions:
    values = {
        "csms_url": csms_url,
        "identity": IDENTITY,
        "profile": PROFILE,
        "buses": {1: charger.port_path},
    }
    return GatewayOptions(**{**values, **changes})


def sentence(printed: str) -> str:
    """The only line that the gateway printed."""
    (line,) = printed.strip().splitlines()
    assert line.startswith("vev-gateway: ")
    return line


async def test_unknown_profile_is_one_sentence(
    refused: Refused, charger: ChargerSim, csms: Csms
) -> None:
    code, printed = await refused(options(charger, csms.url, profile="toaster"))
    assert code == 1
    assert "toaster" in sentence(printed)


async def test_missing_serial_device_is_one_sentence(
    refused: Refused, charger: ChargerSim, csms: Csms
) -> None:
    code, printed = await refused(options(charger, csms.url, buses={}))
    assert code == 1
    assert "serial device" in sentence(printed)


async def test_csms_url_of_the_wrong_kind_is_one_sentence(
    refused: Refused, charger: ChargerSim
) -> None:
    code, printed = await refused(options(charger, "http://127.0.0.1/"))
    assert code in (1, 2)
    assert "ws" in sentence(printed)


async def test_missing_password_file_is_one_sentence(
    refused: Refused, charger: ChargerSim, csms: Csms, tmp_path: Path
) -> None:
    code, printed = await refused(
        options(charger, csms.url, password_file=tmp_path / "no-such-file")
    )
    assert code == 2
    assert "no-such-file" in sentence(printed)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [("c1.max_ma", "much", "whole number"), ("colour", "red", "colour")],
)
async def test_bad_setting_is_one_sentence(
    refused: Refused, charger: ChargerSim, csms: Csms, name: str, value: str, words: str
) -> None:
    code, printed = await refused(options(charger, csms.url, settings={name: value}))
    assert code in (1, 2)
    assert words in sentence(printed)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"c1.meter": "2"}, "set m2.profile"),
        ({"m1.profile": "alfen-eve"}, "no meter profile"),
        ({"c1.profile": "alfen-eve"}, "needs a host"),
        ({"c1.outlet": "2"}, "outlet"),
        ({"c1.bus": "2"}, "no serial device"),
        ({"c1.host": "http://box"}, "rtu+tcp://HOST:PORT"),
        ({"c1.auth": "charger_reader"}, "no tag reader that it shows"),
        ({"auth": "anybody"}, "must be one of: reader"),
        ({"c1.host": "box:1", "m1.profile": "abb-b23", "m1.host": "rtu+tcp://box:1"}, "rtu+tcp"),
    ],
)
async def test_chargers_that_cannot_be_used_so_are_one_sentence(
    refused: Refused, charger: ChargerSim, csms: Csms, settings: dict[str, str], words: str
) -> None:
    code, printed = await refused(options(charger, csms.url, settings=settings))
    assert code in (1, 2)
    assert words in sentence(printed)


# Rules: FP-22 J-3.2-1
async def test_unreachable_csms_is_reported_and_tried_again(
    charger: ChargerSim, csms: Csms, gateway: NativeGateway, tmp_path: Path
) -> None:
    """Purpose: nobody listens at first; then the CSMS comes up."""
    await csms.stop()
    async with Dut(NativeTransport(gateway), log_path=tmp_path / "console.log") as dut:
        error = await dut.expect_event("link_error", timeout_s=15)
        assert "refused" in error["error"].lower()
        assert (await dut.command("ocpp"))["last_error"] == error["error"]
        await csms.start()
        await dut.expect_event("link_up", timeout_s=60)


# Rules: WP-A01.FR.12 PD-8 FP-21 FP-22
async def test_wrong_password_is_reported_and_kept_secret(
    charger: ChargerSim, csms: Csms, target: object, tmp_path: Path
) -> None:
    """Pass criteria: the event names the refusal (HTTP 401); no output contains the password."""
    csms.access.set_password(IDENTITY, b"the right password")
    password_file = tmp_path / "password"
    password_file.write_text("a wrong password\n")
    wrong = options(charger, csms.url, password_file=password_file)
    gateway = NativeGateway(target.program, tmp_path, wrong)
    log = tmp_path / "console.log"
    try:
        async with Dut(NativeTransport(gateway), log_path=log) as dut:
            error = await dut.expect_event("link_error", timeout_s=15)
            assert error["http_status"] == 401
            assert error["error"]
            await dut.command("setting list")
            await dut.command("ocpp")
    finally:
        await gateway.kill9()
    assert "a wrong password" not in log.read_text(errors="replace")
    assert "a wrong password" not in gateway.log_path.read_text(errors="replace")


async def test_right_password_connects(
    charger: ChargerSim, csms: Csms, target: object, tmp_path: Path
) -> None:
    csms.access.set_password(IDENTITY, b"the right password")
    password_file = tmp_path / "password"
    password_file.write_text("the right password\n")
    right = options(charger, csms.url, password_file=password_file)
    async with NativeGateway(target.program, tmp_path, right):
        await csms.wait_for_charge_point(IDENTITY, timeout_s=20)


async def test_console_answers_mistakes_with_sentences(dut: Dut) -> None:
    for line in (
        "jump",
        "config get NoSuchKey",
        "config set MeterValueSampleInterval much",
        "tx stop 9",
    ):
        with pytest.raises(DutError) as caught:
            await dut.command(line)
        assert len(str(caught.value).splitlines()) == 1, line


async def test_gateway_ends_cleanly_on_sigterm(gateway: NativeGateway, dut: Dut) -> None:
    assert await gateway.terminate() == 0
    assert not gateway.console_link.is_symlink()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {"profile": "gpio", "board": "BUS", "settings": {"c1.pins": "contactor=34"}},
            "c1.pins: contactor: GPIO34 is an input only",
        ),
        ({"profile": "gpio"}, "connector 1: this gateway has no pins for a charger"),
        (
            {"profile": "keba-udp"},
            "connector 1: the setting host must be the KEBA's name or address",
        ),
        (
            {"profile": "openevse-rapi", "buses": {}},
            "connector 1: the bus of the OpenEVSE has no serial device",
        ),
    ],
)
async def test_chargers_without_registers_that_cannot_be_wired_are_one_sentence(
    refused: Refused,
    charger: ChargerSim,
    csms: Csms,
    changes: dict[str, object],
    expected: str,
) -> None:
    if "board" in changes:
        changes = {**changes, "board": charger.port_path}
    code, printed = await refused(options(charger, csms.url, **changes))
    assert code == 1
    assert sentence(printed) == f"vev-gateway: {expected}"
