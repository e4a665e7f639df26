"""`vevgw release`: the files that flash a board, with digests, manifests and bill of materials."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from vevgw.board import build as board_build
from vevgw.board import image, release, signing
from vevgw.build import pio
from vevgw.errors import UserError

_PASSWORD = "VEVGW_SIGNING_PASSWORD"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def make(
    environment: Annotated[
        str, typer.Option("--env", "-e", help="Environment of platformio.ini.")
    ] = "esp32dev",
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Folder with firmware.bin, bootloader.bin, partitions.bin; default: build them.",
        ),
    ] = None,
    version: Annotated[
        str | None, typer.Option(help="Version in the firmware; default: sources and git id.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of all releases.")] = Path("dist"),
    profiles: Annotated[
        list[str] | None,
        typer.Option("--profile", help="Only this charger or meter profile; may be repeated."),
    ] = None,
    security_version: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=0xFFFFFFFF,
            help="no gateway that ran this release takes one with a lower number; default: sources",
        ),
    ] = None,
    signing_key: Annotated[
        Path | None, typer.Option(help="The manufacturer's firmware key, PEM: signs the release.")
    ] = None,
    signing_certificate: Annotated[
        Path | None, typer.Option(help="Its certificate and those up to the root, PEM.")
    ] = None,
) -> None:
    """Make a release: parts, merged image, manifests, SHA-256 and bill of materials."""
    signer = _signer(signing_key, signing_certificate)
    project = pio.project_dir()
    board_build.require_releasable(project, environment)
    notes = release.revision(project)
    named = version or release.full_version(project)
    if source is None:
        # GATEWAY_RELEASE: the compiler refuses what may not leave the house.
        words = board_build.image_flags(named, notes, profiles or [], security_version)
        flags = " ".join(["-D GATEWAY_RELEASE", *words])
        source = pio.build(project, environment, variables={"PLATFORMIO_BUILD_FLAGS": flags})
    made = image.load(source)
    found = image.security_version(made.firmware.content)
    if security_version is not None and security_version != found:
        raise UserError(
            f"The firmware in {source} has the security version {found}: build it without --from."
        )
    folder, sizes = release.write(
        made,
        project=project,
        environment=environment,
        version=named,
        out=out,
        notes=notes,
    )
    if signer is not None:
        signing.sign_release(folder, signer)
    signed = "" if signer is not None else ", not signed"
    print(f"{release.NAME} {named}, security version {found}{signed}")
    print(sizes.sentence())
    for path in sorted(folder.iterdir()):
        print(f"  {path.stat().st_size:>9,}  {path}")


def _signer(key: Path | None, certificate: Path | None) -> signing.Signer | None:
    """The password of the key comes from the environment: no other program shall see it."""
    if key is None and certificate is None:
        return None
    if key is None or certificate is None:
        raise UserError("--signing-key and --signing-certificate go together.", exit_code=2)
    password = os.environ.get(_PASSWORD)
    return signing.Signer.load(key, certificate, password.encode() if password else None)
