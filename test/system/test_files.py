"""Diagnostics and downloads, with real servers; firmware over the air is in test_bench.py."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from datetime import UTC, datetime

import pytest

from vevgw.csms.files import FileServer
from vevgw.dut.bench import Bench


# Rules: R-5.9-1 R-5.9-2 R-5.9-4 R-4.4-1
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


# Rules: R-8-2 FP-25
@pytest.mark.settings(unsigned_fw="true")
@pytest.mark.timeout(120)
async def test_the_link_answers_while_a_download_breaks_and_goes_on(
    bench: Bench, server: FileServer, soak_hours: float
) -> None:
    """Purpose: a slow download whose connection breaks three times: 128 kB at 256 kB/s, with
    `--hours` 1 MB at 64 kB/s.

    Pass criteria: every byte is fetched once; a message every 50 ms is answered within 1 s over
    the link that was there before; the memory that it takes is bounded.
    """
    size, speed = (1 << 20, 64_000) if soak_hours else (128 << 10, 256_000)
    (server.files / "slow.bin").write_bytes(random.Random(1).randbytes(size))
    server.faults.bytes_per_s = speed
    server.faults.cut_after = [size // 4] * 3
    before = (await bench.dut.command("status"))["heap_allocated"]
    mark = bench.cp.mark()
    request = {
        "location": f"{server.http_url}/files/slow.bin",
        "retrieveDate": datetime.now(UTC).isoformat(),
        "retries": 3,
        "retryInterval": 0,
    }
    await bench.cp.call("UpdateFirmware", request, timeout_s=10)

    async def talk() -> None:
        while True:
            began = time.monotonic()
            await bench.cp.call("GetConfiguration", {"key": ["HeartbeatInterval"]}, timeout_s=5)
            waits.append(time.monotonic() - began)
            extra.append((await bench.dut.command("status"))["heap_allocated"] - before)
            await asyncio.sleep(0.05)

    waits: list[float] = []
    extra: list[int] = []
    began = time.monotonic()
    talking = asyncio.create_task(talk())
    await bench.cp.expect(
        "FirmwareStatusNotification", match={"status": "Downloaded"}, since=mark, timeout_s=60
    )
    took_s = time.monotonic() - began
    talking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await talking
    print(
        f"{size} bytes in {took_s:.1f} s, {len(waits)} answers, the slowest after"
        f" {max(waits):.3f} s, at most {max(extra)} bytes of heap more"
    )
    assert [asked for _, path, asked in server.requests if "slow" in path] == [
        None if part == 0 else f"bytes={part * (size // 4)}-" for part in range(4)
    ]
    assert max(waits) < 1
    assert max(extra) < 512 << 10
    assert not bench.cp.calls("BootNotification", since=mark)
    # The content is no image: nothing is installed.
    await bench.cp.expect(
        "FirmwareStatusNotification",
        match={"status": "InstallationFailed"},
        since=mark,
        timeout_s=20,
    )
