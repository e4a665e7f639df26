"""What the lines of a console are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vevgw.dut.lines import LineKind, LineSplitter, parse_line


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b'{"id":17,"ok":true,"a":1}', LineKind.REPLY),
        (b'{"id":17,"ok":false,"error":"no"}\r', LineKind.REPLY),
        (b'{"id":true,"ok":true}', LineKind.OTHER),
        (b'{"id":1}', LineKind.OTHER),
        (b'{"id":1,"ok":tr', LineKind.OTHER),
        (b"[1]", LineKind.OTHER),
        (b'EVT {"event":"ready"}', LineKind.EVENT),
        (b"EVT [1]", LineKind.OTHER),
        (b"EVT {", LineKind.OTHER),
        (b"I (12345) ocpp.tx: text: more", LineKind.LOG),
        (b"\x1b[0;31mE (1) wifi: lost\x1b[0m", LineKind.LOG),
        (b"X (1) wifi: lost", LineKind.OTHER),
        (b"rst:0x1 (POWERON_RESET)", LineKind.OTHER),
        (b"\xff\xfe", LineKind.OTHER),
        (b"", LineKind.OTHER),
    ],
)
def test_kind_of_a_line(raw: bytes, kind: LineKind) -> None:
    assert parse_line(raw).kind is kind


def test_parts_of_a_log_line() -> None:
    line = parse_line(b"\x1b[0;33mW (12345) ocpp.tx: queue: full\x1b[0m\r")
    assert (line.level, line.device_ms, line.module) == ("W", 12345, "ocpp.tx")
    assert line.text == "W (12345) ocpp.tx: queue: full"


def test_parts_of_an_event() -> None:
    line = parse_line(b'EVT {"event":"tx_started","connector":1}')
    assert line.event == "tx_started"
    assert line.data["connector"] == 1


@given(st.lists(st.binary(max_size=30)))
def test_splitter_does_not_depend_on_chunks(chunks: list[bytes]) -> None:
    whole, pieces = LineSplitter(), LineSplitter()
    expected = whole.feed(b"".join(chunks))
    assert [line for chunk in chunks for line in pieces.feed(chunk)] == expected


def test_splitter_cuts_a_line_without_end() -> None:
    splitter = LineSplitter()
    assert splitter.feed(b"x" * LineSplitter.LIMIT) == []
    (line,) = splitter.feed(b"x")
    assert len(line.text) == LineSplitter.LIMIT + 1


def test_splitter_forgets_half_a_line_at_a_restart() -> None:
    splitter = LineSplitter()
    splitter.feed(b"half a li")
    splitter.reset()
    assert [line.text for line in splitter.feed(b"boot\n")] == ["boot"]
