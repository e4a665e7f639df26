"""Checks which folder includes which: PlatformIO compiles an upward include without a word.

Rules, one table: `ALLOWED` for the libraries, and

* `src/app` uses every library but those of a platform; `src/esp32` and `src/native` use everything
  but each other; only src/ sees include/;
* headers of an operating system or an SDK appear only in platform_* and beside `main()`;
* include/ holds boards/ and build/ only; no folder under test/system is called test_* (PlatformIO
  would build it as firmware); every generated file says so in its first lines.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_BASE = frozenset({"common", "platform", "charger"})
_PORTABLE = _BASE | {"json", "modbus", "ocpp_messages", "security", "ocpp", "bridge", "gateway"}
_PLATFORMS = frozenset({"platform_esp32", "platform_linux", "platform_sim"})

# Library -> the libraries it may include besides itself.
ALLOWED: dict[str, frozenset[str]] = {
    "common": frozenset(),
    "platform": frozenset({"common"}),
    "charger": frozenset({"common"}),
    "json": frozenset({"common"}),
    "modbus": frozenset({"common", "platform"}),
    "ocpp_messages": frozenset({"common", "json"}),
    "security": frozenset({"common", "platform"}),
    "ocpp": _BASE | {"ocpp_messages", "json", "security"},
    "bridge": _BASE | {"modbus"},
    "gateway": _PORTABLE - {"gateway"},
    "platform_esp32": _BASE | {"security"},
    "platform_linux": _BASE | {"security"},
    "platform_sim": _BASE,
}

# Folder of src/ -> what it may include besides itself.
_ALLOWED_IN_SRC: dict[str, frozenset[str]] = {
    "src/app": _PORTABLE | {"include"},
    "src/native": _PORTABLE | {"include", "src/app", "platform_linux", "platform_sim"},
    "src/esp32": _PORTABLE | {"include", "src/app", "platform_esp32"},
}

_INCLUDE_FOLDERS = ("boards", "build")
_MAY_USE_SYSTEM = _PLATFORMS | {"src/native", "src/esp32"}
_SYSTEM_HEADER = re.compile(
    r"(Arduino|WiFi\w*|Preferences|LittleFS|libwebsockets|pthread|unistd|fcntl|termios|poll|pty|dirent"
    r"|signal|semaphore|netdb|mutex|thread|condition_variable|future|filesystem|iostream|fstream)(\.h)?"
    r"|(sys|freertos|driver|netinet|arpa|linux|lwip|mbedtls|openssl)/.*|(esp_|nvs_?|lws)\w*\.h"
)
# Certificates and keys stand on mbedTLS on every platform.
_SYSTEM_HEADER_OF = {"security": re.compile(r"mbedtls/.*")}

_SOURCES = frozenset({".h", ".hpp", ".hh", ".inc", ".ipp", ".c", ".cc", ".cpp", ".cxx"})
_INCLUDE = re.compile(
    r"^[ \t]*(?:#|%:)[ \t]*(?:include|include_next|import)\b[ \t]*(.*)$", re.MULTILINE
)
_COMMENT_OR_TEXT = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule; `line` is 0 when it concerns a whole file or folder."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else self.path
        return f"{place}: {self.text}"


def check(project: Path) -> list[Violation]:
    """Returns every broken rule of the project, in the order of paths and lines."""
    found = [*_check_folders(project)]
    for root in ("lib", "src"):
        for path in _sources(project / root):
            found += _check_file(project, path)
    return sorted(found, key=lambda violation: (violation.path, violation.line))


def is_generated(project: Path, path: Path) -> bool:
    """Returns whether a file stands where only generated files may stand."""
    parts = path.relative_to(project).parts
    return "generated" in parts[:-1] or (
        parts[:2] == ("lib", "ocpp_messages") and len(parts) == 3 and path.suffix in _SOURCES
    )


def cpp_files(project: Path) -> list[Path]:
    """Returns the C++ files of lib, src, include and test, generated ones included."""
    return [path for root in ("lib", "src", "include", "test") for path in _sources(project / root)]


def _sources(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        if path.suffix in _SOURCES and path.is_file():
            yield path


def _module_of(project: Path, path: Path) -> str | None:
    """The library, `src/X` or `include` that a path (it need not exist) belongs to."""
    try:
        parts = path.relative_to(project).parts
    except ValueError:
        return None
    if parts[:1] == ("lib",) and len(parts) > 1:
        return parts[1]
    if parts[:1] == ("src",):
        return "/".join(parts[:2]) if len(parts) > 2 else "src"
    return parts[0] if parts[:1] in (("include",), ("test",), ("pytools",)) else None


def _check_file(project: Path, path: Path) -> Iterator[Violation]:
    module = _module_of(project, path)
    name = path.relative_to(project).as_posix()
    if module is None or (path.parent == project / "lib"):
        yield Violation(name, 0, "this file belongs to no library; move it into one")
        return
    text = path.read_text(encoding="utf-8", errors="replace")
    if is_generated(project, path) and "generated by" not in text[:600].lower():
        yield Violation(name, 0, "no banner 'GENERATED by ...'; only generated files live here")
    allowed = ALLOWED.get(module, _ALLOWED_IN_SRC.get(module))
    if allowed is None:
        # Said once per folder by _check_folders.
        return
    for line, operand in _includes(text):
        header = operand[1:].rstrip('>" \t')
        if operand[:1] not in ('"', "<"):
            yield Violation(
                name, line, f"'#include {operand}' cannot be checked; write the file name"
            )
            continue
        target = _target(project, path, header)
        if target is None:
            if _is_foreign(module, header):
                yield Violation(
                    name, line, f"{module} must not include <{header}>; only a platform library may"
                )
        elif target != module and target not in allowed:
            may = ", ".join(sorted(allowed)) or "nothing"
            yield Violation(
                name, line, f"{module} must not include {target} ({header}); it may include: {may}"
            )


def _is_foreign(module: str, header: str) -> bool:
    if module in _MAY_USE_SYSTEM or not _SYSTEM_HEADER.fullmatch(header):
        return False
    own = _SYSTEM_HEADER_OF.get(module)
    return own is None or not own.fullmatch(header)


def _includes(text: str) -> Iterator[tuple[int, str]]:
    """Yields line number and operand of each include directive outside comments."""

    def blank(match: re.Match[str]) -> str:
        found = match.group()
        # Strings stay (they may be the operand), comments leave their line ends behind.
        return found if found.startswith('"') else re.sub(r"[^\n]", " ", found)

    # A directive may be continued on the next line; the line count must not change.
    joined = re.sub(r"((?:[^\n]*\\\n)+)([^\n]*)", _join_continued, text)
    plain = _COMMENT_OR_TEXT.sub(blank, joined)
    for match in _INCLUDE.finditer(plain):
        yield plain.count("\n", 0, match.start()) + 1, match.group(1).strip()


def _join_continued(match: re.Match[str]) -> str:
    lines = match.group(1).count("\n")
    return match.group(1).replace("\\\n", " ") + match.group(2) + "\n" * lines


def _target(project: Path, path: Path, header: str) -> str | None:
    """The part of the project that an include leads to; None for headers from elsewhere."""
    roots = [path.parent, project / "lib", project / "src", project / "include"]
    for root in roots:
        full = Path(os.path.normpath(root / header))
        if full.is_file():
            return _module_of(project, full)
    first = header.split("/")[0]
    if "/" in header and (first in ALLOWED or (project / "lib" / first).is_dir()):
        return first
    if "/" in header and f"src/{first}" in _ALLOWED_IN_SRC:
        return f"src/{first}"
    if "/" in header and first in _INCLUDE_FOLDERS:
        return "include"
    if header.startswith(".."):
        return _module_of(project, Path(os.path.normpath(path.parent / header)))
    return None


def _check_folders(project: Path) -> Iterator[Violation]:
    for folder in sorted((project / "lib").glob("*/")):
        if folder.name not in ALLOWED:
            yield Violation(f"lib/{folder.name}", 0, "unknown library; give it a row in ALLOWED")
    for entry in sorted((project / "src").glob("*")):
        if entry.is_dir() and f"src/{entry.name}" not in _ALLOWED_IN_SRC:
            yield Violation(f"src/{entry.name}", 0, "src/ holds app/, esp32/ and native/ only")
        elif entry.suffix in _SOURCES:
            yield Violation(f"src/{entry.name}", 0, "this file belongs to app/, esp32/ or native/")
    for entry in sorted((project / "include").glob("*")):
        if entry.name != "README" and entry.name not in _INCLUDE_FOLDERS:
            yield Violation(f"include/{entry.name}", 0, "include/ holds boards/ and build/ only")
    for folder in sorted((project / "test" / "system").rglob("test_*/")):
        yield Violation(
            folder.relative_to(project).as_posix(),
            0,
            "PlatformIO builds folders called test_* as firmware; name it otherwise",
        )
