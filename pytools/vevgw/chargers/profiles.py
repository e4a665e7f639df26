"""Device profiles: the YAML files of profiles/chargers and profiles/meters, checked."""

from __future__ import annotations

import difflib
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vevgw.chargers.profiles_check import check_text
from vevgw.chargers.profiles_yaml import Finding
from vevgw.errors import UserError

REPOSITORY = Path(__file__).resolve().parents[3]
PROFILES_FOLDER = REPOSITORY / "profiles"


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile without errors.

    Attributes:
        data: The file's content; its shape is that of the JSON Schema.
        text: The file as it is, for the input hash.
        warnings: What `check` says although it passes.
    """

    path: Path
    data: dict[str, Any]
    text: str
    warnings: tuple[Finding, ...]

    @property
    def is_meter(self) -> bool:
        """Whether it describes a meter, not a charger."""
        return self.data.get("kind") == "meter"

    @property
    def name(self) -> str:
        """Name that a gateway's settings use."""
        return str(self.data["name"])


def read(path: Path) -> str:
    """Returns the text of a profile file.

    Raises:
        UserError: The file cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{path}:1: The file is not UTF-8 text.") from None
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}.") from None


def check_file(path: Path) -> tuple[Profile | None, list[Finding]]:
    """Checks one file.

    Returns:
        The profile, or None when it has errors; and everything to say about it.

    Raises:
        UserError: The file cannot be read.
    """
    text = read(path)
    document, findings = check_text(path, text)
    if any(finding.is_error for finding in findings):
        return None, findings
    return Profile(path, document.data, text, tuple(findings)), findings


def profile_files(folder: Path = PROFILES_FOLDER) -> list[Path]:
    """Returns the profile files of a folder and of the folders in it, sorted by name.

    Raises:
        UserError: There is no such folder.
    """
    if not folder.is_dir():
        raise UserError(f"There is no folder {folder} with profiles.")
    return sorted([*folder.glob("*.yaml"), *folder.glob("*/*.yaml")], key=lambda path: path.stem)


def find_file(name: str, folder: Path = PROFILES_FOLDER) -> Path:
    """Returns the file of a profile, given its name or the path of a file.

    Raises:
        UserError: There is no such profile.
    """
    as_path = Path(name)
    if as_path.suffix in (".yaml", ".yml") or len(as_path.parts) > 1:
        if not as_path.is_file():
            raise UserError(f"There is no file {name}.")
        return as_path
    paths = {path.stem: path for path in profile_files(folder)}
    if name in paths:
        return paths[name]
    close = difflib.get_close_matches(name, paths, n=1)
    hint = f"did you mean '{close[0]}'?" if close else f"the profiles are: {', '.join(paths)}."
    raise UserError(f"There is no profile '{name}'; {hint}")


def load_all(folder: Path = PROFILES_FOLDER) -> list[Profile]:
    """Returns all profiles of a folder, sorted by name.

    Raises:
        UserError: One cannot be read or has errors, or two have the same name; the text is the
            first of the mistakes.
    """
    profiles: list[Profile] = []
    for path, after in itertools.pairwise([*profile_files(folder), None]):
        if after is not None and path is not None and after.stem == path.stem:
            raise UserError(f"{path} and {after} have the same name.")
        assert path is not None
        profile, findings = check_file(path)
        if profile is None:
            raise UserError(str(next(finding for finding in findings if finding.is_error)))
        profiles.append(profile)
    if not profiles:
        raise UserError(f"There is no profile in {folder}.")
    return profiles
