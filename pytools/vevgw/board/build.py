"""A build for the board: what PlatformIO makes, and what flashes and describes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vevgw.board import image, release
from vevgw.build import pio, platformio_ini
from vevgw.chargers import profiles_build
from vevgw.chargers.profiles import load_all
from vevgw.errors import UserError

# Beside what PlatformIO leaves in its build folder.
FOLDER = "image"


@dataclass(frozen=True, slots=True)
class Built:
    """Where a build is, and how large.

    Attributes:
        folder: Has the files of a release, see `release.write`.
        version: With the git id, as the firmware says it.
        sizes: Against the OTA slot and the last release.
    """

    folder: Path
    version: str
    sizes: release.Sizes


def flags(profiles: Sequence[str]) -> list[str]:
    """Returns the compiler's flags for an image with these charger profiles only; () = all.

    Raises:
        UserError: There is no such profile.
    """
    return profiles_build.build_flags(profiles, load_all()) if profiles else []


def image_flags(
    version: str,
    notes: release.Revision,
    profiles: Sequence[str] = (),
    security_version: int | None = None,
) -> list[str]:
    """Returns the compiler's flags of an image that says its version.

    Args:
        version: With the git id.
        notes: Its time is that of the commit, so that whoever builds it again gets the same image.
        profiles: See `flags`.
        security_version: 0 to 2^32-1; None = that of the sources.

    Raises:
        UserError: There is no such profile.
    """
    security = (
        [] if security_version is None else [f"-D GATEWAY_SECURITY_VERSION={security_version}"]
    )
    return [
        *security,
        *flags(profiles),
        f'-D GATEWAY_VERSION=\\"{version}\\"',
        f"-D GATEWAY_BUILD_UTC={int(notes.time.timestamp())}",
    ]


def require_board(project: Path, environment: str) -> None:
    """Raises UserError unless the environment builds for the board."""
    if platformio_ini.words(project, environment, "platform") == ["native"]:
        raise UserError(
            f"'{environment}' builds a Linux process, which no board can run; take 'esp32dev'."
        )


def require_releasable(project: Path, environment: str) -> None:
    """Raises UserError unless what the environment builds for the board may leave the house."""
    require_board(project, environment)
    built_with = platformio_ini.words(project, environment, "build_flags")
    if any("GATEWAY_TEST_HOOKS" in flag for flag in built_with):
        raise UserError(
            f"'{environment}' has commands that stand in for a person at the charger, so there "
            "is no release of it; take 'esp32dev', or 'vevgw build' for a bench."
        )


def make(project: Path, environment: str, *, profiles: Sequence[str] = ()) -> Built:
    """Builds an image and makes it ready to flash, from here or from a browser.

    Args:
        project: Root of the project.
        environment: Board environment of platformio.ini.
        profiles: The only charger profiles in it; none = all.

    Raises:
        UserError: It cannot be built; the sentence says what to do.
    """
    notes = release.revision(project)
    version = release.full_version(project)
    words = image_flags(version, notes, profiles)
    source = pio.build(project, environment, variables={"PLATFORMIO_BUILD_FLAGS": " ".join(words)})
    folder, sizes = release.write(
        image.load(source),
        project=project,
        environment=environment,
        version=version,
        out=project / "dist",
        notes=notes,
        folder=source / FOLDER,
    )
    return Built(folder, version, sizes)
