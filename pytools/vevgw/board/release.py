"""A release: the files that flash a board, and what is known about them."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vevgw.board import sbom
from vevgw.board.image import BoardImage, security_version
from vevgw.errors import UserError

NAME = "vev-gateway"
MANIFEST = "release.json"
_VERSION = re.compile(r'kVersion = "([^"]+)"')
_IMPROV_WAIT_S = 20


@dataclass(frozen=True, slots=True)
class Revision:
    """Where the sources stand.

    Attributes:
        commit: Short id, with `.dirty` when there are changes that no commit holds.
        time: Of the commit.
    """

    commit: str
    time: datetime


@dataclass(frozen=True, slots=True)
class Sizes:
    """The firmware against its OTA slot, bytes; `previous` is the release before, if known."""

    firmware: int
    slot: int
    previous: int | None
    previous_version: str | None

    def sentence(self) -> str:
        """Returns the report."""
        share = 100 * self.firmware / self.slot
        text = (
            f"firmware.bin: {self.firmware:,} of {self.slot:,} bytes of an OTA slot "
            f"({share:.1f} %), {self.slot - self.firmware:,} free"
        )
        if self.previous is not None:
            text += f"; {self.firmware - self.previous:+,} since {self.previous_version}"
        return text


def source_version(project: Path) -> str:
    """Returns the firmware version of the sources, such as 0.1.0.

    Raises:
        UserError: include/build/version.hpp does not say it.
    """
    path = project / "include" / "build" / "version.hpp"
    match = _VERSION.search(path.read_text(encoding="utf-8")) if path.is_file() else None
    if match is None:
        raise UserError(f"{path} names no version (kVersion).")
    return match.group(1)


def revision(project: Path) -> Revision:
    """Returns the commit that is checked out.

    Raises:
        UserError: The project is not in a git repository.
    """
    commit = _git(project, "rev-parse", "--short=8", "HEAD")
    is_dirty = bool(_git(project, "status", "--porcelain", "--untracked-files=no"))
    seconds = int(_git(project, "show", "--no-patch", "--format=%ct", "HEAD"))
    return Revision(commit + (".dirty" if is_dirty else ""), datetime.fromtimestamp(seconds, UTC))


def full_version(project: Path) -> str:
    """Returns version and git id, as the image of a release reports it: 0.1.0+g1a2b3c4d."""
    return f"{source_version(project)}+g{revision(project).commit}"


def write(
    image: BoardImage,
    *,
    project: Path,
    environment: str,
    version: str,
    out: Path,
    notes: Revision,
    folder: Path | None = None,
) -> tuple[Path, Sizes]:
    """Writes a release into the folder `out`/vev-gateway-VERSION.

    The folder then has the four parts, `merged.bin` for offset 0, `manifest.json` for ESP Web
    Tools, `sbom.cdx.json` (CycloneDX), `release.json` and `SHA256SUMS`; also `firmware.elf`, which
    decodes back-traces, where the build left one.

    Args:
        image: What is flashed.
        project: Root of the project.
        environment: Of platformio.ini, for the bill of materials.
        version: Must stand in the firmware.
        out: Folder of all releases; the newest other one is compared with.
        notes: Where the sources stand.
        folder: Where it is written instead: a build that is no release.

    Returns:
        The folder, and the size report.

    Raises:
        UserError: The firmware says another version, or a file cannot be written.
    """
    firmware = image.firmware
    # A text that could be the beginning of another is not enough: it ends with a zero byte.
    if version.encode() + b"\0" not in firmware.content:
        raise UserError(
            f"firmware.bin does not say version {version}: it was built from other sources; build "
            "it with 'vevgw release', or name its version with --version."
        )
    sizes = _sizes(image, out, version)
    timestamp = notes.time.strftime("%Y-%m-%dT%H:%M:%SZ")
    merged = image.merged()
    bill = sbom.document(
        name=NAME,
        version=version,
        timestamp=timestamp,
        firmware_sha256=firmware.sha256,
        parts=sbom.components(project, environment),
    )
    files = {part.name: part.content for part in image.parts}
    files["merged.bin"] = merged
    if image.elf is not None:
        files["firmware.elf"] = image.elf
    files["manifest.json"] = _json(web_manifest(image, version))
    files["sbom.cdx.json"] = _json(bill)
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    files[MANIFEST] = _json(
        {
            "name": NAME,
            "version": version,
            "security_version": security_version(firmware.content),
            "commit": notes.commit,
            "time": timestamp,
            "environment": environment,
            "chip": "ESP32",
            "slot_bytes": image.slot_bytes,
            "parts": [
                {"file": part.name, "offset": part.offset, "bytes": len(part.content)}
                for part in image.parts
            ],
            "sha256": digests,
        }
    )
    digests[MANIFEST] = hashlib.sha256(files[MANIFEST]).hexdigest()
    sums = "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))
    files["SHA256SUMS"] = sums.encode()
    folder = folder or out / f"{NAME}-{version}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise UserError(
            f"{folder} cannot be written ({error.strerror}); make room or give rights, then call "
            "the command again."
        ) from error
    return folder, sizes


def web_manifest(image: BoardImage, version: str) -> dict[str, Any]:
    """Returns the manifest with which ESP Web Tools flashes a board from a browser."""
    parts = [{"path": part.name, "offset": part.offset} for part in image.parts]
    return {
        "name": "VEV-Gateway",
        "version": version,
        "new_install_prompt_erase": True,
        "new_install_improv_wait_time": _IMPROV_WAIT_S,
        "builds": [{"chipFamily": "ESP32", "parts": parts}],
    }


def verify(folder: Path) -> None:
    """Checks the parts of a release folder against its digests; other folders have none.

    Raises:
        UserError: A part is not what was released.
    """
    manifest = folder / MANIFEST
    if not manifest.is_file():
        return
    try:
        digests = dict(json.loads(manifest.read_text(encoding="utf-8"))["sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{manifest} cannot be read; copy the release again.") from error
    for name, digest in digests.items():
        path = folder / name
        if digest_of(path) != digest:
            raise UserError(
                f"{path} is not the file that was released (its SHA-256 differs from {MANIFEST}); "
                "copy the release again."
            )


def digest_of(path: Path) -> str:
    """Returns the SHA-256 of a file, hexadecimal; empty when there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _sizes(image: BoardImage, out: Path, version: str) -> Sizes:
    """Compares with the release of the latest commit among the others in the folder."""
    latest: tuple[str, str, int] | None = None
    for path in out.glob(f"{NAME}-*/{MANIFEST}"):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            row = next(part for part in content["parts"] if part["file"] == "firmware.bin")
            found = (str(content["time"]), str(content["version"]), int(row["bytes"]))
        except (OSError, ValueError, KeyError, TypeError, StopIteration):
            continue  # not ours: nothing to compare with
        if found[1] != version and (latest is None or found > latest):
            latest = found
    return Sizes(
        len(image.firmware.content),
        image.slot_bytes,
        None if latest is None else latest[2],
        None if latest is None else latest[1],
    )


def _json(content: object) -> bytes:
    return (json.dumps(content, indent=2) + "\n").encode()


def _git(project: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=project, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise UserError(f"git cannot be started: {error.strerror}.", exit_code=69) from error
    if done.returncode != 0:
        raise UserError(
            f"{project} has no git history to name the version by (git {arguments[0]})."
        )
    return done.stdout.strip()
