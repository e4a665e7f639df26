"""The `vevgw` command: one line per sub-command, imported only when it is called.

To add a sub-command `vevgw NAME`: write a module with a `typer.Typer` object called `app` and add
one line to `COMMANDS`. An app with a single command needs no further word (`vevgw demo`); an app
with several has its own (`vevgw csms run`). Raise `vevgw.errors.UserError` for whatever the user
can mend: it becomes one sentence on stderr. noxfile.py asks `COMMANDS` which parts exist.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from typing import NamedTuple

from vevgw import __version__
from vevgw.errors import UserError

_INTERRUPTED = 130


class Command(NamedTuple):
    """One sub-command: the module that holds its `app`, and its line in `vevgw --help`."""

    module: str
    summary: str


COMMANDS: dict[str, Command] = {
    "bench": Command("vevgw.bench.cli", "count instructions, heap and flash of the engine"),
    "build": Command("vevgw.build.cli", "build the firmware and run its test suites"),
    "charger": Command("vevgw.chargers.sim_cli", "run a simulated charger and control it"),
    "codegen": Command("vevgw.codegen.cli", "generate lib/ocpp_messages from the JSON schemas"),
    "conformance": Command("vevgw.conformance.cli", "judge a charge point by test cases"),
    "coverage": Command("vevgw.build.branches_cli", "measure the branches that tests take"),
    "crash": Command("vevgw.board.crash_cli", "show why a gateway crashed last"),
    "csms": Command("vevgw.csms.cli", "run an emulated OCPP CSMS and operate it"),
    "demo": Command("vevgw.demo.cli", "run a whole charging session on real parts and check it"),
    "dut": Command("vevgw.dut.cli", "talk to a gateway on a console, run a virtual board"),
    "gateway": Command("vevgw.gateway.cli", "run a charge point against any CSMS, attach to it"),
    "flash": Command("vevgw.board.flash_cli", "write the firmware into a board"),
    "monitor": Command("vevgw.board.monitor_cli", "show a gateway's console, decode back-traces"),
    "profiles": Command(
        "vevgw.chargers.profiles_cli", "check charger profiles, build their tables"
    ),
    "provision": Command("vevgw.board.provision_cli", "set boards up over their consoles"),
    "release": Command("vevgw.board.release_cli", "make the files of a release for the board"),
    "rules": Command("vevgw.rules.cli", "show which test proves which rule of OCPP"),
    "secure": Command("vevgw.board.secure_cli", "close a board: device key, encryption, boot"),
    "simulate": Command("vevgw.simulate.cli", "simulate days of faults, check every promise"),
    "size": Command("vevgw.bench.size_cli", "measure code, RAM and stack of the engine"),
    "verify": Command("vevgw.board.verify_cli", "check who signed a release"),
    "verify-log": Command("vevgw.security.log_cli", "check the chain of hashes of a security log"),
}


def usage() -> str:
    """Returns the text of `vevgw --help`."""
    width = max(len(name) for name in COMMANDS)
    rows = [f"  {name:<{width}}  {command.summary}" for name, command in sorted(COMMANDS.items())]
    return "\n".join(
        ["Usage: vevgw COMMAND [OPTIONS]", "", "Commands (each has its own --help):", *rows]
    )


def run(arguments: Sequence[str]) -> None:
    """Runs one sub-command.

    Raises:
        UserError: No such command, or whatever the command reports.
        SystemExit: The command ended by itself; its code is the exit code.
    """
    if not arguments or arguments[0] in ("--help", "-h", "help"):
        print(usage())
        return
    name, *rest = arguments
    if name == "--version":
        print(f"vevgw {__version__}")
        return
    command = COMMANDS.get(name)
    if command is None:
        known = ", ".join(sorted(COMMANDS))
        raise UserError(f"There is no command '{name}'; the commands are: {known}.", exit_code=2)

    import typer

    app = importlib.import_module(command.module).app
    typer.main.get_command(app)(args=rest, prog_name=f"vevgw {name}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the console script.

    Args:
        arguments: Words after `vevgw`; `sys.argv` when absent.

    Returns:
        The exit code: 0, 1 (the work failed), 2 (called wrongly), 130 (interrupted).
    """
    try:
        run(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
    except UserError as error:
        print(f"vevgw: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("vevgw: interrupted.", file=sys.stderr)
        return _INTERRUPTED
    except SystemExit as stop:
        if stop.code == _INTERRUPTED:  # Typer has caught it, without a word
            print("vevgw: interrupted.", file=sys.stderr)
        raise
    except BrokenPipeError:
        # The reader (`head`, a pager) has gone: nothing more can be said to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
