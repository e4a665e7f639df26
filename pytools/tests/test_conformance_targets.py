"""Targets that are commands or people."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from vevgw.conformance.targets.choose import choose
from vevgw.conformance.targets.command import CommandFile, CommandTarget, read_commands
from vevgw.errors import UserError


def target(folder: Path, *, is_attended: bool = False, **commands: str) -> CommandTarget:
    return CommandTarget(CommandFile("CP", commands=commands), folder, is_attended=is_attended)


async def test_commands_find_their_arguments_in_the_environment(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    one = target(
        tmp_path,
        start=f'echo "$CSMS_URL" >> {seen}',
        present_tag=f'echo "tag $TAG" >> {seen}',
        power_off=f"echo off >> {seen}",
        power_on=f"echo on >> {seen}",
        locked='test "$CONNECTOR" = 2',
    )
    await one.start("ws://127.0.0.1:9")
    await one.do("present_tag", {"tag": "A B"})
    await one.do("power_cycle", {})
    assert seen.read_text() == "ws://127.0.0.1:9\ntag A B\noff\non\n"
    assert await one.is_locked(2) is True
    assert await one.is_locked(1) is False
    assert one.files() == [tmp_path / "commands.log"]


async def test_command_that_fails_is_told_with_its_log(tmp_path: Path) -> None:
    one = target(tmp_path, plug_in="echo no cable; exit 3")
    with pytest.raises(UserError, match=r"'plug_in' ended with exit code 3: .*commands\.log"):
        await one.do("plug_in", {"connector": 1})
    assert "no cable" in (tmp_path / "commands.log").read_text()
    assert await one.is_locked(1) is None


async def test_nobody_to_ask_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no command for 'unplug', and nobody to ask"):
        await target(tmp_path).do("unplug", {"connector": 1})


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [("\n", None), ("it is stuck\n", "unplug .connector 1.: it is stuck"), ("", "Nobody answered")],
)
async def test_person_is_asked(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    typed: str,
    sentence: str | None,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    one = target(tmp_path, is_attended=True)
    if sentence is None:
        await one.do("unplug", {"connector": 1})
    else:
        with pytest.raises(UserError, match=sentence):
            await one.do("unplug", {"connector": 1})
    assert "Unplug (connector 1). Then press Enter" in capsys.readouterr().err


def test_files_and_names_that_are_wrong(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("identity: CP-7\nconnectors: 2\ncommands: {start: 'true'}\n")
    assert read_commands(path).connectors == 2
    chosen = choose(f"command:{path}", charger_port=None, folder=tmp_path, is_attended=False)
    assert (chosen.jobs, chosen.scale) == (1, "slow")
    assert chosen.make(tmp_path, "").identity == "CP-7"
    path.write_text("identiy: CP-7\n")
    with pytest.raises(UserError, match="describes no target"):
        read_commands(path)
    path.write_text("identity: CP-7\nconnectors: many\n")
    with pytest.raises(UserError, match="connectors is no number"):
        read_commands(path)
    with pytest.raises(UserError, match="needs --charger-port"):
        choose("serial:/dev/ttyUSB0", charger_port=None, folder=tmp_path, is_attended=False)
    with pytest.raises(UserError, match="no target 'moon'"):
        choose("moon", charger_port=None, folder=tmp_path, is_attended=False)


async def test_native_gateway_of_another_environment_is_run(tmp_path: Path) -> None:
    program = tmp_path / "program"
    with pytest.raises(UserError, match="is not built"):
        choose("native", charger_port=None, folder=tmp_path, is_attended=False, program=program)
    program.write_text(
        "#!/bin/sh\necho 'vev-gateway 0.1.0'\n"
        f"[ $1 = --version ] || exec {sys.executable} "
        f'{Path(__file__).parent}/fake_gateway.py "$@"\n'
    )
    program.chmod(0o755)
    chosen = choose(
        "native", charger_port=None, folder=tmp_path, is_attended=False, program=program
    )
    gateway = chosen.make(tmp_path, "fixed")
    await gateway.start("ws://127.0.0.1:9")
    await gateway.stop()
    with pytest.raises(UserError, match=r"^--program goes with --target native, not with moon"):
        choose("moon", charger_port=None, folder=tmp_path, is_attended=False, program=program)
