"""`vevgw profiles`: device profiles, from YAML to the firmware's tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vevgw.chargers import profiles as store
from vevgw.chargers import profiles_build, profiles_docs
from vevgw.chargers.profiles import PROFILES_FOLDER
from vevgw.chargers.profiles_image import image
from vevgw.chargers.profiles_show import describe
from vevgw.chargers.profiles_try_cli import try_profile
from vevgw.errors import UserError

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

_Folder = Annotated[Path, typer.Option("--folder", help="Folder with the profiles.")]


@app.callback()
def profiles() -> None:
    """Charger and meter models as data: one YAML file each."""


@app.command("list")
def list_profiles(folder: _Folder = PROFILES_FOLDER) -> None:
    """List the profiles."""
    for path in store.profile_files(folder):
        profile, findings = store.check_file(path)
        if profile is None:
            errors = sum(finding.is_error for finding in findings)
            print(f"{path.stem:<32} has {errors} mistakes: vevgw profiles check {path.stem}")
        else:
            print(f"{profile.name:<32} {profile.data['title']}")


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(help="Name of a profile, or a YAML file.")],
    folder: _Folder = PROFILES_FOLDER,
) -> None:
    """Show what a profile reads and writes, and where that is known from."""
    path = store.find_file(name, folder)
    profile, findings = store.check_file(path)
    if profile is None:
        raise UserError(str(next(finding for finding in findings if finding.is_error)))
    print("\n".join(describe(profile)))


@app.command("check")
def check(
    names: Annotated[
        list[str] | None, typer.Argument(help="Names of profiles or YAML files; default: all.")
    ] = None,
    folder: _Folder = PROFILES_FOLDER,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail, too.")] = False,
) -> None:
    """Explain every mistake in profiles, with file and line."""
    paths = [store.find_file(name, folder) for name in names or []] or store.profile_files(folder)
    if not paths:
        raise UserError(f"There is no profile in {folder}.")
    errors = warnings = 0
    for path in paths:
        for finding in store.check_file(path)[1]:
            errors += finding.is_error
            warnings += not finding.is_error
            print(finding)
    said = [
        f"{count} {word}{'' if count == 1 else 's'}"
        for count, word in ((errors, "mistake"), (warnings, "warning"))
        if count
    ]
    if errors or (strict and warnings):
        raise UserError(f"{' and '.join(said)} in {len(paths)} profile(s).")
    print(f"{len(paths)} profile(s) checked: {' and '.join(said) or 'no mistakes'}.")


@app.command("build")
def build(
    check_only: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if the tables do not match.")
    ] = False,
    folder: _Folder = PROFILES_FOLDER,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for the C++ files; with --binary the file."),
    ] = None,
    binary: Annotated[
        str | None,
        typer.Option(help="Name of a profile, or a YAML file: make a file to load at run time."),
    ] = None,
) -> None:
    """Make the firmware's tables from the profiles, or one profile's file (.vevp)."""
    if binary is not None:
        _build_binary(store.find_file(binary, folder), output)
        return
    output = output or profiles_build.OUTPUT_FOLDER
    loaded = store.load_all(folder)
    if check_only:
        profiles_build.check(loaded, output)
        print(f"{output} matches {len(loaded)} profile(s).")
        return
    changed = profiles_build.write(loaded, output)
    print(f"{output}: {len(loaded)} profile(s), {changed} file(s) changed.")


app.command("try")(try_profile)


def _build_binary(path: Path, output: Path | None) -> None:
    profile, findings = store.check_file(path)
    if profile is None:
        raise UserError(str(next(finding for finding in findings if finding.is_error)))
    output = output or Path(f"{profile.name}.vevp")
    content = image(profile)
    try:
        output.write_bytes(content)
    except OSError as error:
        raise UserError(f"Cannot write {output}: {error.strerror}.") from None
    print(f"{output}: {profile.name}, {len(content)} bytes.")


@app.command("docs")
def docs(
    check_only: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if docs/chargers.md differs.")
    ] = False,
) -> None:
    """Make docs/chargers.md, the table of all built-in profiles."""
    loaded = store.load_all()
    if check_only:
        profiles_docs.check(loaded)
        print(f"{profiles_docs.OUTPUT_FILE} matches {len(loaded)} profile(s).")
        return
    profiles_docs.write(loaded)
    print(f"{profiles_docs.OUTPUT_FILE}: {len(loaded)} profile(s).")
