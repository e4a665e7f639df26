"""`vevgw secure`: close a board against who holds it in his hands."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from vevgw.board import secure
from vevgw.board.efuses import Chip
from vevgw.board.ports import choose_port
from vevgw.errors import UserError

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True)

Port = Annotated[str | None, typer.Option(help="Serial device; default: the only USB bridge.")]
Virtual = Annotated[
    Path | None,
    typer.Option("--virt", help="File that stands for the eFuses of a chip: nothing is burned."),
]
Keys = Annotated[Path | None, typer.Option(help="Folder that keeps the keys of boards.")]
Image = Annotated[Path | None, typer.Option(help="Release or build folder the board will run.")]
SigningKey = Annotated[Path | None, typer.Option(help="RSA-3072 key for secure boot, PEM.")]


@app.command()
def plan(
    port: Port = None,
    virtual: Virtual = None,
    keys: Keys = None,
    image: Image = None,
    signing_key: SigningKey = None,
) -> None:
    """Say what each stage would do to this board, and what keeps it from being burned."""
    chip = _chip(port, virtual)
    fuses = chip.read()
    material = secure.Material(keys, image, signing_key)
    print(
        f"{chip.name}: MAC {secure.mac_of(fuses)}, silicon revision {secure.revision_of(fuses)}\n"
    )
    for number, stage in enumerate(secure.STAGES, 1):
        print(f"{number}. {stage.name}: {stage.effect}")
        print(f"   way back: {stage.way_back}")
        if stage.is_done(fuses):
            print("   done")
            continue
        found = stage.obstacles(fuses, material)
        print(f"   {'possible' if not found else 'not possible: ' + '; '.join(found)}")
    print("\nNothing was burned.")


@app.command()
def check(
    port: Port = None,
    virtual: Virtual = None,
    stages: Annotated[
        str, typer.Option(help="Stages that must be done, comma-separated; default: all.")
    ] = "",
) -> None:
    """Check that a board is closed: exit code 1 when a stage is missing."""
    chip = _chip(port, virtual)
    fuses = chip.read()
    names = [name for name in stages.split(",") if name] or [s.name for s in secure.STAGES]
    missing = []
    for name in names:
        stage = secure.stage(name)
        is_done = stage.is_done(fuses)
        print(f"{stage.name:<12} {'done' if is_done else 'open'}")
        if not is_done:
            missing.append(name)
    if missing:
        raise UserError(
            f"The {chip.name} is not closed: {', '.join(missing)} missing; "
            "'vevgw secure plan' says which can still be burned."
        )


@app.command()
def burn(
    name: Annotated[str, typer.Argument(metavar="STAGE", help="Word of 'vevgw secure plan'.")],
    port: Port = None,
    virtual: Virtual = None,
    keys: Keys = None,
    image: Image = None,
    signing_key: SigningKey = None,
    confirm: Annotated[
        str | None, typer.Option(help="The sentence that is otherwise asked for, for scripts.")
    ] = None,
) -> None:
    """Burn one stage, for ever, after a typed confirmation."""
    stage = secure.stage(name)
    chip = _chip(port, virtual)
    material = secure.Material(keys, image, signing_key)
    fuses = chip.read()
    secure.require_possible(fuses, stage, material)
    wanted = secure.confirmation(fuses, stage)
    print(f"{stage.name}: {stage.effect}\nway back: {stage.way_back}")
    typed = confirm if confirm is not None else typer.prompt(f"Type '{wanted}' to burn it")
    if typed != wanted:
        raise UserError(f"'{typed}' is not '{wanted}': nothing was burned.")
    with tempfile.TemporaryDirectory(prefix="vevgw-secure-") as folder:
        after = secure.burn(chip, fuses, stage, material, Path(folder))
    left = [s.name for s in secure.STAGES if not s.is_done(after)]
    print(f"Burned and read back. Left: {', '.join(left) or 'nothing'}.")


def _chip(port: str | None, virtual: Path | None) -> Chip:
    if virtual is not None:
        if port is not None:
            raise UserError("--port and --virt exclude each other.", exit_code=2)
        return Chip(file=virtual)
    return Chip(port=choose_port(port))
