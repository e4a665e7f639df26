"""What happens, as it happens: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from vevgw.csms import Direction, FrameRecord

_KEPT_LINES = 200
_STYLES = {
    "demo": "bold cyan",
    "charger": "green",
    "gateway": "yellow",
    "csms": "magenta",
}


@dataclass(frozen=True, slots=True)
class Figures:
    """The state line.

    Attributes:
        connector: OCPP status of connector 1.
        pilot: State of the wallbox, for instance C2.
        limit_a: The wallbox's limit register, A.
        current_a: Highest phase current, A.
        energy_wh: Total energy at the wallbox, Wh.
        delivered_wh: Energy of the transaction as the CSMS knows it, Wh; None before the first.
        csms: "up" or "down".
    """

    connector: str
    pilot: str
    limit_a: float
    current_a: float
    energy_wh: float
    delivered_wh: float | None
    csms: str

    def text(self) -> Text:
        """Returns one line."""
        delivered = "-" if self.delivered_wh is None else f"{self.delivered_wh:.0f} Wh"
        return Text(
            f"connector 1: {self.connector:<14} wallbox: {self.pilot:<3}"
            f" limit {self.limit_a:4.1f} A  current {self.current_a:4.1f} A"
            f"  energy {self.energy_wh:6.1f} Wh   CSMS: {self.csms}, {delivered}",
            style="bold",
        )


class Timeline:
    """Shows lines of the form time, source, text; a context manager.

    Args:
        console: Where to.
        figures: Called for the state line.
    """

    def __init__(self, console: Console, figures: Callable[[], Figures]) -> None:
        self._console = console
        self._figures = figures
        self._lines: deque[tuple[float, str, str]] = deque(maxlen=_KEPT_LINES)
        self._start_s = time.monotonic()
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(
                get_renderable=self._render,
                console=self._console,
                refresh_per_second=5,
                screen=False,
            )
            self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.__exit__(kind, error, trace)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start_s

    def add(self, source: str, text: str) -> None:
        """Adds a line. `source` is demo, charger, gateway or csms."""
        line = (self.elapsed_s, source, text)
        self._lines.append(line)
        if self._live is None:
            self._console.print(_format(line), soft_wrap=True)

    def add_frame(self, frame: FrameRecord) -> None:
        """Adds an OCPP frame."""
        self.add("csms", describe_frame(frame))

    def _render(self) -> RenderableType:
        table = Table.grid(padding=(0, 1))
        room = max(5, self._console.height - 5)
        for line in list(self._lines)[-room:]:
            text = _format(line)
            text.truncate(max(20, self._console.width - 4), overflow="ellipsis")
            table.add_row(text)
        return Group(Panel(self._figures().text(), title="charging session"), table)


def _format(line: tuple[float, str, str]) -> Text:
    at_s, source, text = line
    return Text.assemble(
        (f"{at_s:6.1f} s  ", "dim"), (f"{source:<8}", _STYLES.get(source, "")), text
    )


def describe_frame(frame: FrameRecord) -> str:
    """Returns a frame in a few words: `<- MeterValues tx 1 Energy 1234 Wh, ...`."""
    arrow = "<-" if frame.direction is Direction.IN else "->"
    verdict = "" if frame.verdict == "ok" else f"  [{frame.verdict}: {frame.reason}]"
    if frame.message_type == 2:
        return f"{arrow} {frame.action} {_summary(frame.action, frame.payload)}{verdict}"
    if frame.message_type == 3:
        return f"{arrow}   {frame.action} answered {_summary('', frame.payload)}{verdict}"
    return f"{arrow}   {frame.action} refused {frame.payload}{verdict}"


def _summary(action: str | None, payload: Any) -> str:
    if not isinstance(payload, dict):
        return str(payload)
    if action == "MeterValues":
        return f"tx {payload.get('transactionId', '-')}: " + ", ".join(
            f"{_short(sample)} {sample['value']} {sample.get('unit', '')}".rstrip()
            for value in payload.get("meterValue", [])
            for sample in value.get("sampledValue", [])
        )
    words = []
    for key, value in payload.items():
        if isinstance(value, dict):
            words += [
                f"{inner}={item}"
                for inner, item in value.items()
                if not isinstance(item, (dict, list))
            ]
        elif not isinstance(value, list):
            words.append(f"{key}={value}")
    return " ".join(words)


def _short(sample: dict[str, Any]) -> str:
    name = str(sample.get("measurand", "Energy.Active.Import.Register")).split(".")[0]
    phase = sample.get("phase")
    return f"{name} {phase}" if phase else name
