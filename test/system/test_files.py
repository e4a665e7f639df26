"""Diagnostics, with real servers; firmware over the air is in test_bench.py."""

from __future__ import annotations

import json

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
