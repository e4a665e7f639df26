"""`vevgw gateway`: what is said about chargers, and what is wrong with a call."""

import io
from pathlib import Path

import pytest

from vevgw import cli
from vevgw.chargers.sim_bus import Framing
from vevgw.errors import UserError
from vevgw.gateway.shell import Shell, converse
from vevgw.gateway.wiring import Charger, Wiring, make_simulation, parse_charger


@pytest.mark.parametrize(
    ("text", "charger"),
    [
        ("sim", Charger("heidelberg-energy-control", model="heidelberg-energy-control")),
        ("sim:keba-p30", Charger("keba-p30", model="keba-p30")),
        (
            "sim:phoenix-ev-cc-ac1-m3:wallbe",
            Charger("phoenix-ev-cc-ac1-m3", model="phoenix-ev-cc-ac1-m3:wallbe"),
        ),
        ("keba-p30@192.168.1.50:503", Charger("keba-p30", "192.168.1.50:503")),
        ("abl-emh1@/dev/ttyUSB0", Charger("abl-emh1", "/dev/ttyUSB0")),
    ],
)
def test_charger_is_read(text: str, charger: Charger) -> None:
    assert parse_charger(text) == charger


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("simulated", "is no charger"),
        ("sim:tesla", "tesla"),
        ("keba-p30", "is no charger"),
        ("keba-p30@", "is no charger"),
        ("@/dev/ttyUSB0", "is no charger"),
        ("kebba-p30@10.0.0.1", "kebba-p30"),
    ],
)
def test_wrong_charger_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        parse_charger(text)


def test_chargers_on_one_line_share_its_bus() -> None:
    wiring = Wiring()
    wiring.add(1, Charger("abl-emh1"), "/dev/ttyUSB0")
    wiring.add(2, Charger("keba-p30"), "10.0.0.1:502")
    wiring.add(3, Charger("abl-emh1"), "/dev/ttyUSB0")
    wiring.add(4, Charger("sungrow-ac011e"), "/dev/ttyUSB1")
    assert wiring.buses == {1: "/dev/ttyUSB0", 2: "/dev/ttyUSB1"}
    assert wiring.settings["c1.bus"] == wiring.settings["c3.bus"] == "1"
    assert wiring.settings["c4.bus"] == "2"
    assert wiring.settings["c2.host"] == "10.0.0.1:502"
    assert "c2.bus" not in wiring.settings


async def test_simulation_is_on_the_link_of_its_profile() -> None:
    async with make_simulation(parse_charger("sim:keba-p30")) as network:
        assert network.port_path.startswith("127.0.0.1:")
    async with make_simulation(parse_charger("sim:abl-emh1")) as line:
        assert line.port_path.startswith("/dev/")
        assert line._framing is Framing.ASCII


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run", "--csms", "http://127.0.0.1"], "no WebSocket URL"),
        (["run", "--csms", "ws://127.0.0.1", "--set", "connectors"], "NAME=VALUE"),
        (["run", "--csms", "ws://127.0.0.1", "--charger", "box"], "no charger"),
        (["run", "--csms", "ws://127.0.0.1", "--identity", "../x"], "--folder"),
        (["run", "--csms", "ws://127.0.0.1", "--program", "/nowhere/at/all"], "cannot be started"),
        (["shell", "--identity", "NOBODY"], "No charge point runs"),
    ],
)
def test_wrong_call_is_one_sentence(
    words: list[str],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert cli.main(["gateway", *words]) != 0
    err = capsys.readouterr().err
    assert err.startswith("vevgw: ")
    assert sentence in err.splitlines()[0]


class EchoShell(Shell):
    """Answers without a charge point."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def ask(self, line: str) -> dict[str, object]:
        self.asked.append(line)
        if line == "bad":
            return {"ok": False, "error": "that is wrong"}
        return {"ok": True, "id": 3, **({"state": "A1"} if line == "status" else {})}


def test_shell_prints_answers_and_stops_at_quit() -> None:
    shell, out = EchoShell(), io.StringIO()
    lines = ["status\n", "# a remark\n", "\n", "plug\n", "bad\n", "quit\n", "status\n"]
    assert not converse(shell, lines, out)
    assert out.getvalue() == '{"state": "A1"}\nok\nerror: that is wrong\n'
    assert shell.asked == ["status", "plug", "bad"]
    assert converse(EchoShell(), ["plug"], io.StringIO())
