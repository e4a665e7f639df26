"""`vevgw release`: parts, digests, manifests and bill of materials of a board's image."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from board_files import SLOT_BYTES, image_of, make_build, partition_table

from vevgw import cli
from vevgw.board import image, release, sbom
from vevgw.board.release import Revision
from vevgw.errors import UserError

ROOT = Path(__file__).parents[2]


def write(build: Path, out: Path, version: str, day: int = 1) -> tuple[Path, release.Sizes]:
    notes = Revision("1a2b3c4d", datetime(2026, 1, day, tzinfo=UTC))
    return release.write(
        image.load(build),
        project=ROOT,
        environment="esp32dev",
        version=version,
        out=out,
        notes=notes,
    )


def test_release_has_every_part_with_its_digest(tmp_path: Path) -> None:
    folder, _ = write(make_build(tmp_path / "b"), tmp_path / "dist", "0.1.0+gtest")
    assert folder.name == "vev-gateway-0.1.0+gtest"
    sums = dict(line.split()[::-1] for line in (folder / "SHA256SUMS").read_text().splitlines())
    files = {path.name for path in folder.iterdir()} - {"SHA256SUMS"}
    assert sums.keys() == files
    for name, digest in sums.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    notes = json.loads((folder / "release.json").read_text())
    assert notes["commit"] == "1a2b3c4d"
    assert {part["file"]: part["offset"] for part in notes["parts"]} == {
        "bootloader.bin": 0x1000,
        "partitions.bin": 0x8000,
        "boot_app0.bin": 0xE000,
        "firmware.bin": 0x10000,
    }
    release.verify(folder)


def test_same_image_gives_the_same_files(tmp_path: Path) -> None:
    build = make_build(tmp_path / "b")
    one, _ = write(build, tmp_path / "one", "0.1.0+gtest")
    two, _ = write(build, tmp_path / "two", "0.1.0+gtest")
    assert (one / "SHA256SUMS").read_text() == (two / "SHA256SUMS").read_text()


def test_merged_image_is_the_one_of_esptool(tmp_path: Path) -> None:
    pytest.importorskip("esptool")
    folder, _ = write(make_build(tmp_path / "b"), tmp_path / "dist", "0.1.0+gtest")
    words = [sys.executable, "-m", "esptool", "--chip", "esp32", "merge-bin"]
    words += ["-o", str(tmp_path / "merged")]
    for part in image.load(folder).parts:
        words += [hex(part.offset), str(folder / part.name)]
    subprocess.run(words, check=True, capture_output=True)
    assert (folder / "merged.bin").read_bytes() == (tmp_path / "merged").read_bytes()


def test_manifest_is_what_esp_web_tools_reads(tmp_path: Path) -> None:
    folder, _ = write(make_build(tmp_path / "b"), tmp_path / "dist", "0.1.0+gtest")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["version"] == "0.1.0+gtest"
    assert manifest["new_install_improv_wait_time"] > 0  # it asks for Wi-Fi by Improv
    (build,) = manifest["builds"]
    assert build["chipFamily"] == "ESP32"
    assert [part["offset"] for part in build["parts"]] == [4096, 32768, 57344, 65536]
    assert all((folder / part["path"]).is_file() for part in build["parts"])


def test_bill_of_materials_names_pinned_libraries(tmp_path: Path) -> None:
    folder, _ = write(make_build(tmp_path / "b"), tmp_path / "dist", "0.1.0+gtest")
    bill = json.loads((folder / "sbom.cdx.json").read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["version"] == "0.1.0+gtest"
    parts = {part["name"]: part for part in bill["components"]}
    assert parts["WebSockets"]["version"] == "2.6.1"
    assert parts["espressif32"]["version"] == "6.9.0"
    assert "framework-arduinoespressif32" in parts
    references = [part["bom-ref"] for part in bill["components"]]
    assert bill["dependencies"][0]["dependsOn"] == references
    assert len(set(references)) == len(references)


def test_bill_of_materials_prefers_installed_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "platformio.ini").write_text(
        "[env:a]\nplatform = espressif32@6\nframework = arduino\nlib_deps =\n  x/Lib@^1.0\n"
    )
    for path, version in (
        (".pio/libdeps/a/Lib/library.json", "1.4.2"),
        ("core/packages/framework-arduinoespressif32/package.json", "3.20017.0"),
    ):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(json.dumps({"version": version}))
    monkeypatch.setenv("PLATFORMIO_CORE_DIR", str(tmp_path / "core"))
    versions = {part["name"]: part["version"] for part in sbom.components(tmp_path, "a")}
    assert versions == {
        "espressif32": "6",
        "framework-arduinoespressif32": "3.20017.0",
        "Lib": "1.4.2",
    }


def test_bill_of_materials_follows_what_an_environment_extends() -> None:
    parts = sbom.components(Path(__file__).parents[2], "esp32dev-microocpp")
    libraries = {part["purl"] for part in parts if part["type"] == "library"}
    assert {
        "pkg:generic/links2004/WebSockets@2.6.1",
        "pkg:generic/bblanchon/ArduinoJson@6.21.5",
        "pkg:generic/matth-x/MicroOcpp@1.2.0",
    } <= libraries


def test_sizes_are_compared_with_the_last_release(tmp_path: Path) -> None:
    out = tmp_path / "dist"
    _, sizes = write(make_build(tmp_path / "a", version="1.0", firmware_bytes=40_000), out, "1.0")
    assert sizes.sentence() == (
        "firmware.bin: 40,000 of 1,703,936 bytes of an OTA slot (2.3 %), 1,663,936 free"
    )
    build = make_build(tmp_path / "b", version="1.1", firmware_bytes=41_500)
    _, sizes = write(build, out, "1.1", day=2)
    assert sizes.sentence().endswith("; +1,500 since 1.0")


def test_firmware_of_other_sources_is_refused(tmp_path: Path) -> None:
    build = make_build(tmp_path / "b", version="0.1.0+gother")
    with pytest.raises(UserError, match=r"does not say version 0\.1\.0:"):
        write(build, tmp_path / "dist", "0.1.0")
    assert not (tmp_path / "dist").exists()


def test_damaged_release_is_not_flashed(tmp_path: Path) -> None:
    folder, _ = write(make_build(tmp_path / "b"), tmp_path / "dist", "0.1.0+gtest")
    content = bytearray((folder / "firmware.bin").read_bytes())
    content[30_000] ^= 1
    (folder / "firmware.bin").write_bytes(content)
    with pytest.raises(UserError, match=r"firmware.bin is not the file that was released"):
        release.verify(folder)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("firmware.bin", image_of(b"", SLOT_BYTES + 100), "100 more than an OTA slot holds"),
        ("firmware.bin", b"\x7fELF" + bytes(100), "is no image of an ESP chip"),
        ("firmware.bin", image_of(b"", 4_000, chip=9), r"another chip .*chip id is 9"),
        ("bootloader.bin", image_of(b"", 0x7001), "reaches into the partition table"),
        ("partitions.bin", b"\xff" * 0xC00, "no partition table: it has no rows"),
        (
            "partitions.bin",
            partition_table().replace(b"app0", b"appX"),
            "its checksum is wrong",
        ),
        ("partitions.bin", partition_table()[:32].ljust(0xC00, b"\xff"), "no first OTA slot"),
    ],
)
def test_files_that_do_not_fit_are_one_sentence(
    tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    build = make_build(tmp_path)
    (build / name).write_bytes(content)
    with pytest.raises(UserError, match=sentence):
        image.load(build)


def test_missing_file_says_how_to_build_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="vevgw build --env esp32dev"):
        image.load(tmp_path)


def test_boot_app0_of_the_framework_is_used_when_it_is_there(tmp_path: Path) -> None:
    build = make_build(tmp_path)
    made = image.load(build).parts[2].content
    # What arduino-esp32 ships: sequence 1, its CRC-32 4743989A.
    assert made[:4] == b"\1\0\0\0"
    assert made[28:32] == bytes.fromhex("9a984347")
    assert len(made) == 0x2000
    (build / "boot_app0.bin").write_bytes(b"other")
    assert image.load(build).parts[2].content == b"other"


def test_command_makes_a_release_from_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    build = make_build(tmp_path / "b", version="9.9.9")
    words = ["release", "--from", str(build), "--version", "9.9.9", "--out", str(tmp_path / "d")]
    with pytest.raises(SystemExit) as stop:
        cli.main(words)
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    assert "bytes of an OTA slot" in shown
    assert "vev-gateway-9.9.9/merged.bin" in shown


def test_version_of_the_sources_has_the_commit() -> None:
    assert release.full_version(ROOT).startswith(f"{release.source_version(ROOT)}+g")


def test_test_hooks_cannot_be_compiled_into_a_release(tmp_path: Path) -> None:
    source = tmp_path / "hooks.cpp"
    source.write_text('#include "gateway/console.hpp"\n')
    words = ["g++", "-std=gnu++17", "-fsyntax-only", f"-I{ROOT / 'lib'}"]
    words += ["-D", "GATEWAY_RELEASE", str(source)]
    allowed = subprocess.run(words, capture_output=True, text=True, check=False)
    assert allowed.returncode == 0, allowed.stderr
    refused = subprocess.run(
        [*words, "-D", "GATEWAY_TEST_HOOKS"], capture_output=True, text=True, check=False
    )
    assert refused.returncode != 0
    assert "never in a release" in refused.stderr


@pytest.mark.parametrize(
    ("command", "environment", "sentence"),
    [
        ("release", "native", "builds a Linux process, which no board can run"),
        ("flash", "native", "builds a Linux process, which no board can run"),
        ("release", "esp32dev-bench", "there is no release of it"),
        ("release", "nonsense", "has no environment 'nonsense'"),
    ],
)
def test_an_environment_that_does_not_fit_is_told_before_anything_is_built(
    command: str, environment: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([command, "-e", environment]) == 1
    assert sentence in capsys.readouterr().err
