"""`vevgw provision --improv` against a board that answers by a script."""

from __future__ import annotations

import os
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from vevgw import cli
from vevgw.board import improv_session
from vevgw.board.improv import Command, Frame, FrameType, Splitter, State, command
from vevgw.board.improv_session import provision_wifi
from vevgw.dut.transports import FdLine

PASSWORD = "let me in"


def state(value: State) -> Frame:
    return Frame(FrameType.STATE, bytes([value]))


def error(code: int) -> Frame:
    return Frame(FrameType.ERROR, bytes([code]))


def texts(number: Command, *words: str) -> Frame:
    return Frame(FrameType.RESULT, command(number, words).data)


class Board:
    """Answers each command with what the script says, console lines between the frames."""

    def __init__(self) -> None:
        self.fd, self.slave = os.openpty()
        tty.setraw(self.slave)
        os.set_blocking(self.fd, False)
        self.port = os.ttyname(self.slave)
        self.asked: list[bytes] = []
        self.script = {
            Command.CURRENT_STATE: [state(State.AUTHORIZED)],
            Command.DEVICE_INFORMATION: [
                texts(Command.DEVICE_INFORMATION, "VEV-Gateway", "1.2.3", "ESP32", "CP-1")
            ],
            Command.WIFI_SETTINGS: [
                error(0),
                state(State.PROVISIONING),
                state(State.PROVISIONED),
                texts(Command.WIFI_SETTINGS),
            ],
            Command.SCAN: [
                texts(Command.SCAN, "depot", "-50", "YES"),
                texts(Command.SCAN, "guests", "-70", "NO"),
                texts(Command.SCAN),
            ],
        }
        self.splitter = Splitter()

    def start(self) -> None:
        self.line = FdLine(self.fd, self.on_data, lambda why: None)

    def on_data(self, data: bytes) -> None:
        for frame in self.splitter.feed(data)[0]:
            self.asked.append(frame.data)
            for answer in self.script.get(Command(frame.data[0]), []):
                os.write(self.fd, b"I (5) app: a line\n" + answer.encode() + b"\n")


@pytest.fixture
def board() -> Iterator[Board]:
    board = Board()
    yield board
    os.close(board.fd)
    os.close(board.slave)


async def run(board: Board, ssid: str = "depot", password: str = PASSWORD) -> str:
    board.start()
    outcome = await provision_wifi(board.port, ssid, password, answer_s=2)
    board.line.close()
    assert PASSWORD not in outcome.error
    return outcome.error


async def test_a_board_gets_its_network_and_says_who_it_is(board: Board) -> None:
    board.start()
    outcome = await provision_wifi(board.port, "depot", PASSWORD)
    board.line.close()
    assert (outcome.error, outcome.identity, outcome.version) == ("", "CP-1", "1.2.3")
    assert board.asked[-1] == command(Command.WIFI_SETTINGS, ["depot", PASSWORD]).data


@pytest.mark.parametrize(
    ("code", "ssid", "sentence"),
    [
        (1, "depot", "takes no such name or password"),
        (2, "depot", "cannot be given a network by Improv"),
        (3, "depot", "did not join 'depot': it hears this network, so the password may be wrong."),
        (3, "home", "did not join 'home': it hears 'depot', 'guests'; only 2.4 GHz can be heard."),
        (255, "depot", "reports error 255"),
    ],
)
async def test_why_a_board_did_not_join_is_one_sentence(
    board: Board, code: int, ssid: str, sentence: str
) -> None:
    board.script[Command.WIFI_SETTINGS] = [error(0), state(State.PROVISIONING), error(code)]
    assert sentence in await run(board, ssid)


async def test_a_board_that_stays_silent_is_one_sentence(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(improv_session, "_RETRY_S", 0.02)
    monkeypatch.setattr(improv_session, "_JOIN_S", 0.1)
    board.script[Command.WIFI_SETTINGS] = [error(0)]
    assert "was silent for 0.1 s: nothing was heard of joining 'depot'" in await run(board)

    board.script.clear()
    board.start()
    outcome = await provision_wifi(board.port, "depot", "", answer_s=0.1)
    board.line.close()
    assert "does not answer to Improv within 0.1 s" in outcome.error
    assert "cannot be opened" in (await provision_wifi("/dev/none", "depot", "")).error


def test_what_cannot_be_set_is_refused_before_a_port_is_opened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = tmp_path / "short"
    short.write_text("1234567\n")
    port = ["--port", "/dev/none"]
    for words, sentence in (
        (["--ssid", "x" * 33], "1 to 32 bytes"),
        (["--ssid", "depot", "--wifi-password-file", str(short)], "8 to 63 bytes"),
        ([], "--improv sets Wi-Fi alone"),
        (["--ssid", "depot", "--csms", "ws://csms"], "--improv sets Wi-Fi alone"),
    ):
        assert cli.main(["provision", "--improv", *port, *words]) != 0
        assert sentence in capsys.readouterr().err
    assert cli.main(["provision", "--improv", *port, "--ssid", "depot"]) == 1
    assert "There is no port /dev/none" in capsys.readouterr().err
