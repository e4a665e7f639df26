"""The host's side of Improv Wi-Fi."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vevgw.board.improv import Command, Frame, FrameType, Splitter, command, result


def test_a_frame_has_the_bytes_of_the_protocol() -> None:
    # From the protocol's description: current state, command 2 without arguments.
    raw = command(Command.CURRENT_STATE).encode()
    assert raw == b"IMPROV\x01\x03\x02\x02\x00" + bytes([sum(b"IMPROV\x01\x03\x02\x02\x00") & 0xFF])


@settings(deadline=None, max_examples=50)
@given(
    parts=st.lists(
        st.one_of(
            st.builds(Frame, st.sampled_from(list(FrameType)), st.binary(max_size=60)),
            st.text("IMPROV\n abc", max_size=30).map(str.encode),
        ),
        max_size=8,
    ),
    cuts=st.lists(st.integers(1, 40), min_size=1),
)
def test_frames_and_lines_are_told_apart_however_they_are_cut(
    parts: list[Frame | bytes], cuts: list[int]
) -> None:
    stream = b"".join(part if isinstance(part, bytes) else part.encode() for part in parts)
    splitter, frames, others, number = Splitter(), [], b"", 0
    while stream:
        size = cuts[number % len(cuts)]
        found, rest = splitter.feed(stream[:size])
        frames += found
        others += rest
        stream = stream[size:]
        number += 1
    frames_sent = [part for part in parts if isinstance(part, Frame)]
    assert frames == frames_sent
    text = b"".join(part for part in parts if isinstance(part, bytes))
    # The last bytes may still become a frame.
    assert text.startswith(others)
    assert len(text) - len(others) < 7


def test_a_damaged_frame_does_not_hide_the_next() -> None:
    good = command(Command.SCAN)
    damaged = bytearray(good.encode())
    damaged[8] = 5
    frames, others = Splitter().feed(bytes(damaged) + good.encode() + bytes(9))
    assert frames == [good]
    assert others


def test_results_are_read_and_bad_ones_refused() -> None:
    data = b"\x03\x05\x02ab\x01c"
    # Behind the inner length is what some devices send too much.
    assert result(Frame(FrameType.RESULT, data + b"\0")) == (3, ["ab", "c"])
    for bad in (b"", b"\x03\x09\x02ab", b"\x03\x03\x09ab"):
        with pytest.raises(ValueError, match=r"no result|ends behind"):
            result(Frame(FrameType.RESULT, bad))
