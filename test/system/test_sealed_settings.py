"""Secrets in the files of a gateway: sealed with a device key, readable without."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from vevgw.dut import Dut, GatewayOptions, NativeGateway, NativeTransport

pytestmark = pytest.mark.native
SECRET = "never-in-a-file"


def readable(folder: Path) -> list[str]:
    """Files below a folder in which the secret stands as it is."""
    return [
        path.name
        for path in folder.rglob("*")
        if path.is_file() and path.name != "key" and SECRET.encode() in path.read_bytes()
    ]


async def shown_password(words: list[str], folder: Path, *commands: str) -> str:
    """Starts a gateway, says these commands, and returns what it shows of the Wi-Fi password."""
    gateway = NativeGateway([*words, "--on-error=stay"], folder, GatewayOptions())
    log_path = folder / "console.log"
    async with gateway, Dut(NativeTransport(gateway), log_path=log_path) as dut:
        for line in commands:
            await dut.command(line, secret=True)
        return str((await dut.command("setting get wifi_password"))["wifi_password"])


async def test_a_device_key_seals_what_is_stored(program: Path, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(os.urandom(32))
    sealed = [str(program), f"--device-key={key}"]
    write = f"setting set wifi_password {SECRET}"

    # Stored before there was a key: readable until it is read with one.
    assert await shown_password([str(program)], tmp_path, write) == "(set)"
    assert readable(tmp_path)
    assert await shown_password(sealed, tmp_path) == "(set)"
    assert readable(tmp_path) == []
    assert await shown_password(sealed, tmp_path, f"{write}2") == "(set)"
    assert readable(tmp_path) == []

    # On another device the files are worth nothing.
    key.write_bytes(os.urandom(32))
    assert await shown_password(sealed, tmp_path) == ""


@pytest.mark.parametrize(("size", "sentence"), [(31, "has 31 bytes, not 32"), (None, "be read")])
def test_a_device_key_that_is_none_is_refused(
    program: Path, tmp_path: Path, size: int | None, sentence: str
) -> None:
    key = tmp_path / "key"
    if size is not None:
        key.write_bytes(bytes(size))
    words = [str(program), f"--data={tmp_path / 'data'}", f"--device-key={key}"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode != 0
    assert sentence in done.stderr
