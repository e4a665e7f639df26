"""Firmware over the air and diagnostics, with real servers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio

from vevgw.csms.files import FileServer
from vevgw.csms.firmware_image import make_firmware_image
from vevgw.dut.bench import Bench

VERSION = "9.8.7-test"


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[FileServer]:
    """A file server that demands a login."""
    async with FileServer(tmp_path / "files", user="cp", password="p/w") as files:
        yield files


# Rules: R-5.19-1 R-5.19-3 R-5.19-4 R-4.5-1 R-4.2.1-1 R-8-2
@pytest.mark.native
@pytest.mark.timeout(120)
async def test_firmware_is_installed_and_told_by_the_new_version(
    bench: Bench, server: FileServer
) -> None:
    """Purpose: an update over HTTP whose connection breaks once.

    Pass criteria: the download resumes, the gateway restarts as the new version, every status
    comes once and in order.
    """
    (server.files / "gateway.bin").write_bytes(make_firmware_image(VERSION, size=400_000))
    server.faults.cut_after = [150_000]
    mark = bench.cp.mark()
    await bench.cp.call(
        "UpdateFirmware",
        {
            "location": f"{server.http_url}/files/gateway.bin",
            "retrieveDate": datetime.now(UTC).isoformat(),
            "retryInterval": 1,
        },
        timeout_s=10,
    )
    await bench.cp.expect("BootNotification", match={"firmwareVersion": VERSION}, timeout_s=60)
    await bench.cp.expect("FirmwareStatusNotification", match={"status": "Installed"}, timeout_s=30)
    told = bench.cp.calls("FirmwareStatusNotification", since=mark)
    assert [frame.payload["status"] for frame in told] == [
        "Downloading",
        "Downloaded",
        "Installing",
        "Installed",
    ]
    ranges = [asked for _, path, asked in server.requests if path == "/files/gateway.bin"]
    assert len(ranges) == 2
    assert ranges[0] is None
    assert ranges[1] is not None


# Rules: R-5.9-1 R-5.9-2 R-5.9-4 R-4.4-1
@pytest.mark.native
@pytest.mark.timeout(60)
@pytest.mark.parametrize("protocol", ["http", "ftp"])
async def test_diagnostics_arrive_complete(bench: Bench, server: FileServer, protocol: str) -> None:
    """Purpose: diagnostics by HTTP and by FTP.

    Pass criteria: one file under the name that was answered, every line whole, no secret in it.
    """
    base = server.http_url if protocol == "http" else server.ftp_url
    answer = await bench.cp.call("GetDiagnostics", {"location": f"{base}/uploads/"}, timeout_s=10)
    path = await server.wait_upload(answer["fileName"], timeout_s=20)
    for status in ("Uploading", "Uploaded"):
        await bench.cp.expect(
            "DiagnosticsStatusNotification", match={"status": status}, timeout_s=10
        )
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert lines[-1] == {"lines": len(lines) - 1}
    assert lines[0]["identity"] == "CP-1"
    keys = {line["key"] for line in lines if "key" in line}
    assert {"HeartbeatInterval", "SupportedFileTransferProtocols"} <= keys
    assert any("GetDiagnostics" in line.get("action", "") for line in lines)
    assert any("online" in line.get("log", "") for line in lines)
    assert "p/w" not in path.read_text(encoding="utf-8")
