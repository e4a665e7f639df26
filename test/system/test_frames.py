"""Frames of any size through the whole gateway."""

from __future__ import annotations

import pytest

from vevgw.csms import CallRefused
from vevgw.csms.frames import encode_call
from vevgw.dut.bench import Bench

LIMIT = 4096


# Rules: FP-7 J-4.1.4-2
async def test_frames_up_to_64_kb_are_answered_or_refused_by_their_id(bench: Bench) -> None:
    """Pass criteria: each CALL gets its answer; one longer than the limit is refused."""
    for size in (125, 126, 127, 1000, LIMIT - 1, LIMIT, LIMIT + 1, 5000, 16384, 65535, 65536):
        message_id = f"of-{size}"
        payload = {"vendorId": "com.example", "data": ""}
        payload["data"] = "x" * (size - len(encode_call(message_id, "DataTransfer", payload)))
        call = bench.cp.call("DataTransfer", payload, timeout_s=5, message_id=message_id)
        if size <= LIMIT:
            assert (await call)["status"] == "UnknownVendorId"
        else:
            with pytest.raises(CallRefused, match="FormationViolation"):
                await call
    assert (await bench.cp.call("GetConfiguration", {}, timeout_s=5))["configurationKey"]
