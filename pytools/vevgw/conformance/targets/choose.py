"""From the word after --target to what makes targets."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from vevgw.build import pio
from vevgw.conformance.params import Scale
from vevgw.conformance.suite import TargetFactory
from vevgw.conformance.targets import Target
from vevgw.conformance.targets.command import CommandTarget, read_commands
from vevgw.conformance.targets.native import NativeTarget
from vevgw.conformance.targets.serial import SerialTarget
from vevgw.dut import check_gateway, find_gateway
from vevgw.errors import UserError


@dataclass(frozen=True, slots=True)
class Chosen:
    """A kind of target.

    Attributes:
        jobs: How many cases it can take at a time; None: as many as one likes.
        variants: Those of the PICS that it can be; None: all.
    """

    make: TargetFactory
    scale: Scale
    jobs: int | None = None
    variants: tuple[str, ...] | None = None


def choose(
    name: str,
    *,
    charger_port: str | None,
    folder: Path,
    is_attended: bool,
    program: Path | None = None,
) -> Chosen:
    """Returns what a name stands for.

    Args:
        name: `native`, `serial:DEVICE`, `rfc2217://HOST:PORT` or `command:FILE`.
        charger_port: RS-485 adapter that is wired to a board.
        folder: Of the whole run.
        is_attended: Somebody can be asked.
        program: Native gateway to run; None: the one built in the project.

    Raises:
        UserError: There is no such target, or something is missing.
    """
    if program is not None and name != "native":
        raise UserError(f"--program goes with --target native, not with {name}.", exit_code=2)
    if name == "native":
        gateway = find_gateway(pio.project_dir()) if program is None else check_gateway(program)

        def make_native(folder: Path, variant: str) -> Target:
            return NativeTarget(gateway, folder, variant)

        return Chosen(make_native, "fast")
    if name.startswith(("serial:", "rfc2217://")):
        if charger_port is None:
            raise UserError("A board needs --charger-port, the RS-485 adapter wired to it.")
        port, adapter = name.removeprefix("serial:"), charger_port

        def make_serial(own: Path, variant: str) -> Target:
            return SerialTarget(port, adapter, own, folder / "wallbox-energy", variant)

        return Chosen(make_serial, "slow", jobs=1, variants=("fixed", "unsigned"))
    if name.startswith("command:"):
        file = read_commands(Path(name.removeprefix("command:")))

        def make_command(folder: Path, variant: str) -> Target:
            return CommandTarget(file, folder, is_attended=is_attended and sys.stdin.isatty())

        return Chosen(make_command, "slow", jobs=1)
    raise UserError(
        f"There is no target '{name}'; there are: native, serial:DEVICE, rfc2217://HOST:PORT, "
        "command:FILE.",
        exit_code=2,
    )
