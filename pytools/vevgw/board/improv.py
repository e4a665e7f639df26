"""Improv Wi-Fi over a serial line, version 1: frames as bytes, without any input or output.

A frame is `IMPROV`, version, type, length, data and the sum of all bytes before; the gateway sends
them between the lines of its console.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

_HEAD = b"IMPROV\x01"
_OVERHEAD = len(_HEAD) + 3


class FrameType(enum.IntEnum):
    """What a frame is."""

    STATE = 1
    ERROR = 2
    COMMAND = 3
    RESULT = 4


class State(enum.IntEnum):
    """State of the gateway."""

    AUTHORIZED = 2
    PROVISIONING = 3
    PROVISIONED = 4


class Command(enum.IntEnum):
    """What can be asked."""

    WIFI_SETTINGS = 1
    CURRENT_STATE = 2
    DEVICE_INFORMATION = 3
    SCAN = 4


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame; its type may be one that is not known here."""

    kind: int
    data: bytes

    def encode(self) -> bytes:
        """Returns the bytes for the line.

        Raises:
            ValueError: There are more than 255 bytes of data.
        """
        body = _HEAD + bytes([self.kind, len(self.data)]) + self.data
        return body + bytes([sum(body) & 0xFF])


def command(number: Command, texts: Sequence[str | bytes] = ()) -> Frame:
    """Returns the frame of a command with its arguments."""
    arguments = b"".join(_counted(text) for text in texts)
    return Frame(FrameType.COMMAND, bytes([number, len(arguments)]) + arguments)


def result(frame: Frame) -> tuple[int, list[str]]:
    """Returns the command that a result belongs to, and its texts.

    Raises:
        ValueError: It is no result, or its lengths do not fit.
    """
    data = frame.data
    # What lies behind the inner length is not part of it: some devices send a byte too many.
    if frame.kind != FrameType.RESULT or len(data) < 2 or data[1] > len(data) - 2:
        raise ValueError("no result")
    texts, at, end = [], 2, 2 + data[1]
    while at < end:
        size = data[at]
        if at + 1 + size > end:
            raise ValueError("a text ends behind the result")
        texts.append(data[at + 1 : at + 1 + size].decode("utf-8", "replace"))
        at += 1 + size
    return data[0], texts


class Splitter:
    """Finds frames in what a line delivers, piece by piece."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> tuple[list[Frame], bytes]:
        """Returns the good frames that are complete now, and the bytes that belong to none."""
        self._rest += data
        frames: list[Frame] = []
        others = b""
        while self._rest:
            at = self._rest.find(_HEAD)
            if at < 0:
                kept = _beginning_of_head(self._rest)
                cut = len(self._rest) - kept
                others += self._rest[:cut]
                self._rest = self._rest[cut:]
                break
            others += self._rest[:at]
            self._rest = self._rest[at:]
            if len(self._rest) < _OVERHEAD or len(self._rest) < _OVERHEAD + self._rest[8]:
                break
            size = _OVERHEAD + self._rest[8]
            raw = self._rest[:size]
            if sum(raw[:-1]) & 0xFF == raw[-1]:
                frames.append(Frame(raw[7], raw[9:-1]))
                self._rest = self._rest[size:]
            else:
                # A damaged length may have swallowed the next frame: only the head is given up.
                others += self._rest[: len(_HEAD)]
                self._rest = self._rest[len(_HEAD) :]
        return frames, others


def _counted(text: str | bytes) -> bytes:
    raw = text.encode() if isinstance(text, str) else text
    return bytes([len(raw)]) + raw


def _beginning_of_head(data: bytes) -> int:
    """How many bytes at the end may be the beginning of a head."""
    return next((n for n in range(len(_HEAD) - 1, 0, -1) if data.endswith(_HEAD[:n])), 0)
