"""Software bill of materials of an image: CycloneDX 1.6 as JSON."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vevgw.build import platformio_ini


def components(project: Path, environment: str) -> list[dict[str, Any]]:
    """Returns what is built into an environment of platformio.ini besides our own code.

    Versions are those pinned in platformio.ini; where PlatformIO has installed the package, the
    installed version. A framework that is not installed has no version: its platform pins it.
    """
    platform, _, platform_version = platformio_ini.words(project, environment, "platform")[
        0
    ].partition("@")
    found = [_component("platform", platform, platform_version)]
    for framework in platformio_ini.words(project, environment, "framework"):
        package = f"framework-{framework}{platform}"
        found.append(_component("framework", package, _installed_package(package)))
    for library in platformio_ini.words(project, environment, "lib_deps"):
        name, _, version = library.partition("@")
        installed = _installed_library(project, environment, name)
        found.append(_component("library", name, installed or version.strip().lstrip("^~=")))
    return found


def document(
    *, name: str, version: str, timestamp: str, firmware_sha256: str, parts: list[dict[str, Any]]
) -> dict[str, Any]:
    """Returns the bill of materials.

    Args:
        name: Of the firmware.
        version: Of the firmware, with its git id.
        timestamp: ISO 8601, UTC.
        firmware_sha256: Digest of firmware.bin.
        parts: See `components`.
    """
    subject = f"{name}@{version}"
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        # The same image has the same bill.
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, firmware_sha256)}",
        "version": 1,
        "metadata": {
            "timestamp": timestamp,
            "component": {
                "type": "firmware",
                "bom-ref": subject,
                "name": name,
                "version": version,
                "licenses": [{"license": {"id": "MIT"}}],
                "hashes": [{"alg": "SHA-256", "content": firmware_sha256}],
            },
        },
        "components": parts,
        "dependencies": [{"ref": subject, "dependsOn": [part["bom-ref"] for part in parts]}],
    }


def _component(kind: str, name: str, version: str | None) -> dict[str, Any]:
    owner, _, short = name.rpartition("/")
    reference = f"pkg:generic/{name}" + (f"@{version}" if version else "")
    component: dict[str, Any] = {
        "type": "library" if kind == "platform" else kind,
        "bom-ref": reference,
        "name": short,
        "purl": reference,
    }
    if owner:
        component["publisher"] = owner
    if version:
        component["version"] = version
    return component


def _installed_package(name: str) -> str | None:
    core = Path(os.environ.get("PLATFORMIO_CORE_DIR", Path.home() / ".platformio"))
    return _version_in(core / "packages" / name / "package.json")


def _installed_library(project: Path, environment: str, name: str) -> str | None:
    short = name.rpartition("/")[2]
    return _version_in(project / ".pio" / "libdeps" / environment / short / "library.json")


def _version_in(path: Path) -> str | None:
    try:
        content: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return str(content["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
