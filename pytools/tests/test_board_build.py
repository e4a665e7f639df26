"""`vevgw build --env esp32dev`: everything after PlatformIO, and each way in which it fails.

A program stands for PlatformIO: it writes what a build leaves, with the version that it was given.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from board_files import SLOT_BYTES, image_of, make_build

from vevgw import cli
from vevgw.board import build as board_build
from vevgw.build import pio

ROOT = Path(__file__).parents[2]

PLATFORMIO = """#!{python}
import os, re, sys
sys.path[:0] = {path!r}
from pathlib import Path
from board_files import make_build
flags = os.environ["PLATFORMIO_BUILD_FLAGS"]
print("Processing esp32dev")
folder = make_build(
    Path(".pio/build") / sys.argv[sys.argv.index("-e") + 1],
    version=re.search(r'GATEWAY_VERSION=."([^"]+?)."', flags).group(1),
    firmware_bytes=40000 if "BRIDGE_CHOSEN_PROFILES" in flags else 60000,
)
(folder / "firmware.elf").write_bytes(b"names of addresses")
(folder / "flags").write_text(flags)
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in git, and a PlatformIO that has the board's platform."""
    folder = tmp_path / "project"
    (folder / "include" / "build").mkdir(parents=True)
    shutil.copy(ROOT / "platformio.ini", folder)
    shutil.copy(ROOT / "include" / "build" / "version.hpp", folder / "include" / "build")
    for words in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", *words], cwd=folder, check=True)
    (tmp_path / "core" / "platforms" / "espressif32").mkdir(parents=True)
    monkeypatch.setenv("PLATFORMIO_CORE_DIR", str(tmp_path / "core"))
    monkeypatch.chdir(folder)
    play(tmp_path, monkeypatch, PLATFORMIO.format(python=sys.executable, path=sys.path))
    return folder


