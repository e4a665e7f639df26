"""The `vevgw` command."""

from __future__ import annotations

import importlib
import subprocess
import sys
import types

import pytest
import typer

from vevgw import __version__, cli
from vevgw.errors import UserError


@pytest.fixture
def failing_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sub-command `fail` that raises UserError with exit code 69."""
    module = types.ModuleType("vevgw_failing_command")
    app = typer.Typer()

    @app.command()
    def fail() -> None:
        raise UserError("The wallbox is not connected.", exit_code=69)

    module.app = app  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(cli.COMMANDS, "fail", cli.Command(module.__name__, "fails"))


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    text = capsys.readouterr().out
    for name, command in cli.COMMANDS.items():
        assert f"{name}  " in text
        assert command.summary in text


def test_version_is_the_package_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"vevgw {__version__}\n"


def test_unknown_command_is_one_sentence_and_exit_code_2(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["frobnicate"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("vevgw: There is no command 'frobnicate'; the commands are: ")
    assert captured.err.count("\n") == 1


@pytest.mark.usefixtures("failing_command")
def test_user_error_becomes_its_sentence_and_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["fail"]) == 69
    assert capsys.readouterr().err == "vevgw: The wallbox is not connected.\n"


@pytest.mark.usefixtures("failing_command")
def test_unknown_option_exits_with_code_2() -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["fail", "--no-such-option"])
    assert stop.value.code == 2


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_every_listed_command_has_an_app(name: str) -> None:
    app = importlib.import_module(cli.COMMANDS[name].module).app
    assert isinstance(app, typer.Typer)


def test_help_imports_no_command() -> None:
    code = (
        "import sys; from vevgw import cli; cli.main(['--help']);"
        "sys.exit(any(c.module in sys.modules for c in cli.COMMANDS.values()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_closed_output_is_no_traceback() -> None:
    command = (
        f"{sys.executable} -c 'import time; from vevgw import cli; cli.main([\"--help\"])' | true"
    )
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
