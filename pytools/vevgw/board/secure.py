"""Closes a board in stages: device key, flash encryption, secure boot, and at last the lock.

Each stage is checked first, then burned after a typed confirmation, and compared afterwards. What
is burned stays for ever; only flash encryption can be switched off again, until the lock. Facts
about the eFuses: ESP32 technical reference manual, chapter eFuse controller; ESP-IDF 4.4,
"Flash Encryption" and "Secure Boot V2".
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from vevgw.board.efuses import Chip, Fuse
from vevgw.errors import UserError

# Written by src/esp32/main.cpp: what the framework of this build can do.
FEATURES = b"vevgw-features:"
ENCRYPTION = "flash-encryption"
SECURE_BOOT = "secure-boot-v2"
_KEY_BYTES = 32
# Bits that are set in a random block of 256; outside it is none but once in 10^14.
_RANDOM_BITS = (66, 190)
_REVISION_3 = 3
_CRYPT_CONFIG = 0xF
_STOCK = (
    "the framework as it is downloaded has neither; docs/secure-board.md says how such an image is "
    "built"
)

Fuses = Mapping[str, Fuse]


@dataclass(frozen=True, slots=True)
class Material:
    """What a stage needs besides the chip.

    Attributes:
        keys: Folder in which the keys of boards are kept, one folder per MAC address.
        image: Folder of a release or a build: what the board will run.
        signing_key: RSA-3072 key for secure boot, PEM.
    """

    keys: Path | None = None
    image: Path | None = None
    signing_key: Path | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """A step that is burned as a whole.

    Attributes:
        name: Word of the command line.
        effect: What it brings.
        way_back: What can be undone.
        is_done: Whether the chip has it all.
        obstacles: Sentences that keep it from being burned.
    """

    name: str
    effect: str
    way_back: str
    is_done: Callable[[Fuses], bool]
    obstacles: Callable[[Fuses, Material], list[str]]
    commands: Callable[[Fuses, Material, Path], list[list[str]]]


def mac_of(fuses: Fuses) -> str:
    """Returns the MAC address, lower case with colons."""
    return fuses["MAC"].shown.split()[0].lower()


def revision_of(fuses: Fuses) -> int:
    """Returns the major revision of the silicon; 3 = ECO3."""
    return fuses["WAFER_VERSION_MAJOR"].number


def is_encrypted(fuses: Fuses) -> bool:
    """Whether the hardware decrypts the flash: an odd number of bits of the counter is set."""
    return fuses["FLASH_CRYPT_CNT"].number.bit_count() % 2 == 1


def _is_set(fuses: Fuses, *names: str) -> bool:
    return all(fuses[name].number != 0 for name in names)


def _has_device_key(fuses: Fuses) -> bool:
    block = fuses["BLOCK3"]
    return block.number != 0 and not block.writeable


def _has_secure_boot(fuses: Fuses) -> bool:
    return _is_set(fuses, "ABS_DONE_1") and not fuses["BLOCK2"].writeable


def _lock_names(fuses: Fuses) -> list[str]:
    names = ["JTAG_DISABLE", "CONSOLE_DEBUG_DISABLE"]
    names += ["DISABLE_DL_ENCRYPT", "DISABLE_DL_DECRYPT", "DISABLE_DL_CACHE"]
    # Older silicon has no such fuse: its download mode stays, without access to a decrypted flash.
    return [*names, "UART_DOWNLOAD_DIS"] if revision_of(fuses) >= _REVISION_3 else names


def _is_locked(fuses: Fuses) -> bool:
    # One bit protects both FLASH_CRYPT_CNT and UART_DOWNLOAD_DIS from being written.
    return _is_set(fuses, *_lock_names(fuses)) and not fuses["FLASH_CRYPT_CNT"].writeable


def _common_obstacles(fuses: Fuses) -> list[str]:
    if fuses["CODING_SCHEME"].number != 0:
        return ["the eFuses use a coding scheme with shorter keys (3/4 or repeat)"]
    return []


def _is_half_burned(fuses: Fuses) -> bool:
    """Whether BLOCK3 may be a random key whose burning was interrupted before its protection.

    A MAC address of one's own, the other thing that lies there, sets far fewer bits.
    """
    block = fuses["BLOCK3"]
    return block.writeable and _RANDOM_BITS[0] <= block.number.bit_count() <= _RANDOM_BITS[1]


def _device_key_obstacles(fuses: Fuses, material: Material) -> list[str]:
    found = _common_obstacles(fuses)
    if _is_set(fuses, "BLK3_PART_RESERVE"):
        found.append("BLOCK3 holds calibration values of the ADC: there is no room for the key")
    elif fuses["BLOCK3"].number != 0 and not _is_half_burned(fuses):
        found.append("BLOCK3 holds something else")
    return found


def _encryption_obstacles(fuses: Fuses, material: Material) -> list[str]:
    found = _common_obstacles(fuses)
    # Protected without encryption: the key was burned before, and burning was interrupted.
    key = fuses["BLOCK1"]
    if key.readable and key.number != 0:
        found.append("BLOCK1 holds a key that anybody can read")
    if not key.readable and not _key_file(fuses, material).is_file():
        found.append(f"the key in BLOCK1 is not the one of {_key_file(fuses, material)}")
    if not fuses["FLASH_CRYPT_CNT"].writeable:
        found.append("FLASH_CRYPT_CNT is protected: encryption was ruled out for ever")
    if key.readable and not fuses["RD_DIS"].writeable:
        found.append("secure boot was burned before: the key could not be hidden any more")
    if material.keys is None:
        found.append("a folder for the key is needed (--keys)")
    return found + _image_obstacles(material, ENCRYPTION)


def _secure_boot_obstacles(fuses: Fuses, material: Material) -> list[str]:
    found = _common_obstacles(fuses)
    if revision_of(fuses) < _REVISION_3:
        found.append(f"secure boot V2 needs silicon of revision 3; this is {revision_of(fuses)}")
    if material.signing_key is None:
        found.append("the key that signs is needed (--signing-key)")
    elif fuses["BLOCK2"].number not in (0, _digest(material.signing_key)):
        found.append(f"BLOCK2 holds the digest of another key than {material.signing_key}")
    found += _image_obstacles(material, SECURE_BOOT)
    if material.signing_key is not None and material.image is not None:
        for name in ("bootloader.bin", "firmware.bin"):
            if not _is_signed(material.image / name, material.signing_key):
                found.append(f"{material.image / name} is not signed with {material.signing_key}")
    return found


def _lock_obstacles(fuses: Fuses, material: Material) -> list[str]:
    found = _common_obstacles(fuses)
    count = fuses["FLASH_CRYPT_CNT"]
    if not is_encrypted(fuses) and not count.writeable:
        found.append("FLASH_CRYPT_CNT is protected while encryption is off")
    if not _has_device_key(fuses) and not _device_key_obstacles(fuses, material):
        found.append(
            "the stage device-key is missing: nobody could burn it behind the lock; burn it first"
        )
    return found


def _device_key_commands(fuses: Fuses, material: Material, folder: Path) -> list[list[str]]:
    if _is_half_burned(fuses):
        return [["write-protect-efuse", "BLOCK3"]]
    path = folder / "device_key.bin"
    path.write_bytes(secrets.token_bytes(_KEY_BYTES))
    # The firmware must read it: protected against change only.
    return [
        ["burn-key", "--no-protect-key", "BLOCK3", str(path)],
        ["write-protect-efuse", "BLOCK3"],
    ]


def _encryption_commands(fuses: Fuses, material: Material, folder: Path) -> list[list[str]]:
    commands: list[list[str]] = []
    path = _key_file(fuses, material)
    if fuses["BLOCK1"].readable:
        if not path.is_file():
            _write_secret(path, secrets.token_bytes(_KEY_BYTES))
        commands.append(["burn-key", "flash_encryption", str(path)])
    if fuses["FLASH_CRYPT_CONFIG"].number != _CRYPT_CONFIG:
        commands.append(["burn-efuse", "FLASH_CRYPT_CONFIG", hex(_CRYPT_CONFIG)])
    count = fuses["FLASH_CRYPT_CNT"].number
    # The next bit makes their number odd.
    return [*commands, ["burn-efuse", "FLASH_CRYPT_CNT", hex(count << 1 | 1)]]


def _secure_boot_commands(fuses: Fuses, material: Material, folder: Path) -> list[list[str]]:
    commands: list[list[str]] = []
    if fuses["BLOCK2"].number == 0:
        commands.append(["burn-key-digest", str(material.signing_key)])
    # A digest that could not be read any more would keep the board from starting for ever.
    if fuses["RD_DIS"].writeable:
        commands.append(["write-protect-efuse", "RD_DIS"])
    return [*commands, ["burn-efuse", "ABS_DONE_1", "1"]]


def _lock_commands(fuses: Fuses, material: Material, folder: Path) -> list[list[str]]:
    words = [
        word for name in _lock_names(fuses) if not _is_set(fuses, name) for word in (name, "1")
    ]
    commands = [["burn-efuse", *words]] if words else []
    if fuses["FLASH_CRYPT_CNT"].writeable:
        commands.append(["write-protect-efuse", "FLASH_CRYPT_CNT"])
    return commands


STAGES: tuple[Stage, ...] = (
    Stage(
        "device-key",
        "a random key of this board in BLOCK3, with which the firmware encrypts what it stores of "
        "keys and passwords",
        "none, but it hinders nothing",
        _has_device_key,
        _device_key_obstacles,
        _device_key_commands,
    ),
    Stage(
        "encryption",
        "flash encryption with a key of this board that only the hardware can read",
        "can be switched off again, three times at most, until the lock",
        is_encrypted,
        _encryption_obstacles,
        _encryption_commands,
    ),
    Stage(
        "secure-boot",
        "only a boot loader and firmware signed with your key start (secure boot V2)",
        "none: a lost signing key means no update, ever",
        _has_secure_boot,
        _secure_boot_obstacles,
        _secure_boot_commands,
    ),
    Stage(
        "lock",
        "no JTAG, no ROM console, no reading or writing over the UART download mode; what is "
        "encrypted stays so",
        "none: updates come over the air only",
        _is_locked,
        _lock_obstacles,
        _lock_commands,
    ),
)


def stage(name: str) -> Stage:
    """Returns the stage of this name.

    Raises:
        UserError: There is none.
    """
    for candidate in STAGES:
        if candidate.name == name:
            return candidate
    names = ", ".join(candidate.name for candidate in STAGES)
    raise UserError(f"There is no stage '{name}'; the stages are: {names}.", exit_code=2)


def confirmation(fuses: Fuses, chosen: Stage) -> str:
    """Returns what must be typed, letter by letter, before this is burned."""
    return f"BURN {chosen.name} {mac_of(fuses)}"


def require_possible(fuses: Fuses, chosen: Stage, material: Material) -> None:
    """Checks a stage before anything is burned.

    Raises:
        UserError: It is done already, or something stands in its way.
    """
    if chosen.is_done(fuses):
        raise UserError(f"The stage {chosen.name} is done already: nothing is burned.")
    found = chosen.obstacles(fuses, material)
    if found:
        raise UserError(f"The stage {chosen.name} cannot be burned: {'; '.join(found)}.")


def burn(chip: Chip, fuses: Fuses, chosen: Stage, material: Material, folder: Path) -> Fuses:
    """Burns a stage that require_possible() has let pass, and reads it back.

    Args:
        chip: What is burned.
        fuses: What it holds.
        chosen: The stage.
        material: Keys and image.
        folder: For files that must not outlive this call.

    Returns:
        The eFuses afterwards.

    Raises:
        UserError: espefuse refused something, or the eFuses are not as they should be.
    """
    chip.burn(chosen.commands(fuses, material, folder))
    after = chip.read()
    if not chosen.is_done(after):
        raise UserError(
            f"The eFuses of the {chip.name} are not as the stage {chosen.name} leaves them; read "
            "them with 'vevgw secure check' before anything else is burned."
        )
    return after


def features_of(image: Path) -> tuple[str, ...]:
    """Returns what the firmware of a folder says its framework can do.

    Raises:
        UserError: It cannot be read, or it does not say.
    """
    path = image / "firmware.bin"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
    _, found, rest = content.partition(FEATURES)
    if not found:
        raise UserError(f"{path} does not say what it can do: it is no firmware of this project.")
    words = rest.split(b"\0", 1)[0].decode("ascii", "replace")
    return tuple(words.split())


def _image_obstacles(material: Material, feature: str) -> list[str]:
    if material.image is None:
        return ["the image that the board will run is needed (--image)"]
    if feature not in features_of(material.image):
        return [f"{material.image / 'firmware.bin'} was built without {feature}: {_STOCK}"]
    return []


def _key_file(fuses: Fuses, material: Material) -> Path:
    name = mac_of(fuses).replace(":", "")
    return (material.keys or Path()) / name / "flash_encryption.bin"


def _write_secret(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.") from error


def _is_signed(path: Path, key: Path) -> bool:
    return _espsecure("verify-signature", "--version", "2", "--keyfile", str(key), str(path))


def _digest(key: Path) -> int:
    """Returns what secure boot V2 compares with, as espefuse shows it."""
    with tempfile.TemporaryDirectory(prefix="vevgw-secure-") as folder:
        path = Path(folder) / "digest.bin"
        if not _espsecure("digest-sbv2-public-key", "--keyfile", str(key), "--output", str(path)):
            raise UserError(
                f"{key} is no RSA-3072 key in PEM; make one with "
                "'espsecure generate-signing-key --version 2 FILE'."
            )
        return int.from_bytes(path.read_bytes(), "big")


def _espsecure(*words: str) -> bool:
    command = [sys.executable, "-m", "espsecure", *words]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
