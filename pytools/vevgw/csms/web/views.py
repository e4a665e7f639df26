"""What the dashboard shows, as JSON: charge points, transactions, frames, curves."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from vevgw.csms.charge_point import ChargePoint
from vevgw.csms.entries import ChargePointEntry, Sample, Transaction
from vevgw.csms.history import FrameRecord, iso_utc
from vevgw.csms.queries import LoggedFrame

#: Characters of a frame that are sent unasked.
SHOWN_CHARACTERS: Final = 4_000
#: Points of a curve; a longer one is thinned out.
CURVE_POINTS: Final = 2_000

#: Samples among which the latest power is looked for.
_LOOK_BACK: Final = 64

_POWER: Final = "Power.Active.Import"
_REGISTER: Final = "Energy.Active.Import.Register"
_PHASES: Final = frozenset({"L1", "L2", "L3", "L1-N", "L2-N", "L3-N"})

View = dict[str, Any]


def charge_point_view(entry: ChargePointEntry, handle: ChargePoint) -> View:
    """Returns what is known of a charge point."""
    return {
        "identity": entry.identity,
        "connected": handle.is_connected,
        "frozen": handle.is_frozen,
        "connections": handle.connections,
        "registration": entry.registration,
        "boot": entry.boot,
        "boot_utc": entry.boot_utc,
        "connectors": [
            {"id": number, "status": c.status, "error_code": c.error_code, "utc": c.utc}
            for number, c in sorted(entry.connectors.items())
        ],
    }


def transaction_view(transaction: Transaction) -> View:
    """Returns a transaction without its samples."""
    return {
        "id": transaction.id,
        "charge_point": transaction.charge_point,
        "connector": transaction.connector_id,
        "id_tag": transaction.id_tag,
        "id_tag_status": transaction.id_tag_status,
        "start_utc": transaction.start_utc,
        "stop_utc": transaction.stop_utc,
        "meter_start_wh": transaction.meter_start_wh,
        "meter_stop_wh": transaction.meter_stop_wh,
        "energy_wh": transaction.energy_wh,
        "power_w": _latest_power_w(transaction) if transaction.is_open else None,
        "reason": transaction.reason,
        "repeats": transaction.start_repeats + transaction.stop_repeats,
    }


def frame_view(frame: FrameRecord | LoggedFrame, limit: int | None = SHOWN_CHARACTERS) -> View:
    """Returns a frame with secrets masked.

    Args:
        frame: From memory or from the database.
        limit: Characters of its text; None = all.
    """
    raw = frame.raw if limit is None else frame.raw[:limit]
    return {
        "n": frame.sequence,
        "cp": frame.charge_point,
        "connection": frame.connection,
        "dir": str(frame.direction),
        "utc": iso_utc(frame.utc) if isinstance(frame.utc, datetime) else frame.utc,
        "ms": None if frame.latency_ms is None else round(frame.latency_ms, 1),
        "type": frame.message_type,
        "action": frame.action,
        "id": frame.message_id,
        "raw": raw,
        "size": len(frame.raw),
        "verdict": str(frame.verdict),
        "reason": frame.reason,
        "fault": frame.fault,
    }


def points(samples: Iterable[Sample], meter_start_wh: int) -> list[list[float | None]]:
    """Returns the curve of a transaction: [time in ms since 1970, power in W, energy in Wh].

    Args:
        samples: In any order.
        meter_start_wh: Register at which the energy is 0.
    """
    by_time: dict[str, list[Sample]] = {}
    for sample in samples:
        by_time.setdefault(sample.utc, []).append(sample)
    curve: list[list[float | None]] = []
    for utc, group in by_time.items():
        time_ms = _milliseconds(utc)
        power_w = _total(group, _POWER)
        register_wh = _total(group, _REGISTER)
        if time_ms is None or (power_w is None and register_wh is None):
            continue
        energy_wh = None if register_wh is None else register_wh - meter_start_wh
        curve.append([time_ms, power_w, energy_wh])
    curve.sort(key=lambda point: point[0] or 0)
    return curve


def whole_curve(transaction: Transaction, samples: Iterable[Sample]) -> list[list[float | None]]:
    """Returns the curve of a transaction from its start to its stop, thinned out if long."""
    curve = points(samples, transaction.meter_start_wh)
    step = -(-len(curve) // CURVE_POINTS)
    if step > 1:
        curve = [*curve[:-1:step], curve[-1]]
    start = _milliseconds(transaction.start_utc)
    if start is not None and (not curve or start < (curve[0][0] or 0)):
        curve.insert(0, [start, None, 0.0])
    stop = _milliseconds(transaction.stop_utc or "")
    if stop is not None and (not curve or stop > (curve[-1][0] or 0)):
        curve.append([stop, None, transaction.energy_wh])
    return curve


def _latest_power_w(transaction: Transaction) -> float | None:
    recent = transaction.recent_samples
    latest = itertools.islice(reversed(recent), _LOOK_BACK)
    curve = points(latest, transaction.meter_start_wh)
    return next((power_w for _, power_w, _ in reversed(curve) if power_w is not None), None)


def _total(samples: Iterable[Sample], measurand: str) -> float | None:
    """Returns the value over all phases, or the sum of the phases, in W or Wh."""
    sum_of_phases: float | None = None
    for sample in samples:
        if sample.measurand != measurand or sample.location != "Outlet" or sample.number is None:
            continue
        value = sample.number * (1000 if sample.unit.startswith("k") else 1)
        if not sample.phase:
            return value
        if sample.phase in _PHASES:
            sum_of_phases = (sum_of_phases or 0.0) + value
    return sum_of_phases


def _milliseconds(utc: str) -> float | None:
    try:
        return datetime.fromisoformat(utc).timestamp() * 1000
    except ValueError:
        return None
