"""What the soak test makes of figures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vevgw.hil.bench_file import Limits
from vevgw.hil.soak import Sample, judge, summary

GOOD = Sample(0, 100, 120_000, 90_000, 60_000, 150_000, 12.0, 300.0, 30.0)
LIMITS = Limits()


def run(count: int = 30, **per_session: float) -> list[Sample]:
    """So many samples, some figures of which change by so much with each."""
    return [
        replace(
            GOOD,
            at_s=60.0 * n,
            uptime_s=100 + 60.0 * n,
            **{name: getattr(GOOD, name) + step * n for name, step in per_session.items()},
        )
        for n in range(count)
    ]


def test_figures_that_stay_are_good() -> None:
    assert judge(run(), LIMITS) == []


def test_figures_that_go_up_and_down_are_good() -> None:
    swinging = [
        replace(one, heap_free=one.heap_free - 9_000 * (n % 3)) for n, one in enumerate(run())
    ]
    assert judge(swinging, LIMITS) == []


def test_what_the_first_sessions_take_once_is_no_trend() -> None:
    first, *rest = run()
    assert judge([replace(first, heap_free=200_000, heap_allocated=70_000), *rest], LIMITS) == []


@pytest.mark.parametrize(
    ("per_session", "sentence"),
    [
        ({"heap_free": -300}, "Free heap fell from 117,000 to 113,700 bytes in 0.45 h and 28"),
        ({"heap_largest_block": -300}, "The largest free block fell from 57,000 to 53,700 bytes"),
        ({"heap_allocated": 300}, "What is allocated grew from 153,000 to 156,300 bytes"),
        ({"heap_minimum_free": -3_000}, "Free heap was down to 3,000 bytes; 20,000 must stay."),
        ({"loop_busy_ms": 2}, "One of 100 turns of the loop took 70 ms; the limit is 50 ms."),
        ({"loop_busy_worst_ms": 90}, "A turn of the loop took 2910 ms; the limit is 2000 ms."),
        ({"loop_late_ms": 3}, "One of 100 turns of the loop was late by 117 ms; the limit is 100"),
    ],
)
def test_a_figure_beyond_its_limit_is_one_sentence(
    per_session: dict[str, float], sentence: str
) -> None:
    (told,) = judge(run(**per_session), LIMITS)
    assert told.startswith(sentence)


def test_a_restart_is_told() -> None:
    samples = run()
    samples[7] = replace(samples[7], uptime_s=3)
    assert judge(samples, LIMITS) == ["The gateway restarted between 360 s and 420 s."]


def test_a_device_that_cannot_tell_its_free_heap_is_judged_by_the_rest() -> None:
    native = [replace(one, heap_free=0, heap_minimum_free=0, heap_largest_block=0) for one in run()]
    assert judge(native, LIMITS) == []


def test_the_summary_has_a_few_lines() -> None:
    assert len(summary(run(2)).splitlines()) == 2
    assert len(summary(run(5000)).splitlines()) <= 7
