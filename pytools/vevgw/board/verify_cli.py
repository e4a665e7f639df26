"""`vevgw verify`: is this what the manufacturer has released?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vevgw.board import signing

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def verify(
    path: Annotated[Path, typer.Argument(help="Release folder, or a file beside its FILE.sig.")],
    root: Annotated[Path, typer.Option(help="The manufacturer's root certificates, PEM.")],
) -> None:
    """Check signatures, certificates and digests of a release."""
    print(signing.verify(path, root))
