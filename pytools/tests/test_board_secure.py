"""Closing a board: every stage on virtual eFuses, burned by espefuse itself."""

from __future__ import annotations

import secrets
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from vevgw.board import secure
from vevgw.board.efuses import Chip
from vevgw.cli import main
from vevgw.errors import UserError

pytest.importorskip("espefuse")

# Each burn is a few processes: seconds, and more where the machine is busy.
pytestmark = pytest.mark.timeout(240)

ALL_FEATURES = secure.FEATURES + b"flash-encryption secure-boot-v2\0"
NO_MAC = "00:00:00:00:00:00"


@pytest.fixture(scope="module")
def revision_3(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The eFuses of a chip of revision 3 with nothing burned."""
    path = tmp_path_factory.mktemp("chip") / "efuses.bin"
    Chip(file=path).burn([["burn-efuse", "CHIP_VER_REV1", "1", "CHIP_VER_REV2", "1"]])
    return path.read_bytes()


@pytest.fixture
def chip(tmp_path: Path, revision_3: bytes) -> Chip:
    """Such a chip."""
    path = tmp_path / "efuses.bin"
    path.write_bytes(revision_3)
    return Chip(file=path)


@pytest.fixture(scope="module")
def signing_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "secure_boot.pem"
    espsecure("generate-signing-key", "--version", "2", str(path))
    return path


def espsecure(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "espsecure", *words], check=True, capture_output=True)


def image_with(folder: Path, features: bytes, key: Path | None = None) -> Path:
    """A build folder whose firmware says that it has these features, signed or not."""
    folder.mkdir()
    for name in ("bootloader.bin", "firmware.bin"):
        content = b"\xe9" + features.ljust(4095, b"\xff")
        (folder / name).write_bytes(content)
        if key is not None:
            plain = folder.with_suffix(".plain")
            plain.write_bytes(content)
            words = ["--keyfile", str(key), "--output", str(folder / name), str(plain)]
            espsecure("sign-data", "--version", "2", *words)
    return folder


def vevgw(*words: str) -> int:
    """Runs a command of several; its exit code."""
    try:
        return main(["secure", *words])
    except SystemExit as done:  # click's way to say that it went well
        return int(done.code or 0)


def burn(chip: Chip, stage: str, *words: str) -> int:
    sentence = f"BURN {stage} {NO_MAC}"
    return vevgw("burn", stage, "--virt", str(chip.file), "--confirm", sentence, *words)


def test_a_board_is_closed_stage_by_stage(
    chip: Chip, tmp_path: Path, signing_key: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = image_with(tmp_path / "image", ALL_FEATURES, signing_key)
    keys = tmp_path / "boards"
    virtual = str(chip.file)

    assert burn(chip, "device-key") == 0
    assert burn(chip, "encryption", "--keys", str(keys), "--image", str(image)) == 0
    assert burn(chip, "secure-boot", "--signing-key", str(signing_key), "--image", str(image)) == 0
    assert vevgw("check", "--virt", virtual) == 1
    err = capsys.readouterr().err
    assert "not closed: lock missing; 'vevgw secure plan' says which can still be burned" in err
    assert burn(chip, "lock") == 0
    assert vevgw("check", "--virt", virtual) == 0

    fuses = chip.read()
    key = keys / "000000000000" / "flash_encryption.bin"
    assert key.stat().st_mode & 0o777 == 0o600
    assert len(key.read_bytes()) == 32
    assert not fuses["BLOCK1"].readable
    assert fuses["BLOCK3"].readable
    assert not fuses["RD_DIS"].writeable
    assert fuses["UART_DOWNLOAD_DIS"].number == 1
    assert burn(chip, "lock") == 1
    assert "done already" in capsys.readouterr().err


def test_nothing_is_burned_without_the_very_sentence(
    chip: Chip, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = "BURN lock " + NO_MAC
    before = chip.file.read_bytes() if chip.file is not None else b""
    assert vevgw("burn", "device-key", "--virt", str(chip.file), "--confirm", typed) == 1
    assert "nothing was burned" in capsys.readouterr().err
    assert chip.file is not None
    assert chip.file.read_bytes() == before


def test_a_stage_names_all_that_stands_in_its_way(tmp_path: Path, signing_key: Path) -> None:
    old = Chip(file=tmp_path / "revision0.bin")
    fuses = old.read()
    stock = image_with(tmp_path / "stock", secure.FEATURES + b"\0")
    material = secure.Material(tmp_path, stock, signing_key)

    boot = secure.stage("secure-boot").obstacles(fuses, material)
    assert "needs silicon of revision 3" in boot[0]
    assert "was built without secure-boot-v2" in boot[1]
    assert "is not signed" in boot[2]
    encryption = secure.stage("encryption").obstacles(fuses, secure.Material())
    assert [text.split("(")[-1].rstrip(")") for text in encryption] == ["--keys", "--image"]


def test_a_block_with_calibration_values_is_not_overwritten(chip: Chip) -> None:
    chip.burn([["burn-efuse", "BLK3_PART_RESERVE", "1"]])
    with pytest.raises(UserError, match="holds calibration values"):
        secure.require_possible(chip.read(), secure.stage("device-key"), secure.Material())


def test_stages_in_the_wrong_order_are_refused(chip: Chip, tmp_path: Path) -> None:
    empty = chip.read()
    material = secure.Material()
    (reason,) = secure.stage("lock").obstacles(empty, material)
    assert "the stage device-key is missing" in reason
    # Where there is no room for a device key, the lock needs none.
    reserved = replace(empty["BLK3_PART_RESERVE"], number=1)
    assert not secure.stage("lock").obstacles(empty | {"BLK3_PART_RESERVE": reserved}, material)

    booted = empty | {"RD_DIS": replace(empty["RD_DIS"], writeable=False)}
    assert "the key could not be hidden any more" in " ".join(
        secure.stage("encryption").obstacles(booted, material)
    )


def test_an_interrupted_device_key_is_finished_and_nothing_else_overwritten(
    chip: Chip, tmp_path: Path
) -> None:
    stage = secure.stage("device-key")
    fuses = chip.read()
    begun = replace(fuses["BLOCK3"], number=int.from_bytes(secrets.token_bytes(32), "big"))
    assert not stage.is_done(fuses | {"BLOCK3": begun})
    assert stage.obstacles(fuses | {"BLOCK3": begun}, secure.Material()) == []
    commands = stage.commands(fuses | {"BLOCK3": begun}, secure.Material(), tmp_path)
    assert commands == [["write-protect-efuse", "BLOCK3"]]
    other = replace(begun, number=0x01AABBCCDDEEFF5A)  # a MAC address of one's own
    assert stage.obstacles(fuses | {"BLOCK3": other}, secure.Material()) == [
        "BLOCK3 holds something else"
    ]


def test_a_file_that_holds_no_efuses_is_not_touched(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear Sirs")
    assert vevgw("plan", "--virt", str(letter)) == 1
    assert "is no file of virtual eFuses" in capsys.readouterr().err
    assert letter.read_text() == "Dear Sirs"
    assert vevgw("check", "--virt", str(tmp_path / "nowhere" / "chip.bin")) == 1
    assert "There is no folder" in capsys.readouterr().err


def test_an_interrupted_encryption_goes_on_with_the_same_key(chip: Chip, tmp_path: Path) -> None:
    image = image_with(tmp_path / "image", ALL_FEATURES)
    material = secure.Material(tmp_path / "boards", image)
    stage = secure.stage("encryption")
    # The key was burned, then the power went.
    chip.burn(stage.commands(chip.read(), material, tmp_path)[:1])
    secure.require_possible(chip.read(), stage, material)
    after = secure.burn(chip, chip.read(), stage, material, tmp_path)
    assert secure.is_encrypted(after)

    elsewhere = secure.Material(tmp_path / "empty", image)
    assert "is not the one of" in stage.obstacles(after, elsewhere)[0]


def test_the_plan_burns_nothing(chip: Chip, capsys: pytest.CaptureFixture[str]) -> None:
    assert chip.file is not None
    before = chip.file.read_bytes()
    assert vevgw("plan", "--virt", str(chip.file)) == 0
    printed = capsys.readouterr().out
    assert "4. lock" in printed
    assert "Nothing was burned." in printed
    assert chip.file.read_bytes() == before


def test_a_port_that_does_not_exist_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert vevgw("plan", "--port", "/dev/nope") == 1
    error = capsys.readouterr().err
    assert "/dev/nope" in error
    assert len(error.strip().splitlines()) == 1
