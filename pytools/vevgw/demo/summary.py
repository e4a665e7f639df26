"""The figures at the end, and the promises that only they can check."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from rich.console import Console
from rich.table import Table

from vevgw.csms import LogReader, Transaction
from vevgw.demo.parts import IDENTITY, Parts
from vevgw.demo.session import SAMPLE_INTERVAL_S, promise, sample_times


@dataclass(frozen=True, slots=True)
class Summary:
    """What the session came to.

    Attributes:
        wallbox_wh: Energy that the wallbox's own meter counted in the session, Wh.
        csms_wh: Energy of the transaction in the books of the CSMS, Wh.
        transactions: Transactions in the books; open_transactions of them still open.
        messages: CALLs by direction and action.
        invalid: Frames that violate the protocol, either direction.
        undelivered: Transaction messages that the gateway still holds.
        dead_letters: Transaction messages that the gateway gave up on.
        largest_gap_s: Longest time between two periodic samples, the outage included, s.
    """

    wallbox_wh: float
    csms_wh: float
    transactions: int
    open_transactions: int
    messages: dict[tuple[str, str], int]
    invalid: int
    undelivered: int
    dead_letters: int
    largest_gap_s: float

    def check(self) -> None:
        """Raises BrokenPromiseError for the first promise that the figures break."""
        promise(self.invalid == 0, f"{self.invalid} frames violate the protocol.")
        promise(
            self.transactions == 1,
            f"The CSMS booked {self.transactions} transactions instead of one.",
        )
        promise(self.open_transactions == 0, "The transaction is still open at the CSMS.")
        promise(
            self.undelivered == 0 and self.dead_letters == 0,
            f"{self.undelivered} messages are undelivered and {self.dead_letters} were given up.",
        )
        promise(
            self.largest_gap_s <= 2 * SAMPLE_INTERVAL_S,
            f"Meter values are missing: {self.largest_gap_s:.1f} s without one, "
            f"at an interval of {SAMPLE_INTERVAL_S} s.",
        )
        promise(
            abs(self.wallbox_wh - self.csms_wh) <= 1,
            f"The wallbox counted {self.wallbox_wh:.1f} Wh, the CSMS {self.csms_wh:.1f} Wh.",
        )

    def show(self, console: Console, elapsed_s: float) -> None:
        """Prints the figures."""
        table = Table(title="Summary", show_header=False, title_justify="left")
        table.add_column()
        table.add_column(justify="right")
        table.add_row("energy at the wallbox", f"{self.wallbox_wh:.1f} Wh")
        table.add_row("energy at the CSMS", f"{self.csms_wh:.1f} Wh")
        table.add_row("transactions (open)", f"{self.transactions} ({self.open_transactions})")
        table.add_row("messages lost", str(self.undelivered + self.dead_letters))
        table.add_row("frames invalid", str(self.invalid))
        table.add_row("longest time without a meter value", f"{self.largest_gap_s:.1f} s")
        table.add_row("duration", f"{elapsed_s:.0f} s")
        console.print(table)
        counts = Table(title="Messages by action", title_justify="left")
        counts.add_column("action")
        counts.add_column("gateway -> CSMS", justify="right")
        counts.add_column("CSMS -> gateway", justify="right")
        for action in sorted({action for _, action in self.messages}):
            counts.add_row(
                action,
                str(self.messages.get(("in", action), "")),
                str(self.messages.get(("out", action), "")),
            )
        console.print(counts)


async def summarise(parts: Parts, transaction: Transaction, start_wh: float) -> Summary:
    """Collects the figures from the wallbox, the gateway and the database of the CSMS."""
    state = await parts.dut.command("tx")
    end_wh = parts.charger.energy_wh

    def read(log: LogReader) -> tuple[dict[tuple[str, str], int], int, list[str]]:
        values = [
            frame.raw
            for frame in log.frames(charge_point=IDENTITY, action="MeterValues")
            if frame.message_type == 2
        ]
        return log.messages_by_action(IDENTITY), len(log.invalid_frames(IDENTITY)), values

    messages, invalid, values = await parts.csms.log.read(read)
    gaps = [(b - a).total_seconds() for a, b in pairwise(sample_times(values))]
    books = parts.csms.books
    return Summary(
        wallbox_wh=end_wh - start_wh,
        csms_wh=transaction.energy_wh,
        transactions=len(books.transactions(IDENTITY)),
        open_transactions=len(books.open_transactions(IDENTITY)),
        messages=messages,
        invalid=invalid,
        undelivered=state["pending_messages"],
        dead_letters=state["dead_letters"],
        largest_gap_s=max(gaps, default=float("inf")),
    )
