"""`vevgw verify-log`: was this security log changed?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vevgw.errors import UserError
from vevgw.security import log_check

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def verify_log(
    path: Annotated[Path, typer.Argument(help="File that a gateway has uploaded for GetLog.")],
    after: Annotated[
        Path | None, typer.Option(help="An earlier one of the same gateway, that it must continue.")
    ] = None,
    anchor: Annotated[
        list[str] | None,
        typer.Option(help="NUMBER:HASH of techInfo of a StartupOfTheDevice. May be repeated."),
    ] = None,
) -> None:
    """Check the chain of hashes of a security log; name the first entry that does not fit."""
    log = _read(path)
    print(f"{path}: {log_check.describe(log)}.")
    if after is not None:
        print(f"{path}: {log_check.check_after(log, _read(after))}.")
    for each in anchor or []:
        print(f"{path}: {log_check.check_anchor(log, each)}.")


def _read(path: Path) -> log_check.Log:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.", exit_code=2) from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not a security log: it is no text.") from None
    try:
        return log_check.read(text)
    except log_check.BrokenLogError as error:
        raise log_check.BrokenLogError(f"{path}: {error}") from None
