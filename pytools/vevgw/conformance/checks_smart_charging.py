"""Checks of the profile SmartCharging: composite schedules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from vevgw.conformance.checks import check
from vevgw.conformance.errors import Deviation

if TYPE_CHECKING:
    from vevgw.conformance.runner import Walk


@check
def schedule(walk: Walk, arguments: Mapping[str, Any]) -> None:
    """The composite schedule of the message `schedule` has the wanted periods.

    Arguments: `periods`, pairs of start (s after `begin`) and limit; `duration`, s, of the schedule
    asked for. Starts may deviate by $DEV; periods that begin so near to the end may be missing or
    there.
    """
    entry = walk.seen["schedule"][-1]
    answer = entry.payload
    deviation_s = walk.seconds("$DEV")
    begin = _instant(arguments["begin"])
    start = _instant(answer.get("scheduleStart", ""))
    asked = _instant(walk.resolve("$NOW"))
    if abs((asked - start).total_seconds()) > deviation_s + 1:
        raise Deviation(f"scheduleStart is {start}, not about {asked}", entry.index)
    shift_s = (start - begin).total_seconds()
    duration_s = float(arguments["duration"])
    wanted = [(max(0.0, at - shift_s), limit) for at, limit in arguments["periods"]]
    got = [
        (float(period["startPeriod"]), float(period["limit"]))
        for period in answer["chargingSchedule"].get("chargingSchedulePeriod", [])
    ]
    horizon_s = duration_s - deviation_s - 1
    if not _is_same(_before(got, horizon_s), _before(wanted, horizon_s), deviation_s + 1):
        raise Deviation(f"the periods are {_shown(got)} instead of {_shown(wanted)}", entry.index)


def _instant(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise Deviation(f"{text!r} is no point in time") from None


_Periods = Sequence[tuple[float, float]]


def _before(periods: _Periods, end_s: float) -> _Periods:
    return [(at, limit) for at, limit in periods if at < end_s]


def _is_same(got: _Periods, wanted: _Periods, deviation_s: float) -> bool:
    return len(got) == len(wanted) and all(
        abs(one[0] - other[0]) <= deviation_s and abs(one[1] - other[1]) < 0.05
        for one, other in zip(got, wanted, strict=True)
    )


def _shown(periods: _Periods) -> str:
    return ", ".join(f"{at:g} s: {limit:g}" for at, limit in periods)
