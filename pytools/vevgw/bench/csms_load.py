"""Load on a CSMS: many charge points, each with its own pace; answer latency and CPU per message.

The server runs in a process of its own. Each charge point starts at a random moment of its first
period, so that they do not send in step, and sends half meter values (eight sampled values), a
quarter heartbeats, a quarter status notifications.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from vevgw.errors import UserError

_START_TIMEOUT_S: Final = 30.0
_ANSWER_TIMEOUT_S: Final = 30.0
_MEASURANDS: Final = (
    ("Energy.Active.Import.Register", "Wh", None),
    ("Power.Active.Import", "W", None),
    *(("Current.Import", "A", phase) for phase in ("L1", "L2", "L3")),
    *(("Voltage", "V", phase) for phase in ("L1-N", "L2-N", "L3-N")),
)


@dataclass(frozen=True, slots=True)
class Load:
    """What is put on a server.

    Attributes:
        charge_points: Number of them.
        period_s: Seconds between two messages of each.
        seconds: Measured time.
        warm_up_s: Seconds under load before it.
        seed: Of the offsets and the mix.
    """

    charge_points: int = 200
    period_s: float = 1.0
    seconds: float = 20.0
    warm_up_s: float = 3.0
    seed: int = 1


@dataclass(slots=True)
class Outcome:
    """What was measured.

    Attributes:
        latencies_ms: From sending a CALL to its answer, sorted.
        cpu_s: Of the server process, in the measured time.
        rss_mb: Of the server process, at the end.
    """

    latencies_ms: list[float] = field(default_factory=list)
    cpu_s: float = 0.0
    rss_mb: float = 0.0

    def percentile_ms(self, percent: float) -> float:
        """Returns a percentile of the latency, ms."""
        return self.latencies_ms[
            min(len(self.latencies_ms) - 1, int(len(self.latencies_ms) * percent / 100))
        ]

    @property
    def cpu_us_per_message(self) -> float:
        """CPU time of the server per CALL and its answer, us."""
        return self.cpu_s / len(self.latencies_ms) * 1e6


def emulator_command(db: Path) -> list[str]:
    """Returns the command of the emulated CSMS: validation and recorder on."""
    options = ["--port", "0", "--quiet", "--db", str(db)]
    return [sys.executable, "-m", "vevgw.cli", "csms", "run", *options]


def reference_command() -> list[str]:
    """Returns the command of the plain server loop of the package `ocpp`."""
    return [sys.executable, "-m", "vevgw.bench.ocpp_server"]


async def measure(command: Sequence[str], load: Load) -> Outcome:
    """Runs a server, puts the load on it, and measures.

    Args:
        command: Prints a line with its URL when it listens.
        load: See Load.

    Raises:
        UserError: The server does not start, or does not answer.
    """
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), _START_TIMEOUT_S)
        url = re.search(r"ws://[\d.]+:\d+", line.decode())
        if url is None:
            raise UserError(f"The server did not start: {' '.join(command)}")
        return await _load(url[0], process.pid, load)
    except TimeoutError:
        raise UserError("The server did not start or answer in time.") from None
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _load(url: str, pid: int, load: Load) -> Outcome:
    outcome = Outcome()
    clients = []
    for number in range(load.charge_points):
        path = f"{url}/LOAD{number:04}"
        websocket = await connect(
            path, subprotocols=[Subprotocol("ocpp1.6")], compression=None, proxy=None
        )
        clients.append(websocket)
        await _ask(websocket, 0, "BootNotification", _BOOT)
    begin_s = time.monotonic() + load.warm_up_s
    end_s = begin_s + load.seconds
    work = [
        asyncio.create_task(_charge_point(websocket, number, load, begin_s, end_s, outcome))
        for number, websocket in enumerate(clients)
    ]
    await asyncio.sleep(begin_s - time.monotonic())
    before_s = _cpu_s(pid)
    await asyncio.sleep(end_s - time.monotonic())
    outcome.cpu_s = _cpu_s(pid) - before_s
    await asyncio.gather(*work)
    outcome.rss_mb = _rss_mb(pid)
    outcome.latencies_ms.sort()
    await asyncio.gather(*(websocket.close() for websocket in clients))
    return outcome


async def _charge_point(
    websocket: ClientConnection,
    number: int,
    load: Load,
    begin_s: float,
    end_s: float,
    outcome: Outcome,
) -> None:
    draw = random.Random(load.seed * 1_000_003 + number)
    due_s = begin_s - load.warm_up_s + draw.uniform(0, load.period_s)
    count = 0
    while due_s < end_s:
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))
        count += 1
        action, payload = _message(draw, count)
        latency_ms = await _ask(websocket, count, action, payload)
        if due_s >= begin_s:
            outcome.latencies_ms.append(latency_ms)
        due_s += load.period_s


async def _ask(websocket: ClientConnection, count: int, action: str, payload: Any) -> float:
    text = json.dumps([2, str(count), action, payload])
    sent_s = time.monotonic()
    await websocket.send(text)
    answer = json.loads(await asyncio.wait_for(websocket.recv(), _ANSWER_TIMEOUT_S))
    if answer[:2] != [3, str(count)]:
        raise UserError(f"The server answered {action} with {answer}.")
    return (time.monotonic() - sent_s) * 1000


_BOOT: Final = {"chargePointVendor": "vevgw", "chargePointModel": "load"}


def _message(draw: random.Random, count: int) -> tuple[str, Any]:
    kind = draw.randrange(4)
    if kind == 0:
        return "Heartbeat", {}
    if kind == 1:
        return "StatusNotification", {
            "connectorId": 1,
            "errorCode": "NoError",
            "status": draw.choice(("Available", "Preparing", "Charging")),
        }
    values = [
        {"value": f"{count + draw.random():.1f}", "measurand": measurand, "unit": unit}
        | ({} if phase is None else {"phase": phase})
        for measurand, unit, phase in _MEASURANDS
    ]
    meter_value = {"timestamp": "2026-11-22T10:00:00.000Z", "sampledValue": values}
    return "MeterValues", {"connectorId": 1, "meterValue": [meter_value]}


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rss_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def compare(load: Load) -> dict[str, Outcome]:
    """Measures the emulated CSMS and the reference, one after the other."""
    with tempfile.TemporaryDirectory(prefix="vevgw-bench-") as folder:
        command = emulator_command(Path(folder) / "csms.sqlite3")
        emulator = asyncio.run(measure(command, load))
    return {"vevgw csms": emulator, "ocpp": asyncio.run(measure(reference_command(), load))}
