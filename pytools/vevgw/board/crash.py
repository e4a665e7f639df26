"""What a gateway keeps of its last crash: the summary, and the core dump of a board."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from vevgw.dut.device import Dut
from vevgw.errors import UserError

_ANSWER_S: Final = 5.0


@dataclass(slots=True)
class Crash:
    """The last crash of a gateway.

    Attributes:
        summary: Member `crash` of its status; empty = none is kept.
        version: Of the firmware that runs now.
        dump: Core dump as ESP-IDF writes it into flash; empty = there is none, or it was not asked.
    """

    summary: dict[str, Any] = field(default_factory=dict)
    version: str = ""
    dump: bytes = b""

    def lines(self) -> list[str]:
        """Returns the summary for people; the back-trace as the last line."""
        if not self.summary:
            return [f"No crash is kept (firmware {self.version})."]
        task = self.summary.get("task")
        words = [f"Crash{f' of task {task}' if task else ''}: {self.summary.get('cause', '?')}."]
        if "image" in self.summary:
            other = "" if self.summary.get("is_this_image") else ", not the one that runs now"
            words.append(f"Image {self.summary['image']}{other}.")
        if self.summary.get("dump_bytes"):
            words.append(f"Core dump: {self.summary['dump_bytes']:,} bytes.")
        backtrace = self.summary.get("backtrace")
        return [" ".join(words), *([str(backtrace)] if backtrace else [])]


async def fetch(
    device: Dut,
    *,
    with_dump: bool,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Crash:
    """Reads the last crash from an open console.

    Args:
        device: The console.
        with_dump: Whether the core dump is read, too: half a minute at 115,200 bits per second.
        on_progress: Called with the bytes read and their number in all.

    Raises:
        UserError: The core dump was asked for and there is none, or it changed while it was read.
        DutError: The console does not answer.
    """
    status = await device.command("status", timeout_s=_ANSWER_S)
    crash = Crash(dict(status.get("crash", {})), str(status.get("version", "")))
    if not with_dump:
        return crash
    total = int(crash.summary.get("dump_bytes", 0))
    if total == 0:
        raise UserError("The gateway keeps no core dump; run the command without --save.")
    dump = bytearray()
    while len(dump) < total:
        reply = await device.command(f"crash read {len(dump)}", timeout_s=_ANSWER_S)
        piece = bytes.fromhex(str(reply["hex"]))
        if not piece:
            raise UserError(
                f"The core dump ended after {len(dump):,} of {total:,} bytes; try again."
            )
        dump += piece
        on_progress(len(dump), total)
    crash.dump = bytes(dump)
    return crash
