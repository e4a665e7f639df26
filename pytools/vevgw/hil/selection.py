"""Which test needs what: markers and skips follow from the fixtures that a test takes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from vevgw.hil.bench_file import BenchFile

#: Fixture -> marker of the tests that take it.
MARKERS: Final = {
    "dut": "board",
    "csms": "network",
    "charger": "rs485",
    "relay": "relay",
    "loop_back": "relay",
    "s0": "relay",
}
#: Fixture -> wire of the bench file that it needs.
_WIRES: Final = {
    "charger": "rs485",
    "power": "power_switch",
    "wifi": "wifi",
    "next_firmware": "firmware",
    "relay": "relay",
    "loop_back": "loop_back",
    "s0": "s0",
}


def markers(fixtures: Iterable[str]) -> list[str]:
    """Returns the markers of a test, in the order of the table."""
    taken = set(fixtures)
    return list(dict.fromkeys(mark for name, mark in MARKERS.items() if name in taken))


def why_not(fixtures: Iterable[str], bench: BenchFile, *, needs_process: bool) -> str | None:
    """Returns why the bench cannot run a test; None = it can.

    Args:
        fixtures: What the test takes.
        bench: What there is.
        needs_process: The test starts gateways itself (marker `native`).
    """
    if bench.is_native:
        return None
    if needs_process:
        return "needs the native gateway"
    taken, wired = set(fixtures), bench.wires()
    for name, wire in _WIRES.items():
        if name in taken and wire not in wired:
            return f"needs the wire `{wire}` of the bench file"
    return None
