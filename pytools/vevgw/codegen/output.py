"""Writes the generated folder, or says how it differs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from vevgw.codegen.model import build_model
from vevgw.codegen.overlay import OVERLAY_FOLDER, load_overlay
from vevgw.codegen.render import render
from vevgw.codegen.schemas import load_schemas
from vevgw.errors import UserError

REPOSITORY = Path(__file__).resolve().parents[3]
DEFAULT_OVERLAY = OVERLAY_FOLDER / "ocpp16.yaml"
DEFAULT_FOLDER = REPOSITORY / "lib" / "ocpp_messages"
# Generated files lie beside runtime/, README.md and library.json; everything else there is stale.
GENERATED_SUFFIXES = (".hpp", ".cpp")


def generate(overlay_path: Path) -> Mapping[str, str]:
    """Returns all files of a protocol: name to content.

    Raises:
        UserError: The overlay or a schema is missing or not usable.
    """
    overlay = load_overlay(overlay_path)
    schemas = load_schemas(overlay)
    return render(overlay, schemas, build_model(overlay, schemas))


def present_files(folder: Path) -> set[str]:
    """Returns the names of the files in the folder that the generator answers for."""
    return {path.name for path in folder.glob("*") if path.suffix in GENERATED_SUFFIXES}


def differences(files: Mapping[str, str], folder: Path) -> list[str]:
    """Returns the names of files that are missing, stale or different, sorted."""
    present = present_files(folder)
    changed = {
        name
        for name, content in files.items()
        if name in present and (folder / name).read_text(encoding="utf-8") != content
    }
    return sorted((set(files) ^ present) | changed)


def write(files: Mapping[str, str], folder: Path) -> list[str]:
    """Makes the folder match and returns the names of the files that changed.

    Raises:
        UserError: The folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        changed = differences(files, folder)
        for name in changed:
            if name in files:
                (folder / name).write_text(files[name], encoding="utf-8")
            else:
                (folder / name).unlink()
    except OSError as error:
        raise UserError(f"Cannot write {error.filename}: {error.strerror}.") from error
    return changed


def check(
    files: Mapping[str, str], folder: Path, sources: str = "schemas, overlay and templates"
) -> None:
    """Compares without writing.

    Raises:
        UserError: The folder does not match, in one sentence.
    """
    changed = differences(files, folder)
    if changed:
        more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
        raise UserError(
            f"{folder / changed[0]}{more} does not match {sources}:"
            " run `vevgw codegen` and commit the result."
        )
