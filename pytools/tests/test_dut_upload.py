"""Profiles over a console that loses and damages lines."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any, cast

import pytest

from vevgw.chargers.profiles import REPOSITORY, find_file
from vevgw.dut import Dut
from vevgw.dut.errors import DutError, NoAnswer
from vevgw.dut.upload import profile_image, put_profile
from vevgw.errors import UserError


class Console:
    """Takes files as docs/console.md says; every n-th line goes wrong in one way or another."""

    def __init__(self, wrong_every: int = 0) -> None:
        self.wrong_every = wrong_every
        self.lines = 0
        self.file = b""
        self.size = self.crc = 0
        self.is_done = False

    async def command(self, line: str, *, timeout_s: float = 2.0) -> dict[str, Any]:
        self.lines += 1
        assert len(line) < 632
        if self.wrong_every and self.lines % self.wrong_every == 0:
            match self.lines // self.wrong_every % 3:
                case 0:
                    raise NoAnswer("The request was lost.")
                case 1:
                    await self._carry_out(line)
                    raise NoAnswer("The answer was lost.")
                case 2:
                    line = line[:-2] + "zz"
        return await self._carry_out(line)

    async def _carry_out(self, line: str) -> dict[str, Any]:
        _, verb, *rest = line.split()
        if verb == "begin":
            self.size, self.crc, self.file = int(rest[1]), int(rest[2], 16), b""
        elif verb == "data":
            try:
                piece = bytes.fromhex(rest[2])
            except ValueError:
                raise DutError("usage: file begin ...") from None
            if zlib.crc32(piece) != int(rest[1], 16):
                raise DutError("the checksum of this piece is wrong: send it again")
            assert int(rest[0]) <= len(self.file)
            self.file = self.file[: int(rest[0])] + piece
        else:
            assert len(self.file) == self.size
            assert zlib.crc32(self.file) == self.crc
            self.is_done = True
        return {}


@pytest.mark.parametrize("wrong_every", [0, 2, 3])
async def test_a_profile_arrives_whole(wrong_every: int) -> None:
    content = profile_image(find_file("mennekes-amtron-compact-2"))
    assert profile_image(REPOSITORY / "test/vectors/profiles/abl-emh1.vevp")[:4] == b"VEVP"
    console = Console(wrong_every)
    console.lines = 1  # `file begin` is as likely to go wrong as others, but not here.
    await put_profile(cast(Dut, console), "box.vevp", content)
    assert console.is_done
    assert console.file == content


async def test_a_refusal_is_not_tried_again() -> None:
    class Refusing(Console):
        async def command(self, line: str, *, timeout_s: float = 2.0) -> dict[str, Any]:
            self.lines += 1
            raise DutError("a profile has 1 to 8192 bytes, not 9000")

    console = Refusing()
    with pytest.raises(DutError, match="not 9000"):
        await put_profile(cast(Dut, console), "box.vevp", bytes(9000))
    assert console.lines == 1


def test_what_cannot_be_sent_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"Cannot read .*none\.vevp"):
        profile_image(tmp_path / "none.vevp")
    wrong = tmp_path / "box.yaml"
    wrong.write_text("format: 2\n", "utf-8")
    with pytest.raises(UserError, match=r"box\.yaml:1: "):
        profile_image(wrong)
