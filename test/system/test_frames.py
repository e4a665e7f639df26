"""Frames of any size through the whole gateway."""

from __future__ import annotations

from typing import Any

import pytest

from vevgw.csms import FORMS, CallRefused
from vevgw.csms.frames import encode_call
from vevgw.dut.bench import Bench

LIMIT = 6144


# Rules: FP-7 J-4.1.4-2
async def test_frames_up_to_64_kb_are_answered_or_refused_by_their_id(bench: Bench) -> None:
    """Pass criteria: each CALL gets its answer; one longer than the limit is refused."""
    for size in (125, 126, 127, 1000, LIMIT - 1, LIMIT, LIMIT + 1, 16384, 65535, 65536):
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


# Rules: PD-1 PD-2
async def test_no_harmed_answer_stops_the_gateway(bench: Bench) -> None:
    """Pass criteria: after each broken, foreign, repeated or chopped answer the next one counts;
    the security log holds an entry."""
    change = {"key": "MessageTimeout", "value": "1"}
    assert (await bench.cp.call("ChangeConfiguration", change, timeout_s=5))["status"] == "Accepted"
    forms = set(FORMS) - {"empty", "object", "wrong-type", "binary"}  # cost a time-out each
    harms: list[dict[str, Any]] = [{"what": "malformed", "form": form} for form in sorted(forms)]
    harms += [{"what": "wrong-id", "message_id": foreign} for foreign in (5, "another")]
    harms += [{"what": "duplicate"}, {"what": "fragments", "size": 1}, {"what": "trickle"}]
    harms.append({"what": "answer", "payload": {"currentTime": 5}})
    for harm in harms:
        fault = bench.csms.faults.add({**harm, "action": "Heartbeat", "count": 1})
        for _ in range(2):
            since = bench.cp.mark()
            trigger = {"requestedMessage": "Heartbeat"}
            await bench.cp.call("TriggerMessage", trigger, timeout_s=5)
            await bench.cp.expect("Heartbeat", timeout_s=5, since=since)
        assert [row["fired"] for row in bench.csms.faults.as_data()] == [1], harm
        bench.csms.faults.remove(fault.id)
    assert bench.cp.connections == 1
    events = (await bench.dut.command("security"))["events"]
    assert [event["n"] for event in events if event["event"] == "InvalidMessages"]
