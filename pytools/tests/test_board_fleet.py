"""The TOML file of `vevgw provision`."""

from __future__ import annotations

from pathlib import Path

import pytest

from vevgw.board import fleet
from vevgw.errors import UserError


def load(folder: Path, text: str) -> list[fleet.BoardPlan]:
    path = folder / "fleet.toml"
    path.write_text(text)
    return fleet.load(path)


def test_boards_get_the_defaults_and_their_own_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPOT_WIFI", "of the depot")
    (tmp_path / "key").write_text("of CP-1\n")
    one, two = load(
        tmp_path,
        """
        [defaults]
        wifi_password = { env = "DEPOT_WIFI" }
        connectors = 1
        subprotocol = true
        c1.profile = "abl-emh1"
        ocpp.HeartbeatInterval = 300

        [[board]]
        port = "/dev/ttyUSB0"
        serial_number = "246222AABBCC"
        identity = "CP-1"
        password = { file = "key" }
        c1.unit = 7

        [[board]]
        port = "/dev/ttyUSB1"
        c1.profile = "keba-p30"
        ocpp.HeartbeatInterval = 60
        """,
    )
    common = {"wifi_password": "of the depot", "connectors": "1", "subprotocol": "true"}
    assert one == fleet.BoardPlan(
        "/dev/ttyUSB0",
        "246222AABBCC",
        {**common, "c1.profile": "abl-emh1", "identity": "CP-1", "password": "of CP-1",
         "c1.unit": "7"},
        {"HeartbeatInterval": "300"},
    )  # fmt: skip
    assert two.settings == {**common, "c1.profile": "keba-p30"}
    assert two.ocpp == {"HeartbeatInterval": "60"}
    assert "of the depot" not in repr(one)


def test_several_networks_are_in_their_order_and_leave_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPOT_WIFI", " of the depot")
    one, two = load(
        tmp_path,
        """
        [defaults]
        wifi = [{ ssid = "depot", password = { env = "DEPOT_WIFI" } }, { ssid = "Our Guests" }]
        [[board]]
        port = "a"
        [[board]]
        port = "b"
        wifi = [{ ssid = "yard" }]
        """,
    )
    left = {f"wifi{n}_{what}": "" for n in (3, 4) for what in ("ssid", "password")}
    assert one.settings == {
        "wifi_ssid": "depot", "wifi_password": " of the depot",
        "wifi2_ssid": "Our Guests", "wifi2_password": "", **left,
    }  # fmt: skip
    assert two.settings == {
        "wifi_ssid": "yard", "wifi_password": "", "wifi2_ssid": "", "wifi2_password": "", **left
    }  # fmt: skip
    values = ("plain", "in between", " of the depot", '"marked"', "")
    said = ["plain", "in between", '" of the depot"', '""marked""', ""]
    assert [fleet.said(value) for value in values] == said


def test_each_board_gets_a_key_of_its_own_that_is_made_once(tmp_path: Path) -> None:
    text = """
        [[board]]
        port = "a"
        password = { new = "keys/one" }
        [[board]]
        port = "b"
        password = { new = "keys/two" }
        console_password = { new = "keys/two.console" }
        """
    one, two = load(tmp_path, text)
    key = one.settings["password"]
    assert len(bytes.fromhex(key)) == 20
    assert len({key, two.settings["password"], two.console_password}) == 3
    assert (tmp_path / "keys" / "one").stat().st_mode & 0o777 == 0o600
    again, _ = load(tmp_path, text)
    assert again.settings["password"] == key


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "[defaults]\npassword='x'\n[[board]]\nport='a'\n[[board]]\nport='b'\n",
            "two boards have the same key",
        ),
        ("[[board]]\npassword = { new = '/dev/null/key' }\n", "/dev/null/key cannot be made"),
        ("[[board]\n", "is no TOML"),
        ("[defaults]\n", "names no board"),
        ("[[bord]]\nport = 'a'\n", "'bord' is neither"),
        ("[[board]]\nport = 'a'\n[[board]]\nport = 'a'\n", "two boards have the port 'a'"),
        (
            "[[board]]\nport='a'\nidentity='x'\n[[board]]\nport='b'\nidentity='x'\n",
            "two boards have the identity 'x'",
        ),
        ("[[board]]\npassword = { env = 'NOT_SET_HERE' }\n", "NOT_SET_HERE, which is not set"),
        ("[[board]]\npassword = { file = 'absent' }\n", "absent cannot be read"),
        ("[[board]]\nwifi = 'depot'\n", "wifi must be a list of 1 to 4"),
        ("[[board]]\nwifi = [{ password = 'x' }]\n", "has an ssid and perhaps"),
        ("[[board]]\nc1.unit = 1.5\n", "c1.unit must be a text"),
        ('[[board]]\nidentity = "a\\nreboot"\n', "value of identity has a line end"),
        ('[[board]]\n"a b" = 1\n', "'a b' is no name"),
    ],
)
def test_mistakes_are_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        load(tmp_path, text)
