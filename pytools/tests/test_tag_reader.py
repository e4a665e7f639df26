"""The simulated tag reader, and what the demonstration makes of frames."""

from __future__ import annotations

import json
import os

import pytest

from vevgw.chargers.tag_reader import TagReaderSim, frame
from vevgw.demo.session import sample_times
from vevgw.errors import UserError


def test_frame_carries_the_checksum_of_the_module() -> None:
    assert frame("6200e3086c") == b"\x026200E3086CE5\x03"


@pytest.mark.parametrize("tag", ["", "12", "6200E3086", "6200E3086CFF", "not a tag!"])
def test_frame_refuses_what_is_no_tag(tag: str) -> None:
    with pytest.raises(UserError, match="ten hex digits"):
        frame(tag)


def test_present_sends_whole_frames_to_the_device() -> None:
    with TagReaderSim() as reader:
        device = os.open(reader.port_path, os.O_RDONLY | os.O_NOCTTY)
        try:
            reader.present("04A1B2C3D4")
            assert os.read(device, 100) == frame("04A1B2C3D4") * 3
        finally:
            os.close(device)


def test_sample_times_are_sorted_and_leave_out_begin_and_end() -> None:
    def call(timestamp: str, context: str) -> str:
        sample = {"value": "1", "context": context}
        value = {"timestamp": timestamp, "sampledValue": [sample]}
        return json.dumps([2, "x", "MeterValues", {"connectorId": 1, "meterValue": [value]}])

    times = sample_times(
        [
            call("2026-01-01T00:00:06.000Z", "Sample.Periodic"),
            call("2026-01-01T00:00:03.000Z", "Sample.Periodic"),
            call("2026-01-01T00:00:03.000Z", "Sample.Periodic"),
            call("2026-01-01T00:00:01.000Z", "Transaction.Begin"),
        ]
    )
    assert [time.second for time in times] == [3, 6]