def play(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    program = folder / "platformio-stand-in"
    program.write_text(text)
    program.chmod(0o755)
    monkeypatch.setattr(pio.sys, "executable", str(program))


def run(*words: str) -> int:
    """The exit code of `vevgw build WORDS`."""
    try:
        return cli.main(["build", *words])
    except SystemExit as stop:
        return int(str(stop.code))


def test_build_leaves_what_flashes_a_board_from_here_and_from_a_browser(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run("--env", "esp32dev") == 0
    shown = capfd.readouterr().out
    folder = project / ".pio" / "build" / "esp32dev" / board_build.FOLDER
    notes = json.loads((folder / "release.json").read_text())
    assert f"{notes['version']}: firmware.bin: 60,000 of 1,703,936 bytes" in shown
    assert "Next: vevgw flash --from .pio/build/esp32dev/image" in shown
    assert notes["version"].startswith("0.1.0+g")
    assert {path.name for path in folder.iterdir()} >= {
        "firmware.elf",
        "manifest.json",
        "merged.bin",
        "sbom.cdx.json",
        "SHA256SUMS",
    }
    assert (folder / "firmware.elf").read_bytes() == b"names of addresses"
    # The same again, and a release to compare with: a build is none.
    assert run("--env", "esp32dev") == 0
    assert "since" not in capfd.readouterr().out
    make_build(project / "old", version="0.0.9", firmware_bytes=58_000)
    with pytest.raises(SystemExit):
        cli.main(["release", "--from", "old", "--version", "0.0.9"])
    assert run("--env", "esp32dev") == 0
    assert "; +2,000 since 0.0.9" in capfd.readouterr().out


def test_build_with_chosen_profiles_has_no_others(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["--env", "esp32dev", "--profile", "abl-emh1", "--profile", "eastron-sdm630"]
    assert run(*words) == 0
    flags = (project / ".pio" / "build" / "esp32dev" / "flags").read_text()
    for word in ("CHOSEN_PROFILES", "PROFILE_ABL_EMH1", "PROFILE_EASTRON_SDM630"):
        assert f"-D BRIDGE_{word}" in flags
    assert "firmware.bin: 40,000 of" in capfd.readouterr().out


@pytest.mark.native
def test_index_has_the_chosen_profiles_only(tmp_path: Path) -> None:
    words = ["g++", "-std=c++17", "-E", "-P", "-Ilib", *board_build.flags(["abl-emh1"])]
    source = "lib/bridge/generated/charger_profiles.cpp"
    done = subprocess.run(
        [part for word in words for part in word.split()] + [source],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    table = done.stdout.partition("kProfiles[] = {")[2].partition("}")[0]
    assert table.split() == ["&kAblEmh1,"]


FAILING = "#!/bin/sh\ncat <<'END'\n{}\nEND\nexit 1\n"


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("OSError: [Errno 28] No space left on device", "The disk is full; make room"),
        (
            "Error: The program size (1800000 bytes) is greater than maximum allowed (1703936)",
            "does not fit into the board; build it with fewer charger profiles",
        ),
        ("ld: region `dram0_0_seg' overflowed by 12 bytes", "does not fit into the board"),
        ("could not open port '/dev/ttyUSB0': busy", "be in the group dialout"),
        ("A fatal error occurred: Failed to connect to ESP32", "hold its button BOOT"),
        ("main.cpp:1: error: expected ';'", "failed (exit code 1); see the first error above"),
        ("HTTPClientError: ", "cannot reach its registry"),
    ],
)
def test_what_platformio_says_becomes_one_sentence_with_the_next_step(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    said: str,
    sentence: str,
) -> None:
    play(project.parent, monkeypatch, FAILING.format(said))
    assert run("--env", "esp32dev") == 1
    said_last = capfd.readouterr().err.strip().splitlines()
    assert len(said_last) == 1
    assert sentence in said_last[0]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--env", "nosuch"], "platformio.ini has no environment 'nosuch', only esp32dev"),
        (["--env", "esp32dev", "--profile", "abl"], "There is no profile 'abl'; there are: abb-"),
        (["--env", "esp32dev", "layering"], "behind the word 'layering'"),
    ],
)
def test_wrong_words_are_said_before_anything_is_built(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    words: list[str],
    sentence: str,
) -> None:
    play(project.parent, monkeypatch, FAILING.format("must not be started"))
    assert run(*words) != 0
    said = capfd.readouterr()
    assert sentence in said.err
    assert "must not be started" not in said.out


def test_broken_platformio_ini_is_one_sentence(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (project / "platformio.ini").write_text("[env:esp32dev\nplatform = espressif32\n")
    assert run("--env", "esp32dev") == 1
    said = capfd.readouterr().err.strip()
    assert "platformio.ini cannot be read: " in said
    assert len(said.splitlines()) == 1


def test_image_that_is_too_large_says_what_to_leave_out(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    play(project.parent, monkeypatch, "#!/bin/sh\nexit 0\n")
    folder = make_build(project / ".pio" / "build" / "esp32dev")
    (folder / "firmware.bin").write_bytes(image_of(b"", SLOT_BYTES + 100))
    assert run("--env", "esp32dev") == 1
    assert "100 more than an OTA slot holds" in (said := capfd.readouterr().err)
    assert "--profile NAME" in said


def test_folder_that_cannot_be_written_is_one_sentence(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = project / ".pio" / "build" / "esp32dev"
    folder.mkdir(parents=True)
    (folder / board_build.FOLDER).write_text("a file in its place")
    assert run("--env", "esp32dev") == 1
    assert "make room or give rights" in capfd.readouterr().err


def test_interrupted_build_is_one_word(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    play(project.parent, monkeypatch, "#!/bin/sh\nkill -INT $PPID\n")
    assert run("--env", "esp32dev") == 130
    assert capfd.readouterr().err.strip() == "vevgw: interrupted."


def test_port_that_does_not_exist_is_said_before_the_build(
    project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    play(project.parent, monkeypatch, FAILING.format("must not be started"))
    assert cli.main(["flash", "--port", "/dev/ttyNONE"]) == 1
    said = capfd.readouterr()
    assert "There is no port /dev/ttyNONE; plug the board in, or name one of: " in said.err
    assert "must not be started" not in said.out
