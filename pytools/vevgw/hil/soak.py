"""The soak test: sessions without an end, and what the gateway's figures must do meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from vevgw.dut import Dut
from vevgw.errors import UserError
from vevgw.hil.bench_file import Limits

# The first sessions fill what is allocated once: TLS, buffers of libraries.
_WARM_UP: Final = 2
# Fewer than so many per part of the run say nothing.
_LEAST_PER_PART: Final = 2
_PARTS: Final = 3


@dataclass(frozen=True, slots=True)
class Sample:
    """Figures of `status`, taken at rest after a session. 0: the device cannot tell.

    Attributes:
        at_s: Since the first.
        uptime_s: Of the gateway.
        heap_free: Bytes.
        heap_minimum_free: Bytes, the least ever.
        heap_largest_block: Bytes.
        heap_allocated: Bytes.
        loop_busy_ms: 99 of 100 turns of the control loop do not take longer.
        loop_busy_worst_ms: The longest turn.
        loop_late_ms: 99 of 100 turns do not begin later.
    """

    at_s: float
    uptime_s: float
    heap_free: int
    heap_minimum_free: int
    heap_largest_block: int
    heap_allocated: int
    loop_busy_ms: float
    loop_busy_worst_ms: float
    loop_late_ms: float

    @classmethod
    def of(cls, status: dict[str, Any], at_s: float) -> Sample:
        """Returns what an answer to `status` says."""
        loop = status["loop_us"]
        return cls(
            at_s,
            status["uptime_ms"] / 1000,
            status["heap_free"],
            status["heap_minimum_free"],
            status["heap_largest_block"],
            status["heap_allocated"],
            loop["busy"]["p99"] / 1000,
            loop["busy"]["max"] / 1000,
            loop["late"]["p99"] / 1000,
        )


def judge(samples: Sequence[Sample], limits: Limits) -> list[str]:
    """Returns a sentence for everything that is wrong.

    A figure of the heap has a trend when the best of the last third of the run is worse than the
    worst of its first third, by more than `heap_loss_bytes`; the first two samples do not count.

    Args:
        samples: In the order of time.
        limits: What must hold.
    """
    wrong = []
    for before, after in pairwise(samples):
        if after.uptime_s < before.uptime_s:
            wrong.append(
                f"The gateway restarted between {before.at_s:.0f} s and {after.at_s:.0f} s."
            )
    wrong += _heap(samples, limits)
    wrong += _loop(samples[-1], limits) if samples else ["Nothing was measured."]
    return wrong


def _heap(samples: Sequence[Sample], limits: Limits) -> list[str]:
    least = min((one.heap_minimum_free for one in samples if one.heap_minimum_free), default=None)
    wrong = []
    if least is not None and least < limits.heap_free_bytes:
        wrong.append(
            f"Free heap was down to {least:,} bytes; {limits.heap_free_bytes:,} must stay."
        )
    counted = samples[_WARM_UP:]
    share = len(counted) // _PARTS
    if share < _LEAST_PER_PART:
        return wrong
    first, last = counted[:share], counted[-share:]
    span = f"{(last[-1].at_s - first[0].at_s) / 3600:.2g} h and {len(counted)} sessions"
    for what, of in (
        ("Free heap", lambda one: one.heap_free),
        ("The largest free block", lambda one: one.heap_largest_block),
    ):
        begin, end = min(map(of, first)), max(map(of, last))
        if end < begin - limits.heap_loss_bytes:
            wrong.append(f"{what} fell from {begin:,} to {end:,} bytes in {span}.")
    begin = max(one.heap_allocated for one in first)
    end = min(one.heap_allocated for one in last)
    if end > begin + limits.heap_loss_bytes:
        wrong.append(f"What is allocated grew from {begin:,} to {end:,} bytes in {span}.")
    return wrong


def _loop(newest: Sample, limits: Limits) -> list[str]:
    rows = (
        ("One of 100 turns of the loop took", newest.loop_busy_ms, limits.loop_busy_ms),
        ("A turn of the loop took", newest.loop_busy_worst_ms, limits.loop_busy_worst_ms),
        ("One of 100 turns of the loop was late by", newest.loop_late_ms, limits.loop_late_ms),
    )
    return [
        f"{what} {value:g} ms; the limit is {limit:g} ms."
        for what, value, limit in rows
        if value > limit
    ]


def summary(samples: Sequence[Sample]) -> str:
    """Returns up to seven lines for the report: the first figures, some between, the last."""
    step = max(1, len(samples) // 5)
    shown = dict.fromkeys([*samples[::step], samples[-1]])
    return "\n".join(
        f"{one.at_s:8.0f} s  heap: free {one.heap_free:,}, least {one.heap_minimum_free:,}, "
        f"largest block {one.heap_largest_block:,}, allocated {one.heap_allocated:,} bytes; loop: "
        f"busy {one.loop_busy_ms:g} ms, worst {one.loop_busy_worst_ms:g}, late {one.loop_late_ms:g}"
        for one in shown
    )


async def soak(
    dut: Dut,
    session: Callable[[], Awaitable[None]],
    limits: Limits,
    *,
    hours: float,
    least_sessions: int = 1,
) -> list[Sample]:
    """Runs sessions one after the other until the time is up, and judges after each.

    Args:
        dut: Console of the gateway.
        session: One session, from rest to rest.
        limits: What must hold.
        hours: How long.
        least_sessions: So many even when the time is up.

    Returns:
        The samples, one after each session.

    Raises:
        UserError: A figure is beyond its limit, or trends down.
    """
    clock = asyncio.get_running_loop().time
    begin_s = clock()
    samples: list[Sample] = []
    while len(samples) < least_sessions or clock() - begin_s < hours * 3600:
        await session()
        samples.append(Sample.of(await dut.command("status", timeout_s=5), clock() - begin_s))
        wrong = judge(samples, limits)
        if wrong:
            raise UserError(f"{' '.join(wrong)}\n{summary(samples)}")
    return samples
