"""Signed firmware, from the key of the manufacturer to the version that runs."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from vevgw.board.signing import carrying
from vevgw.csms.errors import CallRefused
from vevgw.csms.files import FileServer
from vevgw.csms.firmware_image import make_firmware_image
from vevgw.csms.pki import SignatureKind, ThrowAwayCa
from vevgw.dut import DutError
from vevgw.dut.bench import Bench
from vevgw.hil.switches import Switch

pytestmark = pytest.mark.native
SEED = 7


# Rules: WP-L01.FR.01 WP-L01.FR.03 WP-L01.FR.04 WP-L01.FR.10 WP-L01.FR.12 WP-L01.FR.20
async def test_firmware_is_installed_by_its_signature_alone(
    bench: Bench, server: FileServer, tmp_path: Path
) -> None:
    """Purpose: with a root of the manufacturer from the console, one image signed in four ways.

    Pass criteria: UpdateFirmware is refused; RSA by PKCS#1 v1.5 is InvalidSignature, with its
    event; RSA-PSS and ECDSA are verified, installed, and run; from the console, too, only what
    carries its signature.
    """
    maker = ThrowAwayCa(tmp_path / "maker")

    async def order(version: str, kind: SignatureKind, request_id: int) -> int:
        image = make_firmware_image(version, size=2000)
        (server.files / f"{version}.bin").write_bytes(image)
        certificate, signature = maker.sign_firmware(image, kind)
        firmware = {
            "location": f"{server.http_url}/files/{version}.bin",
            "retrieveDateTime": datetime.now(UTC).isoformat(),
            "signingCertificate": certificate,
            "signature": signature,
        }
        request = {"requestId": request_id, "firmware": firmware}
        mark = bench.cp.mark()
        answer = await bench.cp.call("SignedUpdateFirmware", request, timeout_s=10)
        assert answer["status"] == "Accepted"
        return mark

    async def told(status: str, request_id: int, since: int) -> None:
        match = {"status": status, "requestId": request_id}
        await bench.cp.expect(
            "SignedFirmwareStatusNotification", match=match, since=since, timeout_s=30
        )

    with pytest.raises(DutError, match="there is no root of the manufacturer to check them with"):
        await bench.dut.command(f"firmware update {server.http_url}/files/none.bin")

    # By the console: a root that the CSMS installs is what the conformance suite has.
    command = "certificate install manufacturer"
    await bench.dut.command(command, text=maker.certificate.read_text(), timeout_s=10)

    unsigned = {
        "location": f"{server.http_url}/files/none.bin",
        "retrieveDate": datetime.now(UTC).isoformat(),
    }
    with pytest.raises(CallRefused, match="NotSupported"):
        await bench.cp.call("UpdateFirmware", unsigned, timeout_s=10)

    mark = await order("1.0.1", "rsa-pkcs1", 1)
    await told("InvalidSignature", 1, mark)
    event = {"type": "InvalidFirmwareSignature", "techInfo": "bad_signature"}
    await bench.cp.expect("SecurityEventNotification", match=event, since=mark, timeout_s=10)

    kinds: tuple[SignatureKind, ...] = ("rsa-pss", "ecdsa")
    for request_id, kind in enumerate(kinds, 2):
        version = f"1.0.{request_id}"
        mark = await order(version, kind, request_id)
        await told("SignatureVerified", request_id, mark)
        await told("Installed", request_id, mark)
        assert (await bench.dut.command("firmware"))["version"] == version
        await bench.status("Available")

    # The console takes no less: without a signature in the image it is refused.
    image = make_firmware_image("1.0.4", size=2000)
    certificate, signature = maker.sign_firmware(image, "rsa-pss")
    for name, content, outcome in (
        ("plain.bin", image, "InstallationFailed"),
        ("signed.bin", carrying(image, certificate.encode(), signature.encode()), "Installed"),
    ):
        (server.files / name).write_bytes(content)
        mark = bench.cp.mark()
        await bench.dut.command(f"firmware update {server.http_url}/files/{name}")
        await bench.cp.expect(
            "FirmwareStatusNotification", match={"status": outcome}, since=mark, timeout_s=30
        )
    assert (await bench.dut.command("firmware"))["version"] == "1.0.4"


@pytest.mark.settings(unsigned_fw="true")
async def test_a_process_that_is_killed_goes_on_with_what_is_missing(
    bench: Bench, server: FileServer, power: Switch
) -> None:
    """Purpose: the process is killed three times, at any instant of a download and installation.

    Pass criteria: it registers each time; the image is fetched on from where it was, and runs.
    """
    moment = random.Random(SEED)
    size = 96_000
    (server.files / "image.bin").write_bytes(make_firmware_image("1.1.0", size=size))
    server.faults.bytes_per_s = 48_000
    request = {
        "location": f"{server.http_url}/files/image.bin",
        "retrieveDate": datetime.now(UTC).isoformat(),
    }
    mark = bench.cp.mark()
    await bench.cp.call("UpdateFirmware", request, timeout_s=10)
    for goal in sorted(moment.randrange(10_000, size) for _ in range(3)):
        async with asyncio.timeout(30):
            while (  # noqa: ASYNC110 - a process is asked
                await bench.dut.command("firmware")
            )["received_bytes"] < goal:
                await asyncio.sleep(0.02)
        await power.off()
        again = bench.cp.mark()
        await power.on()
        await bench.cp.expect("BootNotification", since=again, timeout_s=30)
    await bench.cp.expect(
        "FirmwareStatusNotification", match={"status": "Installed"}, since=mark, timeout_s=60
    )
    assert (await bench.dut.command("firmware"))["version"] == "1.1.0"
    begins = [int((asked or "bytes=0-")[6:-1]) for _, path, asked in server.requests]
    assert begins == sorted(begins), begins
    assert begins[-1] > 0, begins
