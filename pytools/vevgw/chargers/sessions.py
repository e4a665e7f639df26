"""Which simulated chargers the system tests drive; docs/chargers.md tells it, too."""

from __future__ import annotations

from typing import Final

# Up to eight per gateway; `line` = a serial line of its own, `converter` = a serial line behind
# TCP, `tcp` = Modbus TCP. A gateway has two lines.
GROUPS: Final[dict[str, dict[str, str]]] = {
    "lines": {
        "evse-wb-din": "line",
        "abl-emh1": "line",
        "phoenix-ev-cc-ac1-m-ser": "converter",
        "mennekes-amtron-compact-2": "converter",
        "solax-evc": "converter",
        "solax-hac": "converter",
        "viridian-epc": "converter",
        "pracht-alpha": "converter",
    },
    "network": {
        "phoenix-ev-cc-ac1-m3": "tcp",
        "phoenix-ev-cc-ac1-m3:wallbe": "tcp",
        "phoenix-em-cp-pp-eth": "tcp",
        "keba-p30": "tcp",
        "vestel-evc04": "tcp",
        "webasto-next": "tcp",
        "daheimladen-smart": "tcp",
        "em2go-pro-power": "tcp",
    },
    "ocpp": {
        "alfen-eve": "tcp",
        "bender-cc612": "tcp",
        "abb-terra-ac": "tcp",
        "mennekes-amtron-hcc3": "tcp",
        "siemens-versicharge-gen3": "tcp",
        "schneider-evlink-pro-ac": "tcp",
        "sungrow-ac": "line",
        "amperfied-connect": "tcp",
    },
}
# Driven by the tests of sessions that have one charger only.
ALONE: Final = ("heidelberg-energy-control",)

# Without a watchdog, with a contactor of the installation (test/system/test_contactor.py).
WITH_CONTACTOR: Final = "evse-wb-din"

# Chargers with a watchdog: link, its time in s, and the current that holds then, A per phase: what
# the gateway sets, else what the installer did; 0: it pauses, has a fault or ends the session.
DRILLS: Final[dict[str, dict[str, tuple[str, float, float]]]] = {
    "short": {
        "mennekes-amtron-compact-2": ("converter", 10, 6),
        "viridian-epc": ("converter", 4, 8),
        "vestel-evc04": ("tcp", 4, 8),
        "webasto-next": ("tcp", 4, 8),
        "schneider-evlink-pro-ac": ("tcp", 4, 8),
        "amperfied-connect": ("tcp", 4, 8),
        "heidelberg-energy-control": ("line", 4, 8),
        "keba-p30": ("tcp", 10, 8),
    },
    "long": {
        "bender-cc612": ("tcp", 10, 8),
        "daheimladen-smart": ("tcp", 10, 8),
        "em2go-pro-power": ("tcp", 10, 8),
        "abb-terra-ac": ("tcp", 12, 0),
        "alfen-eve": ("tcp", 30, 6),
        "sungrow-ac": ("line", 10, 0),
    },
}


def is_driven(name: str) -> bool:
    """Whether a whole session runs against the simulation of a profile."""
    return name in ALONE or any(name in group for group in GROUPS.values())


def is_drilled(name: str) -> bool:
    """Whether its watchdog is watched while the gateway is killed."""
    return any(name in drill for drill in DRILLS.values())
