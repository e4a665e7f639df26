"""A device under test over a pseudo-terminal, with a stand-in for the gateway."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from vevgw.dut import (
    Boot,
    Dut,
    DutError,
    GatewayOptions,
    NativeGateway,
    NativeTransport,
    NoAnswer,
    SerialTransport,
    find_gateway,
)

FAKE = [sys.executable, str(Path(__file__).with_name("fake_gateway.py"))]


@pytest_asyncio.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[NativeGateway]:
    native = NativeGateway(FAKE, tmp_path)
    yield native
    await native.kill9()


@pytest_asyncio.fixture
async def dut(gateway: NativeGateway, tmp_path: Path) -> AsyncIterator[Dut]:
    async with Dut(NativeTransport(gateway), log_path=tmp_path / "console.log") as device:
        yield device


async def test_command_is_answered(dut: Dut) -> None:
    assert (await dut.command("echo hello world"))["text"] == "hello world"


async def test_boot_lines_before_the_connection_are_seen(dut: Dut) -> None:
    await dut.expect(r"I \(5\) app: starting", timeout_s=5)
    assert (await dut.expect_event("ready", timeout_s=5))["boots"] == 1


async def test_wait_ready_returns_the_status(dut: Dut) -> None:
    assert (await dut.wait_ready(timeout_s=5))["boots"] == 1


async def test_refused_command_raises_the_device_s_sentence(dut: Dut) -> None:
    with pytest.raises(DutError, match=r"^there is no command 'jump'$"):
        await dut.command("jump")


async def test_answers_are_matched_by_id(dut: Dut) -> None:
    silent = asyncio.create_task(dut.command("silent", timeout_s=0.3))
    answers = await asyncio.gather(*(dut.command(f"echo {n}") for n in range(20)))
    assert [answer["text"] for answer in answers] == [str(n) for n in range(20)]
    with pytest.raises(NoAnswer):
        await silent


async def test_unanswered_command_says_what_was_seen_and_where_the_log_is(
    dut: Dut, tmp_path: Path
) -> None:
    await dut.command("log ocpp queue full")
    with pytest.raises(NoAnswer) as caught:
        await dut.command("silent", timeout_s=0.1)
    text = str(caught.value)
    assert "'silent' was not answered within 0.1 s" in text
    assert "W (77) ocpp: queue full" in text
    assert str(tmp_path / "console.log") in text


async def test_expect_finds_lines_in_order_and_only_once(dut: Dut) -> None:
    for n in (1, 2):
        await dut.command(f"log tick number {n}")
    assert (await dut.expect("tick", timeout_s=1)).text.endswith("number 1")
    assert (await dut.expect("tick", timeout_s=1)).text.endswith("number 2")
    with pytest.raises(DutError, match=r"Expected a line like 'tick' within 0.05 s"):
        await dut.expect("tick", timeout_s=0.05)


async def test_expect_since_a_mark_leaves_the_order_alone(dut: Dut) -> None:
    await dut.command("log a one")
    mark = dut.mark()
    await dut.command("log b two")
    await dut.expect("two", timeout_s=1, since=mark)
    await dut.expect("one", timeout_s=1)


async def test_expect_takes_a_predicate(dut: Dut) -> None:
    await dut.command("log modem gone")
    line = await dut.expect(lambda seen: seen.module == "modem", timeout_s=1)
    assert line.level == "W"
    assert line.device_ms == 77


async def test_expect_fails_on_what_must_be_absent(dut: Dut) -> None:
    await dut.command("log a trouble")
    await dut.command("log a done")
    with pytest.raises(DutError, match=r"but first came: W \(77\) a: trouble"):
        await dut.expect("done", timeout_s=1, absent=["trouble"])
    await dut.expect("done", timeout_s=1)


async def test_expect_event_matches_members(dut: Dut) -> None:
    await dut.command('event tx_started {"connector":1}')
    await dut.command('event tx_started {"connector":2,"tag":"A"}')
    event = await dut.expect_event("tx_started", timeout_s=1, match={"connector": 2})
    assert event["tag"] == "A"
    assert len(dut.events("tx_started")) == 2
    with pytest.raises(DutError, match=r"Expected event tx_stopped with \{'connector': 1\}"):
        await dut.expect_event("tx_stopped", timeout_s=0.05, match={"connector": 1})


async def test_strange_bytes_and_a_burst_do_no_harm(dut: Dut) -> None:
    await dut.command('raw "\\u0000\\u00ff\\r\\n{\\"id\\":99,\\"ok\\":true}\\n"')
    assert (await dut.command("burst 5000", timeout_s=20))["ok"]
    await dut.expect("line 4999", timeout_s=5)


async def test_raw_log_has_both_directions_but_no_secret(dut: Dut, tmp_path: Path) -> None:
    await dut.command("echo open")
    with pytest.raises(DutError) as caught:
        await dut.command("password hunter2", secret=True)
    assert "hunter2" not in str(caught.value)
    log = (tmp_path / "console.log").read_bytes()
    assert b">>> #1 echo open\n" in log
    assert b'"text": "open"' in log
    assert b">>> #2 password (hidden)\n" in log
    assert b"hunter2" not in log


async def test_command_of_two_lines_is_refused(dut: Dut) -> None:
    with pytest.raises(DutError, match="one line"):
        await dut.command("echo a\necho b")


async def test_reset_restarts_the_process(dut: Dut, gateway: NativeGateway) -> None:
    await dut.expect_event("ready", timeout_s=5)
    first = gateway.pid
    await dut.reset()
    assert (await dut.expect_event("ready", timeout_s=5))["boots"] == 2
    assert gateway.pid != first
    assert (await dut.command("status"))["boots"] == 2


async def test_reset_into_the_loader_needs_a_board(dut: Dut) -> None:
    with pytest.raises(DutError, match="no boot loader"):
        await dut.reset(Boot.DOWNLOAD)


async def test_console_follows_a_kill_and_a_start(dut: Dut, gateway: NativeGateway) -> None:
    await dut.expect_event("ready", timeout_s=5)
    await gateway.kill9()
    with pytest.raises(DutError, match="was ended by SIGKILL"):
        await dut.command("status")
    await gateway.start()
    assert (await dut.expect_event("ready", timeout_s=5))["boots"] == 2


async def test_soft_reboot_keeps_the_console(dut: Dut) -> None:
    await dut.expect_event("ready", timeout_s=5)
    with pytest.raises(NoAnswer):
        await dut.command("reboot", timeout_s=0.2)
    await dut.wait_ready(timeout_s=5)


async def test_sudden_end_is_reported_to_whoever_waits(dut: Dut, gateway: NativeGateway) -> None:
    await dut.wait_ready(timeout_s=5)
    waiting = asyncio.create_task(dut.expect("never", timeout_s=30))
    with pytest.raises(DutError, match="ended with exit code 3"):
        await dut.command("exit 3", timeout_s=10)
    with pytest.raises(DutError) as caught:
        await waiting
    text = str(caught.value)
    assert "Expected a line like 'never', but The gateway process ended with exit code 3" in text
    assert "the fake gateway was told to end" in text
    assert await gateway.wait_exit(timeout_s=1) == 3


async def test_wait_ready_gives_up_at_once_when_the_process_is_gone(
    dut: Dut, gateway: NativeGateway
) -> None:
    await gateway.kill9()
    with pytest.raises(DutError, match="SIGKILL"):
        await dut.wait_ready(timeout_s=30)


async def test_wait_ready_says_when_nothing_answers(dut: Dut) -> None:
    dut.transport.write = lambda data: None  # type: ignore[method-assign]
    with pytest.raises(DutError, match=r"not ready within 0.2 s"):
        await dut.wait_ready(timeout_s=0.2)


async def test_start_that_fails_shows_the_last_lines(tmp_path: Path) -> None:
    gateway = NativeGateway([*FAKE, "--fail"], tmp_path)
    with pytest.raises(DutError) as caught:
        await gateway.start()
    assert "ended with exit code 1" in str(caught.value)
    assert "the profile 'toaster' does not exist" in str(caught.value)
    assert str(tmp_path / "gateway.log") in str(caught.value)


async def test_start_without_console_is_given_up_and_killed(tmp_path: Path) -> None:
    gateway = NativeGateway([*FAKE, "--hang"], tmp_path)
    with pytest.raises(DutError, match=r"made no console within 0.5 s"):
        await gateway.start(timeout_s=0.5)
    assert not gateway.is_running


async def test_start_of_a_missing_program_is_one_sentence(tmp_path: Path) -> None:
    gateway = NativeGateway(tmp_path / "nothing", tmp_path)
    with pytest.raises(DutError, match="cannot be started: No such file"):
        await gateway.start()


async def test_terminate_and_restart_keep_the_data(gateway: NativeGateway, tmp_path: Path) -> None:
    await gateway.start()
    with pytest.raises(DutError, match="already running"):
        await gateway.start()
    await gateway.restart()
    assert (tmp_path / "data" / "boots").read_text() == "2"
    assert await gateway.terminate() == -15


async def test_options_become_the_command_line(tmp_path: Path) -> None:
    options = GatewayOptions(
        csms_url="ws://localhost:9000",
        identity="CP1",
        buses={1: "/tmp/ttyWB"},
        profile="heidelberg-energy-control",
        password_file=tmp_path / "password",
        settings={"c1.max_ma": "16000"},
    )
    gateway = NativeGateway(Path("/bin/gateway"), tmp_path, options)
    assert gateway.command == [
        "/bin/gateway",
        f"--data={tmp_path}/data",
        f"--console=pty:{tmp_path}/console",
        "--bus=1=/tmp/ttyWB",
        "--csms=ws://localhost:9000",
        "--identity=CP1",
        "--profile=heidelberg-energy-control",
        f"--password-file={tmp_path}/password",
        "--set=c1.max_ma=16000",
    ]


async def test_serial_transport_talks_over_a_pseudo_terminal_but_cannot_reset(
    gateway: NativeGateway, tmp_path: Path
) -> None:
    await gateway.start()
    transport = SerialTransport(str(gateway.console_link))
    async with Dut(transport, log_path=tmp_path / "serial.log") as dut:
        assert (await dut.command("status"))["boots"] == 1
        with pytest.raises(DutError, match="has no DTR and RTS"):
            await dut.reset()
        await gateway.kill9()
        with pytest.raises(DutError, match="is gone"):
            await dut.expect("never", timeout_s=10)


async def test_serial_port_that_does_not_exist_is_one_sentence(tmp_path: Path) -> None:
    dut = Dut(SerialTransport("/dev/ttyNONE"), log_path=tmp_path / "log")
    with pytest.raises(DutError, match=r"^The port /dev/ttyNONE cannot be opened: No such file"):
        await dut.open()


async def test_a_file_is_no_serial_port_in_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "notes"
    file.touch()
    dut = Dut(SerialTransport(str(file)), log_path=tmp_path / "log")
    with pytest.raises(DutError, match=r"notes cannot be opened: it is no serial port\.$"):
        await dut.open()


async def test_a_port_that_another_program_uses_is_one_sentence(
    gateway: NativeGateway, tmp_path: Path
) -> None:
    await gateway.start()
    port = str(gateway.console_link)
    async with Dut(SerialTransport(port), log_path=tmp_path / "first"):
        second = Dut(SerialTransport(port), log_path=tmp_path / "second")
        with pytest.raises(DutError, match=r"cannot be opened: another program uses it\.$"):
            await second.open()


def test_find_gateway_says_how_to_build_it(tmp_path: Path) -> None:
    with pytest.raises(DutError, match="is not built"):
        find_gateway(tmp_path)
    program = tmp_path / ".pio" / "build" / "native" / "program"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    program.write_text("#!/bin/sh\necho '[doctest] all passed'\n")
    with pytest.raises(DutError, match="is not the gateway"):
        find_gateway(tmp_path)
    program.write_text("#!/bin/sh\necho 'vev-gateway 0.1.0'\n")
    assert find_gateway(tmp_path) == program
